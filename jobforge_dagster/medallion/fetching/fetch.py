"""Fetches the publisher's current file of a source into the landing folder.

What was known of the file from the last time is asked about, so that nothing is transferred twice.
The facts of the download are kept for the manifest that staging will write.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from jobforge_dagster.medallion.declare import Ckan, Source
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.fetching.ckan import find_resource
from jobforge_dagster.medallion.fetching.download import (
    DEFAULT_POLICY,
    FetchError,
    Policy,
    Validators,
    download,
)
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage.fetched import Fetched, last_fetch, remember
from jobforge_dagster.medallion.storage.landing import place_for
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int | None], None]
"""Told of the bytes so far, and of all of them where that is known."""


@dataclass(frozen=True)
class Outcome:
    """What became of a fetch.

    Attributes:
        file: below the landing folder.
        changed: whether the content is another than the one that lay there.
        size: in bytes.
        failure: why there is no such file; what lay there before stays.
    """

    source: str
    file: str | None = None
    changed: bool = False
    size: int = 0
    failure: str | None = None


@dataclass(frozen=True)
class _Address:
    """Where a file is, and what its publisher says of it."""

    url: str
    modified: str | None = None
    licence: str | None = None
    sha256: str | None = None


def fetch(
    root: DataRoot,
    source: Source,
    *,
    client: httpx.Client,
    policy: Policy = DEFAULT_POLICY,
    progress: Progress | None = None,
) -> Outcome:
    """Download the current file of a source, unless it is the one that lies there.

    Args:
        root: the data root.
        source: the source.
        client: of httpx.
        policy: limits and patience.
        progress: looks on.

    Raises:
        FetchError: no address is declared, or the download failed; what lay there stays.
    """
    address = _address(source, client, policy)
    name = unquote(urlsplit(address.url).path).rpartition("/")[2]
    file = place_for(source, name)
    to = root.landing / file
    last = last_fetch(root, source)
    before = sha256_of(to) if to.exists() else None
    known = None
    if last and last.file == file and last.sha256 == before:
        known = Validators(last.etag, last.last_modified)
    found = download(
        address.url,
        to,
        client=client,
        known=known,
        sha256=address.sha256,
        policy=policy,
        progress=progress,
    )
    if found is None:
        return Outcome(source.name, file, changed=False, size=to.stat().st_size)
    facts = Fetched(
        source=source.name,
        file=file,
        sha256=found.sha256,
        size=found.size,
        url=found.url,
        accessed=datetime.now(UTC),
        modified=address.modified or found.last_modified,
        licence=address.licence,
        etag=found.etag,
        last_modified=found.last_modified,
    )
    remember(root, source, facts)
    return Outcome(source.name, file, changed=found.sha256 != before, size=found.size)


def fetch_all(
    root: DataRoot,
    sources: Iterable[Source],
    *,
    client: httpx.Client,
    policy: Policy = DEFAULT_POLICY,
    watchers: Mapping[str, Progress] | None = None,
) -> list[Outcome]:
    """Download the current files of several sources; one that fails does not stop the others.

    Args:
        root: the data root.
        sources: in the order in which they are fetched.
        client: of httpx.
        policy: limits and patience.
        watchers: look on, by the source's name.
    """
    outcomes = []
    for source in sources:
        watch = (watchers or {}).get(source.name)
        try:
            outcomes.append(fetch(root, source, client=client, policy=policy, progress=watch))
        except JobForgeError as error:
            outcomes.append(Outcome(source.name, failure=str(error)))
        except OSError as error:
            told = f"{error.strerror or error}: {error.filename}"
            outcomes.append(Outcome(source.name, failure=told))
    return outcomes


def client() -> httpx.Client:
    """A client that says who asks."""
    import httpx

    contact = os.environ.get("JOBFORGE_CONTACT")
    agent = f"jobforge ({contact})" if contact else "jobforge"
    return httpx.Client(headers={"User-Agent": agent})


def _address(source: Source, client: httpx.Client, policy: Policy) -> _Address:
    where = source.fetch
    if where is None:
        raise FetchError(
            f"{source.name} does not say where it can be downloaded. Declare "
            f"fetch=Url(…) or fetch=Ckan(…), or drop its file into source/{source.files}."
        )
    if isinstance(where, Ckan):
        wanted = where.resource or PurePosixPath(source.files).name
        found = find_resource(where.portal, where.dataset, wanted, client=client, policy=policy)
        return _Address(found.url, found.modified, found.licence, found.hash)
    return _Address(where.url, sha256=where.sha256)
