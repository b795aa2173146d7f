"""``jobforge sources``: what each source delivered, and what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import (
    AsJson,
    commands,
    examples,
    print_json,
    print_rows,
    source_called,
)
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    from jobforge_dagster.medallion.declare import Source
    from jobforge_dagster.medallion.storage.noticing import Due

_SHOWN = ("source", "files", "deliveries", "last", "rows", "age_days", "state")

sources = commands(
    "List the sources: their files, deliveries and rows, and what is missing or due.",
    invoke_without_command=True,
    epilog=examples("jobforge sources", "jobforge sources --json"),
)
app.add_typer(sources, name="sources")


@sources.callback()
def _list(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is not None:
        return
    from jobforge_dagster.medallion.discovery import discover, packages_from_environment
    from jobforge_dagster.medallion.storage.noticing import look

    root, now = DataRoot.from_environment(), datetime.now(UTC)
    declared = discover(packages_from_environment())
    found = look(root, declared, now)
    due = {each.key: each for each in found.due}
    rows = [_row(root, source, due, now) for source in declared.sources]
    if as_json:
        print_json(rows)
        return
    shown = [[row[name] for name in _SHOWN] for row in rows]
    print_rows(_SHOWN, shown, nothing="No source is declared.")


@sources.command(epilog=examples("jobforge sources suggest wages.csv > wages.py"))
def suggest(
    file: Path,
    sheet: Annotated[
        str | None, typer.Option(help="The sheet of a workbook that has several.")
    ] = None,
    header_row: Annotated[int, typer.Option(help="The row of its headers.")] = 1,
    records: Annotated[
        str | None, typer.Option(help="Where the records of a JSON object are: result.items")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a domain file for a file that no source claims, to start from.

    Saved into the folder of the domains, it works as it is.
    """
    from jobforge_dagster.medallion.formats import Excel, Json, format_of
    from jobforge_dagster.medallion.suggest import suggest as text_for

    found = format_of(file.name)
    if isinstance(found, Excel):
        found = Excel(sheet, header_row)
    if isinstance(found, Json):
        found = Json(records)
    text = text_for(file, found)
    if as_json:
        print_json({"file": file.as_posix(), "text": text})
        return
    typer.echo(text, nl=False)


@sources.command(
    epilog=examples("jobforge sources withdraw orders 5b1f0c2e --by team:shop --why 'not ours'")
)
def withdraw(
    source: Annotated[str, typer.Argument(autocompletion=completing.sources)],
    batch: Annotated[str, typer.Argument(help="Its id, or the start of it.")],
    by: Annotated[str, typer.Option(help="Who answers for it.")],
    why: Annotated[str, typer.Option(help="The reason.")],
    as_json: AsJson = False,
) -> None:
    """Take a delivery out of force, as one that came by mistake.

    It stays staged. The tables are made without it by the next run.
    """
    from jobforge_dagster.medallion.storage import deliveries

    told = deliveries.withdraw(
        DataRoot.from_environment(), source_called(source), batch, f"{by}: {why}", datetime.now(UTC)
    )
    if as_json:
        print_json({"source": source, "batch_id": told.batch_id, "file": told.file})
        return
    typer.echo(f"{source}: batch {told.batch_id} ({told.file}) is withdrawn. It stays staged.")


def _row(root: DataRoot, source: Source, due: dict[str, Due], now: datetime) -> dict[str, Any]:
    from jobforge_dagster.medallion.storage import deliveries
    from jobforge_dagster.medallion.storage.landing import landed

    lying = landed(root, source)
    trouble = None
    try:
        standing = deliveries.standing(root, source)
    except JobForgeError as error:
        standing, trouble = [], str(error)
    last = standing[-1] if standing else None
    age = (now - last.received_at) if last else None
    waiting = due.get(source.staged_key) or due.get(source.key)
    return {
        "source": source.name,
        "table": source.key,
        "expected": f"source/{source.files}",
        "files": len(lying),
        "deliveries": len(standing),
        "batch_id": last.batch_id if last else None,
        "file": last.file if last else None,
        "last": last.received_at if last else None,
        "rows": sum(each.rows for each in standing),
        "malformed": sum(each.malformed for each in standing),
        "age_days": round(age.total_seconds() / 86400, 1) if age else None,
        "fresh": None if not age or not source.cadence else age <= source.cadence,
        "combine": source.combine,
        "state": trouble or _state(source, bool(lying), waiting, age),
    }


def _state(source: Source, lies: bool, due: Due | None, age: timedelta | None) -> str:
    if due:
        return f"due: {due.why}"
    if age is None:
        return f"missing: source/{source.files}"
    if source.cadence and age > source.cadence:
        return f"stale: a delivery is expected every {source.cadence}"
    return "as delivered" if lies else "left the landing folder; stands as delivered"
