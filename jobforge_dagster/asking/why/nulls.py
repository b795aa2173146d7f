"""Which cells a value is null by: those that hold nothing, though it would be made of them.

Leaving out does not find them: without a row that was looked up and holds nothing the value is null
as well, and of two cells that hold nothing one is enough. So they are filled instead: alone, and
all together but one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobforge_dagster.asking.why.trial import CellAt

MANY = 64
"""Cells that hold nothing that are tried one by one; of more, all are taken."""

Changes = Callable[[Sequence[CellAt]], bool]
"""Whether a value is another one if some cells hold something."""


def behind(changes: Changes, empty: Sequence[CellAt], *, together: bool = True) -> list[CellAt]:
    """Of cells that hold nothing, those by which a value is what it is.

    Args:
        changes: tries what becomes of the value.
        empty: the cells.
        together: whether to look also for such as only change it if all are filled.
    """
    if len(empty) > MANY:
        return list(empty)
    found = [cell for cell in empty if changes([cell])]
    if found or not together or not empty or not changes(empty):
        return found
    return [cell for cell in empty if not changes([each for each in empty if each != cell])]
