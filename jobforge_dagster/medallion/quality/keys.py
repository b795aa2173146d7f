"""Keys: what rows must be together. Duplicates are set aside, then keys must be unique.

Exact, and light: the first pass keeps eight bytes a row, the hash of its key. Only rows whose hash
repeats are compared key by key; where none does, nothing more is done. What is found are numbers of
rows, which are set aside when all of them pass (see ``sift``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import SOURCE_FILE, SOURCE_ROW
from jobforge_dagster.medallion.quality.judge import BROKEN, Fate, Judgement, told
from jobforge_dagster.medallion.quality.rules import (
    PRIMARY_KEY,
    Rule,
    named_values,
    say,
)

_SURVIVOR = "__survivor"

NUMBER = "__number"
"""The column that numbers the rows of a candidate, in the order of its plan."""

PLACE = "__passing"
"""The column that tells the place of a row among others, from nought."""

HASH = "hash"
"""The one column of :func:`hashes`."""


def hashes(rows: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """The hash of each row's key."""
    return rows.select(_hash(columns).alias(HASH))


def repeated(hashed: pl.Series) -> pl.Series:
    """The hashes that stand for more than one row."""
    ordered = hashed.sort()
    return ordered.filter(ordered == ordered.shift(1)).unique()


@dataclass(frozen=True)
class SetAside:
    """Rows that cannot stand together with others.

    Attributes:
        fate: what becomes of them.
        rows: their numbers (:data:`NUMBER`), rising, and what ``survivor`` needs.
        rule: that they break.
        survivor: of a duplicate, the row that is kept.
    """

    fate: Fate
    rows: pl.DataFrame
    rule: Rule
    survivor: pl.Expr | None = None

    def broken_by(self, rows: pl.DataFrame) -> pl.Series:
        """The rule as :data:`BROKEN`, for each of some rows."""
        one = rows.select(told(self.rule).alias("said")).to_series()
        return one.reshape((rows.height, 1)).arr.to_list().cast(BROKEN)

    def among(self, numbers: pl.Series) -> pl.DataFrame:
        """Those that are among rows with some numbers, with their :data:`PLACE` instead of theirs.

        Args:
            numbers: each one more than the one before.

        Raises:
            RuntimeError: they are not that.
        """
        if numbers.is_empty():
            return self.rows.clear().rename({NUMBER: PLACE})
        begin, end = numbers[0], numbers[-1]
        if end - begin != len(numbers) - 1:
            raise RuntimeError(f"{self.rule.id}: rows came in another order than their numbers.")
        first = self.rows[NUMBER].search_sorted(begin, side="left")
        last = self.rows[NUMBER].search_sorted(end, side="right")
        some = self.rows.slice(first, last - first)
        return some.with_columns(pl.col(NUMBER) - begin).rename({NUMBER: PLACE})


def duplicates(judgement: Judgement, *, alone: bool) -> SetAside | None:
    """Of the rows that pass by themselves, all but the first of each group by the declared order.

    Args:
        judgement: of a candidate, which says by which columns, and in which order. Its plan is
            executed several times.
        alone: whether each row is judged by itself.
    """
    candidate = judgement.candidate
    order = [*candidate.by, *candidate.order, SOURCE_FILE, SOURCE_ROW]
    suspects = _suspects(judgement, candidate.by, order, alone=alone)
    if suspects is None:
        return None
    rule = Rule(
        id=f"{candidate.key}:duplicate",
        obeyed=pl.lit(value=True),
        message=say(
            "repeats ",
            named_values(candidate.by),
            f"; the row with the lowest {', '.join(candidate.order)} was kept",
        ),
        error_type="duplicate",
        demands="\n".join([*candidate.by, "order", *candidate.order]).encode(),
    )
    first = ~(
        pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in candidate.by)
        & (pl.int_range(pl.len()) > 0)
    )
    kept = [SOURCE_FILE, SOURCE_ROW, *candidate.by, *candidate.order]
    survivor = pl.when(first).then(pl.struct(exactly(*kept)).struct.json_encode()).forward_fill()
    found = (
        suspects.sort(order, maintain_order=True, nulls_last=True)
        .select(NUMBER, first.alias("__first"), survivor.alias(_SURVIVOR))
        .filter(~pl.col("__first"))
        .select(NUMBER, _SURVIVOR)
        .sort(NUMBER)
    )
    if found.is_empty():
        return None
    return SetAside("deduplicated", found, rule, pl.col(_SURVIVOR))


def keyless(judgement: Judgement, before: SetAside | None, *, alone: bool) -> SetAside | None:
    """Every row that shares its primary key with another: none is better than the rest.

    Args:
        judgement: see :func:`duplicates`.
        before: rows that are set aside already.
        alone: see :func:`duplicates`.
    """
    candidate = judgement.candidate
    suspects = _suspects(judgement, candidate.unique, list(candidate.unique), alone=alone)
    if suspects is None:
        return None
    if before is not None:
        suspects = suspects.join(before.rows, on=NUMBER, how="anti")
    found = suspects.filter(pl.len().over(candidate.unique) > 1).select(NUMBER).sort(NUMBER)
    if found.is_empty():
        return None
    rule = Rule(
        id=f"{candidate.key}:{PRIMARY_KEY}",
        obeyed=pl.lit(value=True),
        message=say("the primary key is not unique: ", named_values(candidate.unique)),
        error_type=PRIMARY_KEY,
        demands="\n".join(candidate.unique).encode(),
    )
    return SetAside("rejected", found, rule)


def _suspects(
    judgement: Judgement, columns: Sequence[str], kept: Sequence[str], *, alone: bool
) -> pl.DataFrame | None:
    """The rows that pass and whose hash repeats; ``None`` if there are none."""
    rows = judgement.candidate.frame
    # Of all rows: to judge them would cost more than to look at a few too many.
    hashed = hashes(rows, columns).collect(engine="streaming")[HASH]
    again = repeated(hashed)
    if again.is_empty():
        return None
    suspect = _hash(columns).is_in(again.implode())
    wanted = exactly(*dict.fromkeys(kept))
    # A rule never sees the number: it may look at columns by their place or type.
    if not alone:
        numbered = judgement.verdicts.with_row_index(NUMBER)
        found = numbered.filter(suspect, judgement.passes).select(NUMBER, wanted)
        return found.collect(engine="streaming")
    numbers = hashed.to_frame().with_row_index(NUMBER).filter(pl.col(HASH).is_in(again.implode()))
    del hashed
    judged = judgement.of(rows.filter(suspect)).select(wanted, judgement.passes)
    parts = [numbers.select(NUMBER), judged.collect(engine="streaming")]
    return pl.concat(parts, how="horizontal").filter(judgement.passes)


def _hash(columns: Sequence[str]) -> pl.Expr:
    return pl.struct(exactly(*columns)).hash()
