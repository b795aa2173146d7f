"""Tables made again in memory from other staged rows: fewer of them, or with one cell changed.

Two things are replayed. *Planned* rows are what the functions alone make: rules, deduplication and
keys apart. *Judged* rows are what would be published, by the same rules in the same order as
``storage.audit`` applies them, and by the waivers of the publication that stands; what a change
cannot reach is read from disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import polars as pl

from jobforge_dagster.asking.lookups import numbered
from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.layers import table as promoted
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    CARRIED,
    SOURCE_FILE,
    SOURCE_ROW,
)
from jobforge_dagster.medallion.quality.judge import Candidate, Judgement
from jobforge_dagster.medallion.quality.waivers import Waiver
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.compacted import files_of
from jobforge_dagster.medallion.storage.deliveries import Manifest

Change = Callable[[pl.LazyFrame], pl.LazyFrame]
"""What becomes of staged rows."""


@dataclass(frozen=True)
class Record:
    """A record of a delivery; ``source`` is the key of the staged table."""

    source: str
    batch_id: str
    number: int


@dataclass
class Planned:
    """Tables as the functions make them, of the records that ``kept`` holds of each source."""

    tables: Tables
    kept: Mapping[str, Collection[Record]]
    _made: dict[str, pl.LazyFrame] = field(default_factory=dict)

    def frame(self, key: str) -> pl.LazyFrame:
        """The rows of a table."""
        if key not in self._made:
            made = {each: self._read(each) for each in self.tables.inputs(key)}
            self._made[key] = self.tables.planned(key, made)
        return self._made[key]

    def _read(self, key: str) -> pl.LazyFrame:
        return self._only(key) if key.startswith("staged/") else self.frame(key)

    def _only(self, key: str) -> pl.LazyFrame:
        rows, batches = self.tables.frame(key), dict[str, list[int]]()
        for record in self.kept.get(key, ()):
            batches.setdefault(record.batch_id, []).append(record.number)
        if not batches:
            return rows.head(0)
        return rows.filter(
            pl.any_horizontal(
                (pl.col(BATCH_ID) == batch) & numbered(SOURCE_ROW, numbers)
                for batch, numbers in batches.items()
            )
        )


@dataclass
class Judged:
    """Tables as they would be published if the staged rows of one source were changed."""

    tables: Tables
    source: str
    change: Change
    _made: dict[str, pl.LazyFrame] = field(default_factory=dict)

    @cached_property
    def reached(self) -> set[str]:
        """What the change can reach; everything else is read from disk."""
        return {*self.tables.declared.below(self.source, judging=True)}

    def frame(self, key: str) -> pl.LazyFrame:
        """The accepted rows of a table."""
        if key not in self.reached:
            return self.tables.frame(key)
        if key not in self._made:
            self._made[key] = self._accepted(self.tables.declaration(key))
        return self._made[key]

    def planned(self, table: Source | Table) -> pl.LazyFrame:
        """What the code of a table makes of its inputs as they would be published."""
        if isinstance(table, Source):
            made = bronze.build(table, self._delivered(table)).candidate
            return made.frame.select(exactly(*made.columns, *CARRIED))
        inputs = {each.key: promoted.carrying(self.frame(each.key)) for each in table.inputs}
        return promoted.planned(table, inputs, inspect=False)

    def passing(
        self, table: Source | Table, where: pl.Expr | None = None, own: pl.LazyFrame | None = None
    ) -> tuple[Candidate, pl.LazyFrame]:
        """The rows that obey what each must obey by itself, and what they were judged by."""
        if isinstance(table, Source):
            made = bronze.build(table, self._delivered(table))
            waivers: Sequence[Waiver] = ()
        else:
            upstream = {each.key: self.frame(each.key) for each in table.upstream}
            made = promoted.build(table, upstream, own, inspect=False)
            waivers = self.tables.waivers(table.key)
        candidate = made.candidate
        if where is not None:
            candidate = replace(candidate, frame=candidate.frame.filter(where))
        return candidate, Judgement(candidate, waivers).accepted

    def _accepted(self, table: Source | Table) -> pl.LazyFrame:
        rows = together(*self.passing(table))
        if isinstance(table, Table) and any(key.table is None for key in table.foreign_keys):
            return self._settled(table, rows)
        return rows

    def _delivered(self, source: Source) -> list[bronze.Delivered]:
        key = source.staged_key

        def scan(alike: Sequence[Manifest]) -> pl.LazyFrame:
            return self.change(parquet.scan(files_of(self.tables.root, source, alike)))

        return bronze.gathered(source, self.tables.standing(key), scan)

    def _settled(self, table: Table, rows: pl.LazyFrame) -> pl.LazyFrame:
        """A row that refers to one of its own table that was refused is refused too."""
        accepted = rows.collect()
        before = self.planned(table).select(pl.len()).collect().item()
        while accepted.height < before:
            before = accepted.height
            accepted = together(*self.passing(table, own=accepted.lazy())).collect()
        return accepted.lazy()


def together(candidate: Candidate, rows: pl.LazyFrame) -> pl.LazyFrame:
    """What rows must be together: of duplicates the first stays, of equal keys none."""
    if candidate.by:
        order = [*candidate.by, *candidate.order, SOURCE_FILE, SOURCE_ROW]
        rows = rows.sort(order, maintain_order=True, nulls_last=True).unique(
            list(candidate.by), keep="first", maintain_order=True
        )
    if candidate.unique and {*candidate.unique} != {*candidate.by}:
        rows = rows.filter(pl.len().over(list(candidate.unique)) == 1)
    return rows


def changed(record: Record, column: str, value: Any) -> Change:
    """Let one cell hold another value."""

    def change(rows: pl.LazyFrame) -> pl.LazyFrame:
        dtype = rows.collect_schema().get(column)
        if dtype is None:
            return rows
        cell = pl.when(_at(record)).then(pl.lit(value, dtype)).otherwise(exactly(column))
        return rows.with_columns(cell.alias(column))

    return change


def renamed(column: str, name: str) -> Change:
    """Let the header of a column read otherwise."""

    def change(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.rename({column: name}, strict=False)

    return change


def without(record: Record) -> Change:
    """Leave one record out; those after it move up by one."""

    def change(rows: pl.LazyFrame) -> pl.LazyFrame:
        after = (pl.col(BATCH_ID) == record.batch_id) & (pl.col(SOURCE_ROW) > record.number)
        return rows.filter(~_at(record)).with_columns(
            (pl.col(SOURCE_ROW) - after.cast(pl.UInt32)).alias(SOURCE_ROW)
        )

    return change


def _at(record: Record) -> pl.Expr:
    return (pl.col(BATCH_ID) == record.batch_id) & (pl.col(SOURCE_ROW) == record.number)
