"""``jobforge rebuild``: the tables as they stood at a moment."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from jobforge_dagster.cli.common import command, print_json
from jobforge_dagster.medallion.storage.root import DataRoot

_group = click.Group()


@command(
    _group,
    "rebuild",
    examples=[
        "jobforge rebuild --as-of 2026-03-01T12:00 --into /tmp/march",
        "jobforge rebuild --as-of 5b1f0c2e --in-place",
    ],
)
@click.option("--as-of", required=True, help="A time (UTC, ISO 8601), or the id of a batch.")
@click.option("--into", type=click.Path(path_type=Path), help="An empty folder: another data root.")
@click.option("--in-place", is_flag=True, help="Replace the tables; the next run brings them back.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def rebuild(as_of: str, into: Path | None, in_place: bool, as_json: bool) -> None:
    """Make bronze, silver and gold as they stood at a moment.

    With the code of then the tables are the same, to the byte; that is checked.
    """
    if (into is None) == (not in_place):
        raise click.UsageError("Say where: --into FOLDER, or --in-place.")
    from jobforge_dagster.orchestration.rebuild import rebuild as run  # loads Dagster

    outcome = run(DataRoot.from_environment(), as_of, into)
    if as_json:
        print_json(asdict(outcome))
    else:
        click.echo(f"As of {outcome.moment:%Y-%m-%d %H:%M:%S} UTC:")
        click.echo(f"  {len(outcome.as_recorded)} tables are what was published then.")
        if outcome.anew:
            click.echo(
                f"  {len(outcome.anew)} are made by another code than then: "
                f"{', '.join(outcome.anew)}."
            )
        if outcome.absent:
            click.echo(f"  {len(outcome.absent)} sources had not delivered yet.")
        for table, reason in outcome.failures.items():
            click.echo(f"{table} failed: {reason}", err=True)
    if outcome.failures:
        raise click.exceptions.Exit(1)
