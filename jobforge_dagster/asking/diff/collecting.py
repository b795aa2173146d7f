"""What is kept of a comparison while it goes from range to range: counts, and the first rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from jobforge_dagster.asking.diff.rows import WHOLE, Differing
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.atomic import replacing


class Collected:
    """What came of the comparison of the rows.

    Attributes:
        key: by what rows were told to be the same; empty where they were compared as wholes.
        added: how many rows the later version has and the earlier has not; and so on.
        by_column: in how many rows each column changed.
    """

    def __init__(
        self,
        key: tuple[str, ...],
        columns: Mapping[str, pl.DataType],
        limit: int | None,
        parts: Path | None,
    ) -> None:
        """Begin.

        Args:
            key: see above.
            columns: of both versions; as text where the type is not the same.
            limit: how many rows of each kind are kept; all, if ``None``.
            parts: an empty folder for all rows that differ; ``None`` if nobody wants them.
        """
        self.key = key
        self.added = self.removed = self.changed = self.unchanged = 0
        self.by_column: dict[str, int] = {}
        self._columns, self._limit, self._parts = columns, limit, parts
        self._added: list[pl.DataFrame] = []
        self._removed: list[pl.DataFrame] = []
        self._cells: list[pl.DataFrame] = []
        self._written = 0

    def add(self, found: Differing) -> None:
        """Take what was found in one range."""
        self._added.append(found.added.head(self._room(self.added, found.added)))
        self._removed.append(found.removed.head(self._room(self.removed, found.removed)))
        self._cells.append(found.cells(self.key, self._room(self.changed, found.old)))
        self.added += found.added.height
        self.removed += found.removed.height
        self.changed += found.old.height
        self.unchanged += found.unchanged
        for name, mask in found.changed.items():
            self.by_column[name] = self.by_column.get(name, 0) + int(mask.sum())
        if self._parts is not None and (
            found.added.height + found.removed.height + found.old.height
        ):
            found.whole(self._columns).write_parquet(self._parts / f"{self._written:06}.parquet")
            self._written += 1

    @property
    def added_rows(self) -> pl.DataFrame:
        """The first rows that were added."""
        return self._shown(self._added)

    @property
    def removed_rows(self) -> pl.DataFrame:
        """The first rows that were removed."""
        return self._shown(self._removed)

    @property
    def changed_cells(self) -> pl.DataFrame:
        """The first rows that changed: of each cell the row's key, the column, both values."""
        return pl.concat(self._cells) if self._cells else pl.DataFrame()

    def write(self, file: Path) -> None:
        """Write all rows that differ; see :meth:`Differing.whole`."""
        if self._parts is None:
            return
        found = [parquet.scan(each) for each in sorted(self._parts.glob("*.parquet"))]
        none = pl.LazyFrame(schema={**WHOLE, **self._columns})
        with replacing(file) as temporary:
            parquet.run(parquet.sink(pl.concat([none, *found]), temporary, {}))

    def _room(self, shown: int, rows: pl.DataFrame) -> int:
        return rows.height if self._limit is None else max(0, self._limit - shown)

    def _shown(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        found = pl.concat(frames) if frames else pl.DataFrame()
        return found.select(name for name in self._columns if name in found.columns)
