"""Judging rows: which rules each obeys, and so whether it is accepted, refused or noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    "original": pl.String(),
    "row": pl.String(),
    **{name: CARRIED[name] for name in (*TRACE, CORRECTIONS)},
}
"""Columns of refused rows: what became of them and why, what tells them, the delivered record if
they bring it, and their values; both as JSON."""

Fate = Literal["rejected", "deduplicated"]

NOTED: dict[str, pl.DataType] = {
    "notes": pl.List(
        pl.Struct(
            {"rule": pl.String, "version": pl.String, "waiver": pl.String, "message": pl.String}
        )
    ),
    "identity": pl.String(),
    **{name: CARRIED[name] for name in TRACE},
}
"""Columns that tell of accepted rows which break a rule that only warns, or that is waived."""

_OK, _PASSES, _NOTING = "__ok_{}", "__passes", "__noting"

_WITHIN: Literal["in-memory"] = "in-memory"
"""The engine for what is asked while rows pass: a streaming query within another one may wait for
the threads that it runs on."""


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
        original: the delivered record as JSON, if each row holds all of it.
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
    original: pl.Expr | None = None


@dataclass(frozen=True)
class Made:
    """A table as its code plans it.

    Attributes:
        candidate: the rows and their rules.
        corrections: those that were applied on the way.
        marks: columns carried along that are written with the table.
        primary_key: of the table.
        grain: what a row stands for, in words.
    """

    candidate: Candidate
    grain: str
    corrections: Sequence[Correction] = ()
    marks: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()


class Judgement:
    """The verdict on each row of a candidate, by what it must obey by itself.

    See ``keys`` for what rows must be together.

    Args:
        candidate: the rows and their rules.
        waivers: those in force for the table.
    """

    def __init__(self, candidate: Candidate, waivers: Sequence[Waiver] = ()) -> None:
        self.candidate = candidate
        self._rules = {_OK.format(place): rule for place, rule in enumerate(candidate.rules)}
        self._waived = {
            name: [waiver for waiver in waivers if waiver.rule == rule.name]
            for name, rule in self._rules.items()
        }
        self._rejecting = [name for name, rule in self._rules.items() if rule.severity == "reject"]
        self.noting = [
            name
            for name, rule in self._rules.items()
            if rule.severity == "warn" or self._waived[name]
        ]
        """Columns of the verdicts on rules that leave a note on an accepted row."""

    @property
    def verdicts(self) -> pl.LazyFrame:
        """The rows with the verdicts on them."""
        return self.of(self.candidate.frame)

    def of(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Rows of the candidate with the verdicts on them.

        Args:
            frame: all of them, or some if each is judged by itself.
        """
        obeyed = {name: rule.obeyed.fill_null(value=True) for name, rule in self._rules.items()}
        good = [
            pl.any_horizontal(pl.col(name), *(waiver.fits for waiver in self._waived[name]))
            for name in self._rejecting
        ]
        passes = pl.all_horizontal(good) if good else pl.lit(value=True)
        judged = frame.with_columns(**obeyed).with_columns(passes.alias(_PASSES))
        if not self.noting:
            return judged
        noting = pl.any_horizontal(~pl.col(name) for name in self.noting)
        return judged.with_columns(noting.alias(_NOTING))

    @property
    def passes(self) -> pl.Expr:
        """Whether a row with its verdicts passes."""
        return pl.col(_PASSES)

    @property
    def accepted(self) -> pl.LazyFrame:
        """The rows that pass: the columns to keep and those carried along."""
        kept = exactly(*self.candidate.columns, *CARRIED)
        return self.verdicts.filter(self.passes).select(kept)

    @property
    def noted(self) -> pl.DataFrame:
        """What is noted of rows that pass, as :data:`NOTED`."""
        return self.notes_of(self.verdicts.filter(self.notes).collect())

    @property
    def notes(self) -> pl.Expr:
        """Whether a row with its verdicts passes, but not without a note."""
        return self.passes & pl.col(_NOTING) if self.noting else pl.lit(value=False)

    def notes_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """What is noted of rows with their verdicts, as :data:`NOTED`; each has a note."""
        notes = {}
        for name in self.noting:
            waiver = pl.lit(None, pl.String)
            for each in self._waived[name]:
                waiver = pl.when(each.fits).then(pl.lit(each.id)).otherwise(waiver)
            rule = self._rules[name]
            notes[name] = pl.struct(
                pl.lit(rule.id).alias("rule"),
                pl.lit(rule.version).alias("version"),
                waiver.alias("waiver"),
                rule.message.alias("message"),
            )
        return rows.select(
            _gathered(rows, notes, NOTED["notes"]).alias("notes"),
            identity_of(self.candidate.key, self.candidate.identity).alias("identity"),
            *TRACE,
        )

    def broken_by(self, rows: pl.DataFrame) -> pl.Series:
        """The rules that rows with their verdicts broke, as :data:`BROKEN`; each broke one."""
        return _gathered(rows, self._words, BROKEN)

    @cached_property
    def _words(self) -> dict[str, pl.Expr]:
        """What is said of a row that breaks a rule, by the column of its verdict."""
        return {name: told(self._rules[name]) for name in self._rejecting}


def _gathered(rows: pl.DataFrame, words: Mapping[str, pl.Expr], dtype: pl.DataType) -> pl.Series:
    """The words of each row as a list, in the order of the verdicts that it does not pass.

    Verdict by verdict: to make a list of a row's words and drop those that do not apply took a
    hundred times as long.

    Args:
        rows: with their verdicts; of each row one is false.
        words: what is said if a verdict is false, by its column.
        dtype: of the list.
    """
    if not words:
        return pl.Series("said", [], dtype)
    place = "__row"
    obeyed = rows.select(pl.col(name).all() for name in words).row(0)
    # Of a chunk that a filter leaves empty, Polars fails to put a text together (2.1, in memory).
    numbered = rows.rechunk().with_row_index(place).lazy()
    said = [
        numbered.filter(~pl.col(name)).select(place, each.alias("said")).collect(engine=_WITHIN)
        for (name, each), by_all in zip(words.items(), obeyed, strict=True)
        if not by_all
    ]
    if not said:
        return pl.Series("said", [], dtype)
    every = pl.concat(said).lazy().sort(place, maintain_order=True)
    if sum(each.height for each in said) == rows.height:  # one word a row
        listed = every.select(pl.concat_list("said"))
    else:
        listed = every.group_by(place, maintain_order=True).agg("said").select("said")
    return listed.cast(dtype).collect(engine=_WITHIN).to_series()


def refused(
    candidate: Candidate,
    rows: pl.DataFrame,
    fate: Fate,
    broken: pl.Series,
    survivor: pl.Expr | None = None,
) -> pl.DataFrame:
    """The columns of :data:`REFUSED` for some rows of a candidate; ``broken`` is :data:`BROKEN`."""
    values = pl.struct(exactly(*candidate.columns)).struct.json_encode()
    unknown = pl.lit(None, pl.String)
    return rows.select(
        pl.lit(fate).alias("fate"),
        broken.alias("broken"),
        (unknown if survivor is None else survivor).alias("survivor"),
        identity_of(candidate.key, candidate.identity).alias("identity"),
        (unknown if candidate.original is None else candidate.original).alias("original"),
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


def identity_of(key: str, columns: Sequence[str]) -> pl.Expr:
    """What tells a row in every run: its record, and which of the rows made from it.

    Args:
        key: of the table.
        columns: those that tell apart the rows made from one record.
    """
    parts = [BATCH_ID, SOURCE_ROW, *columns]
    told = [pl.col(name).cast(pl.String).fill_null("") for name in parts]
    return pl.concat_str([pl.lit(key), *told], separator="\x1f")
