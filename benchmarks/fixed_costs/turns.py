"""Calls that are measured in turns, and what is told of them: medians of ratios and differences."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from measuring import Cost, machine

Which = Literal["cpu", "wall"]
Name = TypeVar("Name")
"""What a call is told from the others by."""

PACKAGES = ("dagster", "polars", "duckdb", "dataframely")
HEADER = "| CPU : Dagster | wall : Dagster | CPU above, s | wall above, s"


def in_turns(calls: Mapping[Name, Callable[[], Cost]], rounds: int) -> dict[Name, list[Cost]]:
    """Measure every call, turn after turn, every other turn backwards.

    Returns:
        By call, what it cost in each turn.
    """
    costs: dict[Name, list[Cost]] = {what: [] for what in calls}
    for number in range(rounds):
        for what in list(calls)[:: -1 if number % 2 else 1]:
            costs[what].append(calls[what]())
    return costs


def seconds(cost: Cost, which: Which) -> float:
    """One of its figures."""
    return cost.cpu if which == "cpu" else cost.wall


def compared(what: str, ours: Sequence[Cost], base: Sequence[Cost]) -> tuple[str, ...]:
    """A row of a table under ``HEADER``."""
    return (
        what,
        ratio(ours, base, "cpu"),
        ratio(ours, base, "wall"),
        f"{above(ours, base):+.2f}",
        f"{above(ours, base, 'wall'):+.2f}",
    )


def ratio(some: Sequence[Cost], base: Sequence[Cost], which: Which) -> str:
    """The median of the ratios of each turn."""
    pairs = zip(some, base, strict=True)
    median = statistics.median(seconds(one, which) / seconds(two, which) for one, two in pairs)
    return f"{median:.2f}" if median < 10 else f"{median:.0f}"


def above(some: Sequence[Cost], base: Sequence[Cost], which: Which = "cpu") -> float:
    """The median of the differences of each turn, in seconds."""
    pairs = zip(some, base, strict=True)
    return statistics.median(seconds(one, which) - seconds(two, which) for one, two in pairs)


def median(costs: Iterable[Cost], which: Which = "cpu") -> float:
    """The median, in seconds."""
    return statistics.median(seconds(cost, which) for cost in costs)


def table(header: str, rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all but the first column are figures.

    Args:
        header: the names of the columns, separated by ``|``.
        rows: their cells.
    """
    names = [name.strip() for name in header.split("|")]
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def prose(text: str) -> str:
    """A paragraph, in lines that are not too long."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def heading(title: str, about: str) -> str:
    """The title of a result and what comes before its first section.

    Args:
        title: of the result.
        about: a paragraph with a place for ``{facts}`` of the machine.
    """
    return f"# {title}\n\n{prose(about.format(facts=_facts()))}\n"


def section(measured: str, rounds: int) -> str:
    """What a section says: of how many turns, and what was measured."""
    turns = f"Medians of {rounds} turns." if rounds > 1 else "One turn."
    return f"{turns}\n\n{measured}"


def _facts() -> str:
    known = machine(*PACKAGES)
    versions = ", ".join(f"{name} {version}" for name, version in known["packages"].items())
    return (
        f"{known['processor']}, {known['cores']} cores, {known['memory'] / 1e9:.0f} GB; "
        f"{known['kernel']}; Python {known['python']}, {versions}"
    )


def write(path: Path, head: str, sections: Mapping[str, str], order: Sequence[str]) -> None:
    """Write a result; sections of it that were not measured this time stay as they are.

    Args:
        path: of the Markdown file.
        head: its title and what comes before the first section.
        sections: by title, those that were measured.
        order: the titles of all.
    """
    former = path.read_text("utf-8").split("\n## ")[1:] if path.exists() else []
    kept = {title: text.strip() for title, _, text in (each.partition("\n") for each in former)}
    texts = {**kept, **sections}
    shown = [f"## {title}\n\n{texts[title]}\n" for title in order if title in texts]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head.strip() + "\n", *shown]), "utf-8")
