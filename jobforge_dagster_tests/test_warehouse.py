"""The warehouse: what a BI tool finds in it, when it changes, and what cannot harm it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.storage.noticing import follow
from jobforge_dagster.medallion.storage.warehouse import VIEWS, changing, reading, refresh
from jobforge_dagster.medallion.storage.warehouse_errors import WarehouseError
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.history import Project
from jobforge_dagster_tests.shop import ORDERS, SHOP

MART = '''
from jobforge_dagster.medallion.declare import Question

SPENDERS = SHOP.mart(
    "spender",
    reads=[dim_customer],
    description="One customer, and it's what they spent.",
    columns={"customer": "Who spent.", "amount": "How many cents."},
    questions=[
        Question(
            number=7,
            text="Who spends most?",
            sql="SELECT * FROM mart.spender WHERE amount >= $least ORDER BY amount DESC",
            parameters={"least": "cents that count as much"},
            example={"least": 100},
            nothing="Nobody spends {least}.",
        )
    ],
    sql="""
        SELECT customer, amount
        FROM gold.dim_customer
        ORDER BY customer
    """,
)
'''
KEY = "mart/spender"
NEW_ORDERS = f"{ORDERS}004,Cid,7\n"


def replaced(old: str, new: str) -> str:
    assert old in MART
    return SHOP + MART.replace(old, new)


FEWER = replaced("ORDER BY customer\n", "WHERE amount > 200 ORDER BY customer\n")
"""The shop, of whose customers the mart leaves one out."""


def warehouse(lake: Lake) -> Path:
    return lake.path / "warehouse.duckdb"


def asked(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    """What a BI tool is answered that connects read-only."""
    with duckdb.connect(warehouse(lake), read_only=True) as connection:
        return list(connection.execute(sql).fetchall())


def spenders(lake: Lake) -> list[tuple[Any, ...]]:
    return asked(lake, "FROM mart.spender")


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data of a first run is kept, once it was made."""
    return tmp_path_factory.mktemp("first") / "data"


@pytest.fixture
def lake(domains: Domains, first_run: Path) -> Lake:
    """The shop after a first run with its mart."""
    lake = domains(shop=SHOP + MART)
    if first_run.exists():
        shutil.copytree(first_run, lake.path)
        refresh(lake.root, ["spender"])
        return lake
    lake.drop("shop/orders.csv", ORDERS)
    run = lake.run()
    assert run.success, run.failures
    assert run.states()[KEY] == "published"
    shutil.copytree(lake.path, first_run)
    return lake


@contextmanager
def open_elsewhere(lake: Lake, *, read_only: bool) -> Iterator[subprocess.Popen[str]]:
    """Another program that has the warehouse open, and tells what it sees when it is asked."""
    script = f"""
import duckdb
connection = duckdb.connect({str(warehouse(lake))!r}, read_only={read_only})
print("open", flush=True)
input()
print(connection.execute("SELECT count(*) FROM mart.spender").fetchall(), flush=True)
"""
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "open\n"
        yield program
    finally:
        program.kill()
        program.communicate()


def test_a_tool_finds_gold_as_views_and_marts_as_tables(lake: Lake) -> None:
    tables = "SELECT table_schema, table_name, table_type FROM information_schema.tables"

    assert asked(lake, f"{tables} WHERE table_schema IN ('gold', 'mart') ORDER BY ALL") == [
        ("gold", "dim_customer", "VIEW"),
        ("mart", "spender", "BASE TABLE"),
    ]
    assert spenders(lake) == [("Ann", 100), ("Bob", 250)]
    assert asked(lake, "SELECT customer, amount FROM gold.dim_customer ORDER BY ALL") == [
        ("Ann", 100),
        ("Bob", 250),
    ]


def test_it_tells_what_a_mart_and_its_columns_mean(lake: Lake) -> None:
    told = "SELECT comment FROM duckdb_tables() WHERE schema_name = 'mart'"
    columns = "SELECT comment FROM duckdb_columns() WHERE table_name = 'spender'"

    assert asked(lake, told) == [("One customer, and it's what they spent.",)]
    assert asked(lake, columns) == [("Who spent.",), ("How many cents.",)]


def test_a_materialization_tells_the_columns_and_rows_of_a_mart(lake: Lake) -> None:
    for state in ("unchanged", "published"):
        facts = lake.run(KEY).metadata[KEY]

        assert (facts["state"], facts["dagster/row_count"]) == (state, 2)
        columns = [(each.name, each.type) for each in facts["dagster/column_schema"].columns]
        assert columns == [("customer", "VARCHAR"), ("amount", "BIGINT")]
        warehouse(lake).unlink()


def test_domains_without_marts_make_no_warehouse(shop: Lake) -> None:
    assert not warehouse(shop).exists()


def test_a_second_run_leaves_it_untouched(lake: Lake) -> None:
    before = lake.files()

    run = lake.run()

    assert run.states()[KEY] == "unchanged"
    assert lake.files() == before
    assert "warehouse.duckdb" in before


def test_it_follows_gold_and_the_sql(lake: Lake, domains: Domains) -> None:
    lake.drop("shop/orders.csv", NEW_ORDERS)
    assert lake.run().states()[KEY] == "published"
    assert len(spenders(lake)) == 3

    domains(shop=FEWER)

    states = lake.run().states()
    assert {key for key, state in states.items() if state == "published"} == {KEY}
    assert len(spenders(lake)) == 1


def test_a_delivery_reaches_the_mart_through_the_sensor(lake: Lake) -> None:
    found = discover(lake.packages)

    assert KEY in follow(found, ["staged/orders"], lambda _: False)
    assert KEY not in follow(found, [], lambda _: True)


def test_an_empty_mart_is_a_table_too(lake: Lake, domains: Domains) -> None:
    domains(shop=replaced("ORDER BY customer\n", "WHERE amount > 999 ORDER BY customer\n"))

    assert lake.run(KEY).success
    assert spenders(lake) == []
    assert lake.run(KEY).states() == {KEY: "unchanged"}


def test_who_reads_is_not_in_the_way_and_sees_what_there_was(lake: Lake, domains: Domains) -> None:
    domains(shop=FEWER)
    with open_elsewhere(lake, read_only=True) as program:
        assert lake.run(KEY).success
        told, _ = program.communicate("\n")

    assert told == "[(2,)]\n"
    assert len(spenders(lake)) == 1


def test_who_has_it_open_to_write_is_named_and_nothing_is_lost(
    lake: Lake, domains: Domains
) -> None:
    domains(shop=FEWER)
    before = warehouse(lake).read_bytes()
    with open_elsewhere(lake, read_only=False) as program:
        run = lake.run(KEY)
        refused = lake.command("questions", "answer", "7", "1")

    for words in (run.only_failure(), refused.output):
        assert f"warehouse.duckdb is open to write in another program: {_python()}" in words
        assert f"process {program.pid}. End it, or connect it read-only, and try again." in words
    assert warehouse(lake).read_bytes() == before

    assert lake.run(KEY).states() == {KEY: "published"}
    assert len(spenders(lake)) == 1


@pytest.mark.parametrize("read_only", [True, False])
def test_a_notebook_that_has_it_open_sees_no_former_file(
    lake: Lake, domains: Domains, read_only: bool
) -> None:
    """DuckDB hands out one instance of a path to a whole process, and tests run in ours."""
    domains(shop=FEWER)
    with duckdb.connect(warehouse(lake), read_only=read_only) as own:
        run = lake.run(KEY)
        told = lake.command("questions", "answer", "7", "1", "--json")

        assert len(own.execute("FROM mart.spender").fetchall()) == 2
    if read_only:
        assert run.states() == {KEY: "published"}
        assert json.loads(told.stdout) == [{"customer": "Bob", "amount": 250}]
    else:
        for words in (run.only_failure(), told.output):
            assert "warehouse.duckdb is open in this program already. Close that" in words
            assert "delete" not in words


def test_a_statement_that_is_wrong_is_no_damage(lake: Lake) -> None:
    for statement in ("FROM mart.corrupt", "SELECT 'WAL'::INTEGER", "SELECT error('checksum')"):
        with pytest.raises(WarehouseError) as refused, reading(lake.root) as connection:
            connection.execute(statement)
        assert str(refused.value).startswith("warehouse.duckdb does not answer: ")
        assert "delete" not in str(refused.value)


def foreign(lake: Lake, statement: str, *, killed: bool = False) -> None:
    """Let another program write to the warehouse; one that is killed leaves its log behind."""
    end = "import os; os._exit(0)" if killed else "connection.close()"
    script = f"import duckdb; connection = duckdb.connect({str(warehouse(lake))!r})\n"
    script += f"connection.execute({statement!r}); {end}"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_a_killed_program_wrote_last_is_kept(lake: Lake, domains: Domains) -> None:
    foreign(lake, "CREATE TABLE notes AS SELECT 'mine' AS note", killed=True)
    log = warehouse(lake).with_name("warehouse.duckdb.wal")
    assert log.exists()
    domains(shop=FEWER)

    assert lake.run(KEY).states() == {KEY: "published"}

    assert not log.exists()
    assert asked(lake, "FROM notes") == [("mine",)]
    assert len(spenders(lake)) == 1


def test_a_log_whose_warehouse_was_deleted_is_in_nobodys_way(lake: Lake) -> None:
    foreign(lake, "CREATE TABLE notes AS SELECT 'mine' AS note", killed=True)
    warehouse(lake).unlink()

    assert lake.run(KEY).states() == {KEY: "published"}
    assert len(spenders(lake)) == 2


def test_what_another_program_writes_meanwhile_is_kept(lake: Lake) -> None:
    def change() -> None:
        with changing(lake.root, ["spender"]) as connection:
            connection.execute("DELETE FROM mart.spender")
            foreign(lake, "CREATE TABLE notes AS SELECT 'mine' AS note")

    with pytest.raises(WarehouseError, match="Another program wrote to warehouse"):
        change()

    assert asked(lake, "FROM notes") == [("mine",)]
    assert len(spenders(lake)) == 2


def _python() -> str:
    return Path(sys.executable).resolve().name


def test_wrong_sql_fails_in_words_and_leaves_the_mart(lake: Lake, domains: Domains) -> None:
    before = warehouse(lake).read_bytes()
    for old, new, words in (
        (
            "SELECT customer, amount",
            "SELECT customer, total",
            f'The SQL of {KEY} cannot be run: Binder Error: Referenced column "total" not found',
        ),
        (
            "SELECT customer, amount",
            "SELECT amount, customer",
            f"The SQL of {KEY} gives the columns amount, customer, but these are declared: "
            f"customer, amount. Change the one or the other.",
        ),
        ("ORDER BY customer\n", "ORDER BY error('no, ' || customer)\n", "no, Ann"),
    ):
        domains(shop=replaced(old, new))

        assert words in lake.run(KEY).only_failure()
        assert warehouse(lake).read_bytes() == before


def test_a_mart_waits_for_the_tables_that_it_reads(domains: Domains) -> None:
    lake = domains(shop=SHOP + MART)

    run = lake.run()

    assert run.success
    assert KEY in run.skipped
    assert not warehouse(lake).exists()
    assert lake.run(KEY).only_failure() == (
        "gold/dim_customer is not there yet, and mart/spender reads it. Make both, with what they "
        "need, by: dagster asset materialize --select '+key:\"mart/spender\"'"
    )


def test_a_moved_data_root_has_its_views_mended(lake: Lake) -> None:
    lake.path = lake.path.rename(lake.path.with_name("it's [here] year=2024"))
    gold = "SELECT amount FROM gold.dim_customer ORDER BY ALL"
    assert lake.command("questions", "answer", "7", "1").exit_code == 0
    with pytest.raises(duckdb.IOException):
        asked(lake, gold)

    told = lake.command("questions", "refresh")

    assert told.output == "1 views over gold are made again; 1 marts stand.\n", told.output
    assert asked(lake, gold) == [(100,), (250,)]
    assert lake.run(KEY).states() == {KEY: "unchanged"}

    lake.path = lake.path.rename(lake.path.with_name("data"))
    assert lake.run(KEY).success
    assert asked(lake, gold) == [(100,), (250,)]


def test_a_view_goes_with_its_table_and_comes_with_it(lake: Lake) -> None:
    gold = lake.root.table("gold/dim_customer")
    other = gold.with_name("dim_old.parquet")
    names = "SELECT view_name FROM duckdb_views() WHERE schema_name = 'gold' ORDER BY ALL"
    shutil.copyfile(gold, other)

    assert lake.run(KEY).success
    assert asked(lake, names) == [("dim_customer",), ("dim_old",)]

    other.unlink()
    assert lake.run(KEY).success
    assert asked(lake, names) == [("dim_customer",)]


def test_a_stray_file_in_the_folder_of_gold_is_in_nobodys_way(lake: Lake) -> None:
    gold = lake.root.table("gold/dim_customer")
    shutil.copyfile(gold, gold.with_name('we"ird [x].parquet'))
    shutil.copyfile(gold, gold.with_name("DIM_CUSTOMER.parquet"))
    gold.with_name("notes.parquet").write_text("These are no rows.")

    assert lake.run(KEY).success

    assert len(asked(lake, 'FROM gold."we""ird [x]"')) == 2
    assert len(asked(lake, "FROM gold.dim_customer")) == 2
    views = "SELECT count(*) FROM duckdb_views() WHERE schema_name = 'gold'"
    assert asked(lake, views) == [(2,)]


OTHER = """

class Name(dy.Schema):
    \"\"\"One name.\"\"\"

    customer = dy.String(primary_key=True, metadata=meaning("The name."))


@SHOP.gold(schema=Name, inputs=[order], grain=Groups(["customer"]))
def dim_name(orders: pl.LazyFrame) -> pl.LazyFrame:
    return aggregate(orders, "customer", pl.len().alias("number"))
"""
"""A table that no mart reads."""

NUMBERED = OTHER.replace(
    "\n\n\n@SHOP.gold",
    '\n    number = dy.UInt32(metadata=meaning("How many orders."))\n\n\n@SHOP.gold',
)


def test_a_table_that_no_mart_reads_has_a_view_once_it_is_made(
    lake: Lake, domains: Domains
) -> None:
    domains(shop=SHOP + OTHER + MART)

    made = follow(discover(lake.packages), ["gold/dim_name"], lambda _: True)
    assert made == ["gold/dim_name", VIEWS]
    assert set(lake.run(*made).states().values()) == {"published"}

    assert asked(lake, "SELECT customer FROM gold.dim_name ORDER BY ALL") == [("Ann",), ("Bob",)]
    before = lake.files()
    assert lake.run(VIEWS).states() == {VIEWS: "unchanged"}
    assert lake.files() == before


def test_a_view_shows_the_columns_that_a_table_has_by_now(lake: Lake, domains: Domains) -> None:
    domains(shop=SHOP + OTHER + MART)
    assert lake.run("gold/dim_name", VIEWS).success
    domains(shop=SHOP + NUMBERED + MART)

    assert lake.run("gold/dim_name").success

    assert asked(lake, "SELECT number FROM gold.dim_name ORDER BY ALL") == [(1,), (2,)]


def test_a_view_shows_a_column_that_is_new(lake: Lake, domains: Domains) -> None:
    column = 'number = dy.UInt32(metadata=meaning("How many orders."))'
    text = (SHOP + MART).replace("\n\n@SHOP.gold(", f"    {column}\n\n\n@SHOP.gold(")
    sums = 'pl.col("amount").sum()'
    domains(shop=text.replace(sums, f'{sums}, pl.len().alias("number")'))

    run = lake.run()

    assert run.success, run.failures
    assert asked(lake, "SELECT number FROM gold.dim_customer ORDER BY ALL") == [(1,), (2,)]


def test_the_mart_of_a_domain_that_declares_it_no_more_goes(lake: Lake, domains: Domains) -> None:
    domains(shop=replaced('"spender"', '"buyer"').replace("mart.spender", "mart.buyer"))

    assert lake.run("mart/buyer").success

    tables = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart'"
    assert asked(lake, tables) == [("buyer",)]
    assert asked(lake, "SELECT mart FROM jobforge.made") == [("buyer",)]


def test_a_damaged_file_is_told_and_made_again_once_it_is_deleted(lake: Lake) -> None:
    whole = warehouse(lake).read_bytes()
    flipped = bytes(255 - byte for byte in whole[4096:12288])
    for content in (
        b"this is no database" * 1000,
        whole[: len(whole) // 2],
        whole[:4096] + flipped + whole[12288:],
    ):
        warehouse(lake).write_bytes(content)

        for words in (
            lake.run(KEY).only_failure(),
            lake.command("questions", "answer", "7", "1").output,
        ):
            assert "warehouse.duckdb cannot be used: " in words
            assert "If it is damaged, delete it: all of it is made again by: dagster as" in words
            assert str(lake.path) not in words

    warehouse(lake).unlink()
    assert lake.run(KEY).states() == {KEY: "published"}
    assert len(spenders(lake)) == 2


def test_what_a_killed_run_left_is_cleared(lake: Lake) -> None:
    left = lake.path / ".warehouse.duckdb.0123.tmp"
    left.write_bytes(b"half")

    refresh(lake.root, ["spender"])

    assert not left.exists()
    assert [path.name for path in lake.path.glob("*ware*")] == ["warehouse.duckdb"]


def test_the_record_of_a_run_tells_of_its_marts(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(domains(shop=SHOP + MART), monkeypatch)
    project.deliver(ORDERS)
    assert project.run().success
    domains(shop=replaced("SELECT customer, amount", "SELECT customer, total"))
    project.open()
    assert not project.run(KEY).success

    first, second = project.runs()

    [step] = [step for step in first.steps if step.table == KEY]
    assert (step.outcome, step.rows) == ("published", 2)
    [step] = second.steps
    assert (step.table, step.outcome) == (KEY, "failed")
    assert str(step.error).startswith(f"The SQL of {KEY} cannot be run: Binder Error")
    assert not list(project.catalog.rglob("*spender*"))
    assert project.command("catalog", "verify").exit_code == 0
    [linked] = re.findall(r"(\w+) +metadata\.linked", project.command("audit").output)
    assert linked == "pass"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "reads=[dim_customer]",
            "reads=[order]",
            "mart/spender reads silver/shop/order, but a mart reads gold tables alone.",
        ),
        (
            "FROM gold.dim_customer",
            "FROM gold.dim_customers",
            "mart/spender: its SQL reads gold.dim_customers; say so with reads=[...].",
        ),
        (
            "FROM gold.dim_customer",
            "FROM (VALUES ('Ann', 1)) AS t(customer, amount) -- gold.dim_customer",
            "mart/spender says that it reads gold.dim_customer, but its SQL does not.",
        ),
        ("ORDER BY customer\n", "\n", "mart/spender: its SQL needs an ORDER BY"),
        (
            "FROM mart.spender",
            "FROM mart.spenders",
            "mart/spender, question 7: its SQL reads mart.spenders, which is no mart. Those that "
            "are: mart.spender.",
        ),
        (
            "$least",
            "$most",
            "mart/spender, question 7: its SQL has the parameters most, but parameters= tells of "
            "least and example= of least.",
        ),
        ("Nobody spends {least}", "Nobody spends {most}", "may name its parameters alone: least."),
        ('"spender",', '"Spender",', "a name is made of small letters, digits and underscores"),
        ('columns={"customer": "Who spent.", "amount": "How many cents."}', "columns={}", "say"),
        ("number=7", "number=0", "numbers begin at 1."),
    ],
)
def test_a_mart_that_contradicts_itself_is_refused_at_load(
    domains: Domains, old: str, new: str, words: str
) -> None:
    lake = domains(shop=replaced(old, new))

    with pytest.raises(DeclarationError) as refused:
        build_definitions(lake.packages, lake.root)

    assert words in str(refused.value)


def test_two_questions_cannot_have_one_number(domains: Domains) -> None:
    twice = MART.replace('"spender"', '"buyer"').replace("mart.spender", "mart.buyer")
    lake = domains(shop=SHOP + MART + twice)

    with pytest.raises(DeclarationError, match=r"Each question has a name or number.*twice: 7\."):
        discover(lake.packages)
