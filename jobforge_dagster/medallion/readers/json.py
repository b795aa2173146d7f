"""Reads JSON records as they were written: numbers by their digits, nested values by their text.

The structure is followed first, by brackets and strings alone, so that a record which is no JSON
costs itself only, and so that nothing deep ever reaches a parser that recurses. Memory does not
grow with the number of records.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json.decoder import JSONDecodeError, JSONDecoder, scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import polars as pl

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Json
from jobforge_dagster.medallion.readers.base import (
    Malformed,
    Reading,
    Row,
    names_of,
    record_by_record,
)
from jobforge_dagster.medallion.readers.text import Text, inspect

MAX_DEPTH = 100
"""Levels of nesting in a record; Python's parser fails somewhere above five hundred."""

_CHUNK = 1 << 20
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("|\\?\Z)|[\[\]{},:]', re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")
_CLOSES = {"]": "[", "}": "{"}
_KINDS = {'"': "string", "{": "object", "[": "array", "n": "null", "t": "boolean", "f": "boolean"}


class _Record(NamedTuple):
    """A record's text as it stands, and how deep it is nested."""

    text: str
    depth: int


def read(path: Path, name: str, format_: Json, renames: Mapping[str, str]) -> Reading:
    """Read the objects of a JSON file, one row each; columns are their members' names.

    Args:
        path: where the file lies.
        name: what to call it in an error.
        format_: what is declared of it.
        renames: names for members that the platform reserves.

    Raises:
        DeliveryError: the file is not text, its brackets do not match, or the records are not where
            they are declared. Errors in single records do not raise.
    """
    text = inspect(path, name, format_.encoding, "JSON")
    lines = _is_lines(path, name, text, format_)
    where = format_.records.split(".") if format_.records else []

    def records() -> Iterator[_Record]:
        return _lines(path, text) if lines else _array(path, name, text, where)

    kinds: dict[str, Counter[str]] = {}
    for record in records():
        for member, _, kind in _told(record) or ():
            kinds.setdefault(member, Counter())[kind] += 1
    header = tuple(kinds)
    facts = {
        **text.facts,
        "layout": "lines" if lines else "array",
        "kinds": {member: dict(sorted(found.items())) for member, found in kinds.items()},
        "reader": "exact",
    }
    reading = Reading(header, names_of(name, header, renames), pl.LazyFrame(), facts)
    reading.records = record_by_record(reading, lambda: _rows(records(), reading))
    return reading


def _rows(records: Iterator[_Record], reading: Reading) -> Iterator[tuple[int, Row]]:
    for number, record in enumerate(records, start=1):
        reading.total = number
        if not record.text.strip():
            reading.blank.append(number)
            continue
        try:
            cells = {member: cell for member, cell, _ in _members(record)}
        except ValueError as error:
            reading.malformed.append(Malformed(number, record.text, str(error)))
        else:
            yield number, [cells.get(member) for member in reading.header]


def _told(record: _Record) -> list[tuple[str, str | None, str]] | None:
    try:
        return _members(record) if record.text.strip() else None
    except ValueError:
        return None


def _members(record: _Record) -> list[tuple[str, str | None, str]]:
    """Name, cell and kind of each member of a record.

    Raises:
        ValueError: says what is wrong with the record.
    """
    if record.depth > MAX_DEPTH:
        raise ValueError(f"is nested {record.depth} deep, more than {MAX_DEPTH}")
    try:
        found = members(record.text.strip(" \t\r\n"))
        for member, cell, _ in found:
            f"{member}{cell or ''}".encode()
    except JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.pos + 1})") from error
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no character") from None
    return found


def members(text: str) -> list[tuple[str, str | None, str]]:
    """Name, cell and kind of each member of the JSON text of an object.

    Raises:
        JSONDecodeError: it is no JSON.
        ValueError: it is no object, a name stands twice, or a number is none (NaN).
    """
    if not text.startswith("{"):
        raise ValueError("is no object")
    found: dict[str, tuple[str, str | None, str]] = {}
    at = _space(text, 1)
    if text[at : at + 1] == "}":
        return _ended(text, at, [])
    while True:
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting a name in double quotes", text, at)
        member, at = scanstring(text, at + 1)
        at = _space(text, at)
        if text[at : at + 1] != ":":
            raise JSONDecodeError("Expecting ':'", text, at)
        start = _space(text, at + 1)
        value, at = _DECODER.raw_decode(text, start)
        kind = _KINDS.get(text[start], "number")
        cell = {"null": None, "string": value}.get(kind, text[start:at])
        if member in found:
            raise ValueError(f"has the member {member!r} twice")
        found[member] = (member, cell, kind)
        at = _space(text, at)
        if text[at : at + 1] == "}":
            return _ended(text, at, list(found.values()))
        if text[at : at + 1] != ",":
            raise JSONDecodeError("Expecting ',' or '}'", text, at)
        at = _space(text, at + 1)


def value_at(text: str, path: Sequence[str]) -> tuple[str | None, bool]:
    """The value within a JSON text that a path leads to, as a cell; whether it can be followed.

    A member that is absent, or null on the way, is no value; what is neither object nor array, or
    no JSON at all, cannot be followed.
    """
    for place, step in enumerate(path):
        text = text.strip(" \t\r\n")
        try:
            if text.startswith("["):
                cells = {str(at): cell for at, cell in enumerate(_elements(text))}
            else:
                cells = {member: cell for member, cell, _ in members(text)}
        except ValueError:
            return text, False
        found = cells.get(step)
        if found is None or place == len(path) - 1:
            return found, True
        text = found
    return text, True


def _elements(text: str) -> Iterator[str | None]:
    at = _space(text, 1)
    while text[at : at + 1] != "]":
        value, end = _DECODER.raw_decode(text, at)
        kind = _KINDS.get(text[at], "number")
        yield {"null": None, "string": value}.get(kind, text[at:end])
        at = _space(text, end)
        if text[at : at + 1] == ",":
            at = _space(text, at + 1)


def _ended(text: str, at: int, found: list[Any]) -> list[Any]:
    if _space(text, at + 1) != len(text):
        raise JSONDecodeError("Extra data", text, at + 1)
    return found


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _no_repeats(pairs: list[tuple[str, Any]]) -> None:
    names = Counter(name for name, _ in pairs)
    for name, count in names.items():
        if count > 1:
            raise ValueError(f"has the member {name!r} twice in one object")


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"holds {constant}, which is no JSON number")


# Values are checked, not made: a nested one is kept as it stands.
_DECODER = JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_no_repeats
)


def _is_lines(path: Path, name: str, text: Text, format_: Json) -> bool:
    with path.open(encoding=text.codec, newline="\n") as file:
        first = next((line for line in file if line.strip()), "").strip()
    if not first:
        raise DeliveryError(f"{name} holds nothing but white space.")
    if first[0] not in "[{":
        raise DeliveryError(f"{name} is not JSON: it begins with {first[:20]!r}.")
    if format_.records:
        if first[0] == "[":
            raise DeliveryError(
                f"{name} is an array itself; the source declares that its records are an array "
                f"under {format_.records!r}."
            )
        return False
    if first[0] == "[":
        return False
    if _is_whole(first):
        return True
    raise DeliveryError(
        f"{name} is one object, not one a line. Say where its records are: "
        f"format=Json(records=…), with the name of the member that holds the array."
    )


def _is_whole(line: str) -> bool:
    """Whether the brackets of a line that begins an object are closed on it."""
    depth = 0
    for found in _TOKEN.finditer(line):
        token = found[0]
        depth += (token in "[{") - (token in "]}")
        if depth == 0:
            return True
    return False


def _lines(path: Path, text: Text) -> Iterator[_Record]:
    with path.open(encoding=text.codec, newline="\n") as file:
        for line in file:
            yield _Record(line, _depth(line))


def _depth(line: str) -> int:
    depth = deepest = 0
    for found in _TOKEN.finditer(line):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


@dataclass
class _Structure:
    """Follows brackets and names through a file, up to the array of records and out again.

    Attributes:
        name: of the file, for errors.
        where: names of the members that lead to the array.
        opened: the brackets that stand open.
        members: the member that stands open in each of them.
        array: how many brackets stand open inside the array of records; 0 outside of it.
        found: how many records were passed.
        deepest: how many levels the present record has.
    """

    name: str
    where: list[str]
    opened: list[str] = field(default_factory=list)
    members: list[str | None] = field(default_factory=list)
    array: int = 0
    seen: bool = False
    found: int = 0
    deepest: int = 0
    last: str = ""

    def open(self, bracket: str) -> bool:
        """Follow an opening bracket; true if the array of records begins with it."""
        begins = bracket == "[" and not self.array and self.members == self.where
        if begins and self.seen:
            raise DeliveryError(f"{self.name} has {'.'.join(self.where)!r} twice.")
        self.opened.append(bracket)
        self.members.append(None)
        if begins:
            self.array, self.seen = len(self.opened), True
        elif self.array:
            self.deepest = max(self.deepest, len(self.opened) - self.array)
        return begins

    def close(self, bracket: str) -> None:
        """Follow a closing bracket."""
        if not self.opened or self.opened[-1] != _CLOSES[bracket]:
            place = f" in or after record {self.found + 1}" if self.seen else ""
            raise DeliveryError(
                f"{self.name} is not JSON: a {bracket!r}{place} closes what was not opened so."
            )
        self.opened.pop()
        self.members.pop()

    @property
    def between(self) -> bool:
        """Whether the scan stands in the array of records, outside of every record."""
        return self.array > 0 and len(self.opened) == self.array


def _array(path: Path, name: str, text: Text, where: list[str]) -> Iterator[_Record]:
    """The elements of the array of records.

    Raises:
        DeliveryError: brackets or quotes do not match, or there is no such array.
    """
    at = _Structure(name, where)
    parts: list[str] = []
    buffer = ""
    with path.open(encoding=text.codec, newline="") as file:
        while chunk := file.read(_CHUNK):
            buffer += chunk
            begin, end = 0, len(buffer)
            for token in _TOKEN.finditer(buffer):
                mark = token[0][0]
                if mark == '"' and not token[1]:
                    end = token.start()  # the rest of this text is in the next chunk
                    break
                if mark == '"':
                    at.last = token[0]
                elif mark == ":" and at.opened and not at.array:
                    at.members[-1] = scanstring(at.last, 1)[0] if at.last else None
                elif mark in "[{":
                    if at.open(mark):
                        begin = token.end()
                elif at.between and mark in ",]":
                    element = "".join(parts) + buffer[begin : token.start()]
                    if mark == "," or element.strip() or at.found:
                        yield _Record(element, at.deepest)
                        at.found += 1
                    parts.clear()
                    begin, at.deepest = token.end(), 0
                    if mark == "]":
                        at.close(mark)
                        at.array = 0
                elif mark in "]}":
                    at.close(mark)
            if at.array:
                parts.append(buffer[begin:end])
            buffer = buffer[end:]
    if at.opened or buffer.startswith('"'):
        raise DeliveryError(
            f"{name} is cut off: after {at.found} records its end is missing. Ask for it again."
        )
    if not at.seen:
        raise DeliveryError(
            f"{name} has no array of records under {'.'.join(where)!r}; see records= of its source."
        )
