"""Judging rows: which rules each obeys, and the split into accepted, refused and noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.corrections import Correction
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    CARRIED,
    CORRECTIONS,
    SOURCE_ROW,
    TRACE,
)
from jobforge_dagster.medallion.quality.rules import Rule
from jobforge_dagster.medallion.quality.waivers import Waiver

BROKEN = pl.List(
    pl.Struct(
        {"rule": pl.String, "version": pl.String, "error_type": pl.String, "message": pl.String}
    )
)
"""Type of the list of broken rules that a refused row carries."""

REFUSED: dict[str, pl.DataType] = {
    "fate": pl.String(),
    "broken": BROKEN,
    "survivor": pl.String(),
    "identity": pl.String(),
    "row": pl.String(),
    **{name: CARRIED[name] for name in (*TRACE, CORRECTIONS)},
}
"""Columns of refused rows: what became of them and why, what tells them, their values as JSON."""

Fate = Literal["rejected", "deduplicated"]

_OK = "__ok_{}"


@dataclass(frozen=True)
class Candidate:
    """Rows that ask to enter a table, with what they must obey.

    Attributes:
        key: of the table.
        frame: the rows, with the columns to keep, those carried along, and helpers of the rules.
        columns: the columns to keep, but for those carried along.
        rules: what each row must obey by itself.
        unique: columns that no two accepted rows may share; none, if there is no key.
        by: columns of a declared deduplication.
        order: the order by which it keeps the first.
        identity: columns that tell apart the rows made from one record.
        expected: how many rows the inputs must give: one row with the column ``rows``.
        refers_to_itself: whether a rule looks a row up among the table's own.
    """

    key: str
    frame: pl.LazyFrame
    columns: tuple[str, ...]
    rules: tuple[Rule, ...]
    expected: pl.LazyFrame
    unique: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    refers_to_itself: bool = False


@dataclass(frozen=True)
class Made:
    """A table as its code plans it.

    Attributes:
        candidate: the rows and their rules.
        corrections: those that were applied on the way.
        marks: columns carried along that are written with the table.
        primary_key: of the table, by which it is sorted.
        grain: what a row stands for, in words.
    """

    candidate: Candidate
    grain: str
    corrections: Sequence[Correction] = ()
    marks: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """Rows split by a verdict; ``accepted`` and ``refused`` hold every row that came in, once.

    Attributes:
        accepted: the columns to keep and those carried along.
        refused: columns of :data:`REFUSED`.
        noted: accepted rows that break a rule which only warns, or which was waived for them:
            ``notes`` (rule, version, waiver or null, message), ``identity`` and the trace.
    """

    accepted: pl.LazyFrame
    refused: pl.LazyFrame
    noted: pl.LazyFrame | None = None


def judge(candidate: Candidate, waivers: Sequence[Waiver] = ()) -> Judged:
    """Split rows by what each must obey by itself; see ``keys`` for what they must be together.

    Args:
        candidate: the rows and their rules.
        waivers: those in force for the table.
    """
    named = {_OK.format(place): rule for place, rule in enumerate(candidate.rules)}
    waived = {
        name: [waiver for waiver in waivers if waiver.rule == rule.name]
        for name, rule in named.items()
    }
    verdicts = candidate.frame.with_columns(
        **{name: rule.obeyed.fill_null(value=True) for name, rule in named.items()}
    )
    rejecting = {name: rule for name, rule in named.items() if rule.severity == "reject"}
    good = [
        pl.any_horizontal(pl.col(name), *(waiver.fits for waiver in waived[name]))
        for name in rejecting
    ]
    passes = pl.all_horizontal(good) if good else pl.lit(value=True)
    kept = exactly(*candidate.columns, *CARRIED)
    noting = [name for name, rule in named.items() if rule.severity == "warn" or waived[name]]
    return Judged(
        accepted=verdicts.filter(passes).select(kept),
        refused=refused(candidate, verdicts.filter(~passes), "rejected", _broken(rejecting)),
        noted=_noted(candidate, verdicts.filter(passes), named, waived, noting),
    )


def refused(
    candidate: Candidate,
    rows: pl.LazyFrame,
    fate: Fate,
    broken: pl.Expr,
    survivor: pl.Expr | None = None,
) -> pl.LazyFrame:
    """The columns of :data:`REFUSED` for some rows of a candidate."""
    values = pl.struct(exactly(*candidate.columns)).struct.json_encode()
    return rows.select(
        pl.lit(fate).alias("fate"),
        broken.alias("broken"),
        (pl.lit(None, pl.String) if survivor is None else survivor).alias("survivor"),
        identity_of(candidate.key, candidate.identity).alias("identity"),
        values.alias("row"),
        *TRACE,
        CORRECTIONS,
    )


def told(rule: Rule) -> pl.Expr:
    """What a record says of a broken rule."""
    return pl.struct(
        pl.lit(rule.id).alias("rule"),
        pl.lit(rule.version).alias("version"),
        pl.lit(rule.error_type).alias("error_type"),
        rule.message.alias("message"),
    )


def _broken(named: Mapping[str, Rule]) -> pl.Expr:
    entries = [pl.when(~pl.col(name)).then(told(rule)) for name, rule in named.items()]
    if not entries:
        return pl.lit(None, BROKEN)
    return pl.concat_list(entries).list.drop_nulls().cast(BROKEN)


def _noted(
    candidate: Candidate,
    rows: pl.LazyFrame,
    named: Mapping[str, Rule],
    waived: Mapping[str, Sequence[Waiver]],
    noting: Sequence[str],
) -> pl.LazyFrame | None:
    if not noting:
        return None
    notes = []
    for name in noting:
        waiver = pl.lit(None, pl.String)
        for each in waived[name]:
            waiver = pl.when(each.fits).then(pl.lit(each.id)).otherwise(waiver)
        rule = named[name]
        notes.append(
            pl.when(~pl.col(name)).then(
                pl.struct(
                    pl.lit(rule.id).alias("rule"),
                    pl.lit(rule.version).alias("version"),
                    waiver.alias("waiver"),
                    rule.message.alias("message"),
                )
            )
        )
    return rows.filter(pl.any_horizontal(~pl.col(name) for name in noting)).select(
        pl.concat_list(notes).list.drop_nulls().alias("notes"),
        identity_of(candidate.key, candidate.identity).alias("identity"),
        *TRACE,
    )


def identity_of(key: str, columns: Sequence[str]) -> pl.Expr:
    """What tells a row in every run: its record, and which of the rows made from it.

    Args:
        key: of the table.
        columns: those that tell apart the rows made from one record.
    """
    parts = [BATCH_ID, SOURCE_ROW, *columns]
    told = [pl.col(name).cast(pl.String).fill_null("") for name in parts]
    return pl.concat_str([pl.lit(key), *told], separator="\x1f")
