"""``jobforge lineage`` and ``jobforge impact``: what is made of what, and what a change reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json, print_rows

if TYPE_CHECKING:
    from jobforge_dagster.asking.impact import Impact, ReachedTable
    from jobforge_dagster.asking.lineage import Lineage
    from jobforge_dagster.asking.lineage.uses import Use

Name = Annotated[
    str,
    typer.Argument(
        metavar="TABLE[.COLUMN]",
        help='A table, a column of one, or a header: noc_structure:"Class title".',
        autocompletion=completing.tables_and_columns,
    ),
]


@app.command(
    epilog=examples(
        "jobforge lineage gold.dim_noc",
        "jobforge lineage gold.dim_noc.title",
        "jobforge lineage silver.noc_node.title --down --deciding",
        "jobforge lineage gold.dim_noc --format mermaid",
    )
)
def lineage(
    name: Name,
    up: Annotated[
        bool, typer.Option("--up/--down", help="What it is made of, or what is made of it.")
    ] = True,
    depth: Annotated[
        int | None, typer.Option(min=0, help="How many tables far; without it, all the way.")
    ] = None,
    deciding: Annotated[
        bool | None,
        typer.Option(
            "--deciding/--no-deciding",
            help="Also what only decides values or rows, and tables that are only compared with. "
            "By default for tables, not for columns.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Literal["tree", "mermaid", "dot", "json"], typer.Option("--format", help="How it is told.")
    ] = "tree",
    full: Annotated[
        bool, typer.Option("--full", help="In a tree, show each of many columns that are alike.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a table or a column is made of, down to the delivered files, or what it makes."""
    from jobforge_dagster.asking.lineage import lineage as ask

    found = ask(name, "up" if up else "down", depth=depth, deciding=deciding)
    if as_json or form == "json":
        print_json(found.to_dict())
    elif form == "mermaid":
        typer.echo(found.mermaid())
    elif form == "dot":
        typer.echo(found.dot())
    else:
        typer.echo(found.tree(full=full))
        for note in _notes(found):
            typer.echo(note)


def _notes(found: Lineage) -> Iterator[str]:
    if not found.edges and not found.left_out:
        yield "Nothing is made of it." if found.direction == "down" else "It is made of nothing."
    if found.left_out:
        yield "What only decides is left out; --deciding shows it."


@app.command(
    epilog=examples(
        "jobforge impact silver.noc_node.title",
        "jobforge impact gold.dim_noc",
        "jobforge impact 'noc_structure:\"Class title\"' --json",
    )
)
def impact(name: Name, as_json: AsJson = False) -> None:
    """Tell what a change would reach: tables, columns, contracts, measures, rules, questions."""
    from jobforge_dagster.asking.impact import impact as ask

    found = ask(name)
    if as_json:
        print_json(found.to_dict())
        return
    typer.echo(_summary(found))
    _tell_tables(found.tables)
    for title, uses, told, short in (
        ("Contracts", found.contracts, _contract, _table),
        ("Measures of Power BI", found.measures, _measure, _name),
        ("Rules that look at it", found.rules, None, _name),
        ("Foreign keys", found.foreign_keys, None, _name),
        ("Marts", found.marts, _mart, _table),
        ("Business questions", found.questions, _question, _asked_of),
    ):
        _tell_uses(title, uses, told, short)


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


def _tell_tables(tables: Sequence[ReachedTable]) -> None:
    rows = [
        (table.table, table.steps, ", ".join(names), told)
        for table in tables
        for told, names in _alike(table)
    ]
    if rows:
        print_rows(("table", "steps", "columns", "how"), rows, nothing="")
    by_rows = [table for table in tables if table.rows]
    if by_rows:
        typer.echo("Other rows, and so any column, may come to be in")
        by_rows.sort(key=lambda table: table.rows)
        for kinds, alike in groupby(by_rows, key=lambda table: table.rows):
            names = ", ".join(table.table for table in alike)
            typer.echo(f"  by {', '.join(kinds)}: {names}")
        typer.echo("")
    for reason in dict.fromkeys(
        f"{table.table}.{column.name}: {reason}"
        for table in tables
        for column in table.columns
        for reason in column.opaque
        if column.how != "rows"
    ):
        typer.echo(f"Opaque, so that every column of its inputs counts: {reason}")


def _alike(table: ReachedTable) -> Iterator[tuple[str, list[str]]]:
    """The columns of a table whose values change, those that do so in one way together."""
    valued = [column for column in table.columns if column.how != "rows"]
    valued = [column for column in valued if not column.provenance] or valued
    valued.sort(key=lambda column: (column.how != "made", column.kinds))
    for (how, kinds), columns in groupby(valued, key=lambda column: (column.how, column.kinds)):
        told = ", ".join(kinds) if how == "made" else f"decided by {', '.join(kinds)}"
        yield told, [column.name for column in columns]


def _tell_uses(
    title: str,
    uses: Sequence[Use],
    told: Callable[[Use], str] | None,
    short: Callable[[Use], str],
) -> None:
    """Tell what hangs on values one by one, or table by table, and in one line what on rows."""
    if not uses:
        return
    typer.echo(title)
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
    typer.echo("".join(f"  {line}\n" for line in lines))


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
