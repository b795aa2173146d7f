"""What people are told of an answer to "why": the lines that ``jobforge why`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.asking.told import Line, brief, safe
from jobforge_dagster.asking.trace.telling import refusals
from jobforge_dagster.asking.why.model import Cell, Experiment, Hop, Recomputed, Rule, Why

_SHOWN = 12
"""Cells of a kind that are shown, unless all are asked for."""

_KINDS = {"key": "tells a row", "group_by": "group", "conditional": "condition"}

_LETTERS = 70
"""Letters of a text that are shown."""


def lines(found: Why, *, everything: bool = False) -> Iterator[Line]:
    """Tell why a value is what it is.

    Args:
        found: the answer.
        everything: whether to show all cells, and each rule that was passed.
    """
    return safe(_answer(found, everything))


def _answer(found: Why, everything: bool) -> Iterator[Line | str]:
    row = ", ".join(f"{name}={_value(value)}" for name, value in found.row.items())
    if not found.found:
        yield f"{sql_name(found.table)} has no row with {row}: it was refused."
        yield from _part(refusals(found.refused))
        return
    answer = f"{found.column} = {_value(found.value)}"
    yield Line(f"{answer}  ({sql_name(found.table)}, {row})", heading=True)
    for title, role in (("made of", "made"), ("decided by", "decides")):
        cells = [cell for cell in found.cells if cell.role == role]
        yield from _part(_cells(cells if everything else cells[:_SHOWN]), title)
        if len(cells) > _SHOWN and not everything:
            yield f"  and {len(cells) - _SHOWN:,} more cells (--all shows them)"
    yield from _part(_besides(found), "besides")
    hops = (line for hop in found.hops[::-1] for line in _hop(hop, everything))
    yield from _part(hops, "on the way")
    if found.recomputed is not None:
        yield ""
        yield _proof(found.recomputed, least=found.least)


def _part(lines: Iterable[str], title: str | None = None) -> Iterator[str]:
    for place, line in enumerate(lines):
        if not place and title is not None:
            yield ""
            yield title
        yield f"  {line}"


def _cells(cells: Sequence[Cell]) -> Iterator[str]:
    def place(cell: Cell) -> tuple[str, int | None]:
        return cell.file, cell.record

    for (file, record), some in groupby(cells, place):
        yield f"{file}, {'header' if record is None else f'record {record}'}"
        together = list(some)
        named = [_named(cell) for cell in together]
        texts = [_text(cell) for cell in together]
        hows = [_how(cell) for cell in together]
        for row in zip(named, texts, hows, map(_verdict, together), strict=True):
            name, text, how, verdict = row
            parts = [f"{name:<{max(map(len, named))}}", f"{text:<{max(map(len, texts))}}"]
            parts += [f"{how:<{max(map(len, hows))}}"] if any(hows) else []
            yield f"  {'  '.join([*parts, verdict])}"


def _named(cell: Cell) -> str:
    if cell.header is None:
        return "number of the record"
    return "the header" if cell.record is None else brief(cell.header, _LETTERS)


def _how(cell: Cell) -> str:
    """How a cell decides; that a value is made of it says enough."""
    return "" if cell.role == "made" else ", ".join(_KINDS.get(kind, kind) for kind in cell.kinds)


def _text(cell: Cell) -> str:
    return "(empty)" if cell.text is None else f'"{brief(cell.text, _LETTERS)}"'


def _verdict(cell: Cell) -> str:
    if cell.verdict == "not tested":
        return "not tested"
    last = cell.experiments[-1]
    if cell.verdict == "sufficient" and last.outcome == "goes":
        record = _change(cell, last)
        return f"sufficient: no text tried changes the answer, but if {record}, the row would go"
    if cell.verdict == "sufficient":
        return "sufficient: the answer stands without it, by others"
    becomes = {
        "changes": f"the value would be {_value(last.value)}",
        "goes": "the row would go",
        "fails": f"the table could not be made: {brief(last.error, _LETTERS)}",
    }
    return f"necessary: if {_change(cell, last)}, {becomes.get(last.outcome, '')}"


def _change(cell: Cell, tried: Experiment) -> str:
    if tried.action == "leave out":
        return f"record {cell.record} is left out"
    if tried.action == "rename":
        return f"the header reads '{brief(tried.text, _LETTERS)}'"
    return "it is empty" if tried.text is None else f"it is '{brief(tried.text, _LETTERS)}'"


def _besides(found: Why) -> Iterator[str]:
    for missing in found.missing:
        by = ", ".join(missing.columns)
        yield (
            f"{sql_name(missing.table)} has no row for it (looked up by {by}), so nothing is known"
        )
    bare = [witness for witness in found.witnesses if not witness.cells]
    for file, some in groupby(bare, lambda witness: witness.file):
        numbers = [witness.record for witness in some]
        told = ", ".join(map(str, numbers[:_SHOWN]))
        more = f" and {len(numbers) - _SHOWN:,} more" if len(numbers) > _SHOWN else ""
        yield f"that {file} has record {told}{more}"
    yield from found.notes


def _hop(hop: Hop, everything: bool) -> Iterator[str]:
    at = f"{hop.written_at:%Y-%m-%d %H:%M}" if hop.written_at else "at an unknown time"
    if hop.symbol is None:
        yield f"{sql_name(hop.table)}  delivered, {at}"
    elif hop.table.startswith("bronze/"):
        yield f"{sql_name(hop.table)}  {hop.how or 'as delivered'}  ({hop.symbol} in {hop.file})"
    else:
        code = f"({hop.symbol.rpartition('.')[2]}() in {hop.file}, {at})"
        yield "  ".join(filter(None, (sql_name(hop.table), hop.how, code)))
    for each in hop.corrections:
        yield (
            f"  corrected by {each.id}: {each.column} {each.expected!r} became "
            f"{each.replacement!r}. {each.reason}"
        )
    passed = [rule for rule in hop.rules if rule.outcome == "passed"]
    for rule in hop.rules:
        if everything or rule.outcome != "passed":
            yield f"  {rule.outcome}: {_rule(rule)}"
    if passed and not everything:
        yield f"  {len(passed)} rule{'s' * (len(passed) > 1)} passed"


def _rule(rule: Rule) -> str:
    by = f" (waiver {rule.waiver})" if rule.waiver else ""
    return f"{rule.name}: {rule.text}{by}"


def _proof(recomputed: Recomputed, *, least: bool) -> str:
    count = recomputed.records
    records = "this 1 record" if count == 1 else f"these {count:,} records"
    value = _value(recomputed.value)
    if not recomputed.same:
        return (
            f"computed again from {records} alone: {value}. That is another value: they are not "
            f"all that it is made of."
        )
    more = "" if least else " More records are named than may be needed."
    return f"computed again from {records} alone: {value} ✓{more}"


def _value(value: Any) -> str:
    return "(empty)" if value is None else brief(value, _LETTERS)
