"""The workload as a Polars script that makes one layer after the other, each from a file.

    python layered.py SOURCE DIMENSION OUT

What the floor does in one pass is done here as layers ask for it: the source is hashed and staged,
bronze is made of the staged file, silver of bronze, the fact of silver. No platform, no rules in
words, no lineage. Beside the floor this tells what layers that can each be made again cost by
themselves. `governed.py` does the same and writes what an auditor asks for; `careful.py` also reads
the source with care.
"""

from __future__ import annotations

import hashlib
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from polars_floor import (
    DIMENSION,
    KEY,
    MEANS,
    NAMES,
    SUMS,
    broken,
    hash_of_key,
    obeys_code,
    obeys_range,
    repeated,
    typed,
    unread,
)

STAMPS = ("_source_file", "_ingested_at", "_batch_id", "_layer")
ROW = "_source_row"
"""The row of the source that a row comes from; only where governed."""
ORIGINAL = pl.struct(*NAMES).struct.json_encode().alias("original")
"""A row as it was delivered."""


@dataclass(frozen=True)
class Care:
    """What is done with care.

    Attributes:
        receive: takes the source in: hashes it, and fails where it is not sound.
        read: gives the columns of bronze beside those of staged, and ``rule``, which a row breaks.
        sources: of some rows, the files and batches behind each group.
    """

    receive: Callable[[Path], None]
    read: Callable[[pl.LazyFrame], pl.LazyFrame]
    sources: Callable[[pl.LazyFrame, tuple[str, ...]], pl.LazyFrame] | None = None


def _receive(source: Path) -> None:
    with source.open("rb") as file:
        hashlib.file_digest(file, "sha256")


def _read(staged: pl.LazyFrame) -> pl.LazyFrame:
    return staged.with_columns(typed()).with_columns(broken(unread()).alias("rule"))


NO_CARE = Care(_receive, _read)


def main(
    source: Path, dimension: Path, out: Path, *, governed: bool = False, care: Care = NO_CARE
) -> None:
    """Write all tables of the workload into a folder.

    Args:
        source: CSV file of facts.
        dimension: CSV file of occupations.
        out: an empty folder.
        governed: whether rows know their row in the source, what is refused or repeated is kept as
            it was delivered with the reason, and files are written safely and hashed.
        care: what is done with care.
    """
    care.receive(source)
    batch = str(uuid.uuid4())

    def sink(frame: pl.LazyFrame, table: str, file: Path | None = source) -> pl.LazyFrame:
        stamps = {
            "_source_file": pl.lit(file.name if file else None),
            "_ingested_at": pl.lit(datetime.now(UTC)),
            "_batch_id": pl.lit(batch),
            "_layer": pl.lit(table if table in {"staged", "bronze", "silver"} else "gold"),
        }
        return frame.with_columns(**(stamps if file else {})).sink_parquet(
            out / f"{table}.parquet", compression="zstd", compression_level=1, lazy=True
        )

    def write(*sinks: pl.LazyFrame) -> None:
        before = set(out.iterdir())
        pl.collect_all(sinks, engine="streaming")
        if governed:
            for file in set(out.iterdir()) - before:
                _settle(file)

    rows = {"row_index_name": ROW, "row_index_offset": 2} if governed else {}
    known = list(rows and [ROW])
    write(sink(pl.scan_csv(source, infer_schema=False, **rows), "staged"))
    judged = care.read(pl.scan_parquet(out / "staged.parquet"))
    read = judged.filter(pl.col("rule").ne_missing("number")).select(*NAMES.values(), *known)
    rejected = judged.filter(pl.col("rule").is_not_null()).select(*NAMES, "rule", *known)
    if governed:
        words = pl.format("row {} breaks the rule {}", ROW, "rule").alias("message")
        rejected = rejected.with_columns(ORIGINAL, words)
    write(sink(read, "bronze"), sink(rejected, "quarantine", None))

    bronze = pl.scan_parquet(out / "bronze.parquet")
    numbered = bronze.drop(STAMPS)
    numbered = numbered.with_row_index("row")
    good = numbered.filter(obeys_code(), obeys_range())
    again = repeated(good.select(hash_of_key()).collect(engine="streaming").to_series())
    suspects = (
        good.select("row", *KEY, *known, hash_of_key())
        .filter(pl.col("hash").is_in(again.implode()))
        .collect(engine="streaming")
        .sort("row")
    )
    second = suspects.filter(~pl.struct(KEY).is_first_distinct())
    repeats = second["row"]
    write(sink(good.filter(~pl.col("row").is_in(repeats.implode())).drop("row"), "silver"))
    if governed:
        first = suspects.filter(pl.struct(KEY).is_first_distinct())
        kept = first.select(*KEY, survivor=ROW).lazy()
        aside = second.lazy().join(kept, on=KEY).select(ROW, "survivor")
        staged = pl.scan_parquet(out / "staged.parquet").filter(
            pl.col(ROW).is_in(second[ROW].to_list())
        )
        write(sink(staged.join(aside, on=ROW).select(ROW, "survivor", ORIGINAL), "repeated"))

    occupations = (
        pl.scan_csv(dimension, infer_schema=False)
        .rename(DIMENSION)
        .with_columns(pl.col("teer", "broad_category").cast(pl.Int8))
    )
    write(sink(occupations, "dim", dimension))
    silver, year = pl.scan_parquet(out / "silver.parquet"), ("noc_code", "year")
    years = silver.group_by(year).agg(
        pl.len().cast(pl.Int64).alias("n"), pl.col(SUMS).sum(), pl.col(MEANS).mean()
    )
    if care.sources:
        years = years.join(care.sources(silver, year), on=year)
    teers = pl.scan_parquet(out / "dim.parquet").select("noc_code", "teer")
    write(sink(years.join(teers, on="noc_code"), "fact"))


def _settle(file: Path) -> None:
    """Let what is written survive a power cut, and know it by its hash."""
    with file.open("rb") as written:
        os.fsync(written.fileno())
        hashlib.file_digest(written, "sha256")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
