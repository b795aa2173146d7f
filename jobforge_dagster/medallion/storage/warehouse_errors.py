"""What is wrong with the warehouse, in words."""

from __future__ import annotations

import re
from pathlib import Path

from jobforge_dagster.medallion.errors import JobForgeError

MAKE = "dagster asset materialize --select 'key:\"mart/*\"'"
"""The command that makes the marts."""

_HELD = re.compile(r"lock is held in (\S+) \(PID (\d+)\)")
_HELD_HERE = re.compile("Unique file handle conflict|different configuration")
_DAMAGED = re.compile(
    "not a valid DuckDB|not read enough bytes|[Cc]orrupt|checksum|WAL|INTERNAL|Serialization Error"
    "|version number"
)
"""What DuckDB says of a file that it cannot read, whoever asks."""


class WarehouseError(JobForgeError):
    """The warehouse cannot be read or made; what was there stays."""


def wal_of(path: Path) -> Path:
    """Where DuckDB keeps what it has not taken into a file yet."""
    return path.with_name(f"{path.name}.wal")


def in_words(path: Path, error: Exception, trouble: str = "cannot be used") -> WarehouseError:
    """Why the warehouse cannot be used, and what to do.

    Args:
        path: its file.
        error: what DuckDB says.
        trouble: what to say of the file where it is neither held by another nor damaged.
    """
    import duckdb

    held = _HELD.search(str(error))
    if held:
        program = held[1].rpartition("/")[2]
        if wal_of(path).exists():
            return WarehouseError(
                f"{path.name} lacks what a program wrote last ({wal_of(path).name}), and cannot be "
                f"mended while it is open in another program: {program}, process {held[2]}. End "
                f"it, and try again."
            )
        return WarehouseError(
            f"{path.name} is open to write in another program: {program}, process {held[2]}. End "
            f"it, or connect it read-only, and try again."
        )
    if _HELD_HERE.search(str(error)):
        return WarehouseError(
            f"{path.name} is open in this program already. Close that connection, or open it with "
            f"read_only=True, and try again."
        )
    words = str(error).partition("\n")[0].replace(f"{path.parent.as_posix()}/", "").rstrip(".!")
    of_the_statement = isinstance(error, duckdb.ProgrammingError | duckdb.DataError)
    if of_the_statement or not _DAMAGED.search(str(error)):
        return WarehouseError(f"{path.name} {trouble}: {words}.")
    return WarehouseError(
        f"{path.name} cannot be used: {words}. If it is damaged, delete it: all of it is made "
        f"again by: {MAKE}"
    )
