"""The rows of an event in Dagster's log: those that Dagster writes, in a tenth of its time.

Dagster puts each statement together anew, looks up at each event which tables and columns there
are, and makes the text of an event once for each row that holds it. A run over the whole star has
some fifteen hundred events. Here the statements are put together once and go straight to the
driver, and the text is made once. What is not plain (partitions, checks without a run, a log of an
older Dagster) is left to Dagster.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from sqlalchemy import Table

from jobforge_dagster.orchestration.event_text import text_of

TABLES = (SqlEventLogStorageTable, AssetKeyTable, AssetCheckExecutionsTable, AssetEventTagsTable)
"""The tables that are written here: all of their columns must be there."""

_PLAIN_ASSET_EVENTS = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_OBSERVATION,
    }
)

_OF_A_STEP = frozenset(
    {
        DagsterEventType.STEP_START,
        DagsterEventType.STEP_INPUT,
        DagsterEventType.STEP_OUTPUT,
        DagsterEventType.STEP_SUCCESS,
        DagsterEventType.LOADED_INPUT,
        DagsterEventType.HANDLED_OUTPUT,
    }
)
"""Most events; to be asked for an asset, of which there is none, costs an event a good deal."""


def _into(table: Table, *columns: str) -> str:
    """A statement that adds a row; its parameters are named as the columns."""
    values = ", ".join(f":{column}" for column in columns)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({values})"


def _latest(*columns: str) -> str:
    """A statement that adds an asset, or tells these columns of it."""
    told = ", ".join(f"{column} = excluded.{column}" for column in columns)
    row = _into(AssetKeyTable, "asset_key", *columns)
    return f"{row} ON CONFLICT (asset_key) DO UPDATE SET {told}"


# As text: for SQLAlchemy to put them together takes as long as a hundred events.
_EVENT = _into(
    SqlEventLogStorageTable,
    *("run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition"),
)
_EVALUATION = (
    *("execution_status", "evaluation_event", "evaluation_event_timestamp"),
    *("evaluation_event_storage_id", "materialization_event_storage_id"),
)
_CHECK = _into(AssetCheckExecutionsTable, "asset_key", "check_name", "run_id", *_EVALUATION)
_EVALUATED = (
    f"UPDATE {AssetCheckExecutionsTable.name} "
    f"SET {', '.join(f'{column} = :{column}' for column in _EVALUATION)} "
    "WHERE asset_key = :asset_key AND check_name = :check_name AND run_id = :run_id "
    "AND partition IS NULL"
)
_TAG = _into(AssetEventTagsTable, "event_id", "asset_key", "key", "value", "event_timestamp")
_MATERIALIZED = _latest("last_materialization", "last_run_id", "last_materialization_timestamp")
_WILL_BE_MATERIALIZED = _latest("last_run_id", "last_materialization_timestamp")
_OBSERVED = _latest("last_materialization_timestamp")


def is_plain(event: EventLogEntry) -> bool:
    """Whether the rows of an event are known here."""
    told = event.dagster_event
    if told is None:
        return True
    kind = told.event_type
    if kind in _OF_A_STEP:
        return True
    if kind in ASSET_CHECK_EVENTS:
        data: Any = told.event_specific_data
        if kind == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            return data.partitions_subset is None
        return bool(event.run_id) and data.partition is None
    return (kind in _PLAIN_ASSET_EVENTS) == (told.asset_key is not None)


def add(
    connection: Connection, event: EventLogEntry, tags: Mapping[str, str]
) -> tuple[int, str | None]:
    """Write the rows of a plain event.

    Args:
        connection: the driver's, in a transaction.
        event: one that :func:`is_plain`.
        tags: those of its asset that are looked up.

    Returns:
        Its id; of a materialization, the text that its asset's row holds too.
    """
    told, text = event.dagster_event, text_of(event)
    kind = told.event_type if told else None
    asset = told.asset_key if told and kind in _PLAIN_ASSET_EVENTS else None
    key = asset.to_string() if asset else None
    at = datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None)
    when = at.isoformat(" ", "microseconds")
    row = {
        "run_id": event.run_id,
        "event": text,
        "dagster_event_type": told.event_type_value if told else None,
        "timestamp": when,
        "step_key": told.step_key if told else event.step_key,
        "asset_key": key,
        "partition": (told.partition or None) if told and asset else None,
    }
    event_id = connection.execute(_EVENT, row).lastrowid or 0
    for name, value in tags.items():
        of = {"event_id": event_id, "asset_key": key, "event_timestamp": when}
        connection.execute(_TAG, of | {"key": name, "value": value})
    latest = {"asset_key": key, "last_run_id": event.run_id, "last_materialization_timestamp": when}
    if kind in ASSET_CHECK_EVENTS:
        _add_check(connection, event, event_id, text, when)
    elif kind == DagsterEventType.ASSET_MATERIALIZATION:
        record = record_text(event_id, text)
        connection.execute(_MATERIALIZED, latest | {"last_materialization": record})
        return event_id, record
    elif kind == DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
        connection.execute(_WILL_BE_MATERIALIZED, latest)
    elif kind == DagsterEventType.ASSET_OBSERVATION:
        connection.execute(_OBSERVED, latest)
    return event_id, None


def record_text(event_id: int, text: str) -> str:
    """The text of an event with its id, made of the event's text."""
    return f'{{"__class__": "EventLogRecord", "event_log_entry": {text}, "storage_id": {event_id}}}'


def _add_check(
    connection: Connection, event: EventLogEntry, event_id: int, text: str, when: str
) -> None:
    told = event.dagster_event
    data: Any = told.event_specific_data if told else None
    key = data.asset_key.to_string()
    row: dict[str, Any] = {
        "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
        "evaluation_event": text,
        "evaluation_event_timestamp": when,
        "evaluation_event_storage_id": event_id,
        "materialization_event_storage_id": None,
    }
    new = {"asset_key": key, "check_name": data.check_name, "run_id": event.run_id}
    if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
        connection.execute(_CHECK, new | row)
        return
    status = AssetCheckExecutionRecordStatus
    target = data.target_materialization_data
    row["execution_status"] = (status.SUCCEEDED if data.passed else status.FAILED).value
    row["materialization_event_storage_id"] = target.storage_id if target else None
    if not connection.execute(_EVALUATED, new | row).rowcount:
        connection.execute(_CHECK, new | row)
