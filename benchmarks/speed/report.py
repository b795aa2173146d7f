"""The result of the comparison as Markdown: for people, and its ratios for the README.

All that is told here is computed from the raw result.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from speed.result import Entrant, Result, What
from speed.targets import targets

WHATS: tuple[What, ...] = ("wall", "cpu", "peak")
BEGIN, END = "<!-- speed -->", "<!-- /speed -->"
NOTHING = "-"
COMMAND = "uv run --group benchmarks python benchmarks/speed"


def write(result: Result, path: Path) -> None:
    """Write the report."""
    path.write_text("\n".join(_report(result)) + "\n", "utf-8")


def write_ratios(result: Result, readme: Path) -> None:
    """Put the table of ratios between the two markers of the README.

    Raises:
        ValueError: The README does not have the markers, once each and in order.
    """
    text = readme.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"{readme.name} must have {BEGIN} and, after it, {END}, once each.")
    table = "\n".join(ratios(result))
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def ratios(result: Result) -> Iterator[str]:
    """Wall time and peak memory of everyone at every size, as multiples of the better floor's."""
    sizes = result.sizes()
    yield f"| times the floor's wall / memory | {' | '.join(f'{rows:,} rows' for rows in sizes)} |"
    yield f"|---|{'---:|' * len(sizes)}"
    last = sizes[-1]
    racing = result.believed(last, "floor", "limit", "ours", "peer")
    for entrant in racing + [each for each in _racing(result) if each not in racing]:
        cells = (_short_ratio(result, rows, entrant) for rows in sizes)
        yield f"| {_title(entrant)} | {' | '.join(cells)} |"


def _racing(result: Result) -> list[Entrant]:
    return [each for each in result.entrants if each.kind != "start"]


def _short_ratio(result: Result, rows: int, entrant: Entrant) -> str:
    if entrant not in result.believed(rows, entrant.kind):
        return NOTHING
    try:
        base = result.first(rows, "floor").name
        wall = result.ratio(rows, entrant.name, base, "wall")
        peak = result.ratio(rows, entrant.name, base, "peak")
    except LookupError:
        return NOTHING
    return f"{wall:.2f} / {peak:.2f}"


def _title(entrant: Entrant) -> str:
    return f"**{entrant.title}**" if entrant.kind == "ours" else entrant.title


def _report(result: Result) -> Iterator[str]:
    yield "# The whole pipeline, beside two floors and what one would use instead"
    yield ""
    yield f"Made by `{COMMAND}` on {result.date}; not to be edited. What takes part lies in"
    yield "`benchmarks/speed/`. The tables of all that have a time are the same, row for row."
    yield ""
    yield "![Wall time and peak memory by the number of rows](speed.png)"
    for rows in result.sizes():
        yield from _size(result, rows)
    yield from _targets(result)
    yield from _facts(result)


def _size(result: Result, rows: int) -> Iterator[str]:
    yield ""
    yield f"## {rows:,} rows"
    yield ""
    yield "| | wall, s | CPU, s | peak, MB | wall : floor | CPU : floor | peak : floor | rounds |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for entrant in result.believed(rows, "floor", "limit", "ours", "peer", "start"):
        wall, cpu, peak = (result.median(rows, entrant.name, what) for what in WHATS)
        compared = " | ".join(_ratio(result, rows, entrant, what) for what in WHATS)
        turns = len(result.turns(rows, entrant.name))
        costs = f"{wall:.2f} | {cpu:.2f} | {peak / 1e6:,.0f}"
        yield f"| {_title(entrant)} | {costs} | {compared} | {turns} |"
    out = [each for each in result.left_out if each.rows == rows]
    titles = {each.name: each.title for each in result.entrants}
    if out:
        yield ""
        yield "Left out:"
        yield ""
    for each in out:
        yield f"- {titles[each.name]}: {'; '.join(each.reasons)}"


def _ratio(result: Result, rows: int, entrant: Entrant, what: What) -> str:
    """The median of the ratios of the rounds, and how far they lie apart."""
    if entrant.kind == "start":
        return NOTHING
    try:
        base = result.first(rows, "floor")
        middle = result.ratio(rows, entrant.name, base.name, what)
    except LookupError:
        return NOTHING
    if entrant == base:
        return "1"
    found = result.ratios(rows, entrant.name, base.name, what)
    if len(found) == 1:
        return f"{middle:.2f}"
    return f"{middle:.2f} ({min(found):.2f} to {max(found):.2f})"


def _targets(result: Result) -> Iterator[str]:
    yield ""
    yield "## What is asked"
    yield ""
    yield "| rows | asked of ours | found | at best | |"
    yield "|---:|---|---|---:|---|"
    for each in targets(result):
        verdict = f"**{each.verdict}**" if each.verdict == "missed" else each.verdict
        yield f"| {each.rows:,} | {each.asked} | {each.figure} | {each.at_best} | {verdict} |"


def _facts(result: Result) -> Iterator[str]:
    facts = result.machine
    yield ""
    yield "## How it was measured"
    yield ""
    yield "Costs are medians; a ratio is the median of those of the rounds, with the least and the"
    yield "greatest in brackets, to the better floor: the one with the lower median wall time at"
    yield "that size. All take turns, in alternating order, each into an empty folder. CPU is that"
    yield "of all processes, peak the most memory that they held at one moment; MB are millions of"
    yield "bytes. Dagster's own start is a project with one asset that does nothing. Layer by"
    yield "layer, each file is made of the one before, as it must where layers can be made again"
    yield "one at a time; governed, rows know their row in the source, what is refused or repeated"
    yield "is kept as delivered with the reason, and what is written is hashed; read with care,"
    yield "each line is proven to be a record, no digits are read that are not grouped in threes,"
    yield "and a fact names its files. With Dagster's start, these three are what ours can at best"
    yield "cost: what would be found of them stands under *at best*, the fastest first."
    yield ""
    yield f"- {facts['processor']}, {facts['cores']} cores, {facts['memory'] / 1e9:.0f} GB"
    yield f"- {facts['kernel']}, Python {facts['python']}"
    for environment, versions in result.versions.items():
        yield f"- {environment}: {', '.join(' '.join(pair) for pair in versions.items())}"
