"""Answers: the rows of a statement, in batches, as long as the database is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jobforge_dagster.asking.sql import relations, sandbox
from jobforge_dagster.asking.sql.errors import QueryError, in_words, plan_without_places
from jobforge_dagster.asking.sql.statement import Statement, checked
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Rows = Sequence[tuple[Any, ...]]

BATCH = 10_000
"""Rows that are held at a time."""

_GROUP = 131_072
"""The same for Arrow; it is also how many make a row group of a Parquet file."""


@dataclass
class Asked:
    """A statement that may be asked, with all that it names.

    Attributes:
        statement: as it was judged.
        parameters: values of its ``$name``.
    """

    con: duckdb.DuckDBPyConnection
    statement: Statement
    parameters: Mapping[str, Any]
    patience: sandbox.Patience
    root: DataRoot
    made: relations.Made

    def rows(self, limit: int | None = None) -> tuple[list[str], Iterator[Rows]]:
        """Run it: names of the columns, each once, and batches of rows, at most ``limit``."""
        with self._told():
            self.patience.run(lambda: self.con.execute(self.statement.text, self._given()))
        names = unique([column[0] for column in self.con.description or ()])
        return names, self._batches(limit)

    def arrow(self, limit: int | None = None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Run it: its columns, each name once, and its rows as batches of Arrow."""
        import pyarrow as pa

        if self.statement.explains:
            raise QueryError("A plan is a text: ask for it in another format.")
        with self._told():
            relation = self._relation()
            if limit is not None:
                relation = relation.limit(limit)
            reader = self.patience.run(lambda: relation.to_arrow_reader(_GROUP))
        names = unique(reader.schema.names)
        schema = pa.schema(
            [field.with_name(name) for field, name in zip(reader.schema, names, strict=True)]
        )
        return schema, self._arrow_batches(reader, names)

    def _relation(self) -> duckdb.DuckDBPyRelation:
        import duckdb

        try:
            return self.con.sql(self.statement.text, params=self._given())
        except duckdb.Error:
            self.con.execute(self.statement.text, self._given())  # fails too, and tells where
            raise

    def _arrow_batches(
        self, reader: pa.RecordBatchReader, names: list[str]
    ) -> Iterator[pa.RecordBatch]:
        while True:
            with self._told():
                found = self.patience.run(lambda: next(reader, None))
            if found is None:
                return
            yield found.rename_columns(names)

    def _batches(self, limit: int | None) -> Iterator[Rows]:
        left = limit
        while left is None or left > 0:
            size = BATCH if left is None else min(BATCH, left)
            with self._told():
                found = self.patience.run(partial(self.con.fetchmany, size))
            if not found:
                return
            left = None if left is None else left - len(found)
            if self.statement.explains:
                found = [(*row[:-1], plan_without_places(str(row[-1]), self.root)) for row in found]
            yield found

    def _given(self) -> dict[str, Any] | None:
        return dict(self.parameters) or None

    @contextmanager
    def _told(self) -> Iterator[None]:
        with _in_words(self.con, self.root, self.statement.text, self.made):
            yield


@contextmanager
def asking(
    text: str,
    parameters: Mapping[str, Any] | None = None,
    root: DataRoot | None = None,
    timeout: float | None = None,
) -> Iterator[Asked]:
    """Ask a statement; the database is open for as long as the block runs.

    Args:
        text: one statement that reads.
        parameters: values of its ``$name``.
        root: the data root; without it, that of the environment.
        timeout: seconds that it may take; without it, for ever.

    Raises:
        QueryError: it is not allowed, or wrong; tells why and where.
    """
    root = root or DataRoot.from_environment()
    made = relations.Made()
    with sandbox.opened() as con:
        with _in_words(con, root, text, made):
            statement = checked(text, con)
        made = relations.make(con, root, statement)
        sandbox.lock(con, relations.allowed(made))
        patience = sandbox.Patience(con, timeout)
        try:
            yield Asked(con, statement, parameters or {}, patience, root, made)
        finally:
            patience.close()


@contextmanager
def _in_words(
    con: duckdb.DuckDBPyConnection, root: DataRoot, text: str, made: relations.Made
) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise in_words(
            error,
            text,
            root,
            lambda: relations.named(root, made),
            lambda: _columns(con),
            made.unreadable,
        ) from None
    except RecursionError:
        raise QueryError("The statement nests too deep. Split it by WITH.") from None


def _columns(con: duckdb.DuckDBPyConnection) -> list[str]:
    con.abort()
    found = con.execute("SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal")
    return sorted(name for (name,) in found.fetchall())


def unique(names: Iterable[str]) -> list[str]:
    """Names of columns, each once: the second ``a`` is ``a_1``."""
    found: list[str] = []
    for name in names:
        number, told = 0, name
        while told in found:
            number += 1
            told = f"{name}_{number}"
        found.append(told)
    return found
