"""Hashes: what tells contents apart, of files and of lists of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in lower case."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(parts: Iterable[str]) -> str:
    """Sixteen digits that change with some texts and their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
