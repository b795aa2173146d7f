"""Names: how this project, its datasets, runs and times are called in OpenLineage."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

PRODUCER = "urn:jobforge:catalog"
"""Who says all this. A name and no address: where the code is published is not in the catalog."""

TABLES = "jobforge"
"""Namespace of tables, and of the jobs that make them."""

FILES = "file"
"""Namespace of delivered files (OpenLineage, "Naming": local file system)."""

_RUNS = uuid5(NAMESPACE_URL, f"{PRODUCER}:runs")


def run_id(text: str) -> str:
    """The UUID of a run: ``text`` itself where it is one, else one that follows from it."""
    try:
        return str(UUID(text))
    except ValueError:
        return str(uuid5(_RUNS, text))


def time(moment: datetime) -> str:
    """A moment in UTC, as ISO 8601."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
