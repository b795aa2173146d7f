"""The tables of a data root as their code sees them: what they read, and what is made of that.

A row is told by its number: its place in the file of its table, from 0; of staged, its place in
the deliveries in force, one below the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from jobforge_dagster.asking.names import UnknownNameError, sql_name, table_named
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.discovery import (
    Declarations,
    discover,
    packages_from_environment,
)
from jobforge_dagster.medallion.errors import MissingTableError
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.layers import table as promoted
from jobforge_dagster.medallion.provenance import BATCH_ID, CARRIED, INGESTED_AT, LAYER
from jobforge_dagster.medallion.quality import judge
from jobforge_dagster.medallion.quality.waivers import Waiver
from jobforge_dagster.medallion.storage import deliveries, parquet, publications
from jobforge_dagster.medallion.storage.compacted import files_of
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.publications import Waived
from jobforge_dagster.medallion.storage.publish import deliveries_input
from jobforge_dagster.medallion.storage.quarantine import record_ids
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.waivers import waivers

NUMBER = "__number"
"""The column that tells a row of :meth:`Tables.frame` its number, where that is asked for."""


@dataclass(frozen=True)
class Alike:
    """Deliveries in force that have the same columns, as one frame with the number of each row."""

    manifests: tuple[Manifest, ...]
    frame: pl.LazyFrame


class Tables:
    """What is declared, with what lies on disk of it.

    Args:
        root: the data root; by default the one that the environment names.
        declared: what the domains declare; by default those that the environment names.
    """

    def __init__(self, root: DataRoot | None = None, declared: Declarations | None = None) -> None:
        self.root = root or DataRoot.from_environment()
        self.declared = declared or discover(packages_from_environment())
        self._standing: dict[str, list[Manifest]] = {}
        self._staged: dict[str, list[Alike]] = {}

    @cached_property
    def _known(self) -> dict[str, Source | Table]:
        return {each.key: each for each in self.declared.declared}

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {source.staged_key: source for source in self.declared.sources}

    @property
    def keys(self) -> list[str]:
        """The keys of all declared tables, staged ones first."""
        return [*self._sources, *self._known]

    def named(self, text: str) -> str:
        """The key of the declared table that a person means; see ``names.table_named``.

        Raises:
            UnknownNameError: there is none, or several.
        """
        return table_named(text, self.keys)

    def declaration(self, key: str) -> Source | Table:
        """What was declared: a source for a bronze table, and for its staged one.

        Raises:
            UnknownNameError: no such table is declared.
        """
        found = self._known.get(key) or self._sources.get(key)
        if found is None:
            raise UnknownNameError(
                f"{sql_name(key)} lies on disk, but no domain declares it any more."
            )
        return found

    def inputs(self, key: str) -> tuple[str, ...]:
        """The keys of what a table is made of, in the order of its function's arguments."""
        declared = self.declaration(key)
        if isinstance(declared, Table):
            return tuple(dict.fromkeys(each.key for each in declared.inputs))
        return () if key == declared.staged_key else (declared.staged_key,)

    def readers(self, key: str) -> tuple[str, ...]:
        """The keys of the tables that are made of a table."""
        return tuple(each for each in self._known if key in self.inputs(each))

    def primary_key(self, key: str) -> tuple[str, ...]:
        """The columns that tell the rows of a table apart; none of a staged or bronze table."""
        declared = self.declaration(key)
        return tuple(declared.schema.primary_key()) if isinstance(declared, Table) else ()

    def exists(self, key: str) -> bool:
        """Whether a table was made."""
        if key in self._sources:
            return bool(self.staged(key))
        return self.root.table(key).exists()

    def frame(self, key: str, *, numbered: bool = False) -> pl.LazyFrame:
        """A table as it lies on disk, with all columns that are carried along.

        Args:
            key: of the table; of a staged one, its deliveries in force.
            numbered: whether each row tells its number, in :data:`NUMBER`.

        Raises:
            MissingTableError: it was not made yet.
        """
        if key in self._sources:
            alike = self.staged(key)
            if not alike:
                raise self._missing(key)
            frames = [each.frame for each in alike]
            frame = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")
            return frame if numbered else frame.drop(NUMBER)
        path = self.root.table(key)
        if not path.exists():
            raise self._missing(key)
        frame = parquet.scan(path, number=NUMBER if numbered else None)
        return promoted.carrying(frame.drop(INGESTED_AT, LAYER))

    def standing(self, key: str) -> list[Manifest]:
        """The deliveries in force behind a staged key, oldest first."""
        if key not in self._standing:
            self._standing[key] = deliveries.standing(self.root, self._sources[key])
        return self._standing[key]

    def staged(self, key: str) -> list[Alike]:
        """These deliveries as frames, those with the same columns together, rows numbered on."""
        if key not in self._staged:
            self._staged[key] = list(self._gathered(self._sources[key]))
        return self._staged[key]

    def _gathered(self, source: Source) -> Iterator[Alike]:
        rows = 0
        for group in bronze.alike(self.standing(source.staged_key)):
            files = files_of(self.root, source, group)
            yield Alike(tuple(group), parquet.scan(files, number=NUMBER, first=rows))
            rows += sum(manifest.rows for manifest in group)

    def planned(self, key: str, frames: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
        """What the code of a table makes of some rows: its columns, then those carried along.

        Neither rules nor the declared deduplication are applied.

        Args:
            key: of a bronze, silver or gold table.
            frames: its inputs by key, with the columns that :meth:`frame` gives; any rows.
        """
        declared = self.declaration(key)
        frames = {each: frame.drop(NUMBER, strict=False) for each, frame in frames.items()}
        if isinstance(declared, Table):
            return promoted.planned(declared, frames, inspect=False)
        staged = frames[declared.staged_key]
        whole = len(self.staged(declared.staged_key)) == 1
        delivered = bronze.gathered(
            declared,
            self.standing(declared.staged_key),
            lambda group: staged if whole else self._part(staged, group),
        )
        candidate = bronze.build(declared, delivered).candidate
        return candidate.frame.select(exactly(*candidate.columns, *CARRIED))

    def _part(self, staged: pl.LazyFrame, group: Sequence[Manifest]) -> pl.LazyFrame:
        """The rows of some deliveries that have the same columns, without those of others."""
        batches = [manifest.batch_id for manifest in group]
        first = parquet.scan(self.root.inside(group[0].staged_file)).collect_schema()
        return staged.filter(pl.col(BATCH_ID).is_in(batches)).select(
            exactly(name).cast(dtype) for name, dtype in first.items()
        )

    def waivers(self, key: str) -> list[Waiver]:
        """The waivers by which a silver or gold table was judged when it was published.

        They may have lapsed since. For one that was taken out of the file since, each row that it
        let in is told by its key.
        """
        declared, standing = self.declaration(key), publications.standing(self.root, key)
        if standing is None or not isinstance(declared, Table):
            return []
        applied = standing[1].waivers
        found = [each for each in waivers(self.root) if each.table == key and each.id in applied]
        known = {each.id for each in found}
        for name, waived in applied.items():
            if name not in known and waived.records:
                found += self._rebuilt(declared, name, waived, standing[1].written_at.date())
        return found

    def _rebuilt(self, table: Table, name: str, waived: Waived, day: date) -> Iterator[Waiver]:
        told = table.schema.primary_key() or table.schema.column_names()
        identity = record_ids(judge.identity_of(table.key, promoted.identity_of(table)))
        rows = self.frame(table.key).filter(identity.is_in(waived.records))
        texts = rows.select(exactly(*told).cast(pl.String)).collect(engine="streaming")
        for row in texts.iter_rows(named=True):
            yield Waiver(
                id=name,
                table=table.key,
                rule=waived.rule,
                where=row,
                by=waived.by,
                why=waived.why,
                given=day,
                until=date.fromisoformat(waived.until),
            )

    def changed_inputs(self, key: str) -> list[str]:
        """The inputs of a table that were made again, or delivered, since the table was made."""
        story = parquet.story_of(self.root.table(key))
        read = story.get("inputs", {})
        return [each for each in self.inputs(key) if self._fingerprint(each) != read.get(each)]

    def _fingerprint(self, key: str) -> str | None:
        if key in self._sources:
            manifests = self.standing(key)
            return deliveries_input(manifests).fingerprint if manifests else None
        return parquet.story_of(self.root.table(key)).get("fingerprint")

    def _missing(self, key: str) -> MissingTableError:
        return MissingTableError(
            f"{sql_name(key)} was not made yet. Make it by: "
            f"dagster asset materialize --select '+key:\"{key}\"'"
        )
