"""The rows of a version: from the file that stands, from one that was kept, or made again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage import versions
from jobforge_dagster.medallion.storage.atomic import sweep
from jobforge_dagster.medallion.storage.publications import Publication, standing
from jobforge_dagster.medallion.storage.root import DataRoot

Remake = Callable[[DataRoot, Publication, Path], None]
"""Makes the table of a publication again, from the deliveries of then, below another data root.

It raises :class:`JobForgeError` where that cannot be done.
"""

_FOLDER = "diff-"


@dataclass(frozen=True)
class Content:
    """What a version holds.

    Attributes:
        file: its rows, for as long as the folder that it was opened in.
        exact: whether it is what was published, to the byte; if not, it is what the code of today
            makes of the deliveries of then.
        primary_key: of these rows.
    """

    file: Path
    exact: bool
    primary_key: tuple[str, ...]


@contextmanager
def workplace(root: DataRoot) -> Iterator[Path]:
    """A folder for what a comparison needs until its end: on the disk of the data, if it may."""
    parent: Path | None = root.cache
    try:
        root.cache.mkdir(parents=True, exist_ok=True)
        sweep(root.cache, f"{_FOLDER}*", older_than=timedelta(days=1))
        made = tempfile.TemporaryDirectory(prefix=_FOLDER, dir=parent)
    except OSError:  # a data root that may only be read
        made = tempfile.TemporaryDirectory(prefix=f"jobforge-{_FOLDER}")
    with made as folder:
        yield Path(folder)


def opened(
    root: DataRoot, publication: Publication, folder: Path, remake: Remake | None
) -> Content:
    """Get hold of the rows of a version.

    Args:
        root: the data root.
        publication: the version.
        folder: from :func:`workplace`.
        remake: how to make it again; without it, only what is on the disk is looked at.

    Raises:
        JobForgeError: it is not on the disk and cannot be made again.
    """
    key = publication.table_schema.primary_key
    file = versions.held(root, publication, folder)
    if file is not None:
        return Content(file, exact=True, primary_key=key)
    lost = (
        f"The version of {sql_name(publication.table)} of "
        f"{publication.written_at:%Y-%m-%d %H:%M:%S} UTC (run {publication.run_id[:8]}) is not "
        f"kept any more"
    )
    if remake is None:
        raise JobForgeError(f"{lost}.")
    there = DataRoot(folder / uuid4().hex)
    try:
        remake(root, publication, there.path)
    except JobForgeError as error:
        raise JobForgeError(f"{lost}, and making it again failed: {error}") from error
    made, file = standing(there, publication.table), there.table(publication.table)
    if made is None:
        raise JobForgeError(f"{lost}, and nothing came of making it again.")
    exact = sha256_of(file) == publication.sha256
    if exact:
        versions.keep(root, publication, file)
    elif {*made[1].batches} != {*publication.batches}:
        raise JobForgeError(
            f"{lost}, and by then other deliveries had come that it is not made of."
        )
    return Content(file, exact, key if exact else made[1].table_schema.primary_key)
