"""From rows of bronze to the cells of the delivered files that they were read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jobforge_dagster.asking.contributors import changed
from jobforge_dagster.asking.lookups import numbered
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.why.columns import Needed
from jobforge_dagster.asking.why.model import Cell, Role
from jobforge_dagster.asking.why.replay import Record
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.provenance import BATCH_ID, SOURCE_ROW
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.deliveries import Manifest

HEADER = "header"
"""The kind of a header that became a value."""


@dataclass(frozen=True)
class Found:
    """A cell, with the record that it stands in and the name of its column in staged."""

    cell: Cell
    record: Record
    staged: str | None
    value: Any = None


class Delivered:
    """The deliveries of one source, as far as rows of its bronze table lead to them."""

    def __init__(self, tables: Tables, source: Source) -> None:
        self._tables, self._source = tables, source

    @cached_property
    def _manifests(self) -> dict[str, Manifest]:
        standing = self._tables.standing(self._source.staged_key)
        return {manifest.batch_id: manifest for manifest in standing}

    def records(self, numbers: Iterable[int]) -> dict[int, Record]:
        """The records of some rows of bronze, by their numbers.

        Raises:
            ChangedError: one came with a delivery that no longer stands.
        """
        rows = (
            self._tables.frame(self._source.key, numbered=True)
            .filter(numbered(NUMBER, numbers))
            .select(NUMBER, BATCH_ID, SOURCE_ROW)
            .collect(engine="streaming")
        )
        if not {*rows[BATCH_ID]} <= self._manifests.keys():
            raise changed(self._tables, self._source.key)
        return {
            number: Record(self._source.staged_key, batch, row)
            for number, batch, row in rows.iter_rows()
        }

    def cells(self, needed: Mapping[Record, Needed]) -> list[Found]:
        """The cells of some records that bronze columns are read from."""
        found = []
        for batch, manifest in self._manifests.items():
            records = {
                record: columns for record, columns in needed.items() if record.batch_id == batch
            }
            if not records:
                continue
            staged = self._staged(manifest)
            values = self._values(manifest, [record.number for record in records], staged)
            for record, columns in records.items():
                row = values[record.number]
                found += [
                    self._found(manifest, record, staged.get(name), row, "made", (kind,))
                    for name, kind in columns.made.items()
                    if name == SOURCE_ROW or name in staged
                ]
                found += [
                    self._found(manifest, record, staged.get(name), row, "decides", kinds)
                    for name, kinds in columns.deciding.items()
                    if name in staged and name not in columns.made
                ]
        return found

    def header(self, record: Record, value: Any) -> Found | None:
        """The header that a value is, if it is one of the file that a record stands in."""
        manifest = self._manifests[record.batch_id]
        names = self._staged(manifest)
        staged = names.get(str(value))
        if value is None or staged is None:
            return None
        header = self._header(staged)
        cell = self._cell(manifest, None, header, header, "made", (HEADER,))
        return Found(cell, record, staged, header)

    def file(self, record: Record) -> str:
        """The file that a record was delivered in."""
        return self._manifests[record.batch_id].file

    def _staged(self, manifest: Manifest) -> dict[str, str]:
        """The staged column of each column of bronze."""
        path = self._tables.root.inside(manifest.staged_file)
        names = bronze.staged_names(parquet.scan(path))
        columns = bronze.columns_of(self._source, names, manifest.file)
        return {column.name: column.staged for column in columns}

    def _values(
        self, manifest: Manifest, numbers: list[int], staged: Mapping[str, str]
    ) -> dict[int, dict[str, Any]]:
        path = self._tables.root.inside(manifest.staged_file)
        rows = (
            parquet.scan(path)
            .filter(numbered(SOURCE_ROW, numbers))
            .select(exactly(*dict.fromkeys([*staged.values(), SOURCE_ROW])))
            .collect(engine="streaming")
        )
        return {row[SOURCE_ROW]: row for row in rows.iter_rows(named=True)}

    def _found(
        self,
        manifest: Manifest,
        record: Record,
        staged: str | None,
        row: Mapping[str, Any],
        role: Role,
        kinds: Iterable[str],
    ) -> Found:
        if staged is None:
            number = str(record.number)
            cell = self._cell(manifest, record.number, None, number, role, kinds)
            return Found(cell, record, None, record.number)
        value = row[staged]
        text = value if value is None or isinstance(value, str) else str(value)
        header = self._header(staged)
        cell = self._cell(manifest, record.number, header, text, role, kinds)
        return Found(cell, record, staged, value)

    def _header(self, staged: str) -> str:
        renamed = {name: header for header, name in self._source.renames.items()}
        return renamed.get(staged, staged)

    def _cell(
        self,
        manifest: Manifest,
        record: int | None,
        header: str | None,
        text: str | None,
        role: Role,
        kinds: Iterable[str],
    ) -> Cell:
        return Cell(
            source=self._source.name,
            file=manifest.file,
            batch_id=manifest.batch_id,
            record=record,
            header=header,
            text=text,
            role=role,
            kinds=tuple(sorted(kinds)),
        )
