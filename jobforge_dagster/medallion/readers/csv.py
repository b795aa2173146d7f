"""Reads CSV as it was written: every value as text, every record accounted for.

Two ways, one result. A file that one vectorised pass proves *plain* (every line is one record of
the header's width, cells quoted wholly or not at all) is scanned by Polars. Any other file is read
record by record with Python's ``csv`` in strict mode, and only the records that are wrong are set
aside. Repair begins after a strict parse has failed, never before: a record that opens a quote it
never closes costs its own first line, and reading goes on at the next.
"""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.provenance import PROVENANCE, SOURCE_ROW
from jobforge_dagster.medallion.readers.base import Inspection, Malformed, Reading

_BATCH = 50_000
_ROW_TYPE = PROVENANCE[SOURCE_ROW]


def read(
    path: Path,
    name: str,
    inspection: Inspection,
    delimiter: str = ",",
    renames: Mapping[str, str] | None = None,
) -> Reading:
    """Read a CSV file into text.

    Args:
        path: where the file lies.
        name: what to call it in an error.
        inspection: what :func:`~jobforge_dagster.medallion.readers.inspect.inspect` found.
        delimiter: one character.
        renames: names for headers that the platform reserves.

    Raises:
        DeliveryError: the header is malformed, repeats a name or has a reserved one. Errors in
            single records do not raise; they are in the reading's ``malformed``.
    """
    header = _header(path, name, inspection, delimiter)
    names = _names(name, header, renames or {})
    plain = _plain_records(path, header, inspection, delimiter)
    if plain is None:
        return _read_exact(path, header, names, inspection, delimiter)
    records = pl.scan_csv(
        path,
        skip_lines=1,
        has_header=False,
        schema=dict.fromkeys(names, pl.String()),
        infer_schema=False,
        separator=delimiter,
        empty_string_is_null=False,
        glob=False,
    ).with_row_index(SOURCE_ROW, offset=1)
    records = records.select(exactly(*names, SOURCE_ROW))
    return Reading(header, names, records, method="plain", total=plain)


def _header(path: Path, name: str, inspection: Inspection, delimiter: str) -> tuple[str, ...]:
    try:
        with _open(path, inspection) as file:
            header = next(csv.reader(file, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise DeliveryError(f"{name}: the header is not CSV ({error}).") from error
    if not header:
        raise DeliveryError(f"{name}: the first line is blank; a header is expected there.")
    if any("\x00" in cell for cell in header):
        raise DeliveryError(
            f"{name}: the header holds NUL bytes; this is not CSV text (UTF-16 without a mark?)."
        )
    return tuple(header)


def _names(file: str, header: tuple[str, ...], renames: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(renames.get(cell, cell) for cell in header)
    places: dict[str, list[str]] = {}
    for place, name in enumerate(names, start=1):
        places.setdefault(name, []).append(str(place))
        plain = " ".join(name.split())  # bronze trims names, so padding does not set one apart
        if plain in PROVENANCE or plain.startswith("__"):
            raise DeliveryError(
                f"{file}: column {place} is called {plain}, a name that the platform keeps for "
                f"itself. Declare "
                f'renames={{"{name}": "{plain.lstrip("_")}"}} in the source.'
            )
    repeated = [
        f"'{name}' in columns {', '.join(at)}" for name, at in places.items() if len(at) > 1
    ]
    if repeated:
        raise DeliveryError(
            f"{file}: headers must differ, but {'; '.join(repeated)}. Which column is meant "
            f"cannot be told: ask the publisher to name them apart."
        )
    return names


def _open(path: Path, inspection: Inspection):  # type: ignore[no-untyped-def]
    csv.field_size_limit(sys.maxsize)
    encoding = "utf-8-sig" if inspection.encoding == "utf-8" else inspection.encoding
    return path.open(encoding=encoding, newline="")


def _plain_records(
    path: Path, header: tuple[str, ...], inspection: Inspection, delimiter: str
) -> int | None:
    """The number of records if the file is proven plain, else ``None``."""
    if inspection.encoding != "utf-8" or inspection.line_ending == "CR":
        return None
    if len(header) < 2 or any("\n" in cell for cell in header):
        return None
    if header[0].startswith(("x^", "x\x01")):
        return None  # Polars would take these two bytes for the start of a zlib stream
    line = pl.col("line")
    between = f"\\x{{{ord(delimiter):x}}}"
    cell = rf'(?:"(?:[^"]|"")*"|[^"{between}]*)'
    record = f"^{cell}(?:{between}{cell}){{{len(header) - 1}}}$"
    plain = (
        pl.when(line.str.contains('"', literal=True))
        .then(line.str.contains(record))
        .otherwise(line.str.count_matches(delimiter, literal=True) == len(header) - 1)
    )
    lines, irregular, marked = (
        pl.scan_lines(path, name="line", glob=False)
        .slice(1)
        .select(
            pl.len().alias("lines"),
            (~plain).sum().alias("irregular"),
            # Polars takes a byte-order mark off the first record too, where it is a value.
            line.first().str.starts_with("\ufeff").fill_null(value=False).alias("marked"),
        )
        .collect(engine="streaming")
        .row(0)
    )
    return None if irregular or marked else lines


def _read_exact(
    path: Path,
    header: tuple[str, ...],
    names: tuple[str, ...],
    inspection: Inspection,
    delimiter: str,
) -> Reading:
    schema = {**dict.fromkeys(names, pl.String()), SOURCE_ROW: _ROW_TYPE}
    reading = Reading(header, names, pl.LazyFrame(schema=schema), method="exact")

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        reading.malformed.clear()
        reading.blank.clear()
        reading.total = 0
        for rows, numbers in _batches(path, reading, inspection, delimiter):
            columns = zip(*rows, strict=True) if rows else ([] for _ in names)
            batch = pl.DataFrame(
                [
                    *(
                        pl.Series(name, values, pl.String)
                        for name, values in zip(names, columns, strict=True)
                    ),
                    pl.Series(SOURCE_ROW, numbers, _ROW_TYPE),
                ]
            )
            if predicate is not None:
                batch = batch.filter(predicate)
            if with_columns is not None:
                batch = batch.select(exactly(*with_columns))
            if n_rows is not None:
                batch, n_rows = batch.head(n_rows), max(0, n_rows - batch.height)
            yield batch
            if n_rows == 0:
                return

    reading.records = register_io_source(source, schema=schema)
    return reading


def _batches(
    path: Path, reading: Reading, inspection: Inspection, delimiter: str
) -> Iterator[tuple[list[list[str]], list[int]]]:
    width = len(reading.header)
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, record, text, trouble in _records(path, inspection, delimiter):
        reading.total = number
        if trouble:
            reading.malformed.append(Malformed(number, text, trouble))
        elif not record and width > 1:
            reading.blank.append(number)
        elif len(record) != width and not (width == 1 and not record):
            reason = f"has {len(record)} cells where the header has {width}"
            reading.malformed.append(Malformed(number, text, reason))
        else:
            # In a file of one column an empty line is a record whose only cell is empty.
            rows.append(record or [""])
            numbers.append(number)
        if len(rows) >= _BATCH:
            yield rows, numbers
            rows, numbers = [], []
    yield rows, numbers


def _records(
    path: Path, inspection: Inspection, delimiter: str
) -> Iterator[tuple[int, list[str], str, str]]:
    """Number, cells, delivered text and trouble (empty if none) of each record below the header."""
    with _open(path, inspection) as file:
        waiting: deque[str] = deque()
        taken: list[str] = []

        def lines() -> Iterator[str]:
            while True:
                line = waiting.popleft() if waiting else next(file, "")
                if not line:
                    return
                taken.append(line)
                yield line

        reader = csv.reader(lines(), delimiter=delimiter, strict=True)
        next(reader)
        taken.clear()
        number = 0
        while True:
            try:
                record = next(reader)
                trouble = ""
            except StopIteration:
                return
            except csv.Error as error:
                record = []
                trouble = f"is not CSV ({error})"
                # Only the first line is given up; those that it swallowed are read again.
                waiting.extendleft(reversed(taken[1:]))
                del taken[1:]
                reader = csv.reader(lines(), delimiter=delimiter, strict=True)
            number += 1
            yield number, record, "".join(taken), trouble
            taken.clear()
