"""Rebuild: the later layers as they stood at a moment, made again from what is staged.

Staged deliveries are never altered, so what stood at a moment follows from those that had arrived.
Run and time of each table are taken from the record of its publication then: with the same code the
same bytes come out, which is checked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.discovery import Declarations, discover, packages_from_environment
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.layers.staged import Staging
from jobforge_dagster.medallion.storage import deliveries, quarantine
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.deliveries import Arrival
from jobforge_dagster.medallion.storage.noticing import follow
from jobforge_dagster.medallion.storage.publications import Publication, standing
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.assets import AsOf
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster.orchestration.launch import run_tables
from jobforge_dagster.orchestration.logs import hushed
from jobforge_dagster.orchestration.replay import reasons
from jobforge_dagster.orchestration.telling import Step

Logs = Mapping[Source, Sequence[Arrival]]
"""The arrivals of each source, oldest first."""

_QUIET = {"python_logs": {"python_log_level": "CRITICAL"}}


@dataclass(frozen=True)
class Rebuilt:
    """The outcome of a rebuild.

    Attributes:
        moment: UTC.
        as_recorded: keys of tables that are what was published then, to the byte.
        anew: keys of tables that no publication of then tells of: the code is another.
        absent: names of the sources that had delivered nothing yet.
        failures: reasons by key.
    """

    moment: datetime
    as_recorded: tuple[str, ...]
    anew: tuple[str, ...]
    absent: tuple[str, ...]
    failures: dict[str, str]


def rebuild(
    root: DataRoot,
    as_of: str,
    into: Path | None,
    *,
    only: str | None = None,
    packages: Sequence[str] | None = None,
    instance: dg.DagsterInstance | None = None,
) -> Rebuilt:
    """Make bronze, silver and gold again as they stood.

    Args:
        root: the data root.
        as_of: a time (ISO 8601; UTC, where it names no zone) or a batch id, or its start.
        into: an empty folder for another data root; ``None`` to do it in place.
        only: key of a table; by default all are made, with it no more than it needs.
        packages: where the domains are.
        instance: where a run in place is recorded.

    Raises:
        JobForgeError: ``as_of`` tells no moment, nothing had arrived, or the folder is not empty.
    """
    packages = packages or packages_from_environment()
    declared = discover(packages)
    needed = _behind(declared, only) if only else None
    logs = {
        each: deliveries.arrivals(root, each)
        for each in declared.sources
        if needed is None or each.key in needed
    }
    moment = _moment(logs, as_of)
    there = [each for each, log in logs.items() if deliveries.in_force(each, log, moment)]
    arrived = [
        arrival.received_at
        for each in there
        for arrival in logs[each]
        if arrival.counts and arrival.received_at <= moment
    ]
    if not there:
        raise JobForgeError(f"Nothing had arrived by {moment:%Y-%m-%d %H:%M:%S} UTC.")
    target = root
    if into is not None:
        target = DataRoot(into)
        _take_along(root, target, {each: logs[each] for each in there}, moment)
        # The history tells of the data root alone.
        instance = dg.DagsterInstance.ephemeral(settings=_QUIET if only else None)
        _tell_of_deliveries(target, declared, there, moment, instance)
    defs = build_definitions(packages, target, AsOf(moment, max(arrived), root))
    keys = follow(declared, [source.key for source in there], lambda _: False)
    keys = [key for key in keys if needed is None or key in needed]
    selection = [dg.AssetKey(key.split("/")) for key in keys]
    result = run_tables(defs, selection, "jobforge rebuild", target, instance)
    failures = reasons(result)
    made = [key for key in keys if key not in failures and target.table(key).exists()]
    then = {key for key in made if _is_of_then(target, key, result.run_id)}
    return Rebuilt(
        moment=moment,
        as_recorded=tuple(key for key in made if key in then),
        anew=tuple(key for key in made if key not in then),
        absent=tuple(each.name for each in logs if each not in there),
        failures=failures,
    )


def remake(root: DataRoot, publication: Publication, into: Path) -> None:
    """Make the table of a publication again, of the deliveries of then, and what it needs.

    Args:
        root: the data root.
        publication: the one that is wanted.
        into: an empty folder for another data root; it may lie in the cache of this one.

    Raises:
        JobForgeError: it cannot be made.
    """
    at, key = publication.written_at.isoformat(), publication.table
    with hushed():
        rebuilt = rebuild(root, at, into, only=key)
    for reason in rebuilt.failures.values():
        raise JobForgeError(reason)
    if key not in (*rebuilt.as_recorded, *rebuilt.anew):
        raise JobForgeError(f"{', '.join(rebuilt.absent)} had not delivered yet.")


def _behind(declared: Declarations, key: str) -> set[str]:
    """The keys of a table and of all that must be made before it.

    Raises:
        JobForgeError: no such table is declared any more.
    """
    if key not in {each.key for each in declared.declared}:
        raise JobForgeError(f"{key} is not declared any more.")
    return {*declared.above(key, judging=True)}


def _is_of_then(root: DataRoot, key: str, run_id: str) -> bool:
    found = standing(root, key)
    return found is not None and found[1].run_id != run_id


def _moment(logs: Logs, as_of: str) -> datetime:
    """The moment that a time or a batch stands for: of a batch, that of its first arrival."""
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(as_of)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    first: dict[str, datetime] = {}
    for log in logs.values():
        for arrival in log:
            if as_of and arrival.batch_id.startswith(as_of):
                first.setdefault(arrival.batch_id, arrival.received_at)
    if len(first) == 1:
        return next(iter(first.values()))
    raise JobForgeError(
        f"{as_of!r} is no time (such as 2026-03-01T12:00) and "
        + ("stands for several batches." if first else "no batch. See: jobforge sources")
    )


def _take_along(root: DataRoot, target: DataRoot, logs: Logs, until: datetime) -> None:
    """Lay the deliveries of then into another root: the same files, where that is possible."""
    place, ours = target.path.resolve(), root.path.resolve()
    if place.is_relative_to(ours) and not place.is_relative_to(root.cache.resolve()):
        raise JobForgeError(f"{target.path} lies within the data root. Name a folder elsewhere.")
    if target.path.exists() and (not target.path.is_dir() or any(target.path.iterdir())):
        raise JobForgeError(f"{target.path} is not an empty folder. Name one, or a new one.")
    for source, log in logs.items():
        for arrival in log:
            if arrival.received_at > until:
                continue
            manifest = deliveries.find(root, arrival.batch_id)
            if manifest is None:
                continue
            staged = target.path / manifest.staged_file
            if not staged.exists():
                _link(root.path / manifest.staged_file, staged)
                quarantine.take_along(root, target, source.staged_key, manifest)
                deliveries.commit(target, manifest)
            deliveries.note(target, source, arrival)
    if root.waivers.exists():
        shutil.copyfile(root.waivers, target.waivers)  # people write into theirs


def _tell_of_deliveries(
    target: DataRoot,
    declared: Declarations,
    sources: Sequence[Source],
    until: datetime,
    instance: dg.DagsterInstance,
) -> None:
    """Tell the catalog of another root of the deliveries that were laid there."""
    known = Known(declared, target)
    for source in sources:
        staging = Staging(
            tuple(deliveries.standing(target, source, until)),
            arrived=tuple(deliveries.arrivals(target, source)),
        )
        step = Step(target, source.staged_key, "", instance)
        step.tell_if_the_log_does_not(step.staged(known, source, staging))


def _link(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with replacing(to) as temporary:
        try:
            os.link(file, temporary)
        except OSError:  # another disk
            shutil.copyfile(file, temporary)
