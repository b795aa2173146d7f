"""Refusing: the rows that a table or a reader refused become records, with their originals."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import polars as pl

from jobforge_dagster.medallion.provenance import BATCH_ID, CORRECTIONS, SOURCE_FILE, SOURCE_ROW
from jobforge_dagster.medallion.quality.record import RECORD
from jobforge_dagster.medallion.quality.rules import version_of
from jobforge_dagster.medallion.readers import Malformed
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.quarantine.originals import first_batch, originals
from jobforge_dagster.medallion.storage.quarantine.records import (
    event,
    put,
    record_id,
    record_ids,
)
from jobforge_dagster.medallion.storage.root import DataRoot

AT_ONCE = 250_000
"""Refused rows whose originals are held at a time."""

_READ = "__read"

MALFORMED = "record_shape"
"""Name of the rule that a record of a file has the shape of its header."""


def write(
    root: DataRoot,
    path: Path,
    refused: pl.LazyFrame,
    *,
    key: str,
    run_id: str,
    at: datetime,
    before: Path | None,
) -> None:
    """Write the refused rows of a table, each with the source record that it stands for.

    Args:
        root: the data root; originals that rows do not hold are read from its staged deliveries.
        path: the file to write.
        refused: columns of :data:`judge.REFUSED`.
        key: key of the table that refused them.
        run_id: the run.
        at: the time of the run's transition.
        before: what the table refused until now; records that stay keep their history.
    """

    def records(among: pl.Expr) -> pl.DataFrame:
        some = _in_order(refused.filter(among).collect(engine="streaming"))
        read = originals(root, some.filter(pl.col("original").is_null()))
        new = _records(some, read.rename({"original": _READ}), key, run_id, at)
        return new if before is None else _continued(new, parquet.scan(before))

    # Range by range of the source's records, so that not all originals are held at a time.
    first, *others = _ranges(refused)
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [path.with_name(f".{path.name}.{uuid4().hex}.tmp") for _ in others]
    try:
        for among, part in zip(others, parts, strict=True):
            records(among).write_parquet(part, compression="lz4")
        put(path, pl.concat([records(first).lazy(), *map(parquet.scan, parts)]), key, run_id)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _ranges(refused: pl.LazyFrame) -> list[pl.Expr]:
    """Conditions on the number of a record that part refused rows into some :data:`AT_ONCE`."""
    number = pl.col(SOURCE_ROW).fill_null(0)
    numbers = refused.select(number).collect(engine="streaming").to_series().sort()
    starts = numbers.gather_every(AT_ONCE).unique(maintain_order=True).to_list()[1:]
    bounds = [0, *(start for start in starts if start), None]
    return [
        number >= low if high is None else number.is_between(low, high, closed="left")
        for low, high in itertools.pairwise(bounds)
    ]


def _in_order(refused: pl.DataFrame) -> pl.DataFrame:
    """Refused rows by the records that they stand for, and those of one record by what they say."""
    record = [BATCH_ID, SOURCE_ROW]
    rows = refused.sort(record, nulls_last=True)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in record)
    several = rows.select(same.slice(1).any()).item()
    return rows.sort(*record, "identity", "row", nulls_last=True) if several else rows


def _records(
    refused: pl.DataFrame, delivered: pl.DataFrame, key: str, run_id: str, at: datetime
) -> pl.DataFrame:
    return refused.join(
        delivered,
        left_on=[first_batch(), SOURCE_ROW],
        right_on=[BATCH_ID, SOURCE_ROW],
        how="left",
        maintain_order="left",
    ).select(
        record_ids(pl.col("identity")).alias("record_id"),
        pl.lit(key).alias("table"),
        pl.lit(key.split("/", 1)[0]).alias("layer"),
        "fate",
        pl.lit("open").alias("state"),
        "broken",
        "survivor",
        pl.coalesce("original", _READ),
        pl.col(CORRECTIONS).alias("corrections"),
        "row",
        pl.col(SOURCE_FILE).alias("source_file"),
        pl.col(SOURCE_ROW).alias("source_row"),
        pl.col(BATCH_ID).alias("batch_id"),
        pl.lit(run_id).alias("run_id"),
        pl.lit(at).dt.cast_time_unit("us").alias("quarantined_at"),
        pl.lit(run_id).alias("judged_by"),
        event("open", at, run_id, _reasons()).alias("history"),
    )


def _continued(records: pl.DataFrame, before: pl.LazyFrame) -> pl.DataFrame:
    """Records that stood already keep when and by whom they were refused, and their history."""
    known = (
        before.filter(pl.col("record_id").is_in(records["record_id"].implode()))
        .select(
            "record_id",
            __run="run_id",
            __at="quarantined_at",
            __history="history",
            __rules=_rules(),
        )
        .collect(engine="streaming")
        .rechunk()  # what is nested takes ten times as long to gather from several chunks
    )
    place = "__row"
    changed = pl.col("__run").is_not_null() & pl.col("__rules").ne_missing(_rules())
    rows = (
        records.join(known, on="record_id", how="left", maintain_order="left")
        .with_row_index(place)
        .with_columns(
            run_id=pl.coalesce("__run", "run_id"),
            quarantined_at=pl.coalesce("__at", "quarantined_at"),
            __former=pl.coalesce("__history", "history"),
            __changed=changed,
        )
    )
    # Apart: to put two lists together costs much, and most rows break what they broke before.
    stays = rows.filter(~pl.col("__changed")).with_columns(history="__former")
    grows = rows.filter("__changed").with_columns(history=pl.concat_list("__former", "history"))
    parts = [each.select(place, *RECORD) for each in (stays, grows)]
    del rows, stays, grows
    return pl.concat(parts).sort(place).drop(place)


def _rules() -> pl.Expr:
    told = pl.element().struct.field("rule") + "@" + pl.element().struct.field("version")
    return pl.col("broken").list.eval(told).list.join(", ")


def _reasons() -> pl.Expr:
    return pl.lit("breaks ") + _rules()


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
    rule = f"{key}:{MALFORMED}"
    opened = {"state": "open", "at": at, "run_id": run_id, "why": f"breaks {rule}"}
    rows = [
        {
            "record_id": record_id(f"{key}\x1f{batch_id}\x1f{record.row}"),
            "table": key,
            "layer": "staged",
            "fate": "rejected",
            "state": "open",
            "broken": [
                {
                    "rule": rule,
                    "version": version_of(MALFORMED),
                    "error_type": "malformed_record",
                    "message": f"record {record.row} of {file} {record.reason}",
                }
            ],
            "survivor": None,
            "original": json.dumps({"raw": record.text}, ensure_ascii=False),
            "corrections": None,
            "row": None,
            "source_file": file,
            "source_row": record.row,
            "batch_id": batch_id,
            "run_id": run_id,
            "quarantined_at": at,
            "judged_by": run_id,
            "history": [opened],
        }
        for record in malformed
    ]
    put(path, pl.LazyFrame(rows, schema=RECORD), key, run_id)
