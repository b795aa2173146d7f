"""Formats: how a delivered file is read, as far as its bytes do not say so themselves.

What is left undeclared is detected, and what was detected stands in the delivery's manifest. The
format itself follows from the ending of the file's name. Any file may be gzip-compressed, or be the
one file of a zip archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from jobforge_dagster.medallion.errors import DeclarationError

GUESS = "guess"
"""As an encoding: the likeliest one, where the file is not UTF-8. A guess may be wrong; it is
recorded as one."""


@dataclass(frozen=True)
class Csv:
    """Records of cells, as text.

    Attributes:
        delimiter: one character between cells; undeclared, that of ``, ; tab |`` which gives most
            of the first records the width of the header.
        quote: the character around cells that hold a delimiter; ``None`` if none has a meaning.
        encoding: as Python names it; undeclared, UTF-8 or what the byte-order mark says.
    """

    delimiter: str | None = None
    quote: str | None = '"'
    encoding: str | None = None


@dataclass(frozen=True)
class Excel:
    """One sheet of a workbook (.xlsx, .xlsm).

    A cell is the text of its stored value: numbers in the fewest digits that give the same number,
    dates and times as ISO 8601, booleans ``TRUE`` and ``FALSE``, errors as shown, formulas by their
    stored result. An empty cell is null. Of merged cells the first holds the value.

    Attributes:
        sheet: name of the sheet; undeclared, the only one that is not hidden.
        header_row: number of the row that holds the headers; rows above it are no records.
    """

    sheet: str | None = None
    header_row: int = 1


@dataclass(frozen=True)
class Json:
    """Objects: an array of them, or one below the other (newline-delimited).

    A cell is a text, the digits of a number as they stand, ``true`` or ``false``; an object or an
    array is its JSON text as it stands. ``null`` and an absent member are null.

    Attributes:
        records: where the array is within an object, names separated by points (``result.items``).
        encoding: as in :class:`Csv`.
    """

    records: str | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class Parquet:
    """A Parquet file; types are kept, nested ones too."""


Format: TypeAlias = Csv | Excel | Json | Parquet

_BY_ENDING: dict[str, Format] = {
    ".csv": Csv(),
    ".tsv": Csv(),
    ".tab": Csv(),
    ".txt": Csv(),
    ".xlsx": Excel(),
    ".xlsm": Excel(),
    ".json": Json(),
    ".jsonl": Json(),
    ".ndjson": Json(),
    ".parquet": Parquet(),
    ".pq": Parquet(),
}
PACKED = (".gz", ".zip")
"""Endings of compressed files; what is inside is told by the ending before, or by the member."""


def format_of(name: str) -> Format | None:
    """The format that the ending of a file's name (or glob) tells."""
    path = PurePosixPath(name.lower())
    while path.suffix in PACKED:
        path = path.with_suffix("")
    return _BY_ENDING.get(path.suffix)


def name_of(format_: Format) -> str:
    """What the format is called: ``csv``, ``excel``, ``json`` or ``parquet``."""
    return type(format_).__name__.lower()


def check_format(key: str, format_: Format) -> None:
    """Refuse what no reader could follow.

    Raises:
        DeclarationError: an unknown encoding, or a delimiter, quote or row that cannot be.
    """
    if isinstance(format_, Excel) and format_.header_row < 1:
        raise DeclarationError(f"{key}: rows of a sheet count from 1; header_row= is below.")
    if not isinstance(format_, Csv | Json):
        return
    if format_.encoding not in (None, GUESS):
        try:
            "".encode(format_.encoding)  # refuses codecs that are not of text, too
        except (LookupError, UnicodeError):
            raise DeclarationError(
                f"{key}: Python knows no encoding of text called {format_.encoding!r}. Common ones "
                f"are utf-8, utf-16, cp1252 and latin-1."
            ) from None
    if isinstance(format_, Csv):
        for what, mark in (("delimiter", format_.delimiter), ("quote", format_.quote)):
            if mark is not None and (len(mark) != 1 or mark in "\r\n\0"):
                raise DeclarationError(f"{key}: {what}={mark!r} is not one visible character.")
        if format_.delimiter is not None and format_.delimiter == format_.quote:
            raise DeclarationError(f"{key}: delimiter and quote are both {format_.quote!r}.")
