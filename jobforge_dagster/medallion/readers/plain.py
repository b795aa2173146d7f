"""Proves, over the bytes of a CSV file, that every line is one record of the header's width.

No byte is looked at alone: a word stands for 64 of them, with a bit for each that is a quote, a
delimiter or a line feed. Which lie within quotes is the running exclusive or of the quotes' bits.
Memory grows neither with the file nor with its lines.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

_CHUNK = 1 << 19
"""Bytes read at a time: a multiple of 64. What is made of more is given back to the system, and
taken anew, each time."""

Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint64]

_ONE, _LAST = np.uint64(1), np.uint64(63)
_STEPS = tuple(np.uint64(1 << power) for power in range(6))


def plain_records(path: Path, delimiter: str, width: int) -> int | None:
    """Count the records below the header, if every line is one.

    A cell is quoted by ``"`` wholly or not at all, and a quote in a quoted cell is doubled.

    Args:
        path: of a text in UTF-8, in which a line feed follows every carriage return.
        delimiter: an ASCII character.
        width: number of cells of a record, at least two.

    Returns:
        Their number; ``None`` if a line is anything else, or if the first begins with a byte-order
        mark, which Polars would take off.
    """
    buffer = bytearray(_CHUNK)
    text = np.frombuffer(buffer, np.uint8)
    lines = _Lines(delimiter, width)
    whole = True
    with path.open("rb") as file:
        file.readline()
        begin = file.tell()
        if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            return None
        file.seek(begin)
        while size := file.readinto(buffer):
            whole = buffer[size - 1] == ord("\n")
            padded = -(-size // 64) * 64
            text[size:padded] = ord("\r")  # which changes nothing and may follow anything
            if not lines.take(text[:padded], has_quotes=b'"' in buffer):
                return None
    return lines.records(whole)


class _Lines:
    """The lines of a text, as far as it was read; all that is kept is where it stands."""

    def __init__(self, delimiter: str, width: int) -> None:
        self._delimiter, self._width = ord(delimiter), width
        self._separators = self._ended = 0
        self._quoted = False  # whether the last byte lies within quotes
        self._edge = True  # whether a quote may follow the last byte
        self._closed = False  # whether the last byte is a quote that closed
        self._mask = np.empty(_CHUNK, np.bool_)

    def records(self, whole: bool) -> int | None:
        """The number of records once all is read; ``whole`` is whether a line feed came last."""
        rest = 0 if whole else self._width - 1
        if self._quoted or self._separators - self._ended * self._width != rest:
            return None
        return self._ended + (not whole)

    def take(self, text: Bytes, *, has_quotes: bool) -> bool:
        """Read on, and tell whether every line is a record so far."""
        feeds = self._bits(text, ord("\n"))
        separators = feeds | self._bits(text, self._delimiter)
        if has_quotes or self._quoted or self._closed:
            outside = self._outside(text, separators)
            if outside is None or (feeds & ~outside).any():
                return False
            separators &= outside
        else:
            self._edge = bool(separators[-1] >> _LAST)
        return self._count(feeds, separators)

    def _outside(self, text: Bytes, separators: Words) -> Words | None:
        """Which bytes lie outside of quotes; ``None`` if a quote stands where none may."""
        quotes = self._bits(text, ord('"'))
        quoted = quotes.copy()
        for step in _STEPS:
            quoted ^= quoted << step
        # A word that leaves a quote open turns all of the next one over.
        left_open = np.bitwise_xor.accumulate(quoted >> _LAST) ^ np.uint64(self._quoted)
        quoted[0] ^= _all(self._quoted)
        quoted[1:] ^= ~(left_open[:-1] - _ONE)
        edges, closing = separators | quotes, quotes & ~quoted
        if (quotes & quoted & ~_behind(edges, self._edge)).any():
            return None
        odd = _behind(closing, self._closed) & ~edges
        if odd.any() and (odd & ~self._bits(text, ord("\r"))).any():
            return None
        self._quoted, self._edge, self._closed = (
            bool(words[-1] >> _LAST) for words in (quoted, edges, closing)
        )
        return ~quoted

    def _count(self, feeds: Words, separators: Words) -> bool:
        """Count on, and tell whether every ``width``-th separator is a line feed, and no other."""
        counts = np.bitwise_count(separators)
        totals = np.cumsum(counts, dtype=np.int64)
        where = np.flatnonzero(feeds)
        feeds, around = feeds[where], separators[where]
        before = totals[where] - counts[where] + self._separators
        while len(feeds):
            lowest = feeds & (~feeds + _ONE)
            place = before + np.bitwise_count(around & (lowest - _ONE)) + 1
            if (place % self._width).any():
                return False
            self._ended += len(feeds)
            feeds = feeds ^ lowest
            left = feeds != 0
            feeds, around, before = feeds[left], around[left], before[left]
        self._separators += int(totals[-1])
        return self._separators // self._width == self._ended

    def _bits(self, text: Bytes, byte: int) -> Words:
        """A bit for each byte of a text: whether it is the one asked for. The first is lowest."""
        mask = np.equal(text, byte, out=self._mask[: len(text)])
        return np.packbits(mask, bitorder="little").view("<u8")


def _all(bit: bool) -> np.uint64:
    return ~np.uint64(0) if bit else np.uint64(0)


def _behind(words: Words, first: bool) -> Words:
    """The bits moved on by one; ``first`` comes before them."""
    moved = words << _ONE
    moved[1:] |= words[:-1] >> _LAST
    moved[0] |= np.uint64(first)
    return moved
