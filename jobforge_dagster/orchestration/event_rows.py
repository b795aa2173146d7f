"""The rows of an event in Dagster's log: those that Dagster writes, in a quarter of its time.

Dagster puts each statement together anew, looks up at each event which tables and columns there
are, and makes the text of an event once for each row that holds it. A run over the whole star has
some fifteen hundred events. Here the statements are put together once, and the text is made once.
What is not plain (partitions, checks without a run, a log of an older Dagster) is left to Dagster.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql
from dagster import DagsterEventType, EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import serialize_value
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

TABLES = (SqlEventLogStorageTable, AssetKeyTable, AssetCheckExecutionsTable)
"""The tables that are written here: all of their columns must be there."""

_PLAIN_ASSET_EVENTS = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_OBSERVATION,
    }
)


def _text(statement: Any, *columns: str) -> str:
    """A statement for the driver: its parameters are named as its columns."""
    compiled = statement.compile(dialect=_DIALECT, column_keys=columns or None)
    return str(compiled)


_DIALECT = sqlite.dialect(paramstyle="named")
_EVENT = _text(
    SqlEventLogStorageTable.insert(),
    *("run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition"),
)
_EVALUATION = (
    *("execution_status", "evaluation_event", "evaluation_event_timestamp"),
    *("evaluation_event_storage_id", "materialization_event_storage_id"),
)
_CHECK = _text(
    AssetCheckExecutionsTable.insert(), "asset_key", "check_name", "run_id", *_EVALUATION
)
_EVALUATED = _text(
    AssetCheckExecutionsTable.update()
    .where(AssetCheckExecutionsTable.c.asset_key == sql.bindparam("of_asset"))
    .where(AssetCheckExecutionsTable.c.check_name == sql.bindparam("of_check"))
    .where(AssetCheckExecutionsTable.c.run_id == sql.bindparam("of_run"))
    .where(AssetCheckExecutionsTable.c.partition.is_(None)),
    *_EVALUATION,
)


def _asset(*columns: str) -> str:
    made = sqlite.insert(AssetKeyTable)
    told = made.on_conflict_do_update(
        index_elements=["asset_key"], set_={name: made.excluded[name] for name in columns}
    )
    return _text(told, "asset_key", *columns)


_MATERIALIZED = _asset("last_materialization", "last_run_id", "last_materialization_timestamp")
_WILL_BE_MATERIALIZED = _asset("last_run_id", "last_materialization_timestamp")
_OBSERVED = _asset("last_materialization_timestamp")


def is_plain(event: EventLogEntry) -> bool:
    """Whether the rows of an event are known here."""
    told, kind = event.dagster_event, event.dagster_event_type
    if told is None:
        return True
    if kind in ASSET_CHECK_EVENTS:
        data: Any = told.event_specific_data
        if kind == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            return data.partitions_subset is None
        return bool(event.run_id) and data.partition is None
    if kind in ASSET_EVENTS:
        return kind in _PLAIN_ASSET_EVENTS and told.asset_key is not None
    return True


def add(connection: Connection, event: EventLogEntry) -> tuple[int, str | None]:
    """Write the rows of a plain event.

    Args:
        connection: in a transaction.
        event: one that :func:`is_plain`.

    Returns:
        Its id; of a materialization, the text that its asset's row holds too.
    """
    told, text = event.dagster_event, serialize_value(event)
    key = told.asset_key.to_string() if told and told.asset_key else None
    at = datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None)
    when = at.isoformat(" ", "microseconds")
    row = {
        "run_id": event.run_id,
        "event": text,
        "dagster_event_type": told.event_type_value if told else None,
        "timestamp": when,
        "step_key": told.step_key if told else event.step_key,
        "asset_key": key,
        "partition": (told.partition or None) if told else None,
    }
    event_id: int = connection.exec_driver_sql(_EVENT, row).lastrowid
    kind = event.dagster_event_type
    asset = {"asset_key": key, "last_run_id": event.run_id, "last_materialization_timestamp": when}
    if kind in ASSET_CHECK_EVENTS:
        _add_check(connection, event, event_id, text, when)
    elif kind == DagsterEventType.ASSET_MATERIALIZATION:
        record = record_text(event_id, text)
        connection.exec_driver_sql(_MATERIALIZED, asset | {"last_materialization": record})
        return event_id, record
    elif kind == DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
        connection.exec_driver_sql(_WILL_BE_MATERIALIZED, asset)
    elif kind == DagsterEventType.ASSET_OBSERVATION:
        connection.exec_driver_sql(_OBSERVED, asset)
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
        connection.exec_driver_sql(_CHECK, new | row)
        return
    status = AssetCheckExecutionRecordStatus
    target = data.target_materialization_data
    row["execution_status"] = (status.SUCCEEDED if data.passed else status.FAILED).value
    row["materialization_event_storage_id"] = target.storage_id if target else None
    of = {"of_asset": key, "of_check": data.check_name, "of_run": event.run_id}
    if not connection.exec_driver_sql(_EVALUATED, row | of).rowcount:
        connection.exec_driver_sql(_CHECK, new | row)
