"""What was found out, remembered so that it need not be found out again.

A delivered or published file is known by its place on the disk, its size and its times, as ``git``
knows files: whoever replaces it or writes into it makes it another. Code is known by a hash. What
is remembered may be deleted at any time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from jobforge_dagster.medallion.hashing import digest
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.root import DataRoot

_SETTLED = 2.0
"""Seconds after which the clock of a file system tells a later writing from an earlier one."""


def remembered(
    root: DataRoot, what: str, file: Path, find_out: Callable[[], Any], *, by: str
) -> Any:
    """What was found out about a file, or is now.

    Args:
        root: the data root.
        what: of what; a path below the cache.
        file: the file.
        find_out: gives what JSON can hold.
        by: what else it depends on: the version of the code, say.

    Raises:
        OSError: the file is not there.
    """
    place = root.cache / "remembered" / f"{what}.json"
    state = file.stat()
    stamp = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    of = digest([by, *map(str, stamp)])

    def settled() -> bool:
        return time.time() - max(state.st_mtime, state.st_ctime) > _SETTLED

    return _kept_or_found(place, of, find_out, settled)


def follows_from_code(what: str, of: str, find_out: Callable[[], Any]) -> Any:
    """What follows from the platform's code alone: kept, as its bytecode is, beside the code.

    Where that folder may not be written to, it is kept in the cache of the data root, if there is
    one yet.

    Args:
        what: the name of the file.
        of: hash of the code.
        find_out: gives what JSON can hold.
    """
    folder = _folder_of_code()
    return _kept_or_found(folder / f"{what}.kept", of, find_out, folder.is_dir)


def _folder_of_code() -> Path:
    beside = Path(cache_from_source(__file__)).parent
    if os.access(beside, os.W_OK) and not sys.dont_write_bytecode:
        return beside
    return DataRoot.from_environment().cache


def facts_of(root: DataRoot, key: str, file: Path, *, by: str) -> parquet.FileFacts:
    """What a Parquet file says of itself, but for the ranges: not everybody may see values.

    Args:
        root: the data root.
        key: of the table.
        file: the file.
        by: the version of the code.

    Raises:
        OSError: the file is not there.
    """

    def read() -> dict[str, Any]:
        return vars(parquet.facts_of(file)) | {"ranges": {}}

    return parquet.FileFacts(**remembered(root, f"facts/{key}", file, read, by=by))


def _kept_or_found(
    place: Path, of: str, find_out: Callable[[], Any], may_be_kept: Callable[[], bool]
) -> Any:
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(place.read_bytes())
        if kept["of"] == of:
            return kept["told"]
    told = find_out()
    if may_be_kept():
        _keep(place, {"of": of, "told": told})
    return told


def _keep(place: Path, content: dict[str, Any]) -> None:
    """Remember; it is not synced, for what is torn is as good as none."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content), "utf-8")
        temporary.replace(place)
