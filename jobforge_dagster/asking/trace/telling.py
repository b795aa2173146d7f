"""What people are told of a trace: the lines that ``jobforge trace`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.asking.told import Line, brief, safe
from jobforge_dagster.asking.trace.model import (
    Delivery,
    Forward,
    Products,
    Refused,
    Row,
    Step,
    Trace,
    Transition,
)

SHOWN = 5
"""Rows of a table that are shown, unless more are asked for."""

_CELLS, _LETTERS, _OF_KEY = 12, 100, 40
"""Cells of a record that are shown; letters of a cell, and of one that tells a row."""


def lines(found: Trace, *, shown: int | None = SHOWN, full: bool = False) -> Iterator[Line]:
    """Tell where a row comes from.

    Args:
        found: the trace.
        shown: rows of a table to show; ``None`` for all.
        full: whether to show all cells of a record, whole.
    """
    return safe(_back(found, shown, full))


def forward_lines(
    found: Forward, *, shown: int | None = SHOWN, full: bool = False
) -> Iterator[Line]:
    """Tell what was made of a record; see :func:`lines`."""
    return safe(_forward(found, shown, full))


def refusals(refused: Sequence[Refused], *, full: bool = False) -> Iterator[str]:
    """Tell of records of the quarantine: which, why, and what was delivered."""
    for each in refused:
        what = "set aside as a duplicate" if each.fate == "deduplicated" else "refused"
        state = "" if each.state == "open" else f", {each.state} since"
        yield (
            f"{sql_name(each.table)}: record {each.source_row} of "
            f"{each.source_file.partition('|')[0]} was {what}{state} ({each.record_id})"
        )
        for rule, message in each.rules.items():
            yield f"  {rule.partition(':')[2]}: {message}"
        if each.survivor is not None:
            yield f"  kept: {_told(each.survivor)}"
        if each.original is not None:
            yield from (f"    {line}" for line in _cells(each.original, full))


def _back(found: Trace, shown: int | None, full: bool) -> Iterator[Line | str]:
    if found.step is None or found.values is None:
        asked = " ".join(f"{name}={value}" for name, value in found.conditions.items())
        yield f"{sql_name(found.table)} has no row with {asked}: it was refused."
        yield from _indented("  ", refusals(found.refused, full=full))
        return
    yield Line(sql_name(found.table), heading=True)
    yield from _indented("  ", _cells(found.values, full=True))
    yield ""
    yield "Made of"
    yield from _tree(found.step, shown, full)


def _forward(found: Forward, shown: int | None, full: bool) -> Iterator[Line | str]:
    delivery = found.delivery
    yield Line(f"{delivery.file}, record {found.record}", heading=True)
    yield f"  {_came(delivery)}"
    if not delivery.in_force:
        yield "  This delivery no longer stands: the tables are made of another."
    if found.cells is not None:
        yield from _indented("  ", _cells(found.cells, full))
    if found.fate == "blank":
        yield "  It is an empty line, which is counted and not staged."
    yield ""
    for each in found.products:
        yield from _product(each, shown, full)
    if found.replaced_by is not None:
        yield f"A newer record has its key: {_whence(found.replaced_by)}."
    elif not any(each.count or each.refused or each.missing for each in found.products):
        yield "Nothing was made of it."
    if found.refused:
        yield "Refused formerly"
        yield from _indented("  ", refusals(found.refused, full=full))


def _tree(step: Step, shown: int | None, full: bool) -> Iterator[Line]:
    yield Line(_title(step), heading=True)
    yield from map(Line, _of_step(step, shown, full))
    for place, each in enumerate(step.inputs):
        last = place == len(step.inputs) - 1
        for number, line in enumerate(_tree(each, shown, full)):
            branch = ("└─ " if last else "├─ ") if not number else ("   " if last else "│  ")
            yield Line(f"{branch}{line.text}", line.heading)


def _of_step(step: Step, shown: int | None, full: bool) -> Iterator[str]:
    if step.transition is not None:
        yield f"  {_made(step.transition)}"
    for delivery in step.deliveries:
        yield f"  {_came(delivery)}"
        if not delivery.in_force:
            yield "  This delivery no longer stands: make the tables again."
    rows = step.rows[:shown]
    for row in rows:
        if row.number is None:
            yield f"  {_whence(row)}"
            yield from _indented("    ", _cells(row.values, full))
        else:
            yield f"  {_shown(row)}"
    if step.count > len(rows):
        yield f"  and {step.count - len(rows):,} more: see --limit or --all"
    if step.trouble is not None:
        yield f"  {step.trouble}"


def _title(step: Step) -> str:
    kind = "record" if step.table.startswith("staged/") else "row"
    return f"{sql_name(step.table)}: {step.count:,} {kind}{'s' if step.count != 1 else ''}"


def _made(transition: Transition) -> str:
    told = f"made {transition.written_at:%Y-%m-%d %H:%M} UTC by run {transition.run_id[:8]}, "
    told += f"{transition.rows_out:,} rows"
    if transition.rejected:
        told += f", {transition.rejected:,} refused"
    if transition.deduplicated:
        told += f", {transition.deduplicated:,} set aside as duplicates"
    told += f", sha256 {transition.sha256[:12]}"
    if transition.changed_inputs:
        names = ", ".join(map(sql_name, transition.changed_inputs))
        told += f"; not up to date: {names} changed since"
    return told


def _came(delivery: Delivery) -> str:
    lies = "" if delivery.lies_in_landing else "; no longer in the landing folder"
    return (
        f"{delivery.file}, received {delivery.received_at:%Y-%m-%d %H:%M} UTC from "
        f"{delivery.publisher}, batch {delivery.batch_id[:8]}, sha256 {delivery.sha256[:12]}{lies}"
    )


def _shown(row: Row) -> str:
    mended = f"; corrected by {', '.join(row.corrections)}" if row.corrections else ""
    return f"{_told(row.values)}  ({_whence(row)}{mended})"


def _told(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_value(value, _OF_KEY)}" for name, value in values.items())


def _whence(row: Row) -> str:
    first = row.source_file.partition("|")[0]
    if row.source_row is None:
        return f"of {row.source_file.replace('|', ', ')}"
    return f"record {row.source_row} of {first}"


def _product(each: Products, shown: int | None, full: bool) -> Iterator[Line | str]:
    if each.count:
        plural = "s" if each.count != 1 else ""
        yield Line(f"{sql_name(each.table)}: {each.count:,} row{plural}", heading=True)
    rows = each.rows[:shown]
    yield from (f"  {_shown(row)}" for row in rows)
    if each.count > len(rows):
        yield f"  and {each.count - len(rows):,} more: see --limit or --all"
    yield from refusals(each.refused[:shown], full=full)
    if shown is not None and len(each.refused) > shown:
        yield f"  and {len(each.refused) - shown:,} more refused: see --limit or --all"
    if each.missing:
        count = "1 row" if each.missing == 1 else f"{each.missing:,} rows"
        yield (
            f"  {sql_name(each.table)} is not up to date: {count} that would be made of it now "
            f"{'is' if each.missing == 1 else 'are'} missing."
        )


def _cells(values: Mapping[str, Any], full: bool) -> Iterator[str]:
    shown = len(values) if full else _CELLS
    for name, value in islice(values.items(), shown):
        yield f"{brief(name)}: {_value(value, None if full else _LETTERS)}"
    if len(values) > shown:
        yield f"and {len(values) - shown} more cells: see --full"


def _value(value: object, letters: int | None) -> str:
    return "null" if value is None else brief(value, letters)


def _indented(indent: str, lines: Iterator[str]) -> Iterator[str]:
    return (f"{indent}{line}" for line in lines)
