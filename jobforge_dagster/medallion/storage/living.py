"""Which runs live: each holds a lock below the data root for as long as its process does.

Whoever comes next finds the lock of a dead one free. A run without such a file works on another
machine, or for another data root, and nothing is known of it here.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from jobforge_dagster.medallion.storage.root import DataRoot

_held: dict[str, tuple[Path, int]] = {}


def hold(root: DataRoot, run_id: str) -> None:
    """Show others that a run lives in this process, until it is released or the process ends."""
    path = _locks(root) / run_id
    hidden = path.with_name(f".{run_id}")
    with suppress(OSError):  # where nothing can be written nobody will know, and no more is lost
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(hidden, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        hidden.rename(path)  # nobody finds it before it is locked
        _held[run_id] = path, handle


def release(run_id: str) -> None:
    """Say that a run ended, if it is held here."""
    path, handle = _held.pop(run_id, (None, None))
    if path is not None and handle is not None:
        path.unlink(missing_ok=True)
        os.close(handle)


def gone(root: DataRoot) -> list[str]:
    """The ids of runs whose process ended without a word."""
    return [path.name for path in sorted(_locks(root).glob("[!.]*")) if _is_free(path)]


def running(root: DataRoot) -> list[str]:
    """The ids of runs that are known to live."""
    return [path.name for path in sorted(_locks(root).glob("[!.]*")) if not _is_free(path)]


def is_alive(root: DataRoot, run_id: str) -> bool:
    """Whether a run is known to live."""
    path = _locks(root) / run_id
    return path.exists() and not _is_free(path)


def forget(root: DataRoot, run_id: str) -> None:
    """Ask no more about a run that is gone."""
    (_locks(root) / run_id).unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _locks(root: DataRoot) -> Path:
    return root.cache / "runs"
