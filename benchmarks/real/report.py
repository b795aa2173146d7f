"""The result as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from measuring import Cost
from projects import IMPORT, OURS, PLAIN, START, WAYS, Way

Turn = Mapping[Way, Cost]
"""What each way cost in one turn."""

HEAD = """\
# What a full first run over the real files costs

`uv run python benchmarks/real` (turns: {turns}; in each, every way runs once, in a process and a
folder of its own; medians; the ratios are medians of those to the plain script of the same turn).
{facts}.

The plain script (`benchmarks/real/plain.py`) reads the publishers' files and writes the same gold
tables ({tables} tables, {rows} rows, compared row for row before the first turn): no layers
between, no provenance, no quarantine, no checks, no catalog. "Everything" is all layers, the marts,
the catalog and the evidence.

| | CPU, s | wall, s | peak, MB | CPU : plain | wall : plain | peak : plain |
|---|---:|---:|---:|---:|---:|---:|
"""


def report(turns: Sequence[Turn], facts: Mapping[str, Any], tables: int, rows: int) -> str:
    """Tell what was measured.

    Args:
        turns: the costs.
        facts: of the machine, as :func:`measuring.machine` tells them.
        tables: number of gold tables.
        rows: number of their rows.
    """
    head = HEAD.format(turns=len(turns), facts=_machine(facts), tables=tables, rows=f"{rows:,}")
    return head + "".join(_line(turns, way) for way in WAYS) + _verdict(turns)


def _line(turns: Sequence[Turn], way: Way) -> str:
    cells = [way.title]
    for unit, digits in (("cpu", 2), ("wall", 2), ("peak", 0)):
        scale = 1e-6 if unit == "peak" else 1
        middle = statistics.median(getattr(turn[way], unit) * scale for turn in turns)
        cells.append(f"{middle:.{digits}f}")
    for unit in ("cpu", "wall", "peak"):
        ratios = [getattr(turn[way], unit) / getattr(turn[PLAIN], unit) for turn in turns]
        cells.append(f"{statistics.median(ratios):.2f}")
    return f"| {' | '.join(cells)} |\n"


def _verdict(turns: Sequence[Turn]) -> str:
    """How far the target is."""

    def middle(of: Callable[[Turn], float]) -> float:
        return statistics.median(of(turn) for turn in turns)

    whole = middle(lambda turn: turn[OURS].cpu / turn[PLAIN].cpu)
    start = middle(lambda turn: turn[START].cpu / turn[PLAIN].cpu)
    above = middle(lambda turn: (turn[OURS].cpu - turn[START].cpu) / turn[PLAIN].cpu)
    work = middle(lambda turn: turn[PLAIN].cpu - turn[IMPORT].cpu)
    return (
        f"\nThe target is at most twice the CPU of the plain script. A full first run takes "
        f"{whole:.1f} times as\nmuch: {start:.1f} are Dagster's own start, with an asset that does "
        f"nothing, and {above:.1f} what is done after it.\nOf the plain script's own CPU "
        f"{work:.2f} s are work; the rest is importing Polars.\n"
    )


def _machine(facts: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory'] / 2**30:.0f} GB, "
        f"{facts['kernel']},\nPython {facts['python']}, {packages}"
    )
