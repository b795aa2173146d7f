"""Takes the JSON text of one value apart: the members of an object, and what a path leads to.

Values are checked, not made: a number stays its digits, a nested value its text. What is repeated
or no JSON is refused, not guessed at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from jobforge_dagster.medallion.readers.json_structure import WHITE, depth_of

MAX_DEPTH = 100
"""Levels of nesting in a record; Python's parser fails somewhere above five hundred."""
_SPACE = re.compile(rf"[{WHITE}]*")
_KINDS = {'"': "string", "{": "object", "[": "array", "n": "null", "t": "boolean", "f": "boolean"}


def members(text: str) -> dict[str, tuple[str | None, str]]:
    """Cell and kind of each member, by its name, of the JSON text of an object.

    Raises:
        JSONDecodeError: it is no JSON.
        ValueError: it is no object, a name stands twice, a number is none (NaN), or half of a
            surrogate pair stands alone.
    """
    if not text.startswith("{"):
        raise ValueError("is no object")
    found: dict[str, tuple[str | None, str]] = {}
    at = _space(text, 1)
    while text[at : at + 1] != "}":
        if found:
            if text[at : at + 1] != ",":
                raise JSONDecodeError("Expecting ',' or '}'", text, at)
            at = _space(text, at + 1)
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting a name in double quotes", text, at)
        member, at = _DECODER.raw_decode(text, at)
        at = _space(text, at)
        if text[at : at + 1] != ":":
            raise JSONDecodeError("Expecting ':'", text, at)
        cell, kind, at = _value(text, _space(text, at + 1))
        _refuse_halves(member)
        if kind == "string":
            _refuse_halves(cell)
        if member in found:
            raise ValueError(f"has the member {member!r} twice")
        found[member] = cell, kind
        at = _space(text, at)
    if _space(text, at + 1) != len(text):
        raise JSONDecodeError("Extra data", text, at + 1)
    return found


def value_at(text: str, path: Sequence[str]) -> tuple[str | None, bool]:
    """The value within a JSON text that a path leads to, as a cell; whether it can be followed.

    A member that is absent, or null on the way, is no value; what is neither object nor array, or
    no JSON at all, cannot be followed.
    """
    found: str | None = text
    for step in path:
        if found is None:
            break
        text = found.strip(WHITE)
        if depth_of(text) > MAX_DEPTH:
            return text, False
        try:
            if text.startswith("["):
                elements = enumerate(_elements(text))
                found = next((cell for at, cell in elements if str(at) == step), None)
                _refuse_halves(found)
            else:
                found, _ = members(text).get(step, (None, ""))
        except ValueError:
            return text, False
    return found, True


def _elements(text: str) -> Iterator[str | None]:
    _DECODER.decode(text)  # that it is an array at all
    at = _space(text, 1)
    while text[at : at + 1] != "]":
        cell, _, at = _value(text, at)
        yield cell
        at = _space(text, at)
        if text[at : at + 1] == ",":
            at = _space(text, at + 1)


def _value(text: str, at: int) -> tuple[str | None, str, int]:
    """Cell and kind of the value that begins at a place, and the place behind it."""
    value, end = _DECODER.raw_decode(text, at)
    kind = _KINDS.get(text[at], "number")
    if kind == "null":
        return None, kind, end
    return value if kind == "string" else text[at:end], kind, end


def _space(text: str, at: int) -> int:
    """The place behind the white space, if any, that stands at a place."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _refuse_halves(text: str | None) -> None:
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise ValueError("holds half of a surrogate pair, which is no character") from error


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> None:
    names = Counter(name for name, _ in pairs)
    for name, count in names.items():
        if count > 1:
            raise ValueError(f"has the member {name!r} twice in one object")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"holds {constant}, which is no JSON number")


_DECODER = JSONDecoder(
    parse_float=str,
    parse_int=str,
    parse_constant=_refuse_constant,
    object_pairs_hook=_refuse_repeats,
)
