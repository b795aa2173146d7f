"""A schedule for those who prefer the clock to the sensor: every table, once a night."""

from __future__ import annotations

import dagster as dg

nightly = dg.ScheduleDefinition(
    name="nightly",
    target=dg.AssetSelection.all(),
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Makes whatever changed, at three in the night (UTC). Off; the UI switches it on.",
)
"""Off by default: the sensor does the same within seconds."""
