"""Former versions of tables, kept for as long as there is room, so that two can be compared.

A cache of hard links: keeping the file that a publication replaces costs no time and no copy, but
its bytes stay on the disk. What is not here any more can be made again from what is staged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.root import DataRoot

LAST = 3
"""Former versions of a table that are kept."""

MOST = 2 * 1024**3
"""Bytes of all that is kept; what was written first goes first."""


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
        with suppress(FileExistsError):
            os.link(file or root.table(publication.table), path)
        _make_room(root, path.parent)


def held(root: DataRoot, publication: Publication, folder: Path) -> Path | None:
    """The file of a publication, if it stands or is kept, and is what was published to the byte.

    Args:
        root: the data root.
        publication: the one that is wanted.
        folder: where to put a link to it, so that it cannot be replaced while it is read.
    """
    kept = _path(root, publication)
    for file in (root.table(publication.table), kept):
        with suppress(OSError):
            link = folder / f"{publication.sha256}.parquet"
            link.unlink(missing_ok=True)
            try:
                os.link(file, link)
            except OSError:
                link = file
            if sha256_of(link) == publication.sha256:
                return link
            if file == kept:
                kept.unlink()
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
    """Files by the time when they were written, the newest first."""
    written: dict[Path, int] = {}
    for file in files:
        with suppress(FileNotFoundError):  # another process made room
            written[file] = file.stat().st_mtime_ns
    return sorted(written, key=lambda file: written[file], reverse=True)


def _path(root: DataRoot, publication: Publication) -> Path:
    return _folder(root) / publication.table / f"{publication.sha256}.parquet"


def _folder(root: DataRoot) -> Path:
    return root.cache / "versions"
