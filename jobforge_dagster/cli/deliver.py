"""``jobforge ingest`` and ``jobforge fetch``: how files come in by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json, source_called
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from jobforge_dagster.medallion.declare import Source


@app.command(
    epilog=examples(
        "jobforge ingest ~/Downloads/noc_structure_2026.csv",
        "jobforge ingest figures.csv --source cops_summary",
    )
)
def ingest(
    files: list[Path],
    name: Annotated[
        str | None,
        typer.Option(
            "--source",
            help="The source that they belong to, if their names do not say.",
            autocompletion=completing.sources,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put files into the landing folder and stage them.

    A file that lies there already is staged where it is. What follows from it is made by the next
    run, or by the sensor.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from jobforge_dagster.orchestration.ingest import ingest as run  # loads Dagster

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def look_on(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = progress.add_task(file, total=total or None)
            progress.update(tasks[file], completed=done)

        outcomes = run(DataRoot.from_environment(), files, name, progress=look_on)
    _print([asdict(outcome) for outcome in outcomes], as_json, _told_of_batches)


@app.command(epilog=examples("jobforge fetch", "jobforge fetch noc_structure cops_employment"))
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE", help="Names of sources.", autocompletion=completing.sources
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download the publishers' current files into the landing folder.

    Without a name: those of every source that says where it can be downloaded. What did not change
    is not transferred again; what was cut off is continued. Staging is the next run's.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from jobforge_dagster.medallion.fetching.fetch import client, fetch_all  # loads httpx

    wanted = _wanted(names or ())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with (
        client() as connection,
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        tasks = {source.name: progress.add_task(source.name, total=None) for source in wanted}
        watchers = {name: partial(_show, progress, task) for name, task in tasks.items()}
        root = DataRoot.from_environment()
        outcomes = fetch_all(root, wanted, client=connection, watchers=watchers)
    _print([asdict(outcome) for outcome in outcomes], as_json, _told_of_file)


def _wanted(names: Sequence[str]) -> list[Source]:
    """The sources of some names; without a name, all that can be downloaded."""
    if names:
        return [source_called(name) for name in names]
    from jobforge_dagster.medallion.discovery import discover, packages_from_environment

    declared = discover(packages_from_environment()).sources
    found = [source for source in declared if source.fetch]
    if not found:
        raise JobForgeError("No source says where it can be downloaded. Declare fetch= in one.")
    return found


def _show(progress: Progress, task: TaskID, done: int, total: int | None) -> None:
    progress.update(task, completed=done, total=total)


def _print(
    outcomes: Sequence[dict[str, Any]], as_json: bool, told: Callable[[dict[str, Any]], str]
) -> None:
    """Print what became of each source; a failure makes the command fail."""
    if as_json:
        print_json(outcomes)
    for outcome in outcomes if not as_json else ():
        failure = outcome["failure"]
        typer.echo(f"{outcome['source']}: {failure or told(outcome)}", err=bool(failure))
    if any(outcome["failure"] for outcome in outcomes):
        raise typer.Exit(1)


def _told_of_batches(outcome: dict[str, Any]) -> str:
    return "\n  ".join(
        f"{batch['file']} is {'staged as' if batch['new'] else 'the same content as'} batch "
        f"{batch['batch_id']}: {batch['rows']} rows, {batch['malformed']} malformed."
        for batch in outcome["batches"]
    )


def _told_of_file(outcome: dict[str, Any]) -> str:
    state = "is new" if outcome["changed"] else "did not change"
    return f"{outcome['file']} {state} ({outcome['size']} bytes)."
