"""``jobforge rebuild``: the tables as they stood at a moment."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json
from jobforge_dagster.medallion.storage.root import DataRoot


@app.command(
    epilog=examples(
        "jobforge rebuild --as-of 2026-03-01T12:00 --into /tmp/march",
        "jobforge rebuild --as-of 5b1f0c2e --in-place",
    )
)
def rebuild(
    context: typer.Context,
    as_of: Annotated[str, typer.Option(help="A time (UTC, ISO 8601), or the id of a batch.")],
    into: Annotated[Path | None, typer.Option(help="An empty folder: another data root.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Replace the tables; the next run brings them back.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make bronze, silver and gold as they stood at a moment.

    With the code of then the tables are the same, to the byte; that is checked.
    """
    if (into is None) == (not in_place):
        context.fail("Say where: --into FOLDER, or --in-place.")
    from jobforge_dagster.orchestration.rebuild import rebuild as run  # loads Dagster

    outcome = run(DataRoot.from_environment(), as_of, into)
    if as_json:
        print_json(asdict(outcome))
    else:
        typer.echo(f"As of {outcome.moment:%Y-%m-%d %H:%M:%S} UTC:")
        typer.echo(f"  {len(outcome.as_recorded)} tables are what was published then.")
        if outcome.anew:
            typer.echo(
                f"  {len(outcome.anew)} are made by another code than then: "
                f"{', '.join(outcome.anew)}."
            )
        if outcome.absent:
            typer.echo(f"  {len(outcome.absent)} sources had not delivered yet.")
        for table, reason in outcome.failures.items():
            typer.echo(f"{table} failed: {reason}", err=True)
    if outcome.failures:
        raise typer.Exit(1)
