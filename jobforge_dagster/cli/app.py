"""The application that the modules of this package add their commands to."""

from __future__ import annotations

from typing import Annotated

import typer

from jobforge_dagster.cli.common import PROGRAM, commands

app = commands(
    "Ask JobForge what arrived, what is known, where a value comes from, what changed.",
    name=PROGRAM,
    add_completion=True,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"{PROGRAM} {version('jobforge-dagster')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    pass
