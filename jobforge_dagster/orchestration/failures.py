"""Turns the platform's errors into Dagster failures that are not retried."""

from __future__ import annotations

import dagster as dg

from jobforge_dagster.medallion.errors import JobForgeError


def failure(error: JobForgeError) -> dg.Failure:
    """A step failure that says what the error says; data and contract errors never heal alone."""
    return dg.Failure(
        description=str(error),
        metadata={"error_type": type(error).__name__},
        allow_retries=False,
    )
