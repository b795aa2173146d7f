"""What every reader gives: the records as text, and an account of every record of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

LineEnding = Literal["LF", "CRLF", "LF and CRLF", "CR", "none"]


@dataclass(frozen=True)
class Inspection:
    """What one pass over the bytes of a file tells.

    Attributes:
        sha256: of the bytes as they lie.
        size: in bytes.
        encoding: of the text, as Python names it.
        bom: whether the file begins with a byte-order mark.
        line_ending: ``CR`` if a carriage return stands anywhere without a line feed behind it;
            line breaks inside cells count too.
    """

    sha256: str
    size: int
    encoding: str
    bom: bool
    line_ending: LineEnding


@dataclass(frozen=True)
class Malformed:
    """A record that no row can represent: where it stands, its text as delivered, and why."""

    row: int
    text: str
    reason: str


@dataclass
class Reading:
    """A file as text: ``records`` has one String column a name, and ``_source_row``.

    ``malformed``, ``blank`` and ``total`` are complete once ``records`` has been collected or
    sunk. Then every record of the file is a row, malformed or blank: rows + malformed + blank =
    total. An empty cell is the empty text; nothing is null.

    Attributes:
        header: the header cells, untouched but for the file's byte-order mark.
        names: the same, as the source declares that they be renamed.
        records: the well-formed records.
        malformed: records that no row can represent.
        blank: numbers of the empty lines between records.
        total: number of records in the file below the header, blank lines included.
        method: ``plain`` (vectorised; the file was proven regular) or ``exact`` (record by record).
    """

    header: tuple[str, ...]
    names: tuple[str, ...]
    records: pl.LazyFrame
    method: Literal["plain", "exact"]
    total: int = 0
    malformed: list[Malformed] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
