"""Reads CSV as it was written: every value as text, every record accounted for.

Two ways, one result. A file that one pass over its bytes proves *plain* (every line is one record
of the header's width, cells quoted wholly or not at all) is scanned by Polars. Any other file is
read record by record with Python's ``csv`` in strict mode, and only the records that are wrong are
set aside. Repair begins after a strict parse has failed, never before: a record that opens a quote
it never closes costs its own first line, and reading goes on at the next.
"""

from __future__ import annotations

import csv
import itertools
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Csv
from jobforge_dagster.medallion.provenance import SOURCE_ROW
from jobforge_dagster.medallion.readers.base import (
    Malformed,
    Reading,
    Row,
    names_of,
    record_by_record,
)
from jobforge_dagster.medallion.readers.plain import plain_records
from jobforge_dagster.medallion.readers.text import Text, inspect

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 1000
"""Records that are looked at to detect the delimiter."""
_WIDEST = 2000
"""Columns of a plain file: what Polars plans and holds of it grows with them, and is bounded."""


@dataclass(frozen=True)
class _File:
    """A CSV file and how it is read."""

    path: Path
    text: Text
    delimiter: str
    quote: str | None

    def open(self) -> TextIOWrapper:
        csv.field_size_limit(sys.maxsize)
        return self.path.open(encoding=self.text.codec, newline="")

    def reader(self, lines: Iterator[str], *, strict: bool = True) -> Any:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            strict=strict,
        )


def read(path: Path, name: str, format_: Csv, renames: Mapping[str, str]) -> Reading:
    """Read a CSV file into text.

    Args:
        path: where the file lies.
        name: what to call it in an error.
        format_: what is declared of it.
        renames: names for headers that the platform reserves.

    Raises:
        DeliveryError: the file is not text, or its header is malformed, repeats a name or has a
            reserved one. Errors in single records do not raise; they are in the reading's
            ``malformed``.
    """
    text = inspect(path, name, format_.encoding, "CSV")
    delimiter = format_.delimiter or _detected(_File(path, text, ",", format_.quote))
    file = _File(path, text, delimiter, format_.quote)
    header = _header(file, name)
    names = names_of(name, header, renames)
    facts: dict[str, Any] = {
        **text.facts,
        "delimiter": delimiter,
        "delimiter_told_by": "declaration" if format_.delimiter else "content",
        "quote": format_.quote,
    }
    plain = _plain_records(file, header)
    if plain is None:
        reading = Reading(header, names, pl.LazyFrame(), facts | {"reader": "exact"})
        reading.records = record_by_record(reading, lambda: _rows(file, reading))
        return reading
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
    return Reading(header, names, records, facts | {"reader": "plain"}, total=plain)


def _detected(file: _File) -> str:
    """The delimiter that gives most of the first records the width of the header."""
    best, share = ",", 0.0
    for delimiter in _DELIMITERS:
        candidate = _File(file.path, file.text, delimiter, file.quote)
        with candidate.open() as lines:
            records = itertools.islice(candidate.reader(iter(lines), strict=False), _SAMPLE)
            try:
                widths = [len(record) for record in records if record]
            except csv.Error:
                continue
        if widths and widths[0] > 1 and (found := widths.count(widths[0]) / len(widths)) > share:
            best, share = delimiter, found
    return best


def _header(file: _File, name: str) -> tuple[str, ...]:
    try:
        with file.open() as lines:
            header: list[str] = next(file.reader(iter(lines)), [])
    except csv.Error as error:
        raise DeliveryError(f"{name}: the header is not CSV ({error}).") from error
    if not header:
        raise DeliveryError(f"{name}: the first line is blank; a header is expected there.")
    return tuple(header)


def _plain_records(file: _File, header: tuple[str, ...]) -> int | None:
    """The number of records if the file is proven plain, else ``None``."""
    if file.text.encoding != "utf-8" or file.text.line_ending == "CR" or file.quote != '"':
        return None
    if not 2 <= len(header) <= _WIDEST or any("\n" in cell for cell in header):
        return None
    if not file.delimiter.isascii():
        return None  # Polars takes a single byte
    if header[0].startswith(("x^", "x\x01")):
        return None  # Polars would take these two bytes for the start of a zlib stream
    return plain_records(file.path, file.delimiter, len(header))


def _rows(file: _File, reading: Reading) -> Iterator[tuple[int, Row]]:
    width = len(reading.header)
    for number, record, text, trouble in _records(file):
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
            yield number, record or [""]


def _records(file: _File) -> Iterator[tuple[int, Row, str, str]]:
    """Number, cells, delivered text and trouble (empty if none) of each record below the header."""
    with file.open() as opened:
        waiting: deque[str] = deque()
        taken: list[str] = []

        def lines() -> Iterator[str]:
            while True:
                line = waiting.popleft() if waiting else next(opened, "")
                if not line:
                    return
                taken.append(line)
                yield line

        reader = file.reader(lines())
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
                reader = file.reader(lines())
            number += 1
            yield number, record, "".join(taken), trouble
            taken.clear()
