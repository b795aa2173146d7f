"""What a comparison of two versions found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

import polars as pl

from jobforge_dagster.asking.diff.facts import Causes, QualityChange, SchemaChange
from jobforge_dagster.asking.told import Line, Told
from jobforge_dagster.asking.values import plain


@dataclass(frozen=True)
class Version:
    """One of the two versions.

    Attributes:
        run_id: the run that published it, and ``written_at`` when.
        sha256: of its file.
        rows: how many it has.
        exact: whether these rows are compared, to the byte. If not, its file is not kept any more,
            the code has changed since, and what is compared is what the code of today makes of the
            deliveries of then.
    """

    run_id: str
    written_at: datetime
    sha256: str
    rows: int
    exact: bool


@dataclass(frozen=True, repr=False)
class Diff(Told):
    """What changed between two versions of a table.

    Attributes:
        table: its key.
        before: the earlier version.
        after: the later one.
        key: what tells that two rows are the same; empty where there is no key, or it is another
            than before. Then rows are compared as wholes, and none counts as changed.
        added: how many rows the later version alone has; ``removed`` the earlier alone.
        changed: how many rows are not what they were; ``unchanged`` how many are.
        by_column: in how many rows each column changed.
        added_rows: the first of them, as many as were asked for; likewise ``removed_rows``.
        changed_cells: of the first rows that changed, each cell that did: the key of the row,
            ``_column``, and ``_old`` and ``_new`` as text.
        schema: how the columns differ.
        quality: how the quality differs.
        causes: the deliveries, inputs, code, corrections and waivers that differ.
    """

    table: str
    before: Version
    after: Version
    key: tuple[str, ...]
    added: int
    removed: int
    changed: int
    unchanged: int
    by_column: dict[str, int]
    added_rows: pl.DataFrame
    removed_rows: pl.DataFrame
    changed_cells: pl.DataFrame
    schema: SchemaChange
    quality: QualityChange
    causes: Causes

    def lines(self) -> Iterator[Line]:
        """What people are told."""
        from jobforge_dagster.asking.diff import telling  # tells of these classes

        return telling.lines(self)

    def to_dict(self) -> dict[str, Any]:
        """For programs: all that was found, of what JSON can hold."""
        document = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, pl.DataFrame):
                value = value.to_dicts()
            elif is_dataclass(value) and not isinstance(value, type):
                value = asdict(value)
            document[field.name] = plain(value)
        return document
