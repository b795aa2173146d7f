"""What makes runs quick in tests, and changes nothing that a run does or leaves behind.

Dagster's histories are made for few processes that live long. Tests open hundreds of small ones,
and would spend most of their time on that: each opening reads every script of migration, each
event opens its database anew, each event of a table asks which columns the database has. Other
processes, which tests start, know nothing of this.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import InMemoryEventLogStorage, SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageMetadata
from sqlalchemy.engine import Connection

_scripts: dict[str | None, ScriptDirectory] = {}
_read = ScriptDirectory.from_config
_open = InMemoryEventLogStorage.__init__
_connect = InMemoryEventLogStorage._connect


def quicken() -> None:
    """Once, before the first test."""
    for owner, name, ours, _ in _REPLACED:
        setattr(owner, name, ours)


def slow_again(patch: pytest.MonkeyPatch) -> None:
    """As Dagster does it, for as long as ``patch`` holds."""
    for owner, name, _, theirs in _REPLACED:
        patch.setattr(owner, name, theirs)


def _read_once(config: Config) -> ScriptDirectory:
    place = config.get_alembic_option("script_location")
    if place not in _scripts:
        _scripts[place] = _read(config)
    return _scripts[place]


def _has_column(self: Any, connection: Connection, name: str) -> bool:
    """Every history of a test has the newest columns."""
    return name in AssetKeyTable.c


def _has_table(self: Any, name: str) -> bool:
    return name in SqlEventLogStorageMetadata.tables


def _opened(self: Any, *given: Any, **named: Any) -> None:
    _open(self, *given, **named)
    self._opened_by = threading.get_ident()


@contextmanager
def _connected(self: Any) -> Iterator[Connection]:
    """The connection that is held open anyway; another thread needs its own."""
    if self._opened_by == threading.get_ident():
        with self._db_lock, self._held_conn.begin():
            yield self._held_conn
    else:
        with _connect(self) as connection:
            yield connection


def _no_fsync(handle: int) -> None:
    """No test cuts the power: what is written is read back from memory."""


_REPLACED: tuple[tuple[Any, str, Any, Any], ...] = (
    (ScriptDirectory, "from_config", _read_once, _read),
    (
        SqlEventLogStorage,
        "_has_asset_key_col_on_connection",
        _has_column,
        SqlEventLogStorage._has_asset_key_col_on_connection,
    ),
    (InMemoryEventLogStorage, "__init__", _opened, _open),
    (InMemoryEventLogStorage, "_connect", _connected, _connect),
    (InMemoryEventLogStorage, "has_table", _has_table, InMemoryEventLogStorage.has_table),
    (os, "fsync", _no_fsync, os.fsync),
)
