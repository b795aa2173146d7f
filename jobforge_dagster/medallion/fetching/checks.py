"""Checks that what the server gives is the file: no page, not empty, not damaged, no other."""

from __future__ import annotations

import gzip
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx

from jobforge_dagster.medallion.fetching.failures import failure
from jobforge_dagster.medallion.fetching.gzipped import BLOCK, DAMAGE, MAGIC, named_gzip
from jobforge_dagster.medallion.fetching.headers import encoding, media_type
from jobforge_dagster.medallion.hashing import sha256_of

_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_START = re.compile(rb"(?:\xef\xbb\xbf|\s)*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    OSError,
    OverflowError,
    ValueError,
    struct.error,
)


def check_head(answer: httpx.Response, *, url: str, to: Path) -> None:
    """Refuse what need not even be downloaded to be refused."""
    encoded = encoding(answer)
    if encoded and encoded != "gzip":
        raise failure(
            url,
            f"came encoded as {encoded[:40]!r}, though it was asked for as it is",
            "Only gzip can be undone here.",
        )
    if media_type(answer) in _HTML_TYPES:
        _refuse_html(url, to)


def check_file(
    path: Path, *, url: str, to: Path, sha256: str | None, check_time: Callable[[], None]
) -> str:
    """Refuse a file that is not what it should be.

    Args:
        path: Where the bytes are.
        url: Where they came from.
        to: What the file will be called, which tells what it should be.
        sha256: The checksum that it must have, in lower case.
        check_time: Called now and then, to raise when it takes too long.

    Returns:
        The checksum.

    Raises:
        FetchError: It is not what it should be.
    """
    with path.open("rb") as file:
        start = file.read(1024)
    digest = sha256_of(path)
    if not start:
        raise failure(url, "is empty (0 bytes)", "Ask its publisher, or try again later.")
    if _HTML_START.match(start):
        _refuse_html(url, to)
    if sha256 is not None and digest != sha256:
        raise failure(
            url,
            f"has the sha256 {digest}, not {sha256} as demanded",
            "If the publisher changed the file on purpose, demand the new checksum.",
        )
    if named_gzip(to) or start.startswith(MAGIC):
        _check_gzip(path, url, check_time)
    if to.suffix.lower() in (".zip", ".xlsx"):
        _check_zip(path, url, to)
    return digest


def _refuse_html(url: str, to: Path) -> None:
    if to.suffix.lower() not in (".html", ".htm"):
        raise failure(
            url,
            "is an HTML page, not a file: perhaps an error, a login or a landing page",
            "Open the address in a browser, and take that of the file itself.",
        )


def _check_gzip(path: Path, url: str, check_time: Callable[[], None]) -> None:
    try:
        with gzip.open(path) as file:
            while file.read(BLOCK):
                check_time()
    except DAMAGE as error:
        raise failure(
            url,
            f"is not a whole gzip file ({error})",
            "Try again later; if that does not help, ask its publisher.",
        ) from None


def _check_zip(path: Path, url: str, to: Path) -> None:
    try:
        zipfile.ZipFile(path).close()
    except _BROKEN_ZIP as error:
        raise failure(
            url,
            f"is not a whole {to.suffix.lower()} file ({error})",
            "Try again later; if that does not help, ask its publisher.",
        ) from None
