"""``jobforge catalog``: what is known of tables, and whether it is still true."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, commands, examples, print_json
from jobforge_dagster.medallion.storage.living import gone, running
from jobforge_dagster.medallion.storage.root import DataRoot

_SHORTEST_HEAD = 8

Table = Annotated[str, typer.Argument(help="A table.", autocompletion=completing.tables)]

catalog = commands("What is known of tables, columns and runs, and whether it is still true.")
app.add_typer(catalog, name="catalog")


@catalog.callback()
def _settle() -> None:
    root = DataRoot.from_environment()
    if gone(root):
        from jobforge_dagster.orchestration.launch import (  # loads Dagster
            instance_of_the_command_line,
            settle_abandoned,
        )

        settle_abandoned(instance_of_the_command_line(), root)


@catalog.command(
    epilog=examples(
        "jobforge catalog show gold.dim_noc",
        "jobforge catalog show gold.dim_noc teer",
    )
)
def show(
    table: Table,
    column: Annotated[
        str | None, typer.Argument(help="One of its columns.", autocompletion=completing.columns)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What a table is, or one of its columns and what that is made of."""
    from jobforge_dagster.cli.telling import tell_column, tell_table

    root = DataRoot.from_environment()
    if column is None:
        tell_table(root, table, as_json=as_json)
    else:
        tell_column(root, table, column, as_json=as_json)


@catalog.command(epilog=examples("jobforge catalog transitions gold.dim_noc --last 5"))
def transitions(
    table: Table,
    last: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """How a table came to be as it stands: its transitions, newest last."""
    from jobforge_dagster.cli.telling import tell_transitions

    tell_transitions(DataRoot.from_environment(), table, last, as_json=as_json)


@catalog.command(epilog=examples("jobforge catalog gaps"))
def gaps(as_json: AsJson = False) -> None:
    """What nobody declared: the nulls of the tables' documents, and terms that no column holds."""
    from jobforge_dagster.cli.telling import tell_gaps

    tell_gaps(DataRoot.from_environment(), as_json=as_json)


@catalog.command(
    epilog=examples("jobforge catalog verify", "jobforge catalog verify --head 3f9c01ab")
)
def verify(
    context: typer.Context,
    head: Annotated[
        str | None,
        typer.Option(help="A head that was printed before: tells if the end was cut off since."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no transition and no table was altered, and print the head of the chain."""
    if head is not None and len(head) < _SHORTEST_HEAD:
        context.fail(f"A head has {_SHORTEST_HEAD} digits or more.")
    from jobforge_dagster.catalog.verify import verify as check

    root = DataRoot.from_environment()
    found = check(root, head)
    if as_json:
        print_json(asdict(found))
    else:
        for finding in found.findings:
            typer.echo(finding, err=True)
        if found.findings and running(root):
            typer.echo("A run is under way, and tells of its tables as it goes. Look again.")
        typer.echo(f"{found.records} transitions, {found.tables} files. {_verdict(found.findings)}")
        typer.echo(f"head {found.head or '(none yet)'}")
    if found.findings:
        raise typer.Exit(1)


def _verdict(findings: list[str]) -> str:
    if not findings:
        return "All is as it was written."
    return f"{len(findings)} findings, see above."


@catalog.command(epilog=examples("jobforge catalog rebuild"))
def rebuild(
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Forget transitions that the history does not tell of."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the documents again from Dagster's history alone."""
    from jobforge_dagster.orchestration.retelling import retell  # loads Dagster

    told = retell(DataRoot.from_environment(), discard=discard)
    if as_json:
        print_json(asdict(told))
        return
    typer.echo(
        f"{told.files} documents; {len(told.written)} were not there as they should be, "
        f"{len(told.removed)} were there and should not."
    )


@catalog.command(
    epilog=examples(
        "jobforge catalog export openlineage",
        "jobforge catalog export dcat --to /tmp/dcat",
    )
)
def export(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="See above.")],
    to: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="A folder; by default exports/ in the catalog."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the catalog in a format of others.

    FORMAT is one of openlineage, odcs, dcat, datapackage, atlas, powerbi.
    """
    from jobforge_dagster.catalog.export import export as write

    root = DataRoot.from_environment()
    folder = to or root.catalog / "exports"
    written = write(root, form, folder)
    if as_json:
        print_json({"format": form, "folder": folder.as_posix(), "files": written})
        return
    typer.echo(f"{written} files in {folder}")
