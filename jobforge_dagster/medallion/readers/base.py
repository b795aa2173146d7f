"""What every reader gives: the records, and an account of every record of the file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.provenance import PROVENANCE, SOURCE_ROW

_BATCH = 50_000

Row = list[str | None]


@dataclass(frozen=True)
class Malformed:
    """A record that no row can represent: where it stands, its text as delivered, and why."""

    row: int
    text: str
    reason: str


@dataclass
class Reading:
    """A file as a table: ``records`` has one column a name, and ``_source_row``.

    ``malformed``, ``blank`` and ``total`` are complete once ``records`` has been collected or
    sunk. Then every record of the file is a row, malformed or blank: rows + malformed + blank =
    total. Columns are text, but those of a Parquet file. An empty cell is the empty text; null is
    what the file does not hold.

    Attributes:
        header: the headers, untouched but for the file's byte-order mark.
        names: the same, as the source declares that they be renamed.
        records: the well-formed records.
        facts: what was detected or is worth knowing: dialect, sheet, merged cells.
        malformed: records that no row can represent.
        blank: numbers of the empty lines between records.
        total: number of records in the file below the header, blank lines included.
    """

    header: tuple[str, ...]
    names: tuple[str, ...]
    records: pl.LazyFrame
    facts: dict[str, Any] = field(default_factory=dict)
    total: int = 0
    malformed: list[Malformed] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)


def names_of(file: str, header: Iterable[str], renames: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the staged columns.

    Raises:
        DeliveryError: a header is repeated, reserved by the platform, or holds a NUL.
    """
    names = tuple(renames.get(cell, cell) for cell in header)
    places: dict[str, list[str]] = {}
    for place, name in enumerate(names, start=1):
        if "\x00" in name:
            raise DeliveryError(
                f"{file}: the header of column {place} holds a NUL; this is not the text that its "
                f"source declares (UTF-16 without a mark?)."
            )
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


def record_by_record(
    reading: Reading, rows: Callable[[], Iterable[tuple[int, Row]]]
) -> pl.LazyFrame:
    """Records that Python reads one by one, as a frame of text; memory does not grow with them.

    Args:
        reading: whose account is begun anew each time that the frame is collected.
        rows: gives number and cells of each well-formed record, and accounts for the others.
    """
    schema = {**dict.fromkeys(reading.names, pl.String()), SOURCE_ROW: PROVENANCE[SOURCE_ROW]}

    def batches() -> Iterator[pl.DataFrame]:
        reading.malformed.clear()
        reading.blank.clear()
        reading.total = 0
        records = iter(rows())
        while batch := list(itertools.islice(records, _BATCH)):
            numbers, cells = zip(*batch, strict=True)
            columns = zip(*cells, strict=True) if reading.names else ()
            # By name: a frame made of a list of series names those anew that have an empty name.
            yield pl.DataFrame(
                {**dict(zip(reading.names, columns, strict=True)), SOURCE_ROW: numbers},
                schema=schema,
            )

    return in_batches(schema, batches)


def in_batches(
    schema: Mapping[str, pl.DataType], batches: Callable[[], Iterator[pl.DataFrame]]
) -> pl.LazyFrame:
    """A frame whose batches are made while it is collected."""

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        for whole in batches():
            batch = whole if predicate is None else whole.filter(predicate)
            if with_columns is not None:
                batch = batch.select(exactly(*with_columns))
            if n_rows is not None:
                batch, n_rows = batch.head(n_rows), max(0, n_rows - batch.height)
            yield batch
            if n_rows == 0:
                return

    return register_io_source(source, schema=dict(schema))
