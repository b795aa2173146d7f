"""Answers as they are told: lines for people, a mapping for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from jobforge_dagster.asking.values import plain, short, shown, text_of


class Line(NamedTuple):
    """A line for people; a ``heading`` may stand out."""

    text: str
    heading: bool = False


class Told:
    """An answer, a dataclass, that prints as the command line prints it."""

    def lines(self) -> Iterable[Line]:
        """What people are told."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(line.text for line in self.lines())

    def __repr__(self) -> str:
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """What programs are told, as JSON can hold it."""
        found: dict[str, Any] = plain(asdict(self))  # type: ignore[call-overload]
        return found


def safe(lines: Iterable[Line | str]) -> Iterator[Line]:
    """Lines of which nothing steers a terminal, whatever was delivered."""
    for line in lines:
        told = line if isinstance(line, Line) else Line(line)
        yield Line(shown(told.text), told.heading)


def brief(value: object, letters: int | None = None) -> str:
    """A value on one line, of at most some letters; spaces and ends of lines are one space."""
    text = " ".join(text_of(value).split())
    return shown(text) if letters is None else short(text, letters)
