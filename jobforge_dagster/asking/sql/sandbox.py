"""Where a statement runs: a database in memory that reaches the files it was given, and no more.

The second wall behind ``statement``: no file but those of the tables that the statement names, no
network, no extensions, no setting is changed, no variables of Python or of the environment. It does
not keep DuckDB from telling its settings and where the files are: the first wall does, and
``errors`` takes it out of what DuckDB complains of. What does not fit
into memory is spilled into the machine's temporary folder (``TMPDIR`` moves it), in a folder of its
own that goes with the connection: a query writes nothing below the data root.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from jobforge_dagster.asking.sql.errors import QueryError

if TYPE_CHECKING:
    import duckdb

Result = TypeVar("Result")

_MEMORY = "60%"
"""Of the machine's, at most; a run beside it needs some too."""

_SPILL = "50GB"
"""At most, lest a careless join fill the disk."""

_MOMENT = 0.1
"""Seconds after which Ctrl-C is heard."""


@contextmanager
def opened() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory, which still reaches files; all it holds goes with the block."""
    import duckdb

    spill = Path(tempfile.gettempdir()) / f"jobforge-sql-{uuid.uuid4().hex}"
    con = duckdb.connect(
        ":memory:",
        config={
            "errors_as_json": True,
            "python_enable_replacements": False,
            "python_scan_all_frames": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "memory_limit": _MEMORY,
            "max_temp_directory_size": _SPILL,
            "temp_directory": str(spill),
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")  # it would stand in the answer
    try:
        yield con
    finally:
        con.close()
        shutil.rmtree(spill, ignore_errors=True)


def lock(con: duckdb.DuckDBPyConnection, files: Iterable[str]) -> None:
    """Close a database to all but some files, for good."""
    con.execute("SET allowed_paths = $files", {"files": list(files)})
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


class Patience:
    """Runs work on a connection so that Ctrl-C and a time limit end it.

    DuckDB does not look for signals while it works: so it works in a thread, and this one waits. It
    waits for moments: once Polars is loaded, a signal does not wake what waits without an end.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, seconds: float | None = None) -> None:
        self._con = con
        self._seconds = seconds
        self._until = None if seconds is None else monotonic() + seconds
        self._worker = ThreadPoolExecutor(1)

    def run(self, work: Callable[[], Result]) -> Result:
        """Do some work.

        Raises:
            QueryError: it took too long.
            KeyboardInterrupt: the person did not want to wait.
        """
        doing = self._worker.submit(work)
        try:
            while not wait([doing], min(_MOMENT, self._left())).done:
                if not self._left():
                    self._stop(doing)
                    raise QueryError(
                        f"The statement took longer than {self._seconds:g} seconds. --timeout "
                        f"allows more."
                    )
        except KeyboardInterrupt:
            self._stop(doing)
            raise
        return doing.result()

    def close(self) -> None:
        """End the thread."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _left(self) -> float:
        return inf if self._until is None else max(0.0, self._until - monotonic())

    def _stop(self, doing: Future[Result]) -> None:
        """Interrupt until it is heard: between two steps of DuckDB nobody listens."""
        while not doing.done():
            self._con.interrupt()
            wait([doing], 0.05)
