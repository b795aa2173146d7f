"""Gold as Power BI sees it: its tables, columns and measures by the names and types there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.documents.table import ColumnMetadata, Measure
from jobforge_dagster.catalog.exports.tmdl.names import RESERVED, distinct
from jobforge_dagster.catalog.exports.tmdl.text import CONTROL

TYPES = {
    "String": "string",
    "Categorical": "string",
    "Enum": "string",
    "Boolean": "boolean",
    "Int8": "int64",
    "Int16": "int64",
    "Int32": "int64",
    "Int64": "int64",
    "UInt8": "int64",
    "UInt16": "int64",
    "UInt32": "int64",
    "UInt64": "int64",
    "Float32": "double",
    "Float64": "double",
    "Date": "dateTime",
    "Datetime": "dateTime",
    "Time": "dateTime",
    "Duration": "int64",
    "Binary": "binary",
}
"""Data types of the Tabular Object Model by Polars type; a duration lies in Parquet as a number."""

FIXED_SCALE, FIXED_DIGITS = 4, 19
"""The fixed decimal of Power BI has four digits after the point and nineteen in all."""


@dataclass(frozen=True)
class GoldColumn:
    """A column: ``name`` is shown, ``source`` stands in the Parquet file."""

    name: str
    source: str
    data_type: str
    document: ColumnMetadata


@dataclass(frozen=True)
class GoldTable:
    """A table; ``left_out`` are the columns that Power BI cannot hold."""

    key: str
    name: str
    columns: tuple[GoldColumn, ...]
    measures: tuple[tuple[str, Measure], ...]
    left_out: tuple[ColumnMetadata, ...]
    document: TableMetadata

    def column(self, source: str) -> GoldColumn | None:
        """The column that stands in the file under this name, if it is shown."""
        return next((column for column in self.columns if column.source == source), None)


def gold(documents: Iterable[TableMetadata]) -> tuple[GoldTable, ...]:
    """The gold tables that say how Power BI shows them, in the order of the documents."""
    shown = [each for each in documents if each.layer == "gold" and each.power_bi is not None]
    titles = [each.power_bi.table for each in shown if each.power_bi is not None]
    measured: set[str] = set()
    tables: list[GoldTable] = []
    for name, document in zip(distinct(titles, RESERVED), shown, strict=True):
        held = [column for column in document.columns if data_type(column) is not None]
        columns = tuple(
            GoldColumn(shown_as, column.name, data_type(column) or "", column)
            for shown_as, column in zip(distinct(each.name for each in held), held, strict=True)
        )
        measures = document.business.measures
        taken = measured | {column.name.casefold() for column in columns}
        called = distinct([measure.name for measure in measures], taken)
        measured |= {each.casefold() for each in called}
        left_out = tuple(column for column in document.columns if column not in held)
        named = tuple(zip(called, measures, strict=True))
        tables.append(GoldTable(document.table, name, columns, named, left_out, document))
    return tuple(tables)


def data_type(column: ColumnMetadata) -> str | None:
    """The type that Power BI holds the column in; ``None`` if it has none for it.

    Neither has it a column whose name breaks the line: a property cannot say where it comes from.
    """
    if re.search(f"[{CONTROL}]", column.name):
        return None
    if column.type.startswith("Decimal"):
        return _decimal(column.type)
    return TYPES.get(column.type.partition("(")[0])


def _decimal(dtype: str) -> str:
    """A fixed decimal if no digit is lost, a floating one otherwise."""
    figures = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", dtype)}
    scale, precision = figures.get("scale", 0), figures.get("precision", 38)
    fits = scale <= FIXED_SCALE and precision - scale <= FIXED_DIGITS - FIXED_SCALE
    return "decimal" if fits else "double"
