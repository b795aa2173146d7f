"""``jobforge impact``: what it does not list does not change, and what it lists is there."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from jobforge_dagster.asking.impact import impact
from jobforge_dagster.asking.lineage import lineage
from jobforge_dagster.asking.lineage.dax import Named, named_in
from jobforge_dagster.asking.lineage.documents import Documents, read_documents
from jobforge_dagster.asking.lineage.graph import Graph, column_graph
from jobforge_dagster.asking.lineage.marts import MartReads, read_by
from jobforge_dagster.asking.lineage.nodes import Node
from jobforge_dagster.asking.lineage.sql import Planner
from jobforge_dagster.asking.lineage.walk import walk
from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster.medallion.marts import Mart, Value
from jobforge_dagster.medallion.provenance import PROVENANCE
from jobforge_dagster.medallion.storage.noticing import follow
from jobforge_dagster.medallion.storage.sql_text import quoted
from jobforge_dagster_tests.conftest import DOMAINS, SAMPLE, Lake

MARTS = {mart.key: mart for mart in discover([DOMAINS]).marts}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The sample, all of its tables made."""
    path = tmp_path_factory.mktemp("impact") / "data"
    shutil.copytree(SAMPLE, path / "source")
    lake = Lake(path)
    tables = (table.key for table in discover([DOMAINS]).declared)
    staged = (source.staged_key for source in discover([DOMAINS]).sources)
    run = lake.run(*tables, *staged)
    assert run.success, run.failures
    return lake


@pytest.fixture(scope="module")
def documents(lake: Lake) -> Documents:
    return read_documents(lake.root)


@pytest.fixture(scope="module")
def graph(documents: Documents) -> Graph:
    return column_graph(documents)


@pytest.fixture(scope="module")
def marts(lake: Lake, documents: Documents) -> dict[str, MartReads]:
    return {mart.name: mart for mart in read_by(list(MARTS.values()), documents, lake.root)}


def asked(lake: Lake, name: str) -> dict[str, Any]:
    answer = lake.command("impact", name, "--json")
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def columns(found: dict[str, Any], *hows: str) -> set[str]:
    return {
        f"{table['table']}.{column['name']}"
        for table in found["tables"]
        for column in table["columns"]
        if column["how"] in hows
    }


def names(uses: list[dict[str, Any]], how: str = "made") -> list[str]:
    return [use["name"] for use in uses if use["how"] == how]


CHANGED = {
    "noc_structure": ("noc/noc_structure_en.csv", "Class definition"),
    "cops_flmc": ("cops/flmc_cfmt_2024_2033_noc2021.csv", "Future_Labour_Market_Conditions"),
    "job_titles": ("job_titles/job_titles.csv", "Titre_de_poste_FR"),
}
"""Headers whose cells change places: rows are as good as before, and as many."""


@pytest.mark.parametrize("source", CHANGED)
def test_nothing_changes_that_impact_does_not_list(lake: Lake, tmp_path: Path, source: str) -> None:
    file, header = CHANGED[source]
    shutil.copytree(lake.path, tmp_path / "data", copy_function=os.link)
    other = Lake(tmp_path / "data")
    _swap(other.root.landing / file, header)
    listed = columns(asked(lake, f"{source}:{header}"), "made", "decided")
    keys = follow(discover([DOMAINS]), [f"staged/{source}"], lambda _: True)
    keys = [key for key in keys if lake.root.table(key).exists() or key.startswith("staged/")]
    run = other.run(*keys)
    assert run.success, run.failures
    changed: set[str] = set()
    for key in keys:
        if key.startswith("staged/"):
            continue
        before, after = lake.table(key), other.table(key)
        assert len(before) == len(after), key
        changed |= {
            f"{key.partition('/')[0]}.{key.rpartition('/')[2]}.{name}"
            for name in before.columns
            if name not in PROVENANCE and not before[name].equals(after[name])
        }
    assert changed <= listed
    assert {name for name in changed if name.startswith("gold.")}


def _swap(path: Path, header: str) -> None:
    """Let two cells of a column change places that say different things."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        records = list(csv.reader(file))
    place = records[0].index(header)
    width = {len(record[place]) for record in records[-40:]}
    assert len(width) > 1
    last = len(records) - 1
    other = next(
        number
        for number in range(last - 1, 0, -1)
        if records[number][place] != records[last][place] and records[number][place].strip()
    )
    first, second = records[last], records[other]
    first[place], second[place] = second[place], first[place]
    path.unlink()  # it is a link
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(records)


def some(graph: Graph, count: int) -> list[Node]:
    return random.Random("some").sample(sorted(graph.nodes, key=lambda node: node.id), count)


def test_up_and_down_are_inverse(graph: Graph) -> None:
    """One lies above another if and only if that lies below it: of all columns."""
    above = {node: set(walk(graph, node, "up", deciding=False).nodes) for node in graph.nodes}
    below = {node: set(walk(graph, node, "down", deciding=False).nodes) for node in graph.nodes}
    assert len(above) > 1000
    assert {(low, high) for low, all_above in above.items() for high in all_above} == {
        (low, high) for high, all_below in below.items() for low in all_below
    }


def test_up_and_down_are_inverse_with_what_decides(graph: Graph) -> None:
    chosen = some(graph, 60)
    above = {node: set(walk(graph, node, "up").nodes) for node in chosen}
    below = {node: set(walk(graph, node, "down").nodes) for node in chosen}
    for low in chosen:
        for high in chosen:
            assert (high in above[low]) is (low in below[high])


def test_the_ways_lead_to_the_origins_that_documents_tell(
    graph: Graph, documents: Documents
) -> None:
    """Documents hold the origins of each column, composed in another way."""
    looked_at = 0
    for key, document in documents.items():
        for each in document["columns"]:
            told = (each["lineage"] or {}).get("origins", ())
            made = {(one["source"], one["header"]) for one in told if one["kind"]}
            node = Node("column", key, each["name"])
            assert _headers(walk(graph, node, deciding=False).nodes) == made, node.id
            looked_at += bool(made)
    assert looked_at > 500
    for node in (node for node in some(graph, 40) if node.kind == "column"):
        document = documents[node.table]
        [each] = [each for each in document["columns"] if each["name"] == node.column]
        told = [*(each["lineage"] or {}).get("origins", ()), *document["lineage"]["row_origins"]]
        every = {(one["source"], one["header"]) for one in told}
        assert _headers(walk(graph, node).nodes) == every, node.id


def _headers(nodes: tuple[Node, ...]) -> set[tuple[str, str | None]]:
    return {(node.table, node.column) for node in nodes if node.kind == "header"}


def test_how_a_header_reaches_a_column_is_as_documents_tell(
    lake: Lake, graph: Graph, documents: Documents
) -> None:
    headers = [node for node in some(graph, 300) if node.kind == "header"][:5]
    headers.append(Node("header", "oasis_exclusions", "Excluded code"))
    for header in headers:
        found = impact(header.id, root=lake.root, marts=())
        reached = {
            (table.key, column.name): column.kinds
            for table in found.tables
            for column in table.columns
            if column.how != "rows"
        }
        told = {
            (key, each["name"]): (*([one["kind"]] if one["kind"] else []), *one["kinds"])
            for key, document in documents.items()
            for each in document["columns"]
            for one in (each["lineage"] or {}).get("origins", ())
            if (one["source"], one["header"]) == (header.table, header.column)
        }
        assert reached == told


def test_impact_and_lineage_reach_the_same(lake: Lake, graph: Graph) -> None:
    for node in some(graph, 4):
        found = impact(node.id, root=lake.root, marts=())
        made = {
            f"{table.table}.{column.name}"
            for table in found.tables
            for column in table.columns
            if column.how == "made"
        }
        reached = {
            f"{table.table}.{column.name}" for table in found.tables for column in table.columns
        }
        for deciding, mine in ((False, made), (True, reached)):
            if node.kind == "rows" and not deciding:
                continue
            other = lineage(node.id, "down", deciding=deciding, root=lake.root)
            below = {each.id for each in other.nodes if each.kind == "column" and each != node}
            here = f"{node.id.removesuffix(' (rows)')}."
            assert {each for each in below if not each.startswith(here)} == mine, node.id


def test_a_column_of_silver_reaches_contracts_marts_and_questions(lake: Lake) -> None:
    found = asked(lake, "silver.noc_node.title")
    assert columns(found, "made") == {
        "gold.dim_noc_node.title",
        *(
            f"gold.dim_noc.{name}"
            for name in ("title", "broad_category", "major_group", "sub_major_group")
        ),
        "gold.dim_noc.minor_group",
    }
    assert lake.command("catalog", "export", "odcs").exit_code == 0
    exported = {
        path.name: yaml.safe_load(path.read_text())["id"]
        for path in (lake.root.catalog / "exports" / "odcs").glob("*.yaml")
    }
    told = {use["detail"]: use["name"] for use in found["contracts"]}
    assert {f"odcs/{name}": text for name, text in exported.items()}.items() >= told.items()
    assert names(found["contracts"]) == [
        exported["dim_noc.odcs.yaml"],
        exported["dim_noc_node.odcs.yaml"],
    ]
    assert {use["table"]: set(use["columns"]) for use in found["marts"] if use["columns"]} == {
        "mart.occupation": {
            *("title", "broad_category", "major_group", "sub_major_group", "minor_group")
        },
        "mart.occupation_shortage": {"title", "broad_category"},
    }
    assert {use["detail"] for use in found["questions"] if use["how"] == "made"} >= {"1", "2"}
    assert ("silver.noc_node", "title.nullability") in {
        (use["table"], use["name"]) for use in found["rules"]
    }


def test_a_figure_reaches_the_measures_that_are_computed_of_it(lake: Lake) -> None:
    found = asked(lake, "gold.fact_cops_projection.value")
    made = {use["name"]: use["columns"] for use in found["measures"] if use["how"] == "made"}
    # That one names no column, but measures that do.
    assert made["Projected shortage"] == ["gold.fact_cops_projection.value"]
    assert "Projected employment" in made
    assert "Occupations" not in {use["name"] for use in found["measures"]}


def test_a_key_reaches_the_keys_that_refer_to_it(lake: Lake) -> None:
    found = asked(lake, "gold.dim_noc.noc_code")
    assert "noc_code -> gold.dim_noc (noc_code)" in names(found["foreign_keys"])
    reached = {table["table"]: table["rows"] for table in found["tables"]}
    assert {"group_by", "join"} <= set(reached["gold.dim_job_title"])


def test_a_question_is_listed_once_however_many_tables_answer_it(lake: Lake) -> None:
    found = asked(lake, "gold.dim_noc.teer")
    assert [(use["detail"], use["how"]) for use in found["questions"]] == [("1", "made")]
    found = asked(lake, "gold.dim_noc")["questions"]
    assert sorted(use["detail"] for use in found if use["detail"]) == [*"12345"]
    texts = {each.number: each.text for mart in MARTS.values() for each in mart.questions}
    assert not {use["name"] for use in found if not use["detail"]} & {*texts.values()}
    told = json.loads(lake.command("catalog", "show", "gold/dim_noc", "--json").stdout)
    assert told["business"]["business_questions"] == [texts[number] for number in (1, 2, 3, 5)]


def test_a_notebook_prints_what_the_command_prints(lake: Lake) -> None:
    found = impact("silver.noc_node.title", root=lake.root)
    assert f"{found}\n" == lake.command("impact", "silver.noc_node.title").stdout
    assert found.to_dict() == asked(lake, "silver.noc_node.title")


def test_the_end_of_the_line_is_told_in_words(lake: Lake) -> None:
    told = lake.command("impact", "gold.attr_main_duty.duty").output
    assert "A change of gold.attr_main_duty.duty reaches 1 contract, 1 question.\n" in told
    assert "gold.attr_main_duty: odcs/attr_main_duty.odcs.yaml, id " in told
    told = lake.command("impact", "silver.noc_node").output
    assert "gold.dim_noc_node   1       parent_code" in told
    assert "Other rows, and so any column, may come to be in" in told


@pytest.fixture(scope="module")
def empty(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables that marts read and the marts, without a row."""
    with duckdb.connect() as connection:
        connection.execute("PRAGMA disable_optimizer")  # whether a query is right is known before
        connection.execute("CREATE SCHEMA gold; CREATE SCHEMA mart")
        for key in {table.key for mart in MARTS.values() for table in mart.reads}:
            _create(connection, key, lake.table(key).clear())
        for name, mart in MARTS.items():
            connection.execute(f"CREATE TABLE {sql_name(name)} AS FROM ({mart.sql}) LIMIT 0")
        yield connection


def _create(connection: duckdb.DuckDBPyConnection, key: str, frame: pl.DataFrame) -> None:
    connection.register("frame", frame)
    connection.execute(f"CREATE TABLE {sql_name(key)} AS FROM frame")


def needed(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Value] | None = None
) -> set[tuple[str, str]]:
    """The columns without any of which a query is wrong."""
    listed = connection.execute(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() "
        "WHERE contains($1, schema_name || '.' || table_name)",
        [sql],
    ).fetchall()
    found = set()
    for table, name in listed:
        connection.execute("BEGIN")
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {quoted(name)}")
        try:
            connection.execute(f"EXPLAIN {sql}", parameters).fetchall()
        except duckdb.Error:
            found.add((table, name))
        connection.execute("ROLLBACK")
    return found


def test_what_marts_read_must_be_there_and_nothing_else(
    empty: duckdb.DuckDBPyConnection, marts: dict[str, MartReads]
) -> None:
    for key, mart in MARTS.items():
        reads = marts[sql_name(key)]
        used = reads.rows.union(*reads.columns.values())
        # A query may name a column for the order of its rows alone.
        unordered = mart.sql[: mart.sql.upper().rindex("ORDER BY")]
        assert needed(empty, unordered) == used, key
        assert all(reads.columns.values()) or key != "mart/occupation"  # its order is no source
        for question, read in reads.questions:
            assert needed(empty, question.sql, question.example) == read, question.number


@pytest.mark.parametrize("key", ["mart/occupation", "mart/occupation_shortage"])
def test_a_column_of_a_mart_hangs_on_nothing_else(
    lake: Lake, marts: dict[str, MartReads], key: str
) -> None:
    """Every other cell may vanish, and the column says the same."""
    reads = marts[sql_name(key)]
    whole = answer(lake, MARTS[key], None)
    assert whole.columns == list(reads.columns)
    assert len(whole)
    for name, read in reads.columns.items():
        found = answer(lake, MARTS[key], {*read, *reads.rows})
        assert sorted(found[name].to_list(), key=repr) == sorted(whole[name].to_list(), key=repr)


def answer(lake: Lake, mart: Mart, kept: set[tuple[str, str]] | None) -> pl.DataFrame:
    """A mart, made of tables in which all columns but some are null."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA gold")
        for table in mart.reads:
            frame = lake.table(table.key)
            nulls = [
                pl.lit(None, dtype).alias(name)
                for name, dtype in frame.schema.items()
                if kept is not None and (sql_name(table.key), name) not in kept
            ]
            _create(connection, table.key, frame.with_columns(nulls))
        found: pl.DataFrame = connection.sql(mart.sql).pl()
        return found


QUERIES: dict[str, tuple[str, set[str]]] = {
    "a filter": ("SELECT a FROM gold.t WHERE b > 1", {"t.a", "t.b"}),
    "a filter on nothing that holds": ("SELECT a FROM gold.t WHERE 1 = 0", {"t.a"}),
    "a count": ("SELECT count(*) FROM gold.t", set()),
    "a part of a common table": (
        "SELECT a FROM (WITH x AS (SELECT a, max(b) AS m FROM gold.t GROUP BY a) FROM x)",
        {"t.a"},
    ),
    "a join": ("SELECT s.c FROM gold.t JOIN gold.s USING (a)", {"t.a", "s.a", "s.c"}),
    "a join that adds nothing": (
        "SELECT t.b FROM gold.t LEFT JOIN gold.s USING (a)",
        {"t.a", "t.b", "s.a"},
    ),
    "a subquery": (
        "SELECT b FROM gold.t WHERE EXISTS (SELECT 1 FROM gold.s WHERE s.a = t.a)",
        {"t.a", "t.b", "s.a"},
    ),
    "a window": ("SELECT rank() OVER (PARTITION BY a ORDER BY b) FROM gold.t", {"t.a", "t.b"}),
    "a union": ("SELECT b FROM gold.t UNION SELECT c FROM gold.s", {"t.b", "s.c"}),
    "a field": ("SELECT d.x FROM gold.s", {"s.d"}),
    "a pivot": ("PIVOT gold.t ON a USING sum(b)", {"t.a", "t.b", "t.e"}),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_reads(name: str) -> None:
    planner = Planner()
    planner.add("gold.t", {"a": pl.String, "b": pl.Int64, "e": pl.String})
    planner.add("gold.s", {"a": pl.String, "c": pl.Int64, "d": pl.Struct({"x": pl.Int8})})
    sql, expected = QUERIES[name]
    found = {f"{table.removeprefix('gold.')}.{column}" for table, column in planner.reads(sql)}
    assert found == expected


def test_a_mart_that_cannot_be_planned_hangs_on_everything(lake: Lake) -> None:
    mart = replace(MARTS["mart/occupation"], sql="SELECT gone FROM gold.dim_noc ORDER BY 1")
    found = impact("gold.dim_noc.definition", marts=[mart], root=lake.root)
    [told] = found.marts
    assert told.how == "rows"
    assert [use.detail for use in found.questions if use.detail] == ["1"]


DAX = {
    "SUM('fact order'[Amount])": Named(
        frozenset({"sum", "fact order"}), frozenset({("fact order", "amount")}), frozenset()
    ),
    "[Sum of all] + Orders [Net]": Named(
        frozenset({"orders"}), frozenset({("orders", "net")}), frozenset({"sum of all"})
    ),
    "\"'no'[table]\" & 'it''s'[a ]] b] -- 'x'[y]\n// [z]\n/* [w] */": Named(
        frozenset({"it's"}), frozenset({("it's", "a ] b")}), frozenset()
    ),
}


@pytest.mark.parametrize("expression", DAX)
def test_an_expression_of_dax_names(expression: str) -> None:
    assert named_in(expression) == DAX[expression]
