"""What marts and the questions they answer hang on: the columns that their SQL really reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from jobforge_dagster.asking.lineage.documents import Documents
from jobforge_dagster.asking.lineage.sql import Planner, Read
from jobforge_dagster.asking.lineage.uses import Changed, How, Use, closest
from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.medallion.marts import Mart, Question
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.sql_text import quoted


@dataclass(frozen=True)
class MartReads:
    """What a mart is made of.

    Attributes:
        name: in SQL.
        tables: all that it reads, by key.
        rows: columns of them that decide which rows it has.
        columns: what else each of its columns hangs on.
        questions: what each of its questions reads of marts.
    """

    name: str
    tables: tuple[str, ...]
    rows: Read
    columns: Mapping[str, Read]
    questions: tuple[tuple[Question, Read], ...]


def read_by(marts: Sequence[Mart], documents: Documents, root: DataRoot) -> list[MartReads]:
    """What each mart is made of, and what its questions read.

    Every column of what is read counts where DuckDB cannot plan a query over the tables as they
    stand, for one that was never made, or that has other columns than the query expects.
    """
    planner = Planner()
    for key in sorted({table.key for mart in marts for table in mart.reads}):
        if key in documents and root.table(key).exists():
            planner.add(sql_name(key), pl.read_parquet_schema(root.table(key)))
    made = [_mart(planner, mart, documents) for mart in marts]
    everything = {mart.name: mart.columns for mart in made}
    return [
        MartReads(
            each.name,
            each.tables,
            each.rows,
            each.columns,
            tuple(
                (question, _question(planner, question, everything)) for question in mart.questions
            ),
        )
        for mart, each in zip(marts, made, strict=True)
    ]


def changed_marts(marts: Sequence[MartReads], changed: Changed) -> Iterator[tuple[Use, Changed]]:
    """Each mart that changes, and how its columns do."""
    keys = {sql_name(key): key for mart in marts for key in mart.tables}

    def hows(read: Read) -> set[How]:
        found = {changed.column(keys[table], name) for table, name in read}
        return {how for how in found if how is not None and how != "rows"}

    for mart in marts:
        valued = {name: closest(how) for name, read in mart.columns.items() if (how := hows(read))}
        deciding = bool(hows(mart.rows)) or not changed.rows.isdisjoint(mart.tables)
        if not valued and not deciding:
            continue
        ways: dict[str, How] = dict.fromkeys(mart.columns, "rows") if deciding else {}
        ways |= valued
        columns = {(mart.name, name): how for name, how in ways.items()}
        told = closest(ways.values())
        yield (
            Use(mart.name, told, mart.name, tuple(sorted(valued))),
            Changed({mart.name: told}, columns, frozenset([mart.name] if deciding else [])),
        )


def changed_questions(marts: Sequence[MartReads], reached: Mapping[str, Changed]) -> Iterator[Use]:
    """Each question that reads of a mart what changes."""
    for mart in marts:
        for question, read in mart.questions:
            ways = {
                (table, name): how
                for table, name in read
                if table in reached and (how := reached[table].column(table, name)) is not None
            }
            # A question may count rows, and look at no column.
            for name in question.marts:
                table = f"mart.{name}"
                if table in reached and reached[table].rows:
                    ways.setdefault((table, ""), "rows")
            if ways:
                valued = sorted(f"{t}.{name}" for (t, name), how in ways.items() if how != "rows")
                yield Use(
                    question.text,
                    closest(ways.values()),
                    mart.name,
                    tuple(valued),
                    str(question.number),
                )


def _mart(planner: Planner, mart: Mart, documents: Documents) -> MartReads:
    name = f"mart.{mart.name}"
    tables = tuple(sorted(table.key for table in mart.reads))
    try:
        planner.add_query(name, mart.sql)
        sql = planner.without_order(mart.sql)
        rows = planner.reads(f"SELECT count(*) FROM ({sql})")
        columns = {
            column: planner.reads(f"SELECT {quoted(column)} FROM ({sql})") - rows
            for column in planner.columns(name)
        }
    except (duckdb.Error, KeyError):
        rows = frozenset(
            (sql_name(key), each["name"])
            for key in tables
            if key in documents
            for each in documents[key]["columns"]
        )
        columns = dict.fromkeys(mart.columns, frozenset())
    return MartReads(name, tables, rows, columns, ())


def _question(
    planner: Planner, question: Question, marts: Mapping[str, Mapping[str, Read]]
) -> Read:
    try:
        return planner.reads(question.sql, question.example)
    except (duckdb.Error, KeyError):
        names = (f"mart.{mart}" for mart in question.marts)
        return frozenset((name, column) for name in names for column in marts.get(name, ()))
