"""Suggests a domain file for a delivered file: columns, types, likely key, what means no value.

A start to be read and mended by someone who knows the data: what a column means no file tells.
"""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Excel, Format, Parquet, format_of
from jobforge_dagster.medallion.layers.casting import from_text
from jobforge_dagster.medallion.layers.names import normal, trimmed
from jobforge_dagster.medallion.layers.nested import as_text
from jobforge_dagster.medallion.provenance import CARRIED, PROVENANCE, SOURCE_ROW
from jobforge_dagster.medallion.readers import read, unpacked

_NO_VALUE = ("N/A", "n/a", "NA", "N/D", "n/d", "NULL", "null", "None", "-", "--", "..", "...", "x")
"""Texts that publishers write where there is no value."""

_TYPES: tuple[tuple[str, pl.DataType], ...] = (
    ("Int64", pl.Int64()),
    ("Float64", pl.Float64()),
    ("Bool", pl.Boolean()),
    ("Date", pl.Date()),
    ("Datetime", pl.Datetime()),
)
_IMPORTED = (
    "dy",
    "pl",
    "meaning",
    "origin",
    "domain",
    "licence",
    "csv",
    "excel",
    "json",
    "parquet",
)
"""Names that a domain file uses itself, in whatever case."""
_LEADING_ZERO = r"^[+-]?0\d"
_GROUPED = r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$"
_KEY_WIDTH, _KEY_AMONG = 3, 8
"""Columns that a likely key has at most, and among how many of the first it is looked for."""


@dataclass(frozen=True)
class _Column:
    header: str
    name: str
    kind: str
    nullable: bool
    key: bool = False
    grouped: bool = False


@dataclass(frozen=True)
class _Found:
    """What a look at the records tells."""

    columns: tuple[_Column, ...]
    nulls: tuple[str, ...]
    rows: int


def suggest(path: Path, format_: Format | None = None) -> str:
    """The text of a domain file for a delivered file.

    Args:
        path: the file.
        format_: how to read it; without it, as the ending of its name says.

    Raises:
        DeliveryError: it cannot be read.
    """
    declared = format_ or format_of(path.name)
    if declared is None:
        raise DeliveryError(
            f"{path.name}: its ending tells no format. Rename it to .csv, .xlsx, .json or .parquet."
        )
    if not path.is_file():
        raise DeliveryError(f"{path} is no file.")
    with (
        TemporaryDirectory() as room,
        unpacked(path, path.name, None, 1 << 31, Path(room)) as content,
    ):
        renames = {name: name.lstrip("_") for name in PROVENANCE}
        reading = read(content.path, content.name, declared, renames)
        records = reading.records.drop(SOURCE_ROW).collect(engine="streaming")
        used = {name: renames[name] for name in reading.header if name in renames}
        sheet = reading.facts.get("sheet")
    twins = [name for name in reading.header if normal(name) in _twice(reading.header)]
    if twins:
        raise DeliveryError(
            f"{path.name}: the headers {', '.join(map(repr, twins))} are the same once trimmed. "
            f"Ask the publisher to name them apart."
        )
    if records.is_empty():
        raise DeliveryError(f"{path.name} has no records to learn from.")
    if isinstance(declared, Excel):
        declared = Excel(sheet=sheet, header_row=declared.header_row)
    return _text(path, declared, used, _look(records, declared))


def _twice(headers: Sequence[str]) -> set[str]:
    seen = [normal(header) for header in headers]
    return {header for header in seen if seen.count(header) > 1}


def _look(records: pl.DataFrame, format_: Format) -> _Found:
    texts = records.select(
        as_text(exactly(name), dtype).alias(name) for name, dtype in records.schema.items()
    )
    marks = [mark for mark in _NO_VALUE if _means_nothing(texts, mark)]
    columns = []
    for name, header in zip(_names(records.columns), records.columns, strict=True):
        text = texts.get_column(header)
        empty = text.is_null() | text.str.strip_chars().is_in(["", *marks])
        values = text.filter(~empty)
        dtype = records.schema[header]
        kept = isinstance(format_, Parquet) and dtype != pl.String
        kind = _declared(dtype) if kept else _kind(values)
        grouped = kind in ("Int64", "Float64") and values.str.contains(_GROUPED).any()
        columns.append(_Column(trimmed(header), name, kind, bool(empty.any()), grouped=grouped))
    key = _key(records, columns)
    told = tuple(replace(each, key=each.name in key) for each in columns)
    return _Found(told, tuple(marks), len(records))


def _means_nothing(texts: pl.DataFrame, mark: str) -> bool:
    """Whether a text stands where a number is expected: without it its column holds numbers."""
    for column in texts.iter_columns():
        bare = column.str.strip_chars()
        here = bare == mark
        rest = bare.filter(~here & ~bare.is_in(["", *_NO_VALUE]))
        if here.any() and len(rest) and _kind(rest) in ("Int64", "Float64"):
            return True
    return False


def _kind(values: pl.Series) -> str:
    """The narrowest type that every text of a column reads as."""
    if values.is_empty() or values.str.strip_chars().str.contains(_LEADING_ZERO).any():
        return "String"
    frame = values.alias("text").to_frame().lazy()
    for kind, dtype in _TYPES:
        read_all = from_text(pl.col("text"), dtype, ",").is_not_null().all()
        if frame.select(read_all).collect().item():
            return kind
    return "String"


def _declared(dtype: pl.DataType) -> str:
    """A type as it is declared, of a file that has types of its own."""
    name = type(dtype).__name__.replace("Boolean", "Bool")
    simple = dtype.is_integer() or dtype in (pl.Float64, pl.Boolean, pl.Date, pl.Datetime("us"))
    return name if simple and hasattr(dy, name) else "String"


def _key(records: pl.DataFrame, columns: Sequence[_Column]) -> tuple[str, ...]:
    """The first few columns that tell every row from any other, if there are such."""
    headers = dict(zip((each.name for each in columns), records.columns, strict=True))
    able = [each.name for each in columns if not each.nullable and each.kind != "Float64"]
    for width in range(1, _KEY_WIDTH + 1):
        for names in itertools.combinations(able[:_KEY_AMONG], width):
            bare = [_bare(records.get_column(headers[name])) for name in names]
            if not pl.DataFrame(bare).is_duplicated().any():
                return names
    return ()


def _bare(column: pl.Series) -> pl.Series:
    return column.str.strip_chars() if column.dtype == pl.String else column


def _names(headers: Sequence[str]) -> list[str]:
    """Python names for headers, each its own."""
    reserved = {*dir(dy.Schema), *PROVENANCE, *CARRIED, "source_system", *_IMPORTED}
    names: list[str] = []
    for place, header in enumerate(headers, start=1):
        plain = re.sub(r"[^0-9a-z]+", "_", header.casefold()).strip("_")
        if not plain or not plain.isascii():
            plain = f"column_{place}"
        if plain[0].isdigit():
            plain = f"c_{plain}"
        if keyword.iskeyword(plain) or plain in reserved:
            plain = f"{plain}_"
        name = plain
        for again in itertools.count(2):
            if name not in names:
                break
            name = f"{plain}_{again}"
        names.append(name)
    return names


def _text(path: Path, format_: Format, renames: dict[str, str], found: _Found) -> str:
    domain = _names([path.name.split(".")[0]])[0]
    schema = "".join(part.capitalize() for part in domain.split("_")) + "Record"
    claimed = re.sub(r"[*?\[\]]", "?", path.name)
    options = [f"files={f'{domain}/{claimed}'!r}", f"schema={schema}", "origin=ORIGIN"]
    if format_ != format_of(path.name):
        options.append(f"format={format_!r}")
    if found.nulls:
        options.append(f"nulls={list(found.nulls)!r}")
    if any(column.grouped for column in found.columns):
        options.append('thousands=","')
    if renames:
        options.append(f"renames={renames!r}")
    lines = [
        f'"""{domain}: say in a sentence what it tells."""',
        "",
        "import dataframely as dy",
        "import polars as pl",
        "",
        "from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning",
    ]
    if any(option.startswith("format=") for option in options):
        kind = type(format_).__name__
        lines.append(f"from jobforge_dagster.medallion.formats import {kind}")
    key = [column.name for column in found.columns if column.key]
    told = f"its likely key is {', '.join(key)}" if key else "no few columns tell its rows apart"
    lines += [
        "",
        f'{domain.upper()} = Domain("{domain}", title={path.name!r}, owner="team:unknown")',
        "ORIGIN = Origin(",
        '    publisher="Who publishes it?",',
        '    system="Under which name and version?",',
        '    licence=Licence("unknown", "Under which terms?"),',
        ")",
        "",
        "",
        f"class {schema}(dy.Schema):",
        f'    """Say what one row is. ({found.rows} rows were looked at; {told}.)"""',
        "",
        *(f"    {_declaration(column)}" for column in found.columns),
        "",
        "",
        f'{domain}_file = {domain.upper()}.source(\n    "{domain}",',
        *(f"    {option}," for option in options),
        ")",
        "",
        "",
        f"@{domain.upper()}.silver(schema={schema}, inputs=[{domain}_file])",
        f"def {domain}(records: pl.LazyFrame) -> pl.LazyFrame:",
        "    return records",
        "",
        "",
        f"@{domain.upper()}.gold(schema={schema}, inputs=[{domain}])",
        f"def fact_{domain}(records: pl.LazyFrame) -> pl.LazyFrame:",
        "    return records",
        "",
    ]
    return "\n".join(lines)


def _declaration(column: _Column) -> str:
    told = "primary_key=True, " if column.key else "nullable=True, " if column.nullable else ""
    header = "" if column.header == column.name else f", header={column.header!r}"
    said = f'metadata=meaning("What does it hold?"{header})'
    return f"{column.name} = dy.{column.kind}({told}{said})"
