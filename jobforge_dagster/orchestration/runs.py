"""The document of a run, made of its events."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType, DagsterRun, EventLogEntry

from jobforge_dagster.catalog.documents.run import (
    CheckOutcome,
    Kind,
    Outcome,
    RunDocument,
    RunStatus,
    Starter,
    StepOutcome,
    Totals,
)
from jobforge_dagster.medallion.storage import living
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.telling import FACTS, PLATFORM

if TYPE_CHECKING:
    from jobforge_dagster.orchestration.event_log import EmbeddedEventLog

USER_TAG = "jobforge/user"
COMMAND_TAG = "jobforge/command"
ROOT_TAG = "jobforge/root"
"""Tags of a run: who started it, by which command, and on which data root."""

MADE_OF = frozenset(
    {
        DagsterEventType.RUN_START,
        DagsterEventType.RUN_SUCCESS,
        DagsterEventType.RUN_FAILURE,
        DagsterEventType.RUN_CANCELED,
        DagsterEventType.STEP_START,
        DagsterEventType.STEP_RESTARTED,
        DagsterEventType.STEP_SUCCESS,
        DagsterEventType.STEP_SKIPPED,
        DagsterEventType.STEP_FAILURE,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_OBSERVATION,
        DagsterEventType.ASSET_CHECK_EVALUATION,
    }
)
"""The events that the document of a run is made of."""

_STARTERS: tuple[tuple[str, Kind], ...] = (
    ("dagster/sensor_name", "sensor"),
    ("dagster/schedule_name", "schedule"),
    ("dagster/backfill", "backfill"),
    ("dagster/from_automation_condition", "automation"),
    ("dagster/auto_materialize", "automation"),
)


def begun(log: EmbeddedEventLog, run_id: str) -> None:
    """Note that a run began in this process: it lives, who runs it, and on which data root."""
    root = DataRoot.from_environment()
    living.hold(root, run_id)
    tags = {ROOT_TAG: log.name_of(root)}
    with suppress(OSError, KeyError):
        tags[USER_TAG] = getpass.getuser()
    log.tag(run_id, tags)


@dataclass
class _Step:
    """What the events of a step add up to."""

    step: str
    table: str | None = None
    outcome: Outcome = "not reached"
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rows: int | None = None
    quarantined: int | None = None
    deduplicated: int | None = None
    error: str | None = None
    checks: list[CheckOutcome] = field(default_factory=list)

    def outcome_of_step(self) -> StepOutcome:
        """The step, its checks by name."""
        told = dict(vars(self))
        told["checks"] = tuple(sorted(self.checks, key=lambda check: check.check))
        return StepOutcome(**told)


@dataclass
class _Run:
    """What the events of a run add up to."""

    status: RunStatus = "started"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    code_version: str | None = None
    steps: dict[str, _Step] = field(default_factory=dict)


def run_document(
    run_id: str, run: DagsterRun | None, events: Iterable[EventLogEntry]
) -> RunDocument:
    """What is known of a run.

    Args:
        run_id: its id.
        run: what Dagster keeps of it beside the log; ``None`` if that is gone.
        events: its events so far, oldest first.
    """
    told = _Run()
    for event in events:
        _add(told, event)
    steps = [told.steps[name] for name in sorted(told.steps)]
    return RunDocument(
        run_id=run_id,
        job=_job_name(run),
        status=told.status,
        started_by=_starter(run),
        code_version=told.code_version,
        configuration=_configuration(run),
        started_at=told.started_at,
        ended_at=told.ended_at,
        error=_error(told.error, steps),
        steps=tuple(step.outcome_of_step() for step in steps),
        totals=_totals(steps),
    )


def _add(run: _Run, entry: EventLogEntry) -> None:
    event = entry.dagster_event
    if event is None:
        return
    at = datetime.fromtimestamp(entry.timestamp, UTC)
    kind = event.event_type
    if kind == DagsterEventType.RUN_START:
        run.started_at = at
    elif kind in _ENDS:
        run.status, run.ended_at = _ENDS[kind], at
        if kind == DagsterEventType.RUN_FAILURE:
            run.error = _why(event)
    elif event.step_key:
        _add_to_step(run, event, at)


def _add_to_step(run: _Run, event: Any, at: datetime) -> None:
    kind = event.event_type
    step = run.steps.setdefault(event.step_key, _Step(event.step_key))
    if kind == DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
        step.table = event.asset_key.to_user_string()
    elif kind == DagsterEventType.STEP_START:
        step.started_at, step.attempts, step.outcome = at, 1, "interrupted"
    elif kind == DagsterEventType.STEP_RESTARTED:
        step.attempts += 1
        step.outcome = "interrupted"
    elif kind == DagsterEventType.STEP_SKIPPED:
        step.outcome, step.ended_at = "skipped", at
    elif kind == DagsterEventType.STEP_FAILURE:
        step.outcome, step.ended_at, step.error = "failed", at, reason(event.step_failure_data)
    elif kind == DagsterEventType.STEP_SUCCESS:
        step.ended_at = at
        if step.outcome == "interrupted":
            step.outcome = "done"
    elif kind == DagsterEventType.ASSET_OBSERVATION:
        step.outcome = "absent"
    elif kind == DagsterEventType.ASSET_MATERIALIZATION:
        _materialized(run, step, event.step_materialization_data.materialization)
    elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.event_specific_data
        rows = check.metadata.get("rows")
        step.checks.append(
            CheckOutcome(
                check=check.check_name,
                passed=check.passed,
                severity="error" if check.severity.value == "ERROR" else "warn",
                rows=rows.value if rows else None,
            )
        )


def _materialized(run: _Run, step: _Step, materialization: Any) -> None:
    metadata = {name: value.value for name, value in materialization.metadata.items()}
    step.table = materialization.asset_key.to_user_string()
    state = metadata.get("state")
    step.outcome = state if state in ("published", "unchanged") else "done"
    step.rows = metadata.get("dagster/row_count")
    step.quarantined = metadata.get("rejected", metadata.get("malformed"))
    step.deduplicated = metadata.get("deduplicated")
    facts = metadata.get(FACTS)
    if isinstance(facts, dict):
        run.code_version = facts.get(PLATFORM) or run.code_version


def _totals(steps: list[_Step]) -> Totals:
    published = [step for step in steps if step.outcome == "published"]
    checks = [check for step in steps for check in step.checks]
    return Totals(
        steps=len(steps),
        published=len(published),
        unchanged=sum(step.outcome == "unchanged" for step in steps),
        failed=sum(step.outcome == "failed" for step in steps),
        skipped=sum(step.outcome == "skipped" for step in steps),
        rows_published=sum(step.rows or 0 for step in published),
        rows_quarantined=sum(step.quarantined or 0 for step in published),
        rows_deduplicated=sum(step.deduplicated or 0 for step in published),
        checks=len(checks),
        checks_failed=sum(not check.passed for check in checks),
    )


def _error(told: str | None, steps: list[_Step]) -> str | None:
    """Why a run failed: for its steps' reasons, where that is why."""
    reasons = [f"{step.table or step.step}: {step.error}" for step in steps if step.error]
    return "\n".join(reasons) if told and "Steps failed" in told and reasons else told


def _configuration(run: DagsterRun | None) -> dict[str, Any]:
    """What of a run's configuration is the platform's; the rest is the machine's business."""
    config = dict(run.run_config) if run else {}
    return {name: config[name] for name in ("execution", "ops", "resources") if name in config}


def _starter(run: DagsterRun | None) -> Starter:
    tags = run.tags if run else {}
    user = tags.get(USER_TAG)
    for tag, kind in _STARTERS:
        if tag in tags:
            name = tags[tag] if tag.endswith("_name") else None
            return Starter(kind=kind, name=name, user=None)
    if run is not None and run.remote_job_origin is not None:
        return Starter(kind="user interface", name=None, user=tags.get("user"))
    return Starter(kind="command line", name=tags.get(COMMAND_TAG), user=user)


def _job_name(run: DagsterRun | None) -> str:
    if run is None:
        return "unknown"
    return "tables" if run.job_name.startswith("__") else run.job_name


def reason(data: Any) -> str:
    """Why a step failed: what its code says, else the error at the bottom of it all."""
    if data is None:
        return "unknown"
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return _message(data.error)


def _why(event: Any) -> str | None:
    """Why a run failed, as Dagster says it; why a step did is told with the step."""
    return str(event.message) if event.message else None


def _message(error: Any) -> str:
    if error is None:
        return "unknown"
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()


_ENDS: dict[DagsterEventType, RunStatus] = {
    DagsterEventType.RUN_SUCCESS: "success",
    DagsterEventType.RUN_FAILURE: "failed",
    DagsterEventType.RUN_CANCELED: "cancelled",
}
