"""Reads Parquet: every value with its type, nested ones too.

Read with checksums of pages verified where the writer made any, and by a library that reports what
is corrupt rather than ending the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.provenance import PROVENANCE, SOURCE_ROW
from jobforge_dagster.medallion.readers.base import Reading, in_batches, names_of

_BATCH = 50_000


def read(path: Path, name: str, renames: Mapping[str, str]) -> Reading:
    """Read a Parquet file, types kept.

    Args:
        path: where the file lies.
        name: what to call it in an error.
        renames: names for columns that the platform reserves.

    Raises:
        DeliveryError: it is no Parquet, is damaged, or holds a type that Polars has not. Damage
            that only its pages show raises while the records are collected.
    """
    try:
        with _opened(path) as file:
            schema, total = file.schema_arrow, file.metadata.num_rows
            writer = file.metadata.created_by
        empty = _frame(name, schema.empty_table())
    except (pa.ArrowException, OSError) as error:
        raise damaged(name, error) from error
    header = tuple(schema.names)
    names = names_of(name, header, renames)

    def batches() -> Iterator[pl.DataFrame]:
        first = 1
        try:
            with _opened(path) as opened:
                for batch in opened.iter_batches(_BATCH):
                    frame = _frame(name, pa.Table.from_batches([batch])).rename(dict(renamed))
                    numbers = pl.Series(SOURCE_ROW, range(first, first + len(frame)), pl.UInt32)
                    yield frame.with_columns(numbers)
                    first += len(frame)
        except (pa.ArrowException, OSError) as error:
            raise damaged(name, error) from error

    renamed = [(old, new) for old, new in zip(header, names, strict=True) if old != new]
    types = dict(zip(names, empty.dtypes, strict=True))
    facts = {
        "types": {column.name: str(column.type) for column in schema},
        "written_by": writer,
        "reader": "exact",
    }
    records = in_batches({**types, SOURCE_ROW: PROVENANCE[SOURCE_ROW]}, batches)
    return Reading(header, names, records, facts, total=total)


def damaged(name: str, error: BaseException) -> DeliveryError:
    """The error of a file that is no Parquet, or no more."""
    reason = " ".join(str(error).split())[:300]
    return DeliveryError(
        f"{name} is not a Parquet file, or it is damaged: {reason}. Ask for it again."
    )


def _opened(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, page_checksum_verification=True)


def _frame(name: str, table: pa.Table) -> pl.DataFrame:
    """As Polars holds it; refused where it would not be the same values."""
    for column in table.schema:
        if pa.types.is_decimal256(column.type) or pa.types.is_float16(column.type):
            raise DeliveryError(
                f"{name}: column {column.name!r} is {column.type}, which cannot be kept. Ask the "
                f"publisher for a decimal of at most 38 digits, or for text."
            )
    if len(set(table.schema.names)) < len(table.schema.names):
        names_of(name, table.schema.names, {})
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
