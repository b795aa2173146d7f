"""The sensor: what is due is asked for, a bounded number of times, and told after that.

It asks for nothing while a run is under way, whoever started it, so that no two runs make the same
table. Whether a run is under way is believed of the process that executes it, not of the history
alone: after a crash that says "started" for ever.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from jobforge_dagster.medallion.discovery import Declarations
from jobforge_dagster.medallion.hashing import digest
from jobforge_dagster.medallion.storage.living import is_alive
from jobforge_dagster.medallion.storage.noticing import Due, Look, follow, look
from jobforge_dagster.medallion.storage.publish import now
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.launch import settle_abandoned

PAUSES = (0, 60, 600)
"""Seconds before each of the runs that are asked for, after which the same thing is only told."""

EVERY = 10
"""Seconds between two looks, at least."""

_PATIENCE = timedelta(hours=1)
"""How long a run is believed to be under way that works on another machine, or has yet to begin."""

_SHOWN = 10


def deliveries_sensor(
    declared: Declarations, root: DataRoot, *, running: bool = True
) -> dg.SensorDefinition:
    """The sensor that notices deliveries, for every declared source.

    Args:
        declared: sources and tables.
        root: the data root.
        running: whether it runs as soon as there is a daemon.
    """
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="deliveries",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=EVERY,
        default_status=status,
        description="Notices new and changed files, and asks for the tables that depend on them.",
    )
    def deliveries(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        found = look(root, declared, now(), _growing(context.cursor))
        cursor = json.dumps(found.growing, sort_keys=True)
        settle_abandoned(context.instance, root)
        under_way = _under_way(context.instance, root)
        if under_way and found.due:
            return dg.SensorResult(
                skip_reason=f"{_told(found)} Waiting for run {under_way[:8]} to end.", cursor=cursor
            )
        tried = {due: _tried(context.instance, due) for due in found.due}
        left = [due for due, attempts in tried.items() if attempts.runs == len(PAUSES)]
        asked = [due for due, attempts in tried.items() if attempts.again <= now()]
        first = {due.key for due in asked}
        asked = [due for due in asked if due.after not in first]
        for due in left:
            context.log.error(
                f"{due.key}: {due.why}. {len(PAUSES)} runs did not mend it, so it is not tried "
                f"again until the file or its declaration changes. See the last of those runs, "
                f"or materialise {due.key} by hand."
            )
        keys = follow(declared, [due.key for due in asked], lambda key: root.table(key).exists())
        if not keys:
            return dg.SensorResult(skip_reason=_told(found, left), cursor=cursor)
        context.log.info(_told(found, left))
        request = dg.RunRequest(
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys],
            tags={**{_tag(due): due.token for due in asked}, "jobforge/asked_by": "deliveries"},
        )
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return deliveries


def _growing(cursor: str | None) -> dict[str, tuple[int, int, float]]:
    """Files that may still grow; a cursor that cannot be read is as good as none."""
    try:
        return {
            file: (each[0], each[1], each[2]) for file, each in json.loads(cursor or "").items()
        }
    except (ValueError, TypeError, AttributeError, LookupError):
        return {}


def _tag(due: Due) -> str:
    """The tag of a run that was asked for because of something: a key may be too long for one."""
    return f"jobforge.due/{digest([due.key])}"


class _Tried(NamedTuple):
    """How many runs were asked for because of something, and when the next may be."""

    runs: int
    again: datetime


def _tried(instance: dg.DagsterInstance, due: Due) -> _Tried:
    runs = instance.get_run_records(dg.RunsFilter(tags={_tag(due): due.token}), limit=len(PAUSES))
    if len(runs) == len(PAUSES):
        return _Tried(len(runs), datetime.max.replace(tzinfo=UTC))
    last = max((run.update_timestamp.timestamp() for run in runs), default=0.0)
    return _Tried(len(runs), datetime.fromtimestamp(last + PAUSES[len(runs)], UTC))


def _under_way(instance: dg.DagsterInstance, root: DataRoot) -> str | None:
    """The id of a run that is under way, if there is one."""
    unfinished = dg.RunsFilter(statuses=[*IN_PROGRESS_RUN_STATUSES, dg.DagsterRunStatus.QUEUED])
    for record in instance.get_run_records(unfinished, limit=20):
        since = datetime.fromtimestamp(record.update_timestamp.timestamp(), UTC)
        run_id = record.dagster_run.run_id
        if is_alive(root, run_id) or now() - since < _PATIENCE:
            return run_id
    return None


def _told(found: Look, left: Sequence[Due] = ()) -> str:
    """What a look saw, in words."""
    told = [f"{found.files} files in the landing folder."]
    waiting = sorted(found.growing)
    if waiting:
        told.append(f"Still growing: {_some(waiting)}.")
    due = [f"{each.key} ({each.why})" for each in found.due if each not in left]
    told.append(f"Due: {_some(due)}." if due else "Nothing is due.")
    if left:
        told.append(f"Given up after {len(PAUSES)} runs: {_some([each.key for each in left])}.")
    return " ".join(told)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
