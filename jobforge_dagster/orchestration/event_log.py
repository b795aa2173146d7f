"""Dagster's history, embedded in one SQLite file, which feeds the catalog as it grows.

``dagster.yaml`` names :class:`EmbeddedStorage`. Every process of a run reports its events to this
storage, so the catalog needs no daemon: an event is stored first, and then whatever the log holds
that the catalog does not tell of yet is projected (see ``history``). The catalog can fail; the log
and the run cannot fail with it.

One file for all runs, rather than Dagster's one a run, so that the events have one order. What an
event changes is one transaction that takes the write lock at its start: two processes that both
began to read cannot lock each other out, and a check costs one commit in place of three.

A commit is written ahead and synced with the next checkpoint, not at once. A process that is killed
loses nothing. When the power fails the last events may be gone, the file stays whole, and the data
root holds what happened: the next run tells the catalog what it does not know (see ``history``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as Driver
from typing import Any, cast
from uuid import uuid4

import sqlalchemy as sql
from dagster import DagsterEventType, DagsterRun, EventLogEntry
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import (
    SQLITE_EVENT_LOG_FILENAME,
)
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData, deserialize_value
from sqlalchemy.engine import Connection, Engine

from jobforge_dagster.medallion.storage import living
from jobforge_dagster.medallion.storage.atomic import alone
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.history import RUN_ENDS, TOLD_OF, catch_up, say
from jobforge_dagster.orchestration.runs import MADE_OF, begun
from jobforge_dagster.orchestration.swift_log import SwiftEventLog

Told = tuple[int, EventLogEntry]
"""An event with its id."""

_SINCE = (
    "SELECT id FROM event_logs WHERE id > ? AND dagster_event_type IN "
    f"({', '.join(repr(each.value) for each in TOLD_OF)}) ORDER BY id LIMIT ?"
)
"""As text, because it is asked at each event and takes longer to put together than to answer."""

_WRITES = "jobforge_writes"
_RUNS_REMEMBERED = 2

os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")  # what a run plans is one transaction


class EmbeddedEventLog(SwiftEventLog):
    """All events in one SQLite file; each that concerns the catalog is projected once stored.

    Attributes:
        waiting: events that change nothing in the catalog, which it is told of with the next that
            does.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine_of: tuple[int, Engine] | None = None
        self._held = threading.local()
        self._watcher: SqlPollingEventWatcher | None = None
        self._identity: str | None = None
        self._seen: dict[str, list[Told]] = {}
        self.waiting: list[Told] = []
        with alone(Path(base_dir) / ".lock"):
            file = Path(base_dir) / f"{SQLITE_EVENT_LOG_FILENAME}.db"
            if file.exists() and not file.stat().st_size:
                file.unlink()  # a process was killed while it made the log
            super().__init__(base_dir, inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, then tell the catalog."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store several events as one, then tell the catalog."""
        if self.are_plain(events):
            with self._swift_transaction() as driver:
                ids = [self.add(driver, event) for event in events]
        else:
            with self._one_transaction() as connection:
                ids = [self.add_as_dagster(connection, event) for event in events]
        told: list[Told] = []
        for each in zip(ids, events, strict=True):
            kind = each[1].dagster_event_type
            if kind not in MADE_OF:
                continue
            self._remember(each)
            if kind == DagsterEventType.RUN_START:
                begun(self, each[1].run_id)
            elif kind in RUN_ENDS:
                living.release(each[1].run_id)
            if kind in TOLD_OF:
                told.append(each)
        if told:
            catch_up(self, told)

    def is_all_since(self, event_id: int, told: Sequence[Told]) -> bool:
        """Whether these are the events that concern the catalog since one of them."""
        with self._connect() as connection:
            found = connection.exec_driver_sql(_SINCE, (event_id, len(told) + 1)).scalars().all()
        return list(found) == [each[0] for each in told]

    def told_since(self, event_id: int) -> Iterator[Told]:
        """The events that concern the catalog, after one of them, in the order of the log."""
        table = SqlEventLogStorageTable
        query = _concerning(sql.select(table.c.id, table.c.event), TOLD_OF).limit(100)
        query = query.where(table.c.id > event_id)
        while True:
            with self._connect() as connection:
                found = connection.execute(query).fetchall()
            for event_id, text in found:
                yield event_id, deserialize_value(text, EventLogEntry)
            if len(found) < 100:
                return
            query = query.where(table.c.id > found[-1][0])

    def events_of(self, run_id: str, until: int) -> list[EventLogEntry]:
        """The events of a run that its document is made of, up to one of them, oldest first."""
        table = SqlEventLogStorageTable
        query = _concerning(sql.select(table.c.event), MADE_OF)
        query = query.where(table.c.run_id == run_id).where(table.c.id <= until)
        count = sql.select(sql.func.count()).select_from(query.subquery())
        seen = [event for event_id, event in self._seen.get(run_id, ()) if event_id <= until]
        with self._connect() as connection:
            if seen and connection.execute(count).scalar_one() == len(seen):
                return seen
            found = connection.execute(query).fetchall()
        return [deserialize_value(text, EventLogEntry) for (text,) in found]

    def _remember(self, told: Told) -> None:
        """Keep an event of a run, which its end is told from if all of them came by here."""
        run_id = told[1].run_id
        if run_id not in self._seen and len(self._seen) == _RUNS_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen.setdefault(run_id, []).append(told)

    def tag(self, run_id: str, tags: dict[str, str]) -> None:
        """Add tags to a run; should that fail, the run goes on without."""
        try:
            self._instance.add_run_tags(run_id, tags)
        except Exception as error:
            say([f"{type(error).__name__}: {error}"])

    def table_of(self, run_id: str, step: str, until: int) -> str | None:
        """The key of the table that a step was to make."""
        for event in self.events_of(run_id, until):
            told = event.dagster_event
            if told and told.step_key == step and told.asset_key:
                return told.asset_key.to_user_string()
        return None

    def run_of(self, run_id: str) -> DagsterRun | None:
        """What is kept of a run beside its events."""
        return self._instance.get_run_by_id(run_id)

    def identity(self) -> str:
        """What tells this log from any other: an id that it was given at first."""
        if self._identity is None:
            with self._one_transaction() as connection:
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS jobforge (id TEXT)")
                found = connection.exec_driver_sql("SELECT id FROM jobforge").scalar()
                if found is None:
                    found = str(uuid4())
                    connection.exec_driver_sql("INSERT INTO jobforge VALUES (?)", (found,))
            self._identity = found
        return self._identity

    def run_at(self, event_id: int) -> str | None:
        """The run that an event is of; ``None`` if there is no such event."""
        query = "SELECT run_id FROM event_logs WHERE id = ?"
        with self._connect() as connection:
            found: str | None = connection.exec_driver_sql(query, (event_id,)).scalar()
        return found

    def name_of(self, root: DataRoot) -> str:
        """A data root as events name it: relative to the folder that holds the history's."""
        here = Path(self._base_dir).resolve().parents[1]
        return Path(os.path.relpath(root.path.resolve(), here)).as_posix()

    @contextmanager
    def _one_transaction(self) -> Iterator[Connection]:
        with (
            self._engine().connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            self._held.connection = connection
            try:
                yield connection
            finally:
                del self._held.connection

    @contextmanager
    def _swift_transaction(self) -> Iterator[Driver]:
        """A transaction without SQLAlchemy, which takes longer to begin and end one than SQLite."""
        pooled = self._engine().raw_connection()
        try:
            driver = cast("Driver", pooled.driver_connection)
            driver.execute("BEGIN IMMEDIATE")
            try:
                yield driver
            except BaseException:
                driver.rollback()
                raise
            driver.commit()
        finally:
            pooled.close()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        held: Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        with self._engine().begin() as connection:
            yield connection

    def _engine(self) -> Engine:
        """One engine a process: opening the file for each query costs more than the query."""
        if self._engine_of is None or self._engine_of[0] != os.getpid():
            self._engine_of = (os.getpid(), _engine(self._conn_string))
        return self._engine_of[1]

    # The base class watches the file, which a log that is written ahead of it seldom touches.
    def watch(self, run_id: str, cursor: str | None, callback: Any) -> None:
        """Have ``callback`` told of a run's further events."""
        if self._watcher is None:
            self._watcher = SqlPollingEventWatcher(self)
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: Any) -> None:
        """Tell ``handler`` no more."""
        if self._watcher is not None:
            self._watcher.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        """Close what is open."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if self._engine_of is not None and self._engine_of[0] == os.getpid():
            self._engine_of[1].dispose()
        self._engine_of = None


class EmbeddedStorage(DagsterSqliteStorage):
    """Runs and schedules as Dagster keeps them, and :class:`EmbeddedEventLog`, below one folder."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.base_dir = base_dir
        history = str(Path(base_dir) / "history")
        self._run_storage = SqliteRunStorage.from_local(history)
        self._event_log_storage = EmbeddedEventLog(history)  # type: ignore[assignment]
        self._schedule_storage = SqliteScheduleStorage.from_local(str(Path(base_dir) / "schedules"))
        self._inst_data = inst_data
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> EmbeddedStorage:
        """The storage that the configuration names."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _concerning(query: Any, types: Iterable[DagsterEventType]) -> Any:
    """Only events of some types, in the order of the log."""
    table = SqlEventLogStorageTable
    names = sorted(each.value for each in types)
    return query.where(table.c.dagster_event_type.in_(names)).order_by(table.c.id)


def _engine(address: str) -> Engine:
    engine = sql.create_engine(
        address,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
        max_overflow=-1,  # a thread of the webserver that waits for a connection may hold another
    )

    @sql.event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")

    # Elsewhere the driver begins at the first write: what was read before holds no lock.
    @sql.event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
