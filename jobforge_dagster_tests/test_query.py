"""``jobforge query`` and ``jobforge shell``, and the same from Python: one question, one answer."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner, Result

from jobforge_dagster.asking.names import UnknownNameError
from jobforge_dagster.asking.sql.errors import QueryError
from jobforge_dagster.asking.sql.shell import completed, names_to_complete
from jobforge_dagster.cli import main
from jobforge_dagster.query import batches, sql, table
from jobforge_dagster_tests.conftest import Lake
from jobforge_dagster_tests.history import built_shop
from jobforge_dagster_tests.shop import ORDERS

BY_CUSTOMER = "SELECT customer, amount FROM gold.dim_customer ORDER BY customer"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A shop after two deliveries, of which the second has an order that silver refuses."""
    with pytest.MonkeyPatch.context() as patched:
        project = built_shop(tmp_path_factory.mktemp("shop"), tmp_path_factory, patched)
        project.deliver(f"{ORDERS}004,Cid,-5\n")
        assert project.run().success
        yield project.lake


@pytest.fixture
def copied(shop: Lake, tmp_path: Path) -> Lake:
    """The same, to be changed."""
    shutil.copytree(shop.path, tmp_path / "data")
    return Lake(tmp_path / "data")


def asked(lake: Lake, *arguments: str) -> str:
    told = lake.command("query", *arguments)
    assert told.exit_code == 0, told.output
    return told.stdout


def rows(lake: Lake, statement: str, *arguments: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(asked(lake, statement, "--json", *arguments))
    return found


def refused(lake: Lake, *arguments: str) -> str:
    told = lake.command("query", *arguments)
    assert told.exit_code == 1, told.output
    assert "Traceback" not in told.output
    return told.stderr


def typed(lake: Lake, *arguments: str, text: str) -> Result:
    """A command that reads a text from standard input."""
    return CliRunner().invoke(
        main, arguments, input=text, env={"JOBFORGE_DATA_ROOT": str(lake.path)}
    )


def test_a_table_is_shown_to_people(shop: Lake) -> None:
    lines = asked(shop, BY_CUSTOMER).split("\n")

    assert [line.split() for line in lines[1:5:1] if "─" not in line][:3] == [
        ["customer", "amount"],
        ["Ann", "100"],
        ["Bob", "250"],
    ]


def test_each_layer_is_a_schema(shop: Lake) -> None:
    counts = {
        name: rows(shop, f"SELECT count(*) AS n FROM {name}")[0]["n"]
        for name in ("staged.orders", "bronze.orders", "silver.order", "gold.dim_customer")
    }

    assert counts == {"staged.orders": 7, "bronze.orders": 4, "silver.order": 3} | {
        "gold.dim_customer": 2
    }


def test_a_name_without_its_schema_is_found(shop: Lake) -> None:
    assert len(rows(shop, "FROM dim_customer")) == 2


def test_show_tables_tells_the_schemas(shop: Lake) -> None:
    found = {(row["schema"], row["table"]) for row in rows(shop, "SHOW TABLES")}

    assert found >= {
        ("gold", "dim_customer"),
        ("silver", "order"),
        ("staged", "orders"),
        ("catalog", "column_lineage"),
        ("quarantine", "records"),
    }


def test_staged_has_every_committed_delivery_and_no_other(shop: Lake, tmp_path: Path) -> None:
    shutil.copytree(shop.path, tmp_path / "data")
    lake = Lake(tmp_path / "data")
    statement = "SELECT count(DISTINCT _batch_id) AS batches FROM staged.orders"
    assert rows(lake, statement) == [{"batches": 2}]

    min(lake.root.manifests.glob("*.json")).unlink()

    assert rows(lake, statement) == [{"batches": 1}]
    assert table("staged.orders", lake.root).collect()["_batch_id"].n_unique() == 1


def test_deliveries_with_other_columns_are_one_table(shop: Lake, tmp_path: Path) -> None:
    shutil.copytree(shop.path, tmp_path / "data")
    lake = Lake(tmp_path / "data")
    staged = lake.path / lake.manifests("orders")[-1]["staged_file"]
    pl.read_parquet(staged, glob=False).with_columns(Note=pl.lit("new")).write_parquet(staged)

    found = rows(lake, 'SELECT "Note", count(*) AS n FROM staged.orders GROUP BY ALL ORDER BY ALL')

    assert found == [{"Note": "new", "n": 4}, {"Note": None, "n": 3}]


@pytest.mark.parametrize("name", ["a[1]", "b*", "c?", "it's", "year=2024"])
def test_a_file_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path / "data")
    for each in (name, "a1", "b2", "c3"):
        lake.root.table(f"gold/{each}").parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"mine": [each]}).write_parquet(lake.root.table(f"gold/{each}"))

    assert rows(lake, f'FROM gold."{name}"') == [{"mine": name}]


def test_what_was_refused_can_be_asked(shop: Lake) -> None:
    [record] = rows(shop, 'SELECT "table", state, original, broken FROM quarantine.records')

    assert (record["table"], record["state"]) == ("silver/shop/order", "open")
    assert json.loads(str(record["original"]))["Customer"] == "Cid"
    assert isinstance(record["broken"], list)
    assert rows(shop, "FROM quarantine.resolved") == []


def test_the_catalog_can_be_asked(shop: Lake) -> None:
    assert rows(
        shop, "SELECT table_name, rows, upstream FROM catalog.tables WHERE layer = 'gold'"
    ) == [{"table_name": "gold.dim_customer", "rows": 2, "upstream": ["silver.order"]}]
    assert rows(
        shop,
        "SELECT description, type FROM catalog.columns "
        "WHERE table_name = 'silver.order' AND column_name = 'amount'",
    ) == [{"description": "Cents.", "type": "Int64"}]
    assert rows(
        shop,
        "SELECT source_column, kind, direct FROM catalog.column_lineage "
        "WHERE table_name = 'gold.dim_customer' AND column_name = 'amount' AND direct",
    ) == [{"source_column": "amount", "kind": "aggregation", "direct": True}]
    assert rows(
        shop,
        "SELECT DISTINCT header FROM catalog.column_origins WHERE table_name = 'gold.dim_customer' "
        "AND column_name = 'amount' AND direct",
    ) == [{"header": "Amount"}]


def test_runs_steps_checks_and_transitions_fit_together(shop: Lake) -> None:
    found = rows(
        shop,
        "SELECT s.table_name, t.row_count_out, s.rows, count(c.check_name) > 0 AS checked "
        "FROM catalog.steps s JOIN catalog.transitions t USING (run_id, table_name) "
        "JOIN catalog.checks c USING (run_id, table_name) JOIN catalog.runs r USING (run_id) "
        "WHERE r.status = 'success' AND s.table_name = 'silver.order' AND t.rows_quarantined = 1 "
        "GROUP BY ALL",
    )

    assert found == [{"table_name": "silver.order", "row_count_out": 3, "rows": 3, "checked": True}]


def test_every_table_of_the_catalog_answers_even_where_nothing_is_known(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    names = [row["table"] for row in rows(lake, "SHOW TABLES") if row["schema"] == "catalog"]

    assert {*names} >= set("tables columns transitions runs checks glossary column_lineage".split())
    assert all(rows(lake, f"FROM catalog.{name}") == [] for name in names)


DAMAGES = {
    "no-json": "{",
    "no-document": '{"table": 1}',
    "list": "[]",
    "newer": '{"document_version": "2.0"}',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_document_is_told_and_costs_no_other_question(copied: Lake, damage: str) -> None:
    for pattern in ("tables/gold/*.json", "runs/*.json", "lineage/gold/*/*"):
        next(copied.root.catalog.glob(pattern)).write_text(DAMAGES[damage])

    for name in (
        "tables",
        "columns",
        "column_lineage",
        "runs",
        "checks",
        "transitions",
    ):
        told = refused(copied, f"FROM catalog.{name}")
        assert f"Error: catalog.{name} cannot be read: " in told
        assert ("too new" if damage == "newer" else "jobforge catalog rebuild") in told
    assert len(rows(copied, "SELECT customer AS columns FROM gold.dim_customer AS tables")) == 2
    names = {f"{row['schema']}.{row['table']}" for row in rows(copied, "SHOW TABLES")}
    assert names >= {"catalog.tables", "gold.dim_customer", "staged.orders"}


def test_a_damaged_manifest_costs_only_what_is_staged(copied: Lake) -> None:
    min(copied.root.manifests.glob("*.json")).write_text("{")

    assert "Restore it: a batch without" in refused(copied, "FROM staged.orders")
    assert len(rows(copied, "SELECT customer AS orders FROM gold.dim_customer")) == 2
    assert "dim_customer" in {row["table"] for row in rows(copied, "SHOW TABLES")}


def test_a_mart_is_found_with_and_without_its_schema(copied: Lake) -> None:
    with duckdb.connect(copied.path / "warehouse.duckdb") as warehouse:
        warehouse.execute("CREATE SCHEMA mart; CREATE TABLE mart.turnover AS SELECT 350 AS cents")

    assert rows(copied, "FROM mart.turnover") == rows(copied, "FROM turnover") == [{"cents": 350}]
    assert "turnover" in asked(copied, "SHOW TABLES", "--format", "csv")
    assert "Did you mean mart.turnover?" in refused(copied, "FROM mart.turnovr")


def test_a_warehouse_that_cannot_be_read_is_told(copied: Lake) -> None:
    (copied.path / "warehouse.duckdb").write_bytes(b"none" * 5000)

    assert "The marts cannot be read: warehouse.duckdb" in refused(copied, "FROM mart.turnover")
    assert "The marts cannot be read: warehouse.duckdb" in refused(copied, "FROM turnover")
    assert len(rows(copied, "WITH a AS (FROM dim_customer) FROM a")) == 2
    assert rows(copied, "SHOW TABLES")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("FROM gold.dim_custmer", "There is no table gold.dim_custmer. Did you mean gold.dim_cust"),
        ("FROM golt.dim_customer", "Did you mean gold.dim_customer?"),
        ("SELECT custmer FROM gold.dim_customer", "no column custmer. Did you mean customer?"),
        ("SELECT d.custmer FROM gold.dim_customer d", "Did you mean customer?"),
        ("FROM catalog.colums", "Did you mean catalog.columns?"),
        ("SELECT lenght(customer) FROM gold.dim_customer", 'Did you mean "length"?'),
        ("", "There is no statement."),
        ("SELECT $a", "parameters: a"),
        ("SELECT 'a'::INT", "Could not convert"),
    ],
)
def test_a_mistake_is_told_with_the_nearest_name(shop: Lake, statement: str, told: str) -> None:
    assert told in refused(shop, statement)


def test_a_caret_stands_below_the_mistake(shop: Lake) -> None:
    told = refused(shop, "SELECT 'é😀',\n  'é' AS a, custmer\nFROM gold.dim_customer")

    line, caret = told.splitlines()[-2:]
    assert line.startswith("  2 | ")
    assert line[caret.index("^") :] == "custmer"


def test_formats_say_the_same(shop: Lake, tmp_path: Path) -> None:
    expected = [{"customer": "Ann", "amount": 100}, {"customer": "Bob", "amount": 250}]
    output = tmp_path / "answer.parquet"
    asked(shop, BY_CUSTOMER, "--output", str(output))

    assert rows(shop, BY_CUSTOMER) == expected
    read = csv.DictReader(io.StringIO(asked(shop, BY_CUSTOMER, "--format", "csv")))
    assert [{**row, "amount": int(row["amount"])} for row in read] == expected
    assert pl.read_parquet(output).to_dicts() == expected
    assert asked(shop, BY_CUSTOMER, "--format", "markdown").splitlines()[2] == "| Ann | 100 |"


def test_values_of_every_kind_can_be_written(shop: Lake) -> None:
    [row] = rows(
        shop,
        "SELECT 1.50::DECIMAL(9,2) AS d, 'nan'::DOUBLE AS n, NULL AS z, DATE '2024-02-29' AS day, "
        "TIMESTAMPTZ '2024-02-29 12:00+02' AS at, {'a': [1, NULL]} AS s, 'é|\"' AS t, "
        "170141183460469231731687303715884105727::HUGEINT AS h, MAP {1: 'x'} AS m, 1 AS d",
    )

    assert row == {"d": "1.50", "n": "nan", "z": None, "day": "2024-02-29"} | {
        "at": "2024-02-29T10:00:00+00:00",
        "s": {"a": [1, None]},
        "t": 'é|"',
        "h": 170141183460469231731687303715884105727,
        "m": {"1": "x"},
        "d_1": 1,
    }


def test_a_long_answer_is_cut_for_people_and_whole_for_programs(shop: Lake) -> None:
    many = "FROM range(12345)"

    shown = asked(shop, many)

    assert shown.splitlines()[-1] == "The first 40 rows; --limit shows more."
    assert len(asked(shop, many, "--format", "csv").splitlines()) == 12346
    assert len(rows(shop, many, "--limit", "7")) == 7
    assert asked(shop, many, "--limit", "3").split() == ["range", "─────", "0", "1", "2"]


def test_what_a_cell_holds_does_not_steer_the_terminal(shop: Lake) -> None:
    shown = asked(shop, r"SELECT '[red]x[/y]' || chr(27) || '[2J' || chr(10) AS a")

    assert "[red]x[/y]" in shown
    assert "\x1b" not in shown


def test_parameters_are_values_and_not_sql(shop: Lake) -> None:
    statement = "SELECT order_id FROM silver.order WHERE customer = $who AND amount = $cents"

    assert rows(shop, statement, "--param", "who=Bob", "--param", "cents=250") == [
        {"order_id": "002"}
    ]
    assert rows(shop, statement, "--param", "who=' OR 1=1 --", "--param", "cents=1") == []
    assert shop.command("query", statement, "--param", "who").exit_code == 2


def test_a_statement_comes_from_a_file_or_standard_input(shop: Lake, tmp_path: Path) -> None:
    file = tmp_path / "question.sql"
    file.write_text(f"-- who bought\n{BY_CUSTOMER};\n", "utf-8")
    expected = rows(shop, BY_CUSTOMER)

    assert json.loads(asked(shop, "--file", str(file), "--json")) == expected
    for arguments in ((), ("-",)):
        told = typed(shop, "query", *arguments, "--json", text=BY_CUSTOMER)
        assert json.loads(told.stdout) == expected


def test_a_failed_query_leaves_the_former_output(shop: Lake, tmp_path: Path) -> None:
    output = tmp_path / "answer.csv"
    output.write_text("before")

    refused(shop, "SELECT (range - 20000)::UTINYINT FROM range(30000)", "--output", str(output))

    assert output.read_text() == "before"
    assert [*tmp_path.iterdir()] == [output]


def test_an_answer_is_not_written_among_the_data(shop: Lake) -> None:
    before = shop.files()

    told = refused(shop, BY_CUSTOMER, "--output", str(shop.root.table("gold/dim_customer")))

    assert "below the data root" in told
    assert shop.files() == before


def test_a_statement_ends_when_its_time_is_over(shop: Lake) -> None:
    endless = (
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range < 0"
    )

    assert "longer than 0.2 seconds" in refused(shop, endless, "--timeout", "0.2")


def test_explain_shows_a_plan(shop: Lake) -> None:
    told = asked(shop, "EXPLAIN ANALYZE FROM gold.dim_customer")

    assert "read_parquet" in told.lower().replace(" ", "_")


@pytest.mark.parametrize(
    "arguments",
    [
        ("SELECT 1", "--format", "parquet"),
        ("SELECT 1", "--format", "xml"),
        ("SELECT 1", "--json", "--format", "csv"),
        ("SELECT 1", "--file", "a.sql"),
    ],
)
def test_a_wrong_command_line_is_told(shop: Lake, arguments: tuple[str, ...]) -> None:
    assert shop.command("query", *arguments).exit_code == 2


def test_the_shell_goes_on_after_a_mistake(shop: Lake) -> None:
    told = typed(
        shop,
        "shell",
        text=f".tables dim_\nFROM nothing;\nSELECT\n  41 + 1 AS a;\n.what\n{BY_CUSTOMER}",
    )

    assert told.exit_code == 0
    assert told.stdout.split()[:4] == ["gold.dim_customer", "a", "──", "42"]
    assert "Bob" in told.stdout
    assert "There is no table nothing." in told.stderr
    assert "There is no command .what" in told.stderr


def test_the_shell_is_left_when_asked(shop: Lake) -> None:
    told = typed(shop, "shell", text=".help\n.quit\nSELECT 'never';\n")

    assert ".tables" in told.stdout
    assert "never" not in told.stdout


def test_names_are_completed(shop: Lake) -> None:
    known = names_to_complete(shop.root)

    assert completed("gold.dim_c", known, 0) == "gold.dim_customer"
    assert completed("dim_customerx", known, 0) is None
    assert completed("sel", known, 0) == "select"
    assert {"order_id", "catalog.columns", "staged."} <= {*known}


def test_python_gives_frames(shop: Lake) -> None:
    found = sql(BY_CUSTOMER, root=shop.root)

    assert found.schema == {"customer": pl.String, "amount": pl.Int64}
    assert_frame_equal(found, table("gold.dim_customer", shop.root).collect().select(found.columns))
    assert sql(BY_CUSTOMER + " LIMIT 0", root=shop.root).schema == found.schema
    assert sql("FROM gold.dim_customer WHERE customer = $c", {"c": "Ann"}, shop.path).height == 1
    assert sql("SELECT 1 AS a, 2 AS a", root=shop.root).columns == ["a", "a_1"]
    assert sum(part.height for part in batches("FROM range(25000)", root=shop.root)) == 25000


def test_python_is_told_the_same(shop: Lake) -> None:
    with pytest.raises(QueryError, match=r"Did you mean gold\.dim_customer"):
        sql("FROM gold.dim_custmer", root=shop.root)
    with pytest.raises(UnknownNameError, match=r"Did you mean gold\.dim_customer"):
        table("gold.dim_custmer", shop.root)


def test_what_parquet_cannot_hold_is_told(shop: Lake, tmp_path: Path) -> None:
    output = tmp_path / "answer.parquet"

    told = refused(shop, "SELECT INTERVAL 1 DAY AS span", "--output", str(output))

    assert "Parquet cannot hold that" in told
    assert not output.exists()


def test_a_statement_that_is_no_text_is_told(shop: Lake) -> None:
    assert "bytes that are not UTF-8" in refused(shop, "SELECT '\udce9'")
