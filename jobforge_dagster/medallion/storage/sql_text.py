"""Names, texts and paths as they are written in DuckDB's SQL, whatever they are made of."""

from __future__ import annotations

import glob
from pathlib import Path


def quoted(name: str) -> str:
    """A name of a table or column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text."""
    return "'" + text.replace("'", "''") + "'"


def pattern(path: Path) -> str:
    """A path, as a text where DuckDB takes patterns: it matches this file alone."""
    return literal(escaped(path.as_posix()))


def escaped(path: str) -> str:
    """A path that stands for itself alone where DuckDB takes patterns."""
    return glob.escape(path)
