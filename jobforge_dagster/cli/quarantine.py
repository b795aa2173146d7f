"""``jobforge quarantine``: what was thrown away, why, and how it comes back."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from jobforge_dagster.cli import completing
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, commands, examples, print_grid, print_json
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import polars as pl

_JSON_COLUMNS = ("original", "row", "survivor")

State = Literal["open", "replayed", "waived", "superseded", "all"]

OfTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        help="Key of a table, e.g. silver/oasis/interest.",
        autocompletion=completing.table_keys,
    ),
]
OfRule = Annotated[str | None, typer.Option("--rule", help="Name of a rule, or its whole id.")]
OfRun = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="Run that refused the rows, or the start of its id.",
        autocompletion=completing.runs,
    ),
]
InState = Annotated[State, typer.Option("--state", help="What became of the records.")]

quarantine = commands("Rows that tables refused: list, show, replay and waive them.")
app.add_typer(quarantine, name="quarantine")


@quarantine.command(
    "list",
    epilog=examples(
        "jobforge quarantine list", "jobforge quarantine list --table silver/oasis/interest"
    ),
)
def list_counts(
    table: OfTable = None,
    rule: OfRule = None,
    run: OfRun = None,
    state: InState = "open",
    as_json: AsJson = False,
) -> None:
    """Count refused rows by table, rule and run."""
    import polars as pl

    rows = (
        _found(table, rule, run, state)
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


@quarantine.command(
    epilog=examples(
        "jobforge quarantine show --rule profile_code_exists",
        "jobforge quarantine show 5b1f0c2e --json",
    )
)
def show(
    record: Annotated[str | None, typer.Argument()] = None,
    limit: Annotated[int, typer.Option(help="How many records at most.")] = 20,
    table: OfTable = None,
    rule: OfRule = None,
    run: OfRun = None,
    state: InState = "open",
    as_json: AsJson = False,
) -> None:
    """Show refused rows with their reasons and original values.

    RECORD is the id of one record, or its start.
    """
    import polars as pl

    found = _found(table, rule, run, "all" if record else state)
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
        typer.echo(f"{len(rows)} of {total} records; --limit shows more.")
    if not rows:
        typer.echo("No row is refused.")


@quarantine.command(
    epilog=examples(
        "jobforge quarantine replay", "jobforge quarantine replay --table silver/oasis/interest"
    )
)
def replay(
    tables: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            help="Key of a table; all, if none is named.",
            autocompletion=completing.table_keys,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge refused rows again under the present rules, corrections and waivers.

    Rows that pass now enter their table, and what reads it is made again.
    """
    import polars as pl

    from jobforge_dagster.orchestration.replay import replay as run  # loads Dagster

    outcome = run(DataRoot.from_environment(), tables or ())
    if as_json:
        print_json(asdict(outcome))
    else:
        rows = pl.DataFrame([asdict(table) for table in outcome.tables])
        print_grid(rows, nothing="No row is refused.")
        for table, reason in outcome.failures.items():
            typer.echo(f"{table} failed: {reason}", err=True)
    if outcome.failures:
        raise typer.Exit(1)


@quarantine.command(
    epilog=examples(
        "jobforge quarantine waive 5b1f0c2e --rule profile_code_exists --by team:skills "
        "--why 'a new profile' --until 2026-12-31"
    )
)
def waive(
    record: str,
    rule: Annotated[str, typer.Option(help="The rule that the row may break.")],
    by: Annotated[str, typer.Option(help="Who answers for it.")],
    why: Annotated[str, typer.Option(help="The reason.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day.")],
    as_json: AsJson = False,
) -> None:
    """Accept a refused row despite a rule, until a day.

    RECORD is the id of one open record, or its start. The waiver is written to waivers.yaml at the
    data root; it takes effect when the table is made next, as by: jobforge quarantine replay
    """
    import polars as pl

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
    if as_json:
        print_json(waiver.model_dump(mode="json"))
        return
    typer.echo(
        f"{waiver.id} is written to {root.waivers.name}. It takes effect by: "
        f"jobforge quarantine replay --table {waiver.table}"
    )


def _found(
    table: str | None = None,
    rule: str | None = None,
    run: str | None = None,
    state: State = "open",
) -> pl.LazyFrame:
    import polars as pl

    from jobforge_dagster.medallion.storage import quarantine as records

    root = DataRoot.from_environment()
    open_ones, resolved = records.open_records(root), records.resolved_records(root)
    found = open_ones if state == "open" else pl.concat([open_ones, resolved])
    if state != "all":
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
    typer.echo(f"{row['record_id']}  {row['table']}  {row['fate']}, {row['state']}  ({where})")
    for broken in row["broken"]:
        typer.echo(f"  {broken['rule']} @ {broken['version']}: {broken['message']}")
    for name in ("original", "row", "survivor"):
        if row[name] is not None:
            typer.echo(f"  {name}: {json.dumps(row[name], ensure_ascii=False)}")
    for event in row["history"]:
        typer.echo(f"  {event['at']:%Y-%m-%d %H:%M} {event['state']}: {event['why']}")


def _today() -> Any:
    return datetime.now(UTC).date()
