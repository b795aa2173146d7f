"""Whether a cell is needed: it is given another text, and the answer is made again.

The tables are made again as a run would make them, by functions, rules, keys and deduplication, as
far as the change reaches. Not asked is whether a run would then refuse the table as a whole, for
it refuses too many rows or a correction finds nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import polars as pl

from jobforge_dagster.asking.matching import same
from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.asking.why.cells import HEADER, Found
from jobforge_dagster.asking.why.model import Action, Cell, Experiment, Outcome, Verdict
from jobforge_dagster.asking.why.replay import (
    Change,
    Judged,
    Record,
    changed,
    renamed,
    together,
    without,
)
from jobforge_dagster.asking.why.trial import is_row
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.errors import JobForgeError


@dataclass(frozen=True)
class Deed:
    """Something to do to a cell; ``text`` as an experiment tells it."""

    action: Action
    text: str | None
    change: Change


@dataclass
class Experiments:
    """A value of a table, and what becomes of it if something in a file is changed.

    Attributes:
        key: of the table.
        row: what tells the row: column to value.
        column: the column.
        value: what stands there.
    """

    tables: Tables
    key: str
    row: Mapping[str, Any]
    column: str
    value: Any
    _done: dict[tuple[Record, str | None, Action, str | None], Experiment] = field(
        default_factory=dict
    )
    _told: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def checked(self, found: Sequence[Found], budget: float) -> list[Cell]:
        """The cells, with a verdict for each that there is time for.

        Args:
            found: the cells, those first that matter most.
            budget: seconds.
        """
        end = monotonic() + budget
        return [each.cell if monotonic() > end else self._checked(each, end) for each in found]

    def _checked(self, found: Found, end: float) -> Cell:
        done: list[Experiment] = []
        verdict: Verdict = "not tested"
        for deed in deeds(found, self._source(found.record).nulls, self._valid(found)):
            if monotonic() > end:
                break
            done.append(self._tried(found, deed))
            if _by_its_record(found, done[-1]):
                verdict = "sufficient"
                break
            if done[-1].outcome != "stays":
                verdict = "necessary"
                break
        else:
            verdict = "sufficient"
        return replace(found.cell, verdict=verdict, experiments=tuple(done))

    def _valid(self, found: Found) -> list[str]:
        """A text that stands in the column of a cell that holds nothing."""
        nulls = self._source(found.record).nulls
        if found.staged is None or not _nothing(found.value, nulls):
            return []
        place = found.record.source, found.staged
        if place not in self._told:
            self._told[place] = self._text(*place, nulls)
        return self._told[place]

    def _text(self, source: str, name: str, nulls: Collection[str]) -> list[str]:
        column = exactly(name)
        rows = self.tables.frame(source).select(column)
        if rows.collect_schema().dtypes() != [pl.String]:
            return []
        told = rows.filter(~column.str.strip_chars().is_in(["", *nulls])).head(1).collect()
        return told.to_series().to_list()

    def _source(self, record: Record) -> Source:
        declared = self.tables.declaration(record.source)
        assert isinstance(declared, Source)
        return declared

    def _tried(self, found: Found, deed: Deed) -> Experiment:
        column = None if deed.action == "leave out" else found.staged
        tried = found.record, column, deed.action, deed.text
        if tried not in self._done:
            world = Judged(self.tables, self._source(found.record).key, deed.change)
            error: str | None = None
            try:
                outcome, value = self._outcome(world, deciding=found.cell.role == "decides")
            except (pl.exceptions.PolarsError, JobForgeError) as failed:
                outcome, value, error = "fails", None, str(failed)
            self._done[tried] = Experiment(deed.action, deed.text, outcome, value, error)
        return self._done[tried]

    def _outcome(self, world: Judged, *, deciding: bool) -> tuple[Outcome, Any]:
        table = self.tables.declaration(self.key)
        where = is_row(self.row, self.row)
        if deciding:
            # Most changes of such a cell leave no row, even before rules and keys are looked at.
            planned = world.planned(table).filter(where).select(pl.len()).collect().item()
            if not planned:
                return "goes", None
        columns = exactly(*dict.fromkeys([*self.row, self.column]))
        judged = self._judged(world, table, where).select(columns).collect()
        if judged.is_empty():
            return "goes", None
        values = judged[self.column].to_list()
        if any(same(value, self.value) for value in values):
            return "stays", None
        return "changes", values[0]

    def _judged(self, world: Judged, table: Source | Table, where: pl.Expr) -> pl.LazyFrame:
        own = isinstance(table, Table) and any(key.table is None for key in table.foreign_keys)
        apart = (
            isinstance(table, Table)
            and table.deduplicate
            and not ({*self.row} <= {*table.deduplicate.by})
        )
        if own or apart:
            return world.frame(self.key).filter(where)
        # Rows that must be looked at together all fulfil the condition: nothing else is needed.
        return together(*world.passing(table, where))


def _by_its_record(found: Found, done: Experiment) -> bool:
    """Whether the row stands and falls with the record of a cell, whatever the cell holds."""
    made = found.cell.role == "made" and found.staged is not None
    return made and done.action == "leave out" and done.outcome == "goes"


def deeds(found: Found, nulls: Collection[str], valid: Sequence[str] = ()) -> Iterator[Deed]:
    """What is done to a cell: it is made to hold something else; its record is left out at last.

    Args:
        found: the cell.
        nulls: texts that stand for nothing.
        valid: texts to try besides.
    """
    record, staged = found.record, found.staged
    if found.cell.kinds == (HEADER,):
        if staged is not None:
            name = f"{staged}x"
            yield Deed("rename", name, renamed(staged, name))
        return
    if staged is not None:
        for value in dict.fromkeys([*others(found.value, nulls), *valid]):
            text = None if value is None else str(value)
            yield Deed("edit", text, changed(record, staged, value))
    yield Deed("leave out", None, without(record))


def _nothing(value: Any, nulls: Collection[str]) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in ("", *nulls))


def others(value: Any, nulls: Collection[str]) -> list[Any]:
    """Values that a cell could hold instead."""
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int | float):
        return [value - 1 if value > 0 else value + 1, None]
    if _nothing(value, nulls):
        return ["1"]
    if not isinstance(value, str):
        return [None]
    digits = [place for place, each in enumerate(value) if each in "0123456789"]
    if not digits:
        return [f"{value}x", None]
    last = digits[-1]
    digit = str(int(value[last]) - 1) if value[last] != "0" else "1"
    return [f"{value[:last]}{digit}{value[last + 1 :]}", None]
