"""``jobforge trace``: where a row comes from, and what was made of a delivered record."""

from __future__ import annotations

from typing import Annotated

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json
from jobforge_dagster.cli.lines import print_lines


@app.command(
    epilog=examples(
        "jobforge trace gold.dim_noc noc_code=21231",
        "jobforge trace gold.fact_cops_projection noc_code=21231 year=2033 measure=job_openings",
        "jobforge trace --forward noc/noc_structure_en.csv:37",
        "jobforge trace --forward staged.noc_structure 37 --json",
    )
)
def trace(
    context: typer.Context,
    table: Annotated[
        str,
        typer.Argument(
            help="A table, as gold.dim_noc. With --forward a delivered file, its path below the "
            "landing folder; or a staged table, or the start of a batch id.",
            autocompletion=completing.tables,
        ),
    ],
    conditions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COLUMN=VALUE",
            help="What tells the row. With --forward the number of the record.",
            autocompletion=completing.conditions,
        ),
    ] = None,
    forward: Annotated[
        bool, typer.Option("--forward", help="What was made of a delivered record.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rows of a table to show; 5 by default, 1,000 with --json.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all rows.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Show all cells of a record, whole.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Where a row comes from: table by table, down to the delivered file and the record.

    With --forward the other way: everything that was made of a record, and what refused it.
    """
    given = conditions or []
    where = _record(context, table, given) if forward else None
    asked = {} if forward else _conditions(context, given)
    from jobforge_dagster.asking import trace as asking
    from jobforge_dagster.asking.trace.back import FOLLOWED
    from jobforge_dagster.asking.trace.telling import SHOWN, forward_lines, lines

    followed = None if everything else max(limit or 0, FOLLOWED)
    if as_json:
        followed = None if everything else limit or FOLLOWED
    shown = None if everything else limit or SHOWN
    if where is not None:
        found = asking.forward(*where, limit=followed)
        if as_json:
            print_json(found.to_dict())
        else:
            print_lines(forward_lines(found, shown=shown, full=full))
        return
    traced = asking.trace(table, asked, limit=followed)
    if as_json:
        print_json(traced.to_dict())
    else:
        print_lines(lines(traced, shown=shown, full=full))


def _conditions(context: typer.Context, given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        column, equals, value = each.partition("=")
        if not equals or not column:
            context.fail(f"{each!r} is no COLUMN=VALUE, as noc_code=21231.")
        if column in found:
            context.fail(f"{column} is told twice: say one value for each column.")
        found[column] = value
    return found


def _record(context: typer.Context, file: str, given: list[str]) -> tuple[str, int]:
    number = given[0] if given else file.rpartition(":")[2]
    if len(given) > 1 or not (number.isascii() and number.isdigit()):
        context.fail("Say which record, as noc/noc_structure_en.csv:37 or staged.noc_structure 37.")
    return (file if given else file.rpartition(":")[0]), int(number)
