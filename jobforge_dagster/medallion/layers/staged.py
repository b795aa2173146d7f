"""Staged: the delivered file as Parquet, every value as it was written, plus provenance.

May add the provenance columns and convert to Parquet. Must not change, drop, reorder or retype a
source value or column. A record that no row can represent goes to quarantine with its text; a blank
line is counted in the manifest. Enforced here: the file's header and its number of records must
come out again before the delivery is committed.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.errors import ContractError, DeliveryError
from jobforge_dagster.medallion.formats import name_of
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.layers.opening import Opened, opener
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    INGESTED_AT,
    LAYER,
    PROVENANCE,
    SOURCE_FILE,
    SOURCE_ROW,
)
from jobforge_dagster.medallion.readers import Reading
from jobforge_dagster.medallion.storage import deliveries, parquet, quarantine
from jobforge_dagster.medallion.storage.atomic import alone, append_line, replacing, sweep
from jobforge_dagster.medallion.storage.deliveries import Arrival, Manifest
from jobforge_dagster.medallion.storage.fetched import last_fetch
from jobforge_dagster.medallion.storage.landing import Landed, Seen, landed, stamp_of
from jobforge_dagster.medallion.storage.root import DataRoot

Progress = Callable[[str, int, int], None]
"""Told of a file, the records read so far, and all of them (0 if that is not known)."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_progress: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def looking_on(progress: Progress | None) -> Iterator[None]:
    """Have ``progress`` told of what is staged meanwhile."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


@dataclass(frozen=True)
class Staging:
    """The deliveries of a source that are in force, and which were staged just now.

    Attributes:
        standing: oldest first.
        new: those of them that were not staged before.
        before: the newest that was in force until now.
        left: whether nothing of the source lies in the landing folder any more.
        arrived: everything that ever arrived, oldest first.
    """

    standing: tuple[Manifest, ...]
    new: tuple[Manifest, ...] = ()
    before: Manifest | None = None
    left: bool = False
    arrived: tuple[Arrival, ...] = ()

    @property
    def manifest(self) -> Manifest:
        """The newest delivery."""
        return self.standing[-1]

    @property
    def added(self) -> list[str]:
        """Headers that the delivery before had not."""
        before = self.before.header if self.before else self.manifest.header
        return [header for header in self.manifest.header if header not in before]

    @property
    def removed(self) -> list[str]:
        """Headers that only the delivery before had."""
        before = self.before.header if self.before else ()
        return [header for header in before if header not in self.manifest.header]


@dataclass(frozen=True)
class Ticket:
    """Who stages, and when."""

    run_id: str
    at: datetime


def stage(root: DataRoot, source: Source, *, run_id: str, at: datetime) -> Staging | None:
    """Stage what the landing folder holds of a source, but for contents that were staged before.

    Args:
        root: the data root.
        source: the source.
        run_id: the run, for quarantine.
        at: when the files are received, UTC.

    Returns:
        The deliveries in force; ``None`` if the source never delivered anything.

    Raises:
        DeliveryError: a file cannot be staged (the others are), or which one stands cannot be told.
    """
    with alone(root.lock(source.name)):
        for left in (".unpacking-*", "*/.*.tmp"):
            sweep(root.staged / source.name, left)  # nobody else stages this source now
        return _staged(root, source, Ticket(run_id, at))


def _staged(root: DataRoot, source: Source, ticket: Ticket) -> Staging | None:
    log = deliveries.arrivals(root, source)
    before = list(deliveries.in_force(source, log).values())[-1:]
    files = landed(root, source)
    seen = Seen(root, source)
    found: dict[Landed, str] = {}
    failures: list[str] = []
    new: list[Manifest] = []
    with opener(root, source, [each for each in files if not seen.known(each)]) as opened:
        for each in files:
            with _noting(failures):
                found[each] = seen.sha256(each)
        for each, arrival in deliveries.news(source, log, found, files, ticket.at):
            with _noting(failures):
                manifest = deliveries.find(root, arrival.batch_id)
                if manifest is None:
                    manifest = _stage(root, source, each, arrival, opened, ticket)
                    new.append(manifest)
                deliveries.note(root, source, arrival)
                log.append(arrival)
    if found:
        seen.keep(files)
    standing = deliveries.standing(root, source)
    failures.extend(
        f"{source.staged_key}: the manifest of batch {manifest.batch_id} names "
        f"{manifest.staged_file}, which is gone. Restore that file; staged files are never deleted "
        f"by a run."
        for manifest in standing
        if not (root.path / manifest.staged_file).exists()
    )
    if failures:
        raise DeliveryError("\n".join(failures))
    quarantine.settle_deliveries(
        root, source.staged_key, standing, run_id=ticket.run_id, at=ticket.at
    )
    if not standing:
        return None
    last = deliveries.find(root, before[0]) if before else None
    return Staging(tuple(standing), tuple(new), last, left=not files, arrived=tuple(log))


@contextmanager
def _noting(failures: list[str]) -> Iterator[None]:
    try:
        yield
    except DeliveryError as error:
        failures.append(str(error))


def expected(source: Source) -> str:
    """Where the files of a source are expected, below the data root."""
    return f"source/{source.files}"


def _stage(
    root: DataRoot,
    source: Source,
    landed: Landed,
    arrival: Arrival,
    opened: Callable[[Landed], Opened],
    ticket: Ticket,
) -> Manifest:
    try:
        with opened(landed) as reading:
            return _written(root, source, landed, arrival, reading, ticket)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DeliveryError(f"{landed.file} went away while it was read.") from error
    except MemoryError as error:
        raise DeliveryError(
            f"{landed.file}: a record of it does not fit into memory. Is it what its source says?"
        ) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        # Polars tells of the system's errors in words alone.
        if not any(f"{os.strerror(each)} (os error" in str(error) for each in _NO_ROOM) and (
            getattr(error, "errno", None) not in _NO_ROOM
        ):
            raise
        raise DeliveryError(
            f"{landed.file}: there is no room to stage it ({error}). Nothing of it was kept; free "
            f"some space and run again."
        ) from error


def _written(
    root: DataRoot,
    source: Source,
    landed: Landed,
    arrival: Arrival,
    reading: Reading,
    ticket: Ticket,
) -> Manifest:
    at, run_id, batch_id = ticket.at, ticket.run_id, arrival.batch_id
    staged = deliveries.staged_path(root, source, landed.file, batch_id, run_id, at)
    frame = _watched(reading, landed.file).select(
        exactly(*reading.names),
        parquet.constant(landed.file).alias(SOURCE_FILE),
        pl.lit(at).cast(PROVENANCE[INGESTED_AT]).alias(INGESTED_AT),
        parquet.constant(batch_id).alias(BATCH_ID),
        parquet.constant("staged").alias(LAYER),
        pl.col(SOURCE_ROW).cast(PROVENANCE[SOURCE_ROW]),
    )
    constants = (SOURCE_FILE, BATCH_ID, LAYER)
    with replacing(staged) as temporary:
        parquet.run(parquet.sink(frame, temporary, {"batch_id": batch_id}, constants))
        facts = parquet.facts_of(temporary)
        staged_sha256 = sha256_of(temporary)
        if stamp_of(landed.path) != landed.stamp:
            raise DeliveryError(f"{landed.file} was replaced while it was read. Run again.")
        _account(source, landed.file, reading, facts)
    refused = None
    if reading.malformed:
        refused = root.quarantine("staged", source.name, batch_id, at)
        quarantine.write_malformed(
            refused,
            reading.malformed,
            key=source.staged_key,
            file=landed.file,
            batch_id=batch_id,
            run_id=run_id,
            at=at,
        )
        append_line(root.run_log(run_id, at), json.dumps(_summary(source, reading, run_id, at)))
    fetched = last_fetch(root, source)
    if fetched and fetched.sha256 != arrival.sha256:
        fetched = None
    manifest = Manifest(
        batch_id=batch_id,
        source=source.name,
        file=landed.file,
        staged_file=root.relative(staged),
        sha256=arrival.sha256,
        size=landed.stamp[1] if landed.stamp else 0,
        format=name_of(source.read_as),
        encoding=reading.facts.pop("encoding", None),
        facts=reading.facts,
        header=reading.header,
        records=reading.total,
        rows=facts.rows,
        malformed=len(reading.malformed),
        blank=_ranges(reading.blank),
        received_at=at,
        publisher=source.origin.publisher,
        system=source.origin.system,
        licence=source.origin.licence.code,
        dataset=source.origin.dataset,
        published=source.origin.published,
        url=fetched.url if fetched else None,
        accessed=fetched.accessed if fetched else None,
        modified=fetched.modified if fetched else None,
        quarantine_file=root.relative(refused) if refused else None,
        staged_sha256=staged_sha256,
        run_id=run_id,
    )
    committed = deliveries.commit(root, manifest)
    if committed.staged_file != manifest.staged_file:
        staged.unlink()  # another process staged the same content meanwhile
    return committed


def _ranges(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Numbers in rising order, as the first and last of each run: a sheet may skip a million."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return tuple(runs)


def _watched(reading: Reading, file: str) -> pl.LazyFrame:
    """The records of a file, told of as they pass if anyone looks on."""
    progress = _progress.get()
    if progress is None:
        return reading.records
    total, done = reading.total, 0

    def told(batch: pl.DataFrame) -> pl.DataFrame:
        nonlocal done
        done += batch.height
        progress(file, done, total)
        return batch

    return reading.records.map_batches(told, streamable=True)


def _summary(source: Source, reading: Reading, run_id: str, at: datetime) -> dict[str, Any]:
    """What the run's error log says of a delivery with malformed records."""
    malformed = len(reading.malformed)
    return {
        "table": source.staged_key,
        "run_id": run_id,
        "at": at.isoformat(),
        "outcome": "published",
        "expected": reading.total,
        "accepted": reading.total - malformed,
        "rejected": malformed,
        "deduplicated": 0,
        "broken": {"rejected": {f"{source.staged_key}:{quarantine.MALFORMED}": malformed}},
    }


def _account(source: Source, file: str, reading: Reading, facts: parquet.FileFacts) -> None:
    """Every record and every column of the file must be accounted for."""
    if not facts.rows and not reading.malformed:
        raise DeliveryError(
            f"{file} has a header but no records." if reading.header else f"{file} has no records."
        )
    what = name_of(source.read_as)
    if not facts.rows:
        first = reading.malformed[0]
        told, hint = f"as {what}", "what is declared of it"
        if what == "csv":
            told = f"as CSV with {len(reading.header)} cells between '{reading.facts['delimiter']}'"
            hint = "the delimiter"
        raise DeliveryError(
            f"{file}: not one of {reading.total} records reads {told}; record {first.row} "
            f"{first.reason}. Is it {what}, and is {hint} right?"
        )
    damaged = len(reading.malformed)
    if damaged > source.max_rejected * reading.total:
        first = reading.malformed[0]
        raise DeliveryError(
            f"{source.staged_key}: {damaged} of {reading.total} records of {file} "
            f"({damaged / reading.total:.1%}) are malformed and {source.max_rejected:.1%} may be, "
            f"so it is not staged; what stood before stays. The first: record {first.row} "
            f"{first.reason}. Mend the file, or allow more by max_rejected=."
        )
    told_of = facts.rows + len(reading.malformed) + len(reading.blank)
    columns = list(reading.names)
    if told_of != reading.total or list(facts.columns)[: len(columns)] != columns:
        raise ContractError(
            f"{source.staged_key}: {file} has {reading.total} records in {len(columns)} columns, "
            f"but {told_of} in {len(facts.columns) - len(PROVENANCE)} came out. Nothing was staged."
        )
