"""Downloads one file: resumed where cut off, tried again where that helps, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from jobforge_dagster.medallion.fetching.asking import check_address
from jobforge_dagster.medallion.fetching.failures import FetchError, shown
from jobforge_dagster.medallion.fetching.headers import sendable
from jobforge_dagster.medallion.fetching.part import Part
from jobforge_dagster.medallion.fetching.terms import (
    DEFAULT_POLICY,
    Downloaded,
    Policy,
    Validators,
)
from jobforge_dagster.medallion.fetching.transfer import Transfer
from jobforge_dagster.medallion.hashing import sha256_of

__all__ = [
    "DEFAULT_POLICY",
    "Downloaded",
    "FetchError",
    "Policy",
    "Validators",
    "download",
    "shown",
]


def download(
    url: str,
    to: Path,
    *,
    client: httpx.Client,
    known: Validators | None = None,
    sha256: str | None = None,
    policy: Policy = DEFAULT_POLICY,
    progress: Callable[[int, int | None], None] | None = None,
) -> Downloaded | None:
    """Download a file, and put it in the place of ``to`` once it is whole and checked.

    Args:
        url: An http or https address.
        to: Where the file goes; its folder is made if need be.
        client: Sends the requests; its own retries and redirects are not used.
        known: What came the last time; if the file is still the same, it is not sent again.
        sha256: What the file must have; else it is refused.
        policy: How much, and how patiently.
        progress: Told the bytes so far, and those expected in all if that is known.

    Returns:
        What came, or None if the server says that ``to`` is still what it has.

    Raises:
        FetchError: The file could not be had; ``to`` is as it was before.
    """
    check_address(url)
    demanded = sha256.strip().lower() if sha256 else None
    try:
        with Part(to, url) as part:
            return Transfer(
                url=url,
                to=to,
                client=client,
                conditions=_conditions(known, to, demanded),
                sha256=demanded,
                policy=policy,
                progress=progress,
                part=part,
                deadline=time.monotonic() + policy.total,
            ).run()
    except OSError as error:
        raise FetchError(
            f"{shown(url)} cannot be saved as {to}: {error.strerror or error}. "
            "Check the folder, its permissions and the free space."
        ) from error


def _conditions(known: Validators | None, to: Path, sha256: str | None) -> dict[str, str]:
    """The headers that ask for the file only if it has changed."""
    if known is None or not to.is_file() or (sha256 is not None and sha256_of(to) != sha256):
        return {}
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value and sendable(value)}
