"""The way to make a former version of a table again, which loads Dagster only once it is taken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobforge_dagster.medallion.storage.publications import Publication
    from jobforge_dagster.medallion.storage.root import DataRoot


def remake(root: DataRoot, publication: Publication, into: Path) -> None:
    """Make the table of a publication again; see :func:`..rebuild.remake`.

    Raises:
        JobForgeError: it cannot be made.
    """
    from jobforge_dagster.orchestration import rebuild

    rebuild.remake(root, publication, into)
