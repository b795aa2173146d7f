"""Replay: quarantined rows are judged again under the present rules, corrections and waivers.

A table is a pure function of its inputs and its code, and is made again only where one of them
changed. So a replay makes the tables that hold open records, with all that they read below the
landing folder and all that reads them: what comes out is what a full rebuild would give.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import quarantine
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster.orchestration.launch import run_tables


@dataclass(frozen=True)
class Replayed:
    """What became of the open records of one table."""

    table: str
    before: int
    replayed: int
    waived: int
    superseded: int
    stay: int
    new: int


@dataclass(frozen=True)
class Replay:
    """The outcome of a replay: table by table, and the steps that failed with their reasons."""

    tables: tuple[Replayed, ...]
    failures: dict[str, str]


def replay(
    root: DataRoot,
    tables: Collection[str] = (),
    *,
    packages: Sequence[str] | None = None,
    instance: dg.DagsterInstance | None = None,
) -> Replay:
    """Judge the open records again.

    Args:
        root: the data root.
        tables: keys of the tables to replay; all that hold open records, if none is named.
        packages: where the domains are.
        instance: where the run is recorded; by default where the command line records it.

    Raises:
        JobForgeError: a named table does not exist, or is staged.
    """
    defs = build_definitions(packages, root)
    graph = defs.resolve_asset_graph()
    known = {key.to_user_string() for key in graph.materializable_asset_keys}
    for table in tables:
        if table not in known or table.startswith("staged/"):
            raise JobForgeError(
                f"{table} is no bronze, silver or gold table. What a file could not represent is "
                f"mended by another delivery."
            )
    before = _open(root)
    wanted = set(tables) or {table for table in before if not table.startswith("staged/")}
    wanted &= known
    if not wanted:
        return Replay((), {})
    start = dg.AssetSelection.assets(*(table.split("/") for table in sorted(wanted)))
    whole = (start.upstream() | start.downstream().upstream()).resolve(graph)
    # A table that was never made has nothing to be brought up to date.
    selected = [key for key in whole if root.table(key.to_user_string()).exists()]
    result = run_tables(defs, selected, "jobforge quarantine replay", root, instance)
    failures = reasons(result)
    after, resolved = _open(root), _resolved_by(root, result.run_id)
    touched = wanted | {table for table in after if after[table] != before.get(table, set())}
    return Replay(
        tuple(
            _counted(table, before.get(table, set()), after.get(table, set()), resolved)
            for table in sorted(touched)
        ),
        failures,
    )


def reasons(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Why the steps of a run failed, by the key of their table."""
    return {
        event.step_key.replace("__", "/"): _reason(event.step_failure_data)
        for event in result.get_step_failure_events()
        if event.step_key
    }


def _open(root: DataRoot) -> dict[str, set[str]]:
    found = quarantine.open_records(root).group_by("table").agg("record_id").collect()
    return {table: set(records) for table, records in found.iter_rows()}


def _resolved_by(root: DataRoot, run_id: str) -> dict[str, str]:
    last = pl.col("history").list.last().struct.field("run_id")
    found = quarantine.resolved_records(root).filter(last == run_id)
    return dict(found.select("record_id", "state").collect().iter_rows())


def _counted(table: str, before: set[str], after: set[str], resolved: dict[str, str]) -> Replayed:
    left = [resolved.get(record, "replayed") for record in before - after]
    return Replayed(
        table=table,
        before=len(before),
        replayed=left.count("replayed"),
        waived=left.count("waived"),
        superseded=left.count("superseded"),
        stay=len(before & after),
        new=len(after - before),
    )


def _reason(data: dg.StepFailureData | None) -> str:
    if data and data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return str(data.error_display_string) if data else "unknown"
