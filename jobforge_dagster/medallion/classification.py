"""How freely data may be shown, and what data made of other data inherits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

Classification = Literal["public", "internal", "confidential", "restricted"]
"""Who may see a value: everybody; the organisation; those who need it; those named one by one."""

CLASSIFICATIONS: tuple[Classification, ...] = get_args(Classification)
"""From the most open to the most closed."""


def inherited(
    declared: Classification | None,
    default: Classification,
    upstream: Iterable[Classification],
    declassified: str | None,
) -> Classification:
    """How confidential a column is, given what it is made of.

    Args:
        declared: what is declared of the column itself, if anything.
        default: what its table says of every column.
        upstream: of the columns that it is made of.
        declassified: the reason why it may be as public as declared; without ``declared`` there is
            nothing to hold to, and it counts for nothing.

    Returns:
        The most closed of them all; what is declared, where ``declassified`` says why.
    """
    if declared is not None and declassified is not None:
        return declared
    return max((declared or default, *upstream), key=CLASSIFICATIONS.index)
