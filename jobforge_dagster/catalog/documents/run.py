"""Runs: who started them, what each step did, and how they ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from jobforge_dagster.catalog.documents.base import Document, Part

RunStatus = Literal["started", "success", "failed", "cancelled"]
Outcome = Literal[
    "published", "unchanged", "absent", "done", "failed", "skipped", "interrupted", "not reached"
]
"""``absent``: a source has no file yet; ``done``: a step that makes no table; ``interrupted``: it
began, and its process ended before it did."""

Kind = Literal["command line", "user interface", "sensor", "schedule", "automation", "backfill"]


class Starter(Part):
    """Who or what started a run; ``name`` is that of the sensor, schedule or command."""

    kind: Kind
    name: str | None
    user: str | None


class CheckOutcome(Part):
    """An asset check; ``rows`` is how many broke it."""

    check: str
    passed: bool
    severity: Literal["error", "warn"]
    rows: int | None


class StepOutcome(Part):
    """A step; ``attempts`` counts those that were made."""

    step: str
    table: str | None
    outcome: Outcome
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    rows: int | None
    quarantined: int | None
    deduplicated: int | None
    error: str | None
    checks: tuple[CheckOutcome, ...]


class Totals(Part):
    """Sums over the steps of a run."""

    steps: int
    published: int
    unchanged: int
    failed: int
    skipped: int
    rows_published: int
    rows_quarantined: int
    rows_deduplicated: int
    checks: int
    checks_failed: int


class RunDocument(Document):
    """A run.

    Attributes:
        code_version: of the platform; ``None`` where no step came to tell.
        error: why it ended, if it failed.
    """

    run_id: str
    job: str
    status: RunStatus
    started_by: Starter
    code_version: str | None
    configuration: dict[str, Any]
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None
    steps: tuple[StepOutcome, ...]
    totals: Totals
