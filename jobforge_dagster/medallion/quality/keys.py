"""Keys: what rows must be together. Duplicates are set aside, then keys must be unique.

Exact, and light: the first pass keeps eight bytes a row, the hash of its key. Only rows whose hash
repeats are compared key by key; where none does, nothing more is done.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import CARRIED, SOURCE_FILE, SOURCE_ROW
from jobforge_dagster.medallion.quality.judge import BROKEN, Candidate, Judged, refused, told
from jobforge_dagster.medallion.quality.rules import (
    PRIMARY_KEY,
    Rule,
    named_values,
    say,
)

_AT_ONCE = 500_000

HASH = "hash"
"""The one column of :func:`hashes`."""


def hashes(rows: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """The hash of each row's key."""
    return rows.select(_hash(columns).alias(HASH))


def repeated(hashed: pl.Series) -> pl.Series:
    """The hashes that stand for more than one row."""
    # Counting needs some sixty bytes a value, so it is done for one part of them at a time.
    parts = max(1, len(hashed) // _AT_ONCE)
    found = []
    for part in range(parts):
        some = hashed.filter(hashed % parts == part) if parts > 1 else hashed
        found.append(some.filter(some.is_duplicated()).unique())
    return pl.concat(found)


def deduplicate(candidate: Candidate, rows: pl.LazyFrame, again: pl.Series) -> Judged:
    """Keep the first row of each group by the declared order; set the others aside.

    Args:
        candidate: says by which columns, and in which order.
        rows: rows that passed.
        again: from :func:`repeated`, by the columns of the group.
    """
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
    order = [*candidate.by, *candidate.order, SOURCE_FILE, SOURCE_ROW]
    alone, together = _split(rows, candidate.by, again)
    ordered = together.sort(order, maintain_order=True, nulls_last=True)
    first = ~(
        pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in candidate.by)
        & (pl.int_range(pl.len()) > 0)
    )
    kept = [SOURCE_FILE, SOURCE_ROW, *candidate.by, *candidate.order]
    survivor = pl.when(first).then(pl.struct(exactly(*kept)).struct.json_encode()).forward_fill()
    marked = ordered.with_columns(__first=first, __survivor=survivor)
    return Judged(
        accepted=_kept(candidate, [alone, marked.filter("__first")]),
        refused=refused(
            candidate,
            marked.filter(~pl.col("__first")),
            "deduplicated",
            _one(rule),
            pl.col("__survivor"),
        ),
    )


def unique(candidate: Candidate, rows: pl.LazyFrame, again: pl.Series) -> Judged:
    """Refuse every row that shares its primary key with another: none is better than the rest."""
    rule = Rule(
        id=f"{candidate.key}:{PRIMARY_KEY}",
        obeyed=pl.lit(value=True),
        message=say("the primary key is not unique: ", named_values(candidate.unique)),
        error_type=PRIMARY_KEY,
        demands="\n".join(candidate.unique).encode(),
    )
    alone, together = _split(rows, candidate.unique, again)
    marked = together.with_columns(__one=pl.len().over(candidate.unique) == 1)
    return Judged(
        accepted=_kept(candidate, [alone, marked.filter("__one")]),
        refused=refused(
            candidate,
            marked.filter(~pl.col("__one")),
            "rejected",
            _one(rule),
        ),
    )


def _hash(columns: Sequence[str]) -> pl.Expr:
    return pl.struct(exactly(*columns)).hash()


def _split(
    rows: pl.LazyFrame, columns: Sequence[str], again: pl.Series
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    suspect = _hash(columns).is_in(again.implode())
    return rows.filter(~suspect), rows.filter(suspect)


def _kept(candidate: Candidate, parts: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    columns = exactly(*candidate.columns, *CARRIED)
    return pl.concat([part.select(columns) for part in parts])


def _one(rule: Rule) -> pl.Expr:
    return pl.concat_list(told(rule)).cast(BROKEN)
