"""``jobforge sources``: what each source delivered, and what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import polars as pl

from jobforge_dagster.cli.common import (
    command,
    in_words,
    print_grid,
    print_json,
    source_called,
)
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.discovery import discover, packages_from_environment
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import deliveries
from jobforge_dagster.medallion.storage.landing import landed
from jobforge_dagster.medallion.storage.noticing import Due, look
from jobforge_dagster.medallion.storage.root import DataRoot


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def sources(context: click.Context, as_json: bool) -> None:
    """List the sources: their files, deliveries and rows, and what is missing or due."""
    if context.invoked_subcommand is None:
        with in_words():
            _list(as_json)


@command(sources, "suggest", examples=["jobforge sources suggest wages.csv > wages.py"])
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sheet", help="The sheet of a workbook that has several.")
@click.option("--header-row", default=1, show_default=True, help="The row of its headers.")
@click.option("--records", help="Where the records of a JSON object are: result.items")
def suggest(file: Path, sheet: str | None, header_row: int, records: str | None) -> None:
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
    click.echo(text_for(file, found), nl=False)


@command(
    sources,
    "withdraw",
    examples=["jobforge sources withdraw orders 5b1f0c2e --by team:shop --why 'not ours'"],
)
@click.argument("source")
@click.argument("batch")
@click.option("--by", required=True, help="Who answers for it.")
@click.option("--why", required=True, help="The reason.")
def withdraw(source: str, batch: str, by: str, why: str) -> None:
    """Take a delivery out of force, as one that came by mistake.

    It stays staged. The tables are made without it by the next run.
    """
    told = deliveries.withdraw(
        DataRoot.from_environment(), source_called(source), batch, f"{by}: {why}", datetime.now(UTC)
    )
    click.echo(f"{source}: batch {told.batch_id} ({told.file}) is withdrawn. It stays staged.")


def _list(as_json: bool) -> None:
    root, now = DataRoot.from_environment(), datetime.now(UTC)
    declared = discover(packages_from_environment())
    found = look(root, declared, now)
    due = {each.key: each for each in found.due}
    rows = [_row(root, source, due, now) for source in declared.sources]
    if as_json:
        print_json(rows)
        return
    shown = pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame()
    print_grid(
        shown.select("source", "files", "deliveries", "last", "rows", "age_days", "state")
        if rows
        else shown,
        nothing="No source is declared.",
    )


def _row(root: DataRoot, source: Source, due: dict[str, Due], now: datetime) -> dict[str, Any]:
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
