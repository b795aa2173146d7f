"""Our event log holds what Dagster's own holds of the same events, row for row."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import AssetKey, DagsterInstance, EventLogEntry
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage, SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata

from jobforge_dagster.orchestration.event_log import EmbeddedEventLog


@dg.asset(
    check_specs=[dg.AssetCheckSpec("good", asset="plain"), dg.AssetCheckSpec("bad", asset="plain")],
    code_version="1",
)
def plain() -> Iterator[Any]:
    yield dg.MaterializeResult(
        metadata={"words": "d'où", "rows": 3, "facts": dg.MetadataValue.json({"a": [1, None]})},
        data_version=dg.DataVersion("7"),
        check_results=[
            dg.AssetCheckResult(check_name="good", passed=True),
            dg.AssetCheckResult(check_name="bad", passed=False, metadata={"rows": 2}),
        ],
    )


@dg.asset(deps=[plain])
def reader(context: dg.AssetExecutionContext) -> None:
    context.log.info("words")
    context.log_event(dg.AssetObservation(asset_key="plain", metadata={"seen": 1}))


@dg.asset(deps=[reader])
def broken() -> None:
    raise ValueError("broken")


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def parted() -> None: ...


def _events() -> list[EventLogEntry]:
    """Those of three runs: one that fails, the same again, and one of a partition."""
    events: list[EventLogEntry] = []
    with DagsterInstance.ephemeral() as instance:
        for assets, partition in (
            ([plain, reader, broken], None),
            ([plain, reader, broken], None),
            ([parted], "a"),
        ):
            run = dg.materialize(
                assets, instance=instance, partition_key=partition, raise_on_error=False
            )
            events.extend(instance.all_logs(run.run_id))
    return events


def _rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(folder / "event_log.db") as connection:
        return {
            table.name: connection.execute(
                f"SELECT {', '.join(_told(table))} FROM {table.name} ORDER BY id"
            ).fetchall()
            for table in SqlEventLogStorageMetadata.sorted_tables
            if "id" in table.columns and table.name != "secondary_indexes"
        }


def _told(table: Any) -> list[str]:
    return [f'"{each.name}"' for each in table.columns if each.name != "create_timestamp"]


def test_the_rows_are_those_of_dagster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBFORGE_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    theirs = ConsolidatedSqliteEventLogStorage(str(tmp_path / "theirs/history"))
    ours = EmbeddedEventLog(str(tmp_path / "ours/history"))
    keys = [AssetKey(name) for name in ("plain", "reader", "broken", "parted")]

    def records(log: SqlEventLogStorage) -> list[Any]:
        return list(log.get_asset_records(keys))

    for event in _events():
        for log in (theirs, ours):
            log.store_event(event)
        assert records(ours) == records(theirs)

    found = _rows(tmp_path / "ours/history")
    assert found == _rows(tmp_path / "theirs/history")
    assert all(found[name] for name in ("event_logs", "asset_keys", "asset_check_executions"))
    again = EmbeddedEventLog(str(tmp_path / "ours/history"))
    assert records(again) == records(ours)


def test_a_wiped_table_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBFORGE_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    log = EmbeddedEventLog(str(tmp_path / "ours/history"))
    for event in _events():
        log.store_event(event)
    log.wipe_asset(AssetKey("plain"))
    assert not log.get_asset_records([AssetKey("plain")])
    assert log.get_latest_materialization_events([AssetKey("plain")]) == {}
