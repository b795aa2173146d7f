"""The terms of a download: how much and how patiently, what is known, and what came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Validators:
    """What is known of the file from the last time."""

    etag: str | None
    last_modified: str | None


@dataclass(frozen=True)
class Policy:
    """How much is fetched at most, and how patiently.

    Attributes:
        limit: The most bytes that a file may have.
        attempts: How often it is tried in all.
        backoff: Seconds before the second try; doubled for each further one, at most 60.
        timeout: Seconds for connecting, and for each wait for more bytes.
        total: Seconds for the whole download with all its tries and pauses.
    """

    limit: int = 2 * 1024**3
    attempts: int = 5
    backoff: float = 1.0
    timeout: float = 30.0
    total: float = 3600.0


DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class Downloaded:
    """What came, and what the server said of it.

    Attributes:
        url: The last address after redirects, fit to be shown: see
            :func:`jobforge_dagster.medallion.fetching.failures.shown`.
        sha256: Of the bytes as saved.
        size: In bytes, as saved.
        etag: As the server sent it, to be given back as :class:`Validators`.
        last_modified: Likewise.
        content_type: As the server sent it.
        file_name: The name that the server proposes, reduced to a safe base name.
    """

    url: str
    sha256: str
    size: int
    etag: str | None
    last_modified: str | None
    content_type: str | None
    file_name: str | None
