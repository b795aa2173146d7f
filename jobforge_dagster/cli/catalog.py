"""``jobforge catalog``: what is known of tables, and whether it is still true."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from jobforge_dagster.cli.common import command, print_json
from jobforge_dagster.medallion.storage.living import gone, running
from jobforge_dagster.medallion.storage.root import DataRoot

_SHORTEST_HEAD = 8


@click.group()
def catalog() -> None:
    """What is known of tables, columns and runs, and whether it is still true."""
    root = DataRoot.from_environment()
    if gone(root):
        from jobforge_dagster.orchestration.launch import (  # loads Dagster
            instance_of_the_command_line,
            settle_abandoned,
        )

        settle_abandoned(instance_of_the_command_line(), root)


@command(
    catalog,
    "show",
    ["jobforge catalog show gold/dim_noc", "jobforge catalog show gold/dim_noc teer"],
)
@click.argument("table")
@click.argument("column", required=False)
@click.option("--json", "as_json", is_flag=True, help="The document, for programs.")
def show(table: str, column: str | None, as_json: bool) -> None:
    """What a table is, or one of its columns and what that is made of."""
    from jobforge_dagster.cli.telling import tell_column, tell_table

    root = DataRoot.from_environment()
    if column is None:
        tell_table(root, table, as_json=as_json)
    else:
        tell_column(root, table, column, as_json=as_json)


@command(catalog, "transitions", ["jobforge catalog transitions gold/dim_noc --last 5"])
@click.argument("table")
@click.option("--last", type=click.IntRange(min=1), default=20, help="How many; 20 by default.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def transitions(table: str, last: int, as_json: bool) -> None:
    """How a table came to be as it stands: its transitions, newest last."""
    from jobforge_dagster.cli.telling import tell_transitions

    tell_transitions(DataRoot.from_environment(), table, last, as_json=as_json)


@command(catalog, "gaps", ["jobforge catalog gaps"])
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def gaps(as_json: bool) -> None:
    """What nobody declared: the nulls of the tables' documents, and terms that no column holds."""
    from jobforge_dagster.cli.telling import tell_gaps

    tell_gaps(DataRoot.from_environment(), as_json=as_json)


@command(catalog, "verify", ["jobforge catalog verify", "jobforge catalog verify --head 3f9c01ab"])
@click.option("--head", help="A head that was printed before: tells if the end was cut off since.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(head: str | None, as_json: bool) -> None:
    """Check that no transition and no table was altered, and print the head of the chain."""
    from jobforge_dagster.catalog.verify import verify as check

    if head is not None and len(head) < _SHORTEST_HEAD:
        raise click.UsageError(f"A head has {_SHORTEST_HEAD} digits or more.")
    root = DataRoot.from_environment()
    found = check(root, head)
    if as_json:
        print_json(asdict(found))
    else:
        for finding in found.findings:
            click.echo(finding, err=True)
        if found.findings and running(root):
            click.echo("A run is under way, and tells of its tables as it goes. Look again.")
        click.echo(f"{found.records} transitions, {found.tables} files. {_verdict(found.findings)}")
        click.echo(f"head {found.head or '(none yet)'}")
    if found.findings:
        raise click.exceptions.Exit(1)


def _verdict(findings: list[str]) -> str:
    if not findings:
        return "All is as it was written."
    return f"{len(findings)} findings, see above."


@command(catalog, "rebuild", ["jobforge catalog rebuild"])
@click.option(
    "--discard", is_flag=True, help="Forget transitions that the history does not tell of."
)
def rebuild(discard: bool) -> None:
    """Make the documents again from Dagster's history alone."""
    from jobforge_dagster.orchestration.retelling import retell  # loads Dagster

    told = retell(DataRoot.from_environment(), discard=discard)
    click.echo(
        f"{told.files} documents; {len(told.written)} were not there as they should be, "
        f"{len(told.removed)} were there and should not."
    )


@command(
    catalog,
    "export",
    ["jobforge catalog export openlineage", "jobforge catalog export dcat --to /tmp/dcat"],
)
@click.argument("form", metavar="FORMAT")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder; by default exports/ in the catalog.",
)
def export(form: str, to: Path | None) -> None:
    """Write the catalog in a format of others.

    FORMAT is one of openlineage, odcs, dcat, datapackage, atlas, powerbi.
    """
    from jobforge_dagster.catalog.export import export as write

    root = DataRoot.from_environment()
    folder = to or root.catalog / "exports"
    written = write(root, form, folder)
    click.echo(f"{written} files in {folder}")
