"""Publication: a table takes its predecessor's place, or nothing changes.

A table is a function of its code and its inputs. Their fingerprint stands in the footer of the
file, so a table whose fingerprint is the same is not made again. Otherwise accepted and refused
rows are written in one pass to temporary files, looked at, and renamed: the quarantine first, the
table last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    INGESTED_AT,
    LAYER,
    PROVENANCE,
    SOURCE_FILE,
    TRACE,
)
from jobforge_dagster.medallion.quality import Judged
from jobforge_dagster.medallion.storage import parquet, quarantine
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.root import DataRoot


@dataclass(frozen=True)
class Input:
    """What is known of a table that another one reads: its fingerprint, batches and rows."""

    fingerprint: str
    batches: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Promotion:
    """A table that is ready to be made.

    Attributes:
        key: of the table.
        code_version: of everything that decides its content but its inputs.
        inputs: what it reads, by key.
        build: plans the table; called only if it is made.
    """

    key: str
    code_version: str
    inputs: Mapping[str, Input]
    build: Callable[[], Judged]

    @property
    def fingerprint(self) -> str:
        """Changes if, and only if, the code or an input changes."""
        parts = [self.code_version, *sorted(f"{k}={v.fingerprint}" for k, v in self.inputs.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Published:
    """A table as it stands after a run.

    Attributes:
        facts: what the file says of itself.
        story: what was written into its footer.
        unchanged: whether the run left it as it was.
        sha256: of the file; ``None`` where it was not written, and so not read either.
        fates: number of refused rows by fate.
        quarantine_file: where they lie, relative to the data root.
    """

    facts: parquet.FileFacts
    story: Mapping[str, Any]
    unchanged: bool
    sha256: str | None
    fates: Mapping[str, int]
    quarantine_file: str | None


def publish(root: DataRoot, promotion: Promotion, *, run_id: str, at: datetime) -> Published:
    """Make a table and put it in place, unless the one in place is the same.

    Raises:
        ContractError: the table broke its layer's contract; the previous one stays.
    """
    path = root.table(promotion.key)
    story = parquet.story_of(path)
    layer, _, name = promotion.key.partition("/")
    name = name.rpartition("/")[2]
    if story.get("fingerprint") == promotion.fingerprint:
        written_at = datetime.fromisoformat(story["written_at"])
        refused_path = root.quarantine(layer, name, story["run_id"], written_at)
        return Published(
            facts=parquet.facts_of(path),
            story=story,
            unchanged=True,
            sha256=None,
            fates=_fates(parquet.scan(refused_path)) if refused_path.exists() else {},
            quarantine_file=root.relative(refused_path) if refused_path.exists() else None,
        )
    story = {
        "table": promotion.key,
        "fingerprint": promotion.fingerprint,
        "code_version": promotion.code_version,
        "inputs": {key: each.fingerprint for key, each in promotion.inputs.items()},
        "rows_in": {key: each.rows for key, each in promotion.inputs.items()},
        "batches": sorted({batch for each in promotion.inputs.values() for batch in each.batches}),
        "run_id": run_id,
        "written_at": at.isoformat(),
    }
    judged = promotion.build()
    refused_path = root.quarantine(layer, name, run_id, at)
    with replacing(path) as temporary:
        refused_temporary = temporary.with_suffix(".refused.tmp")
        try:
            _compute(
                promotion.key,
                parquet.sink(_stamped(judged.accepted, layer, at), temporary, story),
                parquet.sink(judged.refused, refused_temporary, {}),
            )
            facts = parquet.facts_of(temporary)
            _check_trace(promotion.key, facts)
            refused = parquet.scan(refused_temporary)
            fates = _fates(refused)
            if fates:
                quarantine.write(
                    root, refused_path, refused, key=promotion.key, run_id=run_id, at=at
                )
        finally:
            refused_temporary.unlink(missing_ok=True)
        sha256 = parquet.sha256_of(temporary)
    return Published(
        facts=facts,
        story=story,
        unchanged=False,
        sha256=sha256,
        fates=fates,
        quarantine_file=root.relative(refused_path) if fates else None,
    )


def _compute(key: str, *sinks: pl.LazyFrame) -> None:
    try:
        parquet.run(*sinks)
    except pl.exceptions.PolarsError as error:
        raise ContractError(
            f"{key}: computing it failed: {error}. The previous table stays."
        ) from error


def input_of(root: DataRoot, key: str) -> Input | None:
    """What a written table says of itself to those that read it; ``None`` if it is not there."""
    path = root.table(key)
    story = parquet.story_of(path)
    if not story:
        return None
    return Input(story["fingerprint"], tuple(story["batches"]), parquet.facts_of(path).rows)


def now() -> datetime:
    """The clock, in UTC."""
    return datetime.now(UTC)


def _stamped(frame: pl.LazyFrame, layer: str, at: datetime) -> pl.LazyFrame:
    data = pl.exclude(*TRACE)
    stamps = {
        INGESTED_AT: pl.lit(at).cast(PROVENANCE[INGESTED_AT]),
        LAYER: pl.lit(layer),
    }
    return frame.select(data, *(stamps.get(name, pl.col(name)).alias(name) for name in PROVENANCE))


def _fates(refused: pl.LazyFrame) -> dict[str, int]:
    counts = refused.group_by("fate").agg(pl.len()).sort("fate").collect()
    return dict(counts.iter_rows())


def _check_trace(key: str, facts: parquet.FileFacts) -> None:
    for name in (SOURCE_FILE, BATCH_ID):
        if facts.nulls.get(name, 0):
            raise ContractError(
                f"{key}: {facts.nulls[name]} of {facts.rows} rows have no {name}. A join or concat "
                f"in its function lost it: use the helpers of medallion.provenance. The previous "
                f"table stays."
            )
