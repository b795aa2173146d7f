"""What Dagster's SQLite event log does more often than it must, done once.

Dagster looks up at each event which tables and columns there are, and reads back from the file what
it wrote there a moment ago. Nothing else differs from its own log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from sqlite3 import Connection as Driver
from typing import Any

import sqlalchemy as sql
from dagster import AssetKey, DagsterEventType, EventLogEntry, EventLogRecord
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import AssetKeyTable
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection

from jobforge_dagster.orchestration import event_rows

_MATERIALIZATIONS_REMEMBERED = 200

_TAGGED = (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION)

_ASSETS = (
    "SELECT id, asset_key, last_materialization, last_run_id, asset_details, cached_status_data "
    "FROM asset_keys WHERE asset_key IN ({}) AND (wipe_timestamp IS NULL "
    "OR last_materialization_timestamp > wipe_timestamp) ORDER BY asset_key"
)
"""As text, because it is asked at each step and takes longer to put together than to answer."""


class SwiftEventLog(ConsolidatedSqliteEventLogStorage):
    """Dagster's consolidated event log, with a memory of what it holds."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._there: set[str] = set()
        self._is_current = False
        self._latest: dict[str, tuple[str, EventLogRecord]] = {}
        super().__init__(base_dir, inst_data)

    def are_plain(self, events: Iterable[EventLogEntry]) -> bool:
        """Whether events can be written here, into the tables as they are."""
        return all(map(event_rows.is_plain, events)) and self._is_of_this_dagster()

    def add(self, connection: Driver, event: EventLogEntry) -> int:
        """Write the rows of a plain event.

        Args:
            connection: the driver's, in a transaction.
            event: the event.

        Returns:
            Its id.
        """
        told = event.dagster_event
        is_tagged = told is not None and told.event_type in _TAGGED
        tags = self._tags_for_asset_event(event) if is_tagged else {}
        event_id, record = event_rows.add(connection, event, tags)
        if record is not None and told and told.asset_key:
            key = told.asset_key.to_string()
            self._latest.pop(key, None)
            if len(self._latest) == _MATERIALIZATIONS_REMEMBERED:
                del self._latest[next(iter(self._latest))]
            self._latest[key] = (record, EventLogRecord(event_id, event))
        return event_id

    def add_as_dagster(self, connection: Connection, event: EventLogEntry) -> int:
        """Write the rows of any event.

        Args:
            connection: in a transaction; the log itself uses no other meanwhile.
            event: the event.

        Returns:
            Its id.
        """
        super().store_event(event)
        return int(connection.exec_driver_sql("SELECT max(id) FROM event_logs").scalar_one())

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

    def _fetch_raw_asset_rows(
        self,
        asset_keys: Sequence[AssetKey] | None = None,
        *,
        prefix: Sequence[str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        key_only: bool = False,
    ) -> tuple[Iterable[Any], bool, str | None]:
        """The rows of some assets as they stand; whatever else is asked is left to Dagster."""
        if (
            not asset_keys
            or len(asset_keys) > _MATERIALIZATIONS_REMEMBERED
            or prefix
            or limit
            or cursor
            or key_only
            or not (self._is_of_this_dagster() and self._are_assets_indexed())
        ):
            return super()._fetch_raw_asset_rows(
                asset_keys, prefix=prefix, limit=limit, cursor=cursor, key_only=key_only
            )
        query = _ASSETS.format(", ".join("?" * len(asset_keys)))
        with self._connect() as connection:
            found = connection.exec_driver_sql(query, tuple(key.to_string() for key in asset_keys))
            return found.mappings().fetchall(), False, None

    def _are_assets_indexed(self) -> bool:
        """Whether the columns of the assets hold what they say; once they do, they always do."""
        if ASSET_KEY_INDEX_COLS not in self._there:
            if not self.has_secondary_index(ASSET_KEY_INDEX_COLS):  # type: ignore[no-untyped-call]
                return False
            self._there.add(ASSET_KEY_INDEX_COLS)
        return True

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

    def _is_of_this_dagster(self) -> bool:
        """Whether the tables are as this Dagster knows them, and not those of an older one."""
        if not self._is_current:
            with self._connect() as connection:
                inspector = sql.inspect(connection)
                for table in event_rows.TABLES:
                    if not inspector.has_table(table.name):
                        return False
                    there = {column["name"] for column in inspector.get_columns(table.name)}
                    if not {column.name for column in table.columns} <= there:
                        return False
            self._is_current = True
        return True
