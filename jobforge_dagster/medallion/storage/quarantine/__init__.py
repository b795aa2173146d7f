"""Quarantine: the rows that tables refused, with their original values, reasons and history.

``quarantine/{layer}/{date}/`` holds what is refused as the tables stand: one file for a table, of
the run that published it. ``quarantine/_history/`` holds the records that were resolved, one file
for a table and the run that resolved them. A record is in one of both, once. The files follow from
the tables: after a crash, ``settle`` brings them to what the table in place says.
"""

from __future__ import annotations

from jobforge_dagster.medallion.storage.quarantine.files import (
    open_files,
    open_records,
    resolved_files,
    resolved_records,
    standing_file,
)
from jobforge_dagster.medallion.storage.quarantine.records import record_ids
from jobforge_dagster.medallion.storage.quarantine.refusing import (
    MALFORMED,
    write,
    write_malformed,
)
from jobforge_dagster.medallion.storage.quarantine.resolving import (
    settle,
    settle_deliveries,
    take_along,
)

__all__ = [
    "MALFORMED",
    "open_files",
    "open_records",
    "record_ids",
    "resolved_files",
    "resolved_records",
    "settle",
    "settle_deliveries",
    "standing_file",
    "take_along",
    "write",
    "write_malformed",
]
