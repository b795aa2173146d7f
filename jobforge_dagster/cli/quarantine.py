"""``jobforge quarantine``: what was thrown away, why, and how it comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
import polars as pl

from jobforge_dagster.cli.common import command, print_grid, print_json
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import quarantine as records
from jobforge_dagster.medallion.storage.root import DataRoot

STATES = ["open", "replayed", "waived", "superseded", "all"]
_JSON_COLUMNS = ("original", "row", "survivor")


@click.group()
def quarantine() -> None:
    """Rows that tables refused: list, show, replay and waive them."""


def _filters(function: Callable[..., None]) -> Callable[..., None]:
    """The options that narrow records down."""
    options = [
        click.option("--table", help="Key of a table, e.g. silver/oasis/interest."),
        click.option("--rule", help="Name of a rule, or its whole id."),
        click.option("--run", help="Run that refused the rows, or the start of its id."),
        click.option(
            "--state",
            type=click.Choice(STATES),
            default="open",
            show_default=True,
            help="What became of the records.",
        ),
        click.option("--json", "as_json", is_flag=True, help="For programs."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command(quarantine)
@_filters
def list(as_json: bool, **wanted: str | None) -> None:  # noqa: A001
    """Count refused rows by table, rule and run."""
    rows = (
        _found(**wanted)
        .with_columns(rule=pl.col("broken").list.eval(pl.element().struct.field("rule")))
        .explode("rule")
        .with_columns(
            pl.col("rule").str.split(":").list.last(),
            pl.col("run_id").str.slice(0, 8).alias("run"),
        )
        .group_by("table", "fate", "state", "rule", "run")
        .agg(pl.len().alias("rows"), pl.col("quarantined_at").min().alias("since"))
        .sort("table", "fate", "rule", "since")
        .collect()
    )
    if as_json:
        print_json(rows.to_dicts())
        return
    print_grid(rows, nothing="No row is refused.")


@command(quarantine)
@click.argument("record", required=False)
@click.option("--limit", default=20, show_default=True, help="How many records at most.")
@_filters
def show(record: str | None, limit: int, as_json: bool, **wanted: str | None) -> None:
    """Show refused rows with their reasons and original values.

    RECORD is the id of one record, or its start.
    """
    found = _found(**{**wanted, "state": "all" if record else wanted["state"]})
    if record:
        found = found.filter(pl.col("record_id").str.starts_with(record))
    rows = [_parsed(row) for row in found.head(limit).collect().to_dicts()]
    if record and not rows:
        raise JobForgeError(f"No record's id starts with {record}. See: jobforge quarantine list")
    if as_json:
        print_json(rows)
        return
    for row in rows:
        _print_record(row)
    total = found.select(pl.len()).collect().item()
    if total > len(rows):
        click.echo(f"{len(rows)} of {total} records; --limit shows more.")
    if not rows:
        click.echo("No row is refused.")


@command(quarantine)
@click.option("--table", "tables", multiple=True, help="Key of a table; all, if none is named.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def replay(tables: tuple[str, ...], as_json: bool) -> None:
    """Judge refused rows again under the present rules, corrections and waivers.

    Rows that pass now enter their table, and what reads it is made again.
    """
    from jobforge_dagster.orchestration.replay import replay as run  # loads Dagster

    outcome = run(DataRoot.from_environment(), tables)
    if as_json:
        print_json(asdict(outcome))
    else:
        rows = pl.DataFrame([asdict(table) for table in outcome.tables])
        print_grid(rows, nothing="No row is refused.")
        for table, reason in outcome.failures.items():
            click.echo(f"{table} failed: {reason}", err=True)
    if outcome.failures:
        raise click.exceptions.Exit(1)


@command(quarantine)
@click.argument("record")
@click.option("--rule", required=True, help="The rule that the row may break.")
@click.option("--by", required=True, help="Who answers for it.")
@click.option("--why", required=True, help="The reason.")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
def waive(record: str, rule: str, by: str, why: str, until: datetime) -> None:
    """Accept a refused row despite a rule, until a day.

    RECORD is the id of one open record, or its start. The waiver is written to waivers.yaml at the
    data root; it takes effect when the table is made next, as by: jobforge quarantine replay
    """
    from jobforge_dagster.orchestration.waive import waiver_for  # loads Dagster

    root = DataRoot.from_environment()
    found = _found(state="open").filter(pl.col("record_id").str.starts_with(record))
    rows = found.head(2).collect().to_dicts()
    if len(rows) != 1:
        told = "several open records" if rows else "no open record"
        raise JobForgeError(f"{record} stands for {told}. See: jobforge quarantine show")
    waiver = waiver_for(
        root, _parsed(rows[0]), rule, by=by, why=why, until=until.date(), today=_today()
    )
    click.echo(
        f"{waiver.id} is written to {root.waivers.name}. It takes effect by: "
        f"jobforge quarantine replay --table {waiver.table}"
    )


def _found(
    table: str | None = None,
    rule: str | None = None,
    run: str | None = None,
    state: str | None = "open",
) -> pl.LazyFrame:
    root = DataRoot.from_environment()
    open_ones, resolved = records.open_records(root), records.resolved_records(root)
    found = open_ones if state == "open" else pl.concat([open_ones, resolved])
    if state not in ("all", None):
        found = found.filter(pl.col("state") == state)
    if table:
        found = found.filter(pl.col("table") == table)
    if rule:
        name = pl.element().struct.field("rule")
        meant = (name == rule) | (name.str.split(":").list.last() == rule)
        found = found.filter(pl.col("broken").list.eval(meant).list.any())
    if run:
        told = [pl.col(name).str.starts_with(run) for name in ("run_id", "judged_by")]
        found = found.filter(pl.any_horizontal(told))
    return found.sort("table", "source_file", "source_row", nulls_last=True)


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    """A record with its JSON columns as values."""
    read = {name: json.loads(row[name]) if row[name] else None for name in _JSON_COLUMNS}
    return {**row, **read}


def _print_record(row: dict[str, Any]) -> None:
    where = f"{row['source_file']}, record {row['source_row']}"
    click.echo(f"{row['record_id']}  {row['table']}  {row['fate']}, {row['state']}  ({where})")
    for broken in row["broken"]:
        click.echo(f"  {broken['rule']} @ {broken['version']}: {broken['message']}")
    for name in ("original", "row", "survivor"):
        if row[name] is not None:
            click.echo(f"  {name}: {json.dumps(row[name], ensure_ascii=False)}")
    for event in row["history"]:
        click.echo(f"  {event['at']:%Y-%m-%d %H:%M} {event['state']}: {event['why']}")


def _today() -> Any:
    return datetime.now(UTC).date()
