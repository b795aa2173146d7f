"""What was downloaded: where a file in the landing folder was fetched from, and when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.root import DataRoot


class Fetched(BaseModel):
    """The last download of a source.

    Attributes:
        file: below the landing folder.
        url: where it came from, without anything secret.
        accessed: when, UTC.
        modified: when the publisher changed it, in the publisher's words.
        licence: as the publisher names it there.
        etag: what the server calls this content, to ask whether it changed; ``last_modified``, its
            time, serves the same end.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    file: str
    sha256: str
    size: int
    url: str
    accessed: datetime
    modified: str | None
    licence: str | None
    etag: str | None
    last_modified: str | None


def last_fetch(root: DataRoot, source: Source) -> Fetched | None:
    """The last download of a source, if there was one."""
    try:
        return Fetched.model_validate_json(_path(root, source).read_bytes())
    except (OSError, ValidationError):
        return None


def remember(root: DataRoot, source: Source, fetched: Fetched) -> None:
    """Keep the facts of a download for the manifest, and for the next one."""
    with replacing(_path(root, source)) as temporary:
        temporary.write_text(f"{fetched.model_dump_json(indent=2)}\n", "utf-8")


def _path(root: DataRoot, source: Source) -> Path:
    return root.staged / source.name / "_fetched.json"
