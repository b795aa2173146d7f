"""``jobforge lineage`` and ``jobforge impact``: what is made of what, and what a change reaches."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated, Literal

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json
from jobforge_dagster.cli.lines import print_lines

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
        print_lines(found.lines(full=full))


@app.command(
    epilog=examples(
        "jobforge impact silver.noc_node.title",
        "jobforge impact gold.dim_noc",
        "jobforge impact 'noc_structure:\"Class title\"' --json",
    )
)
def impact(name: Name, as_json: AsJson = False) -> None:
    """Tell what a change would reach: tables, columns, contracts, measures, rules, questions."""
    from jobforge_dagster.asking.grid import WIDTH
    from jobforge_dagster.asking.impact import impact as ask
    from jobforge_dagster.asking.impact.telling import lines

    found = ask(name)
    if as_json:
        print_json(found.to_dict())
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    print_lines(lines(found, width))
