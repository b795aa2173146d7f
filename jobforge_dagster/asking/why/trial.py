"""Trying what one row of a table needs: its function is run on fewer rows, or on altered cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import polars as pl

from jobforge_dagster.asking.lookups import numbered, one_of
from jobforge_dagster.asking.matching import same
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.errors import JobForgeError

Numbers = Mapping[str, Collection[int]]
"""Numbers of rows by the key of their table."""


class CellAt(NamedTuple):
    """A cell of an input."""

    table: str
    number: int
    column: str


class Block(NamedTuple):
    """Rows of an input that stand together, from ``start`` up to before ``stop``."""

    table: str
    start: int
    stop: int


class Trial:
    """One row of a silver or gold table, made again of some rows of its inputs.

    Args:
        tables: what is declared and what lies on disk.
        key: of the table.
        row: the row as it lies on disk.
        numbers: the rows of its inputs to begin with.
    """

    def __init__(self, tables: Tables, key: str, row: Mapping[str, Any], numbers: Numbers) -> None:
        self._tables, self._key, self._row = tables, key, row
        declared = [name for name in row if not name.startswith("_")]
        self._identity = tables.primary_key(key) or tuple(declared)
        self._rows: dict[str, pl.DataFrame] = {}
        self.take(numbers)

    def take(self, numbers: Numbers) -> None:
        """Hold other rows of the inputs."""
        for key in self._tables.inputs(self._key):
            wanted = {*numbers.get(key, ())}
            held = self._rows.get(key)
            if held is not None and wanted <= {*held[NUMBER]}:
                rows = held.lazy()
            else:
                rows = self._tables.frame(key, numbered=True)
            these = numbered(NUMBER, wanted)
            self._rows[key] = rows.filter(these).collect(engine="streaming")

    def of_rows(self, numbers: Numbers, columns: Sequence[str]) -> bool:
        """Whether some of the rows held make the row with the same values."""
        frames = {
            key: rows.filter(numbered(NUMBER, numbers.get(key, ()))).lazy()
            for key, rows in self._rows.items()
        }
        return self._holds(frames, columns)

    def with_blocks(self, blocks: Collection[Block], columns: Sequence[str]) -> bool:
        """Whether the rows held make it together with others of the inputs."""
        frames = {}
        for key, rows in self._rows.items():
            wanted = one_of(NUMBER, rows[NUMBER])
            for block in blocks:
                if block.table == key:
                    inside = pl.col(NUMBER).is_between(block.start, block.stop, closed="left")
                    wanted = wanted | inside
            frames[key] = self._tables.frame(key, numbered=True).filter(wanted)
        return self._holds(frames, columns)

    def despite(self, cells: Collection[CellAt], columns: Sequence[str]) -> bool:
        """Whether it keeps its values whatever stands in some cells of the rows held."""
        for empty in (False, True):
            frames = {
                key: altered(rows, [cell for cell in cells if cell.table == key], empty=empty)
                for key, rows in self._rows.items()
            }
            if not self._holds({key: rows.lazy() for key, rows in frames.items()}, columns):
                return False
        return True

    def empty(self, columns: Mapping[str, Collection[str]]) -> list[CellAt]:
        """The cells of the rows held that hold nothing, in some columns of each input."""
        return [
            CellAt(key, number, name)
            for key, rows in self._rows.items()
            for name in columns.get(key, ())
            for number in rows.filter(exactly(name).is_null())[NUMBER]
        ]

    def changes(self, cells: Collection[CellAt], columns: Sequence[str]) -> bool:
        """Whether it has other values if something else stands in some cells of the rows held."""
        frames = {
            key: altered(rows, [cell for cell in cells if cell.table == key], empty=False).lazy()
            for key, rows in self._rows.items()
        }
        return self._differs(frames, columns)

    def changes_by_blocks(
        self,
        blocks: Collection[Block],
        filled: Mapping[str, Collection[str]],
        columns: Sequence[str],
    ) -> bool:
        """Whether it has other values if no cell of some columns in some blocks holds nothing."""
        frames = {}
        for key in self._rows:
            frame = self._tables.frame(key, numbered=True)
            inside = pl.any_horizontal(
                pl.lit(value=False),
                *(
                    pl.col(NUMBER).is_between(block.start, block.stop, closed="left")
                    for block in blocks
                    if block.table == key
                ),
            )
            types = frame.collect_schema()
            frames[key] = frame.with_columns(
                pl.when(inside & exactly(name).is_null())
                .then(pl.lit(another(None, types[name], Random(1)), types[name]))
                .otherwise(exactly(name))
                .alias(name)
                for name in filled.get(key, ())
            )
        return self._differs(frames, columns)

    def sizes(self) -> dict[str, int]:
        """How many rows each input has."""
        return {
            key: self._tables.frame(key, numbered=True).select(pl.len()).collect().item()
            for key in self._rows
        }

    def _holds(self, frames: Mapping[str, pl.LazyFrame], columns: Sequence[str]) -> bool:
        return any(self._same(row, columns) for row in self._made(frames, columns))

    def _differs(self, frames: Mapping[str, pl.LazyFrame], columns: Sequence[str]) -> bool:
        made = self._made(frames, columns)
        return bool(made) and not any(self._same(row, columns) for row in made)

    def _same(self, row: Mapping[str, Any], columns: Sequence[str]) -> bool:
        return all(same(row[name], self._row[name]) for name in columns)

    def _made(
        self, frames: Mapping[str, pl.LazyFrame], columns: Sequence[str]
    ) -> list[dict[str, Any]]:
        try:
            planned = self._tables.planned(self._key, frames)
            names = dict.fromkeys([*self._identity, *columns])
            made = planned.filter(is_row(self._row, self._identity)).select(exactly(*names))
            return made.collect().to_dicts()
        except (pl.exceptions.PolarsError, JobForgeError):
            return []  # the function cannot do without what is left out


def is_row(row: Mapping[str, Any], columns: Collection[str]) -> pl.Expr:
    """Whether a row has the values of another in some columns, whose type it has too."""
    return pl.all_horizontal(
        exactly(name).is_null() if row[name] is None else exactly(name) == pl.lit(row[name])
        for name in columns
    )


def altered(rows: pl.DataFrame, cells: Collection[CellAt], *, empty: bool) -> pl.DataFrame:
    """Rows with something else in some cells, or nothing."""
    columns: dict[str, list[int]] = {}
    for cell in cells:
        columns.setdefault(cell.column, []).append(cell.number)
    if not columns or rows.is_empty():
        return rows
    chance = Random(rows.height * len(cells))  # so that no two alterations make up for each other
    changed = []
    for name, numbers in columns.items():
        dtype = rows.schema[name]
        values = rows[name].to_list()
        for place, number in enumerate(rows[NUMBER]):
            if number in numbers:
                values[place] = None if empty else another(values[place], dtype, chance)
        changed.append(pl.Series(name, values, dtype=dtype))
    return rows.with_columns(changed)


def another(value: Any, dtype: pl.DataType, chance: Random) -> Any:
    """Another value of the same type."""
    if dtype.is_numeric():
        step = chance.randint(1, 50 if dtype in (pl.Int8, pl.UInt8) else 9_999)
        old = value or 0
        return old + step if old < step else old - step
    if dtype == pl.Boolean:
        return not value
    if dtype == pl.String:
        return f"{value or ''}{chance.randint(1, 9)}"
    if dtype in (pl.Date, pl.Datetime):
        first = date(2000, 1, 1) if dtype == pl.Date else datetime(2000, 1, 1)
        return (value or first) + timedelta(days=chance.randint(1, 9_999))
    return None
