"""Originals: the source records behind refused rows, as they were delivered."""

from __future__ import annotations

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import BATCH_ID, PROVENANCE, SEPARATOR, SOURCE_ROW
from jobforge_dagster.medallion.storage import deliveries, parquet
from jobforge_dagster.medallion.storage.root import DataRoot

_FEW = 1_000
"""Record numbers up to which Polars is given a list, by which it passes over the row groups that
hold none of them. By a series it does not, but that is where many numbers are looked up faster."""


def first_batch() -> pl.Expr:
    """The delivery of the record that a row stands for."""
    return pl.col(BATCH_ID).str.split(SEPARATOR).list.first()


def originals(root: DataRoot, refused: pl.DataFrame) -> pl.DataFrame:
    """The source records behind refused rows: batch id, record number and the record as JSON.

    Args:
        root: the data root; the records are read from its staged deliveries.
        refused: the rows; of a row without a batch or number there is no record.
    """
    records = refused.select(first_batch().alias(BATCH_ID), SOURCE_ROW).drop_nulls()
    found = [records.clear().with_columns(original=pl.lit(None, pl.String))]
    for (batch,), some in records.group_by(BATCH_ID, maintain_order=True):
        manifest = deliveries.find(root, str(batch))
        if manifest is not None:
            staged = parquet.scan(root.path / manifest.staged_file)
            found += parquet.run(_told(staged, some[SOURCE_ROW].unique()))
    return pl.concat(found)


def _told(staged: pl.LazyFrame, numbers: pl.Series) -> pl.LazyFrame:
    """Some records of a staged delivery, told by their numbers."""
    values = [
        _encodable(name, dtype)
        for name, dtype in staged.collect_schema().items()
        if name not in PROVENANCE
    ]
    number = pl.col(SOURCE_ROW)
    wanted = number.is_in(numbers.to_list() if len(numbers) <= _FEW else numbers.implode())
    return staged.filter(number.is_between(numbers.min(), numbers.max()) & wanted).select(
        BATCH_ID, SOURCE_ROW, pl.struct(values).struct.json_encode().alias("original")
    )


def _encodable(name: str, dtype: pl.DataType) -> pl.Expr:
    """A staged value as JSON can hold it; bytes as hexadecimal digits."""
    return exactly(name).bin.encode("hex") if dtype == pl.Binary else exactly(name)
