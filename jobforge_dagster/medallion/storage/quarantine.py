"""Quarantine: the rows that a table refused, with their original values and the reasons.

One Parquet file a table and run. A record holds the source record as it was delivered, the row as
it stood when it was refused, and every rule that it broke.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    PROVENANCE,
    SEPARATOR,
    SOURCE_FILE,
    SOURCE_ROW,
)
from jobforge_dagster.medallion.quality import BROKEN
from jobforge_dagster.medallion.readers import Malformed
from jobforge_dagster.medallion.storage import deliveries, parquet
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.root import DataRoot

RECORD: dict[str, pl.DataType] = {
    "table": pl.String(),
    "layer": pl.String(),
    "fate": pl.String(),
    "broken": BROKEN,
    "original": pl.String(),
    "row": pl.String(),
    "source_file": pl.String(),
    "source_row": pl.UInt32(),
    "batch_id": pl.String(),
    "run_id": pl.String(),
    "quarantined_at": pl.Datetime("us", "UTC"),
}
"""Columns of a quarantine file. ``original`` is the source record as JSON, header to text (for a
record that no row can represent: its raw text under ``raw``); ``row`` the refused row as JSON."""


def write(
    root: DataRoot, path: Path, refused: pl.LazyFrame, *, key: str, run_id: str, at: datetime
) -> None:
    """Write the refused rows of a table, each with the source record that it stands for.

    Args:
        root: the data root; the originals are read from its staged deliveries.
        path: the file to write.
        refused: columns ``fate``, ``broken``, ``row`` and the trace.
        key: key of the table that refused them.
        run_id: the run.
        at: the time of the run's transition.
    """
    found = refused.with_columns(
        pl.col(BATCH_ID).str.split(SEPARATOR).list.first().alias("_first_batch")
    )
    records = found.join(
        _originals(root, found),
        left_on=["_first_batch", SOURCE_ROW],
        right_on=[BATCH_ID, SOURCE_ROW],
        how="left",
        maintain_order="left",
    ).select(
        pl.lit(key).alias("table"),
        pl.lit(key.split("/", 1)[0]).alias("layer"),
        "fate",
        "broken",
        "original",
        "row",
        pl.col(SOURCE_FILE).alias("source_file"),
        pl.col(SOURCE_ROW).alias("source_row"),
        pl.col(BATCH_ID).alias("batch_id"),
        pl.lit(run_id).alias("run_id"),
        pl.lit(at).dt.cast_time_unit("us").alias("quarantined_at"),
    )
    with replacing(path) as temporary:
        parquet.run(parquet.sink(records, temporary, {"table": key, "run_id": run_id}))


def write_malformed(
    path: Path,
    malformed: Iterable[Malformed],
    *,
    key: str,
    file: str,
    batch_id: str,
    run_id: str,
    at: datetime,
) -> None:
    """Write the records of a file that no staged row can represent, with their raw text."""
    rows = [
        {
            "table": key,
            "layer": "staged",
            "fate": "rejected",
            "broken": [
                {
                    "rule": f"{key}:record_shape",
                    "error_type": "malformed_record",
                    "message": f"record {record.row} of {file} {record.reason}",
                }
            ],
            "original": json.dumps({"raw": record.text}, ensure_ascii=False),
            "row": None,
            "source_file": file,
            "source_row": record.row,
            "batch_id": batch_id,
            "run_id": run_id,
            "quarantined_at": at,
        }
        for record in malformed
    ]
    with replacing(path) as temporary:
        frame = pl.LazyFrame(rows, schema=RECORD)
        parquet.run(parquet.sink(frame, temporary, {"table": key, "run_id": run_id}))


def _originals(root: DataRoot, found: pl.LazyFrame) -> pl.LazyFrame:
    """The source records behind refused rows: batch id, record number and the record as JSON."""
    records = found.select(pl.col("_first_batch").alias(BATCH_ID), SOURCE_ROW).drop_nulls()
    batches = records.select(pl.col(BATCH_ID).unique().sort()).collect()[BATCH_ID].to_list()
    originals = [
        pl.LazyFrame(
            schema={BATCH_ID: pl.String, SOURCE_ROW: PROVENANCE[SOURCE_ROW], "original": pl.String}
        )
    ]
    for batch in batches:
        manifest = deliveries.find(root, batch)
        if manifest is None:
            continue
        staged = parquet.scan(root.path / manifest.staged_file)
        values = [name for name in staged.collect_schema() if name not in PROVENANCE]
        originals.append(
            staged.join(records, on=[BATCH_ID, SOURCE_ROW], how="semi").select(
                BATCH_ID,
                SOURCE_ROW,
                pl.struct(exactly(*values)).struct.json_encode().alias("original"),
            )
        )
    return pl.concat(originals)
