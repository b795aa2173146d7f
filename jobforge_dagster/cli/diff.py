"""``jobforge diff``: what changed between two versions of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json
from jobforge_dagster.cli.lines import print_lines
from jobforge_dagster.medallion.storage.root import DataRoot


@app.command(
    epilog=examples(
        "jobforge diff gold.dim_noc",
        "jobforge diff gold.dim_noc --from 5b1f0c2e --to 77aa01d4",
        "jobforge diff silver.noc_node --as-of 2026-03-01T12:00",
        "jobforge diff gold.dim_noc --output /tmp/differing.parquet",
    )
)
def diff(
    context: typer.Context,
    table: Annotated[
        str, typer.Argument(help="A table, as gold.dim_noc.", autocompletion=completing.tables)
    ],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="The earlier version; by default the one before the later.",
            autocompletion=completing.runs,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="The later version; by default the one that stands.",
            autocompletion=completing.runs,
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="The version that stood then, and the one that stands.")
    ] = None,
    provenance: Annotated[
        bool, typer.Option("--provenance", help="Compare also where rows come from.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="Rows of each kind to show.")] = 20,
    output: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="A Parquet file for all rows that differ, whole."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What changed between two versions of a table, row by row, and what caused it.

    A version is named by the run after which it stood, by a delivery that it was made with, or by
    a time (UTC): the id of a run or batch, the start of one, or ISO 8601.
    """
    if as_of is not None and (from_ is not None or to is not None):
        context.fail("Say either --as-of, or --from and --to.")
    from jobforge_dagster.asking.diff import diff as compare
    from jobforge_dagster.orchestration.remaking import remake

    found = compare(
        table,
        as_of if as_of is not None else from_,
        to,
        provenance=provenance,
        limit=limit,
        output=output,
        root=DataRoot.from_environment(),
        remake=remake,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        print_lines(found.lines())
