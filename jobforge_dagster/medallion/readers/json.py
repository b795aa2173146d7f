"""Reads JSON records as they were written: numbers by their digits, nested values by their text.

The structure is followed first, by brackets and strings alone; only then is each record taken
apart, by itself, so that nothing deep ever reaches a parser that recurses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from json import JSONDecodeError
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Json
from jobforge_dagster.medallion.readers.base import (
    Malformed,
    Reading,
    Row,
    names_of,
    record_by_record,
)
from jobforge_dagster.medallion.readers.json_records import Record, in_array, in_lines, is_lines
from jobforge_dagster.medallion.readers.json_structure import WHITE
from jobforge_dagster.medallion.readers.json_values import MAX_DEPTH, members
from jobforge_dagster.medallion.readers.text import inspect

_MAX_MEMBERS = 10_000
"""Different members of the records of a file; with more of them, their names are values."""


def read(path: Path, name: str, format_: Json, renames: Mapping[str, str]) -> Reading:
    """Read the objects of a JSON file, one row each; columns are their members' names.

    Args:
        path: where the file lies.
        name: what to call it in an error.
        format_: what is declared of it.
        renames: names for members that the platform reserves.

    Raises:
        DeliveryError: the file is not text, its brackets do not match, or the records are not where
            they are declared. Errors in single records do not raise.
    """
    text = inspect(path, name, format_.encoding, "JSON")
    lines = is_lines(path, name, text, format_)
    where = format_.records.split(".") if format_.records else []

    def records() -> Iterator[Record]:
        return in_lines(path, text) if lines else in_array(path, name, text, where)

    kinds: dict[str, Counter[str]] = {}
    for record in records():
        with suppress(ValueError):  # told of it when rows are made
            for member, (_, kind) in _members(record).items():
                kinds.setdefault(member, Counter())[kind] += 1
        if len(kinds) > _MAX_MEMBERS:
            raise DeliveryError(
                f"{name}: its records have more than {_MAX_MEMBERS} different members. Names that "
                f"are values cannot be columns; ask the publisher for an array instead."
            )
    header = tuple(kinds)
    facts = {
        **text.facts,
        "layout": "lines" if lines else "array",
        "kinds": {member: dict(sorted(found.items())) for member, found in kinds.items()},
        "reader": "exact",
    }
    reading = Reading(header, names_of(name, header, renames), pl.LazyFrame(), facts)
    reading.records = record_by_record(reading, lambda: _rows(records(), reading, lines))
    return reading


def _rows(records: Iterator[Record], reading: Reading, lines: bool) -> Iterator[tuple[int, Row]]:
    for number, record in enumerate(records, start=1):
        reading.total = number
        if lines and not record.text.strip(WHITE):
            reading.blank.append(number)
            continue
        try:
            cells = {member: cell for member, (cell, _) in _members(record).items()}
        except ValueError as error:
            reading.malformed.append(Malformed(number, record.text, str(error)))
        else:
            yield number, [cells.get(member) for member in reading.header]


def _members(record: Record) -> dict[str, tuple[str | None, str]]:
    """Cell and kind of each member of a record, by its name.

    Raises:
        ValueError: says what is wrong with the record.
    """
    if record.depth > MAX_DEPTH:
        raise ValueError(f"is nested {record.depth} deep, more than {MAX_DEPTH}")
    try:
        return members(record.text.strip(WHITE))
    except JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.pos + 1})") from error
