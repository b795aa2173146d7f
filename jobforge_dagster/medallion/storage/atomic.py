"""Atomic writes: a temporary file in the same folder, fsync, rename, fsync of the folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write; on success it takes the place of ``path``, else it goes.

    Whoever writes the temporary file need not sync it: that is done here, before the rename.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def creating(path: Path) -> Iterator[Path]:
    """Like :func:`replacing`, but never overwrites: if ``path`` exists by then, it stays.

    For what is immutable. The final name is made by a hard link, which fails where it exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        sync(temporary)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def alone(path: Path, patience: float | None = None) -> Iterator[None]:
    """Keep other processes out for as long as the block runs; they wait.

    Args:
        path: the file that stands for what they share.
        patience: seconds to wait for another; without it, for ever.

    Raises:
        TimeoutError: another process did not finish by then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if patience is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            _lock_within(handle, path, patience)
        yield
    finally:
        os.close(handle)


def _lock_within(handle: int, path: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(f"{path.name} is held by another process.") from None
            time.sleep(0.01)


def sweep(folder: Path, pattern: str, older_than: timedelta = timedelta()) -> None:
    """Remove what processes that were killed left half-written.

    Args:
        folder: where to look.
        pattern: glob of temporary files and folders, below it.
        older_than: how long nothing was written to them: they may be another process's.
    """
    before = time.time() - older_than.total_seconds()
    for left in folder.glob(pattern):
        with suppress(FileNotFoundError):  # someone else was quicker
            if left.stat().st_mtime <= before:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def append_line(path: Path, line: str) -> None:
    """Append one line durably; concurrent appends do not mix, a torn last line stays apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, (b"\n" if torn else b"") + f"{line}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Flush a file's or a folder's bytes to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
