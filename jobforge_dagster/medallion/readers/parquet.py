"""Reads Parquet: every value with its type, nested ones too.

Read with checksums of pages verified where the writer made any, and by a library that reports what
is corrupt rather than ending the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    with _damage(name):
        with _opened(path) as file:
            schema, total = file.schema_arrow, file.metadata.num_rows
            writer = file.metadata.created_by
        header = tuple(schema.names)
    names = names_of(name, header, renames)
    with _damage(name):
        for column in schema:
            _refuse_inexact(name, column.name, column.type)
        types = dict(zip(names, _frame(schema.empty_table(), names).dtypes, strict=True))

    def batches() -> Iterator[pl.DataFrame]:
        first = 1
        with _damage(name), _opened(path) as opened:
            for batch in opened.iter_batches(_BATCH):
                frame = _frame(pa.Table.from_batches([batch]), names)
                numbers = pl.Series(SOURCE_ROW, range(first, first + len(frame)), pl.UInt32)
                yield frame.with_columns(numbers)
                first += len(frame)
        if first - 1 != total:
            raise damaged(name, f"it tells of {total} rows, but {first - 1} came")

    facts = {
        "types": {column.name: str(column.type) for column in schema},
        "written_by": writer,
        "reader": "exact",
    }
    records = in_batches({**types, SOURCE_ROW: PROVENANCE[SOURCE_ROW]}, batches)
    return Reading(header, names, records, facts, total=total)


def damaged(name: str, why: object) -> DeliveryError:
    """The error of a file that is no Parquet, or no more."""
    reason = " ".join(str(why).split())[:300]
    return DeliveryError(
        f"{name} is not a Parquet file, or it is damaged: {reason}. Ask for it again."
    )


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """Turn whatever the libraries make of damaged bytes, panics too, into words for people."""
    try:
        yield
    except (DeliveryError, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's
        raise damaged(name, error) from error


def _opened(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, page_checksum_verification=True)


def _refuse_inexact(name: str, column: str, dtype: pa.DataType) -> None:
    """Refuse a type, nested ones too, whose values Polars would change."""
    if pa.types.is_decimal256(dtype) or pa.types.is_float16(dtype):
        raise DeliveryError(
            f"{name}: column {column!r} is {dtype}, which cannot be kept. Ask the publisher for a "
            f"decimal of at most 38 digits, or for text."
        )
    for place in range(dtype.num_fields):
        _refuse_inexact(name, column, dtype.field(place).type)


def _target(dtype: pa.DataType) -> pa.DataType:
    """The type of the same values that Polars knows."""
    if isinstance(dtype, pa.BaseExtensionType):
        return dtype.storage_type
    if pa.types.is_duration(dtype) and dtype.unit == "s":
        return pa.duration("ms")
    if pa.types.is_timestamp(dtype) and dtype.tz and dtype.tz[0] in "+-":
        return pa.timestamp(dtype.unit, "UTC")
    return dtype


def _frame(table: pa.Table, names: Sequence[str]) -> pl.DataFrame:
    table.validate(full=True)  # Polars would take bytes that are no UTF-8 for text
    target = pa.schema([column.with_type(_target(column.type)) for column in table.schema])
    frame = pl.from_arrow(table if target == table.schema else table.cast(target))
    assert isinstance(frame, pl.DataFrame)
    frame.columns = list(names)
    return frame
