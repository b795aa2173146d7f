"""Records of refused rows: what tells them, their history, and the files that hold them."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.quality.record import RECORD
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.atomic import replacing


def record_ids(identity: pl.Expr) -> pl.Expr:
    """The id of a record, from what tells its row in every run."""
    return identity.map_batches(_hashed, return_dtype=pl.String, is_elementwise=True)


def record_id(identity: str) -> str:
    """The id of one record."""
    return _digest(identity.encode()).hex()


def _hashed(identities: pl.Series) -> pl.Series:
    told = identities.cast(pl.Binary).to_list()
    return pl.Series([_digest(each) for each in told], dtype=pl.Binary).bin.encode("hex")


def _digest(identity: bytes) -> bytes:
    return sha256(identity).digest()[:8]


def event(state: str | pl.Expr, at: datetime, run_id: str, why: pl.Expr) -> pl.Expr:
    """A change of a record's state, as the one entry of a history."""
    told = pl.struct(
        (pl.lit(state) if isinstance(state, str) else state).alias("state"),
        pl.lit(at).dt.cast_time_unit("us").alias("at"),
        pl.lit(run_id).alias("run_id"),
        why.alias("why"),
    )
    return pl.concat_list(told).cast(RECORD["history"])


def put(path: Path, records: pl.LazyFrame, key: str, run_id: str) -> None:
    """Write a file of records at once.

    Args:
        path: the file.
        records: as :data:`record.RECORD`.
        key: of the table that refused them.
        run_id: of the run that writes them.
    """
    with replacing(path) as temporary:
        parquet.run(parquet.sink(records, temporary, {"table": key, "run_id": run_id}))
