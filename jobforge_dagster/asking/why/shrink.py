"""Making a set smaller as long as it is still enough: QuickXplain, with a limit of trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Element = TypeVar("Element")


class TooManyTrials(Exception):  # noqa: N818  it is no error: what is known by then is used
    """The limit is reached."""


def minimal(
    enough: Callable[[Sequence[Element]], bool], elements: Sequence[Element], trials: int
) -> tuple[list[Element], bool]:
    """A smallest set of elements that is still enough: none can be left out.

    It takes about ``2 * found * log2(all / found)`` trials. After U. Junker, "QuickXplain", AAAI
    2004. Where more elements are not always better, what is found is still enough.

    Args:
        enough: whether some elements are; all of them must be.
        elements: to choose from; of several ways to choose, later ones are left out first.
        trials: how often ``enough`` may be asked.

    Returns:
        The elements in their order, and whether the limit was kept. If not, these are all.
    """
    left = trials

    def ask(some: Sequence[Element]) -> bool:
        nonlocal left
        if left <= 0:
            raise TooManyTrials
        left -= 1
        return enough(some)

    def needed(besides: Sequence[Element], grown: bool, among: Sequence[Element]) -> list[Element]:
        if grown and ask(besides):
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
        return ([], True) if ask([]) else (needed([], False, elements), True)
    except TooManyTrials:
        return list(elements), False
