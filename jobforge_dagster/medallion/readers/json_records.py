"""Finds the text of each record of a JSON file: of a line, or of an element of an array.

What is in a record is not looked at, so that one which is no JSON costs itself only. Memory does
not grow with the number of records.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Json
from jobforge_dagster.medallion.readers.json_structure import TOKEN, WHITE, Structure, depth_of
from jobforge_dagster.medallion.readers.text import Text

_CHUNK = 1 << 20
_LONGEST = 1 << 26
"""Characters of the first line that are looked at to tell whether it is a record."""


class Record(NamedTuple):
    """A record's text as it stands, and how deep it is nested."""

    text: str
    depth: int


def is_lines(path: Path, name: str, text: Text, format_: Json) -> bool:
    """Whether a file has a record a line, rather than an array of them.

    Raises:
        DeliveryError: it is no JSON, or the records are not where they are declared.
    """
    with path.open(encoding=text.codec, newline="\n") as file:
        first = " "
        while first and first in WHITE:
            first = file.read(1)
        if not first:
            raise DeliveryError(f"{name} holds nothing but white space.")
        begin = first + file.read(19)
        if first not in "[{" or begin[1:2] == "\x00":
            raise DeliveryError(
                f"{name} is not JSON: it begins with {begin!r}. (UTF-16 without a mark would have "
                f"to be declared: encoding=.)"
            )
        if format_.records and first == "[":
            raise DeliveryError(
                f"{name} is an array itself; the source declares that its records are an array "
                f"under {format_.records!r}."
            )
        if format_.records or first == "[":
            return False
        # The whole line is looked at only where records may be lines: an array may be one line.
        if "\n" not in begin:
            begin += file.readline(_LONGEST)
    if _is_whole(begin.split("\n")[0]):
        return True
    raise DeliveryError(
        f"{name} is one object, not one a line. Say where its records are: "
        f"format=Json(records=…), with the name of the member that holds the array."
    )


def _is_whole(line: str) -> bool:
    """Whether the brackets of a line that begins an object are closed on it."""
    depth = 0
    for found in TOKEN.finditer(line):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth == 0:
            return True
    return False


def in_lines(path: Path, text: Text) -> Iterator[Record]:
    """The lines of a file, blank ones too."""
    with path.open(encoding=text.codec, newline="\n") as file:
        for line in file:
            yield Record(line, depth_of(line))


def in_array(path: Path, name: str, text: Text, where: list[str]) -> Iterator[Record]:
    """The elements of the array of records that some members lead to.

    Raises:
        DeliveryError: what is around the records is no JSON, or there is no such array.
    """
    at = Structure(name, where)
    parts: list[str] = []
    buffer = ""
    with path.open(encoding=text.codec, newline="") as file:
        # What spans chunks is read in ever larger ones, so that it is not gone over too often.
        while chunk := file.read(max(_CHUNK, len(buffer))):
            buffer += chunk
            begin, end = 0, len(buffer)
            for token in TOKEN.finditer(buffer):
                mark = token[0][0]
                if mark == '"' and token[1] != '"':
                    end = token.start()  # the rest of this text is in the next chunk
                    break
                if not at.array:
                    at.literal(buffer[begin : token.start()])
                    begin = token.end()
                    at.token(token[0])
                elif mark in ",]" and at.between:
                    element = "".join(parts) + buffer[begin : token.start()]
                    if mark == "," or element.strip(WHITE) or at.found:
                        yield Record(element, at.deepest)
                        at.found, at.deepest = at.found + 1, 0
                    parts.clear()
                    begin = token.end()
                    at.token(mark)
                elif mark in "[]{}":
                    at.token(mark)
            if at.array:
                parts.append(buffer[begin:end])
                buffer = buffer[end:]
            else:
                buffer = buffer[begin:]
    at.end(buffer)
