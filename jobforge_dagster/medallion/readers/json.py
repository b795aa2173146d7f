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
from enum import Enum
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
_MAX_MEMBERS = 10_000
"""Different members of the records of a file; with more of them, their names are values."""

_CHUNK = 1 << 20
_LONGEST = 1 << 26
"""Characters of the first line that are looked at to tell whether it is a record."""
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("|\\?\Z)|[\[\]{},:]', re.DOTALL)
_WHITE = " \t\r\n"
_SPACE = re.compile(rf"[{_WHITE}]*")
_LITERAL = re.compile(r"null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
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
        if len(kinds) > _MAX_MEMBERS:
            raise DeliveryError(
                f"{name}: its records have more than {_MAX_MEMBERS} different members. Names that "
                f"are values cannot be columns; ask the publisher for an array instead."
            )
    header = tuple(kinds)
    facts = {
        **text.facts,
        "layout": "lines" if lines else "array",
        "kinds": {member: dict(sorted(found.items())) for member, found in kinds.items()},
        "reader": "exact",
    }
    reading = Reading(header, names_of(name, header, renames), pl.LazyFrame(), facts)
    reading.records = record_by_record(reading, lambda: _rows(records(), reading, lines))
    return reading


def _rows(records: Iterator[_Record], reading: Reading, lines: bool) -> Iterator[tuple[int, Row]]:
    for number, record in enumerate(records, start=1):
        reading.total = number
        if lines and not record.text.strip(_WHITE):
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
        return _members(record)
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
        return members(record.text.strip(_WHITE))
    except JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.pos + 1})") from error


def members(text: str) -> list[tuple[str, str | None, str]]:
    """Name, cell and kind of each member of the JSON text of an object.

    Raises:
        JSONDecodeError: it is no JSON.
        ValueError: it is no object, a name stands twice, a number is none (NaN), or half of a
            surrogate pair stands alone.
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
        if _halved(member) or (kind == "string" and _halved(value)):
            raise ValueError("holds half of a surrogate pair, which is no character")
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
        text = text.strip(_WHITE)
        if _depth(text) > MAX_DEPTH:
            return text, False
        try:
            if text.startswith("["):
                cells = {str(at): cell for at, cell in enumerate(_elements(text))}
                if _halved(cells.get(step)):
                    return text, False
            else:
                cells = {member: cell for member, cell, _ in members(text)}
        except ValueError:
            return text, False
        found = cells.get(step)
        if found is None or place == len(path) - 1:
            return found, True
        text = found
    return text, True


def _halved(text: str | None) -> bool:
    """Whether a text holds half of a surrogate pair: no character, in no encoding."""
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        return True
    return False


def _elements(text: str) -> Iterator[str | None]:
    _DECODER.decode(text)  # that it is an array at all
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
        first = " "
        while first and first in _WHITE:
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


class _Next(Enum):
    """What may come next outside of the records."""

    VALUE = "a value"
    ELEMENT = "a value or ']'"
    FIRST_NAME = "a name or '}'"
    NAME = "a name"
    COLON = "':'"
    MORE = "',' or the end"


@dataclass
class _Structure:
    """Follows JSON through a file, up to the array of records and out again.

    Inside of a record only brackets are followed: whether it is JSON is told of each by itself.

    Attributes:
        name: of the file, for errors.
        where: names of the members that lead to the array.
        opened: the brackets that stand open.
        members: the member that stands open in each of them.
        next: what may come next.
        array: how many brackets stand open inside the array of records; 0 outside of it.
        found: how many records were passed.
        deepest: how many levels the present record has.
    """

    name: str
    where: list[str]
    opened: list[str] = field(default_factory=list)
    members: list[str | None] = field(default_factory=list)
    next: _Next = _Next.VALUE
    array: int = 0
    seen: bool = False
    found: int = 0
    deepest: int = 0

    def literal(self, text: str) -> None:
        """Follow what stands between two marks, outside of the records."""
        text = text.strip(_WHITE)
        if not text:
            return
        if self.next not in (_Next.VALUE, _Next.ELEMENT) or not _LITERAL.fullmatch(text):
            raise self._wrong(text)
        self.next = _Next.MORE

    def string(self, token: str) -> None:
        """Follow a string, outside of the records."""
        try:
            text = scanstring(token, 1)[0]
        except JSONDecodeError:
            raise self._wrong(token) from None
        if self.next in (_Next.NAME, _Next.FIRST_NAME):
            self.members[-1] = text
            self.next = _Next.COLON
        elif self.next in (_Next.VALUE, _Next.ELEMENT):
            self.next = _Next.MORE
        else:
            raise self._wrong(token)

    def between_values(self, mark: str) -> None:
        """Follow a colon or a comma, outside of the records."""
        if mark == ":" and self.next is _Next.COLON:
            self.next = _Next.VALUE
        elif mark == "," and self.next is _Next.MORE and self.opened:
            self.next = _Next.NAME if self.opened[-1] == "{" else _Next.VALUE
        else:
            raise self._wrong(mark)

    def open(self, bracket: str) -> bool:
        """Follow an opening bracket; true if the array of records begins with it."""
        if not self.array and self.next not in (_Next.VALUE, _Next.ELEMENT):
            raise self._wrong(bracket)
        begins = bracket == "[" and not self.array and self.members == self.where
        if begins and self.seen:
            raise DeliveryError(f"{self.name} has {'.'.join(self.where)!r} twice.")
        self.opened.append(bracket)
        self.members.append(None)
        self.next = _Next.FIRST_NAME if bracket == "{" else _Next.ELEMENT
        if begins:
            self.array, self.seen = len(self.opened), True
        elif self.array:
            self.deepest = max(self.deepest, len(self.opened) - self.array)
        return begins

    def close(self, bracket: str) -> None:
        """Follow a closing bracket."""
        begun = _Next.FIRST_NAME if bracket == "}" else _Next.ELEMENT
        if not self.opened or self.opened[-1] != _CLOSES[bracket]:
            raise self._wrong(bracket)
        if not self.array and self.next not in (_Next.MORE, begun):
            raise self._wrong(bracket)
        self.opened.pop()
        self.members.pop()
        self.next = _Next.MORE

    def end(self, rest: str) -> None:
        """Follow the end of the file."""
        if not self.opened:
            self.literal(rest)
        if self.opened or rest.startswith('"'):
            raise DeliveryError(
                f"{self.name} is cut off: after {self.found} records its end is missing. Ask for "
                f"it again."
            )
        if not self.seen:
            raise DeliveryError(
                f"{self.name} has no array of records under {'.'.join(self.where)!r}; see records= "
                f"of its source."
            )

    @property
    def between(self) -> bool:
        """Whether the scan stands in the array of records, outside of every record."""
        return self.array > 0 and len(self.opened) == self.array

    def _wrong(self, found: str) -> DeliveryError:
        place = f" in or after record {self.found + 1}" if self.seen else ""
        wanted = "no such bracket is open" if self.array else f"{self.next.value} is expected"
        if not self.opened and self.seen:
            wanted = "the end is expected"
        return DeliveryError(
            f"{self.name} is not JSON: {found[:20]!r}{place}, where {wanted}. Ask for it again."
        )


def _array(path: Path, name: str, text: Text, where: list[str]) -> Iterator[_Record]:
    """The elements of the array of records.

    Raises:
        DeliveryError: what is around the records is no JSON, or there is no such array.
    """
    at = _Structure(name, where)
    parts: list[str] = []
    buffer = ""
    with path.open(encoding=text.codec, newline="") as file:
        # What spans chunks is read in ever larger ones, so that it is not gone over too often.
        while chunk := file.read(max(_CHUNK, len(buffer))):
            buffer += chunk
            begin, end = 0, len(buffer)
            for token in _TOKEN.finditer(buffer):
                mark = token[0][0]
                if mark == '"' and token[1] != '"':
                    end = token.start()  # the rest of this text is in the next chunk
                    break
                if not at.array:
                    at.literal(buffer[begin : token.start()])
                    begin = token.end()
                    if mark == '"':
                        at.string(token[0])
                    elif mark in ":,":
                        at.between_values(mark)
                    elif mark in "[{":
                        at.open(mark)
                    else:
                        at.close(mark)
                elif mark in "[{":
                    at.open(mark)
                elif at.between and mark in ",]":
                    element = "".join(parts) + buffer[begin : token.start()]
                    if mark == "," or element.strip(_WHITE) or at.found:
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
            else:
                buffer = buffer[begin:]
    at.end(buffer)
