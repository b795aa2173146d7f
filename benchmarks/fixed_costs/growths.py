"""How costs grow with what makes them grow: exponents, 1 if they do as much as that does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from measuring import Cost

from fixed_costs.turns import Which, median, prose, table

LOST = 0.1
"""Share of the start below which what is above it is lost in it."""

HEADER = "what grows | cost | CPU | wall | CPU x | wall x | of the whole: CPU | wall"
EXPLAINED = (
    "The first two figures are exponents of what is above the start, which is the cost at "
    "the fewest {unit} ({start}); "
    f"`-`: before it grew, that was less than {LOST:.0%} of the start. `x` is how many times as "
    "much the whole costs, and the last two figures are the exponents of that."
)

Sized = Mapping[str, Mapping[int, Sequence[Cost]]]
"""By what is measured and by size, the cost in each turn; the least size is the start."""


def exponent(few: float, many: float, grown: float, start: float = 0.0) -> str:
    """How what is above the start grows.

    Args:
        few: the cost before.
        many: the cost after.
        grown: how many times as much there is after of what makes it grow.
        start: what it costs where there is next to nothing.

    Returns:
        The exponent; ``-`` where what is above the start is lost in it.
    """
    if few - start <= LOST * start or many <= start:
        return "-"
    return f"{math.log((many - start) / (few - start), grown):.2f}"


def growths(costs: Sized, unit: str) -> str:
    """Exponents from each size to the next, as a Markdown table with its explanation.

    Args:
        costs: what was measured.
        unit: what there is more of, e.g. ``rows``.
    """
    start = min(size for sizes in costs.values() for size in sizes)
    explained = EXPLAINED.format(unit=unit, start=f"{start:,}")
    return f"{prose(explained)}\n\n{table(HEADER, _rows(costs, unit))}"


def _rows(costs: Sized, unit: str) -> Iterator[tuple[str, ...]]:
    for what, sizes in costs.items():
        start, *grown = sorted(sizes)
        for few, many in pairwise(grown):

            def of(which: Which, size: int, sizes: Mapping[int, Sequence[Cost]] = sizes) -> float:
                return median(sizes[size], which)

            whiches: tuple[Which, Which] = ("cpu", "wall")
            times = many / few
            above = [
                exponent(of(which, few), of(which, many), times, of(which, start))
                for which in whiches
            ]
            ratios = [f"{of(which, many) / of(which, few):.2f}" for which in whiches]
            whole = [exponent(of(which, few), of(which, many), times) for which in whiches]
            yield (f"{unit}, {few:,} to {many:,}", what, *above, *ratios, *whole)
