"""Reads the headers of an answer: lengths, ranges, encodings, pauses and file names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import httpx


def sendable(value: str) -> bool:
    """Whether a header may hold it: what a server sends is not always fit to be sent back."""
    return value.isascii() and value.isprintable()


def encoding(answer: httpx.Response) -> str | None:
    """What the body is encoded with for the transfer, if anything."""
    said = str(answer.headers.get("Content-Encoding", "")).strip().lower()
    if said in ("", "identity"):
        return None
    return "gzip" if said == "x-gzip" else said


def media_type(answer: httpx.Response) -> str:
    """What the body is said to be, in lower case and without parameters; may be empty."""
    said: str = answer.headers.get("Content-Type", "")
    return said.split(";")[0].strip().lower()


def length(answer: httpx.Response) -> int | None:
    """The bytes that the body is announced to have."""
    said = answer.headers.get("Content-Length", "")
    chunked = "Transfer-Encoding" in answer.headers
    return int(said) if re.fullmatch(r"[0-9]{1,18}", said) and not chunked else None


def content_range(answer: httpx.Response) -> tuple[int | None, int | None]:
    """Which byte the body starts with, and the size of the whole file, as far as it is said."""
    said = answer.headers.get("Content-Range", "")
    found = re.fullmatch(r"\s*bytes\s+([0-9]{1,18})-[0-9]+/([0-9]{1,18}|\*)\s*", said)
    if not found:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])


def retry_after(answer: httpx.Response) -> float:
    """The seconds to wait that the server asks for."""
    said = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", said):
        return float(said)
    try:
        date = parsedate_to_datetime(said)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return 0.0


def file_name(answer: httpx.Response) -> str | None:
    """The proposed name without folders and whatever a file system or a shell may stumble on."""
    disposition = answer.headers.get("Content-Disposition", "")
    name = _extended_name(disposition) or _plain_name(disposition)
    base = re.split(r"[/\\]", name)[-1]
    safe = "".join(letter for letter in base if letter.isprintable() and letter not in '<>:"|?*')
    safe = safe.strip(" .")
    while len(safe.encode("utf-8", "replace")) > 150:
        stem, dot, suffix = safe.rpartition(".")
        safe = f"{stem[:-1]}{dot}{suffix}" if len(stem) > 1 and len(suffix) < 20 else safe[:-1]
    return safe or None


def _extended_name(disposition: str) -> str:
    pattern = r"(?:^|;)\s*filename\*\s*=\s*\"?(utf-8|iso-8859-1)'[^']*'([^;\"\s]+)"
    found = re.search(pattern, disposition, re.IGNORECASE)
    return unquote(found[2], encoding=found[1]) if found else ""


def _plain_name(disposition: str) -> str:
    pattern = r"(?:^|;)\s*filename\s*=\s*(?:\"((?:\\.|[^\"\\])*)\"|([^;\"]+))"
    found = re.search(pattern, disposition, re.IGNORECASE)
    return (re.sub(r'\\(["\\])', r"\1", found[1] or "") or found[2] or "") if found else ""
