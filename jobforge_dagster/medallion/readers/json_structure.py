"""Follows JSON by its brackets and strings alone, up to an array of records and out again.

Nothing here recurses, so that depth costs nothing. What stands around the records must be JSON;
inside of a record only brackets are followed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import Enum

from jobforge_dagster.medallion.errors import DeliveryError

WHITE = " \t\r\n"
"""What JSON takes for white space."""
TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("|\\?\Z)|[\[\]{},:]', re.DOTALL)
"""A string or a mark; the group is no quote if the string does not end in this text."""
_LITERAL = re.compile(r"null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_OPENS = {"]": "[", "}": "{"}


def depth_of(text: str) -> int:
    """How many levels of brackets a text has."""
    depth = deepest = 0
    for found in TOKEN.finditer(text):
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


_VALUES = (_Next.VALUE, _Next.ELEMENT)
_NAMES = (_Next.NAME, _Next.FIRST_NAME)


@dataclass
class Structure:
    """Where a scan of a file stands.

    Attributes:
        name: of the file, for errors.
        where: names of the members that lead to the array.
        opened: the brackets that stand open.
        members: the member that stands open in each of them.
        next: what may come next.
        array: how many brackets stand open inside the array of records; 0 outside of it.
        seen: whether the array was reached.
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

    @property
    def between(self) -> bool:
        """Whether the scan stands in the array of records, outside of every record."""
        return self.array > 0 and len(self.opened) == self.array

    def literal(self, text: str) -> None:
        """Follow what stands between two tokens, outside of the records.

        Raises:
            DeliveryError: it is neither white space nor a value that may stand here.
        """
        text = text.strip(WHITE)
        if not text:
            return
        if self.next not in _VALUES or not _LITERAL.fullmatch(text):
            raise self._wrong(text)
        self.next = _Next.MORE

    def token(self, token: str) -> None:
        """Follow a bracket or, outside of the records, any token.

        Raises:
            DeliveryError: it may not stand here.
        """
        if token in "[{":
            self._open(token)
        elif token in "]}":
            self._close(token)
        elif self.array:
            return
        elif token.startswith('"'):
            self._string(token)
        elif token == ":" and self.next is _Next.COLON:
            self.next = _Next.VALUE
        elif token == "," and self.next is _Next.MORE and self.opened:
            self.next = _Next.NAME if self.opened[-1] == "{" else _Next.VALUE
        else:
            raise self._wrong(token)

    def end(self, rest: str) -> None:
        """Follow the end of the file.

        Raises:
            DeliveryError: it comes too early, or there was no array of records.
        """
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

    def _string(self, token: str) -> None:
        try:
            text = json.loads(token)
        except json.JSONDecodeError:
            raise self._wrong(token) from None
        if self.next in _NAMES:
            self.members[-1] = text
            self.next = _Next.COLON
        elif self.next in _VALUES:
            self.next = _Next.MORE
        else:
            raise self._wrong(token)

    def _open(self, bracket: str) -> None:
        if not self.array and self.next not in _VALUES:
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

    def _close(self, bracket: str) -> None:
        begun = _Next.FIRST_NAME if bracket == "}" else _Next.ELEMENT
        if not self.opened or self.opened[-1] != _OPENS[bracket]:
            raise self._wrong(bracket)
        if not self.array and self.next not in (_Next.MORE, begun):
            raise self._wrong(bracket)
        if self.between:
            self.array = 0
        self.opened.pop()
        self.members.pop()
        self.next = _Next.MORE

    def _wrong(self, found: str) -> DeliveryError:
        place = f" in or after record {self.found + 1}" if self.seen else ""
        wanted = "no such bracket is open" if self.array else f"{self.next.value} is expected"
        if not self.opened and self.seen:
            wanted = "the end is expected"
        return DeliveryError(
            f"{self.name} is not JSON: {found[:20]!r}{place}, where {wanted}. Ask for it again."
        )
