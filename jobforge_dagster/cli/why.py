"""``jobforge why``: the delivered cells that one value is made of, and the proof."""

from __future__ import annotations

from typing import Annotated

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json
from jobforge_dagster.cli.lines import print_lines


@app.command(
    epilog=examples(
        "jobforge why gold.fact_cops_outlook noc_code=21231 gap",
        "jobforge why gold.dim_noc noc_code=21231 teer --no-check",
        "jobforge why gold.dim_descriptor descriptor_code=A01a01 scale_no=1 scale_max --json",
    )
)
def why(
    context: typer.Context,
    table: Annotated[
        str,
        typer.Argument(help="A table, as gold.dim_noc.", autocompletion=completing.tables),
    ],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="COLUMN=VALUE... COLUMN",
            help="What tells the row, and the column of the value.",
            autocompletion=completing.conditions,
        ),
    ],
    check: Annotated[
        bool, typer.Option(help="Try whether each cell is needed, by changing it.")
    ] = True,
    budget: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to try that.")
    ] = 10.0,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all cells, and the rules that were passed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Why a value is what it is: the cells of delivered files that it is made of, and the proof.

    The value is computed again from the records that are named, alone. Each cell is changed, in
    memory, to see whether the answer changes: then it is necessary. Exits with 1 if the value does
    not come out again.
    """
    conditions, column = _asked(context, words)
    from jobforge_dagster.asking.why import why as ask
    from jobforge_dagster.asking.why.telling import lines

    found = ask(table, conditions, column, budget=budget if check else 0)
    if as_json:
        print_json(found.to_dict())
    else:
        print_lines(lines(found, everything=everything))
    if found.recomputed is not None and not found.recomputed.same:
        raise typer.Exit(1)


def _asked(context: typer.Context, words: list[str]) -> tuple[dict[str, str], str]:
    columns = [word for word in words if "=" not in word]
    conditions = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            if name in conditions:
                context.fail(f"{name} is told twice: say one value for each column.")
            conditions[name] = value
    if len(columns) != 1 or "" in conditions:
        context.fail("Say what tells the row, and one column: noc_code=21231 title.")
    return conditions, columns[0]
