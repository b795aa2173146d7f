"""Former versions of tables, kept for as long as there is room, so that two can be compared.

A cache of hard links: keeping the file that a publication replaces costs no time and no copy, but
its bytes stay on the disk. What is not here any more can be made again from what is staged.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage.publications import Publication, standing
from jobforge_dagster.medallion.storage.root import DataRoot

LAST = 3
"""Former versions of a table that are kept."""

MOST = 2 * 1024**3
"""Bytes of all that is kept; what was published first goes first."""


def keep(root: DataRoot, publication: Publication, file: Path | None = None) -> None:
    """Keep the file of a publication, if the disk can link it; it fails in silence.

    Args:
        root: the data root.
        publication: whose file it is.
        file: by default the table that stands. A link to it is made, not a copy.
    """
    path = _path(root, publication)
    with suppress(OSError):  # no hard links here, another disk, no room: it can be made again
        path.parent.mkdir(parents=True, exist_ok=True)
        published = int(publication.written_at.timestamp() * 1e9)
        try:
            os.link(file or root.table(publication.table), path)
        except FileExistsError:  # published more than once: the last time counts
            published = max(published, path.stat().st_mtime_ns)
        os.utime(path, ns=(published, published))
        _make_room(root, path.parent)


def held(root: DataRoot, publication: Publication, folder: Path) -> Path | None:
    """The file of a publication, if it stands or is kept, and is what was published to the byte.

    Args:
        root: the data root.
        publication: the one that is wanted.
        folder: where to put a link to it, or a copy, so that it cannot be replaced while it is
            read.
    """
    last = standing(root, publication.table)
    if last is not None and last[1].sha256 == publication.sha256:
        found = _taken(root.table(publication.table), publication, folder)
        if found is not None:
            return found
    kept = _path(root, publication)
    if not kept.exists():
        return None
    found = _taken(kept, publication, folder)
    if found is None:
        with suppress(OSError):
            kept.unlink()
    return found


def _taken(file: Path, publication: Publication, folder: Path) -> Path | None:
    """A file in a folder of ours, if it is what was published."""
    ours = folder / f"{publication.sha256}.parquet"
    with suppress(OSError):
        ours.unlink(missing_ok=True)
        try:
            os.link(file, ours)
        except OSError:
            shutil.copyfile(file, ours)
        if sha256_of(ours) == publication.sha256:
            return ours
    return None


def _make_room(root: DataRoot, folder: Path) -> None:
    for old in _newest(folder.glob("*.parquet"))[LAST:]:
        old.unlink(missing_ok=True)
    left = MOST
    for file in _newest(_folder(root).rglob("*.parquet")):
        left -= file.stat().st_size
        if left < 0:
            file.unlink(missing_ok=True)


def _newest(files: Iterable[Path]) -> list[Path]:
    """Files by the time when they were published, the newest first."""
    published: dict[Path, int] = {}
    for file in files:
        with suppress(FileNotFoundError):  # another process made room
            published[file] = file.stat().st_mtime_ns
    return sorted(published, key=lambda file: published[file], reverse=True)


def _path(root: DataRoot, publication: Publication) -> Path:
    return _folder(root) / publication.table / f"{publication.sha256}.parquet"


def _folder(root: DataRoot) -> Path:
    return root.cache / "versions"
