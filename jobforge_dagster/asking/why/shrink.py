"""Making a set smaller as long as it is still enough: QuickXplain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Element = TypeVar("Element")


class TooManyTrials(Exception):  # noqa: N818  it is no error: what is known by then is used
    """Raised by ``enough`` when it may not be asked again."""


def minimal(
    enough: Callable[[Sequence[Element]], bool], elements: Sequence[Element]
) -> tuple[list[Element], bool]:
    """A smaller set of elements that is still enough.

    If more elements are never worse than fewer, none of those found can be left out; another set
    may be smaller still. Otherwise what is found is enough all the same, but may hold an element
    that could go.

    It takes about ``2 * found * log2(all / found)`` trials. After U. Junker, "QuickXplain", AAAI
    2004.

    Args:
        enough: whether some elements are; all of them must be. It raises :class:`TooManyTrials`
            to end the search.
        elements: to choose from; of several ways to choose, later ones are left out first.

    Returns:
        The elements in their order, and whether the search came to its end. If not, these are all.
    """

    def needed(besides: Sequence[Element], grown: bool, among: Sequence[Element]) -> list[Element]:
        if grown and enough(besides):
            return []
        if len(among) == 1:
            return list(among)
        half = len(among) // 2
        first, second = among[:half], among[half:]
        of_second = needed([*besides, *first], True, second)
        of_first = needed([*besides, *of_second], bool(of_second), first)
        return [*of_first, *of_second]

    if not elements:
        return [], True
    try:
        return ([], True) if enough([]) else (needed([], False, elements), True)
    except TooManyTrials:
        return list(elements), False
