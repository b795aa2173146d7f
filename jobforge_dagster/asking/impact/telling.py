"""What a change would reach, told to people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from jobforge_dagster.asking.grid import WIDTH, grid
from jobforge_dagster.asking.impact.model import Impact, ReachedTable
from jobforge_dagster.asking.lineage.uses import Use
from jobforge_dagster.asking.told import Line, safe


def lines(found: Impact, width: int = WIDTH) -> Iterator[Line]:
    """Tell line by line what a change would reach: in short, the tables, and what hangs on them.

    Args:
        found: all of it.
        width: of the screen.
    """
    return safe(_lines(found, width))


def _lines(found: Impact, width: int) -> Iterator[str]:
    yield _summary(found)
    yield from _tables(found.tables, width)
    for title, uses, how, short in (
        ("Contracts", found.contracts, _contract, _table),
        ("Measures of Power BI", found.measures, _measure, _name),
        ("Rules that look at it", found.rules, None, _name),
        ("Foreign keys", found.foreign_keys, None, _name),
        ("Marts", found.marts, _mart, _table),
        ("Business questions", found.questions, _question, _asked_of),
    ):
        yield from _uses(title, uses, how, short)


def _summary(found: Impact) -> str:
    parts = [
        _counted(len(found.tables), "table"),
        _counted(len(found.contracts), "contract"),
        _counted(len(found.measures), "measure"),
        _counted(len(found.marts), "mart"),
        _counted(len(found.questions), "question"),
    ]
    told = [part for part in parts if part]
    if not told:
        return f"A change of {found.of} reaches nothing further."
    return f"A change of {found.of} reaches {', '.join(told)}."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def _tables(tables: Sequence[ReachedTable], width: int) -> Iterator[str]:
    rows = [
        (table.table, table.steps, ", ".join(names), told)
        for table in tables
        for told, names in _alike(table)
    ]
    if rows:
        yield from grid(("table", "steps", "columns", "how"), rows, width)
    by_rows = [table for table in tables if table.rows]
    if by_rows:
        yield "Other rows, and so any column, may come to be in"
        by_rows.sort(key=lambda table: table.rows)
        for kinds, alike in groupby(by_rows, key=lambda table: table.rows):
            names = ", ".join(table.table for table in alike)
            yield f"  by {', '.join(kinds)}: {names}"
        yield ""
    for reason in dict.fromkeys(
        f"{table.table}.{column.name}: {reason}"
        for table in tables
        for column in table.columns
        for reason in column.opaque
        if column.how != "rows"
    ):
        yield f"Opaque, so that every column of its inputs counts: {reason}"


def _alike(table: ReachedTable) -> Iterator[tuple[str, list[str]]]:
    """The columns of a table whose values change, those that do so in one way together."""
    valued = [column for column in table.columns if column.how != "rows"]
    valued = [column for column in valued if not column.provenance] or valued
    valued.sort(key=lambda column: (column.how != "made", column.kinds))
    for (how, kinds), columns in groupby(valued, key=lambda column: (column.how, column.kinds)):
        told = ", ".join(kinds) if how == "made" else f"decided by {', '.join(kinds)}"
        yield told, [column.name for column in columns]


def _uses(
    title: str,
    uses: Sequence[Use],
    told: Callable[[Use], str] | None,
    short: Callable[[Use], str],
) -> Iterator[str]:
    """Tell what hangs on values one by one, or table by table, and in one line what on rows."""
    if not uses:
        return
    yield title
    valued = [use for use in uses if use.how != "rows"]
    if told is None:
        valued.sort(key=_table)
        lines = [
            f"{table}: {', '.join(map(short, alike))}"
            for table, alike in groupby(valued, key=_table)
        ]
    else:
        lines = [told(use) for use in valued]
    by_rows = dict.fromkeys(short(use) for use in uses if use.how == "rows")
    if by_rows:
        lines.append(f"by rows alone: {', '.join(by_rows)}")
    yield from (f"  {line}" for line in lines)
    yield ""


def _table(use: Use) -> str:
    return use.table


def _name(use: Use) -> str:
    return use.name


def _contract(use: Use) -> str:
    return f"{use.table}: {use.detail}, id {use.name}"


def _measure(use: Use) -> str:
    return f"{use.name}: reads {', '.join(use.columns)}"


def _mart(use: Use) -> str:
    return f"{use.table}: {', '.join(use.columns)}"


def _question(use: Use) -> str:
    return f"{use.detail}. {use.name}" if use.detail else f"{use.name} ({use.table})"


def _asked_of(use: Use) -> str:
    return f"question {use.detail}" if use.detail else f"those of {use.table}"
