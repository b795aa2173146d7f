"""What ``jobforge trace`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import typer

from jobforge_dagster.asking.names import sql_name
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

_CELLS, _LETTERS = 12, 100
"""Cells of a record, and letters of a cell, that are shown."""


def tell(found: Trace, *, shown: int | None, full: bool) -> None:
    """Tell where a row comes from.

    Args:
        found: the trace.
        shown: rows of a table to show; ``None`` for all.
        full: whether to show all cells of a record, whole.
    """
    if found.step is None or found.values is None:
        asked = " ".join(f"{name}={value}" for name, value in found.conditions.items())
        typer.echo(f"{sql_name(found.table)} has no row with {asked}: it was refused.")
        _lines("  ", _refusals(found.refused, full))
        return
    typer.echo(typer.style(sql_name(found.table), bold=True))
    _lines("  ", _cells(found.values, full=True))
    typer.echo("\nMade of")
    _lines("", _tree(found.step, shown, full))


def tell_forward(found: Forward, *, shown: int | None, full: bool) -> None:
    """Tell what was made of a record; see :func:`tell`."""
    delivery = found.delivery
    typer.echo(typer.style(f"{delivery.file}, record {found.record}", bold=True))
    typer.echo(f"  {_came(delivery)}")
    if not delivery.in_force:
        typer.echo("  This delivery no longer stands: the tables are made of another.")
    if found.cells is not None:
        _lines("  ", _cells(found.cells, full))
    if found.fate == "blank":
        typer.echo("  It is an empty line, which is counted and not staged.")
    typer.echo("")
    for each in found.products:
        _lines("", _product(each, shown, full))
    if found.replaced_by is not None:
        typer.echo(f"A newer record has its key: {_whence(found.replaced_by)}.")
    elif not any(each.count or each.refused for each in found.products):
        typer.echo("Nothing was made of it.")
    if found.refused:
        typer.echo("Refused formerly")
        _lines("  ", _refusals(found.refused, full))


def _tree(step: Step, shown: int | None, full: bool) -> Iterator[str]:
    yield typer.style(_title(step), bold=True)
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
            yield from (f"    {line}" for line in _cells(row.values, full))
        else:
            yield f"  {_shown(row)}"
    if step.count > len(rows):
        yield f"  and {step.count - len(rows):,} more: see --limit or --all"
    if step.trouble is not None:
        yield f"  {step.trouble}"
    for place, each in enumerate(step.inputs):
        last = place == len(step.inputs) - 1
        for number, line in enumerate(_tree(each, shown, full)):
            branch = ("└─ " if last else "├─ ") if not number else ("   " if last else "│  ")
            yield f"{branch}{line}"


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
    values = " ".join(f"{name}={_short(value, 40)}" for name, value in row.values.items())
    mended = f"; corrected by {', '.join(row.corrections)}" if row.corrections else ""
    return f"{values}  ({_whence(row)}{mended})"


def _whence(row: Row) -> str:
    first = row.source_file.partition("|")[0]
    if row.source_row is None:
        return f"of {row.source_file.replace('|', ', ')}"
    return f"record {row.source_row} of {first}"


def _product(each: Products, shown: int | None, full: bool) -> Iterator[str]:
    if each.count:
        plural = "s" if each.count != 1 else ""
        yield typer.style(f"{sql_name(each.table)}: {each.count:,} row{plural}", bold=True)
    rows = each.rows[:shown]
    yield from (f"  {_shown(row)}" for row in rows)
    if each.count > len(rows):
        yield f"  and {each.count - len(rows):,} more: see --limit or --all"
    yield from _refusals(each.refused[:shown], full)
    if shown is not None and len(each.refused) > shown:
        yield f"  and {len(each.refused) - shown:,} more refused: see --limit or --all"
    if each.missing:
        yield (
            f"  {sql_name(each.table)} is not up to date: {each.missing:,} rows that would be made "
            f"of it now are missing."
        )


def _refusals(refused: Sequence[Refused], full: bool) -> Iterator[str]:
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
            kept = " ".join(f"{name}={_short(value, 40)}" for name, value in each.survivor.items())
            yield f"  kept: {kept}"
        if each.original is not None:
            yield from (f"    {line}" for line in _cells(each.original, full))


def _cells(values: Mapping[str, Any], full: bool) -> Iterator[str]:
    shown = len(values) if full else _CELLS
    for name, value in islice(values.items(), shown):
        label = " ".join(name.split())
        yield f"{label}: {_short(value, None if full else _LETTERS)}"
    if len(values) > shown:
        yield f"and {len(values) - shown} more cells: see --full"


def _short(value: object, letters: int | None) -> str:
    if value is None:
        return "null"
    text = " ".join(str(value).split())
    return text if letters is None or len(text) <= letters else f"{text[: letters - 1]}…"


def _lines(indent: str, lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(f"{indent}{line}")
