"""What Dagster's SQLite event log does more often than it must, done once.

Dagster looks up at each event which tables and columns there are, and reads back from the file what
it wrote there a moment ago. Nothing else differs from its own log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sql
from dagster import AssetKey, EventLogEntry, EventLogRecord
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetKeyTable
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection

from jobforge_dagster.orchestration import event_rows

_MATERIALIZATIONS_REMEMBERED = 200


class SwiftEventLog(ConsolidatedSqliteEventLogStorage):
    """Dagster's consolidated event log, with a memory of what it holds."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._there: set[str] = set()
        self._is_current = False
        self._latest: dict[str, tuple[str, EventLogRecord]] = {}
        super().__init__(base_dir, inst_data)

    def add(self, connection: Connection, event: EventLogEntry) -> int:
        """Write the rows of an event.

        Args:
            connection: in a transaction; the log itself uses no other meanwhile.
            event: the event.

        Returns:
            Its id.
        """
        if not (event_rows.is_plain(event) and self._is_of_this_dagster(connection)):
            super().store_event(event)
            newest = connection.exec_driver_sql("SELECT max(id) FROM event_logs").scalar_one()
            return int(newest)
        event_id, record = event_rows.add(connection, event)
        told = event.dagster_event
        if told is not None and told.asset_key is not None:
            self._store_asset_event_tags(connection, [event], [event_id])
            if record is not None:
                key = told.asset_key.to_string()
                self._latest.pop(key, None)
                if len(self._latest) == _MATERIALIZATIONS_REMEMBERED:
                    del self._latest[next(iter(self._latest))]
                self._latest[key] = (record, EventLogRecord(event_id, event))
        return event_id

    def _get_latest_materialization_records(
        self, raw_asset_rows: Iterable[Any]
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """What the rows of assets hold; a text that was made here need not be read again."""
        found: dict[AssetKey, EventLogRecord | None] = {}
        rest = []
        for row in raw_asset_rows:
            text, record = self._latest.get(row["asset_key"], (None, None))
            key = AssetKey.from_db_string(row["asset_key"])
            if key and text and row["last_materialization"] == text and not row["asset_details"]:
                found[key] = record
            else:
                rest.append(row)
        if rest:
            found.update(super()._get_latest_materialization_records(rest))
        return found

    # Dagster looks up several times an event which tables and columns there are. One that is there
    # stays.
    def has_table(self, table_name: str) -> bool:
        """Whether there is a table."""
        if table_name not in self._there:
            with self._connect() as connection:
                if not sql.inspect(connection).has_table(table_name):
                    return False
            self._there.add(table_name)
        return True

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether the table of the assets has a column."""
        column = f"{AssetKeyTable.name}.{column_name}"
        if column not in self._there:
            if not super().has_asset_key_col(column_name):
                return False
            self._there.add(column)
        return True

    def _is_of_this_dagster(self, connection: Connection) -> bool:
        """Whether the tables are as this Dagster knows them, and not those of an older one."""
        if not self._is_current:
            inspector = sql.inspect(connection)
            for table in event_rows.TABLES:
                if not inspector.has_table(table.name):
                    return False
                there = {column["name"] for column in inspector.get_columns(table.name)}
                if not {column.name for column in table.columns} <= there:
                    return False
            self._is_current = True
        return True
