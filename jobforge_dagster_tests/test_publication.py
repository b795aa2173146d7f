"""A table is made again when, and only when, what it depends on changed; and never half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage import atomic, parquet
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import ORDERS, SHOP

FILE = "shop/orders.csv"
ALL = ["bronze/shop/orders", "gold/dim_customer", "silver/shop/order", "staged/orders"]


def _published(lake: Lake) -> list[str]:
    run = lake.run()
    assert run.success, run.failures
    assert sorted(run.states()) == ALL
    return sorted(key for key, state in run.states().items() if state == "published")


def test_a_second_run_changes_no_byte_and_no_time(shop: Lake) -> None:
    before = shop.files()

    assert _published(shop) == []

    assert shop.files() == before


def test_a_touched_file_with_the_same_content_is_one_more_line_in_its_history(shop: Lake) -> None:
    before = shop.files()
    os.utime(shop.root.landing / FILE, (1, 1))

    assert _published(shop) == []

    now, log = shop.files(), "staged/orders/_arrivals.jsonl"
    assert {path: now[path] for path in now if path != log} == {
        path: before[path] for path in before if path != log
    }
    first, again = map(json.loads, now[log][0].splitlines())
    assert again["batch_id"] == first["batch_id"]
    assert (first["counts"], again["counts"]) == (True, False)
    assert again["modified"] == "1970-01-01T00:00:01Z"


def test_a_changed_input_rebuilds_what_follows(shop: Lake) -> None:
    shop.drop(FILE, ORDERS + "004,Cy,5\n")

    assert _published(shop) == ALL

    assert shop.table("gold/dim_customer").height == 3
    assert len(shop.manifests("orders")) == 2


def test_a_former_content_that_comes_again_stands_again(shop: Lake) -> None:
    shop.drop(FILE, ORDERS + "004,Cy,5\n")
    shop.run()
    shop.drop(FILE, ORDERS)

    assert _published(shop) == [key for key in ALL if key != "staged/orders"]

    assert shop.table("gold/dim_customer").height == 2
    assert len(shop.manifests("orders")) == 2
    assert _published(shop) == []


def test_a_torn_arrival_does_not_swallow_the_next(shop: Lake) -> None:
    log = shop.root.staged / "orders" / "_arrivals.jsonl"
    log.write_text(log.read_text() + '{"batch_id": "9f')
    shop.drop(FILE, ORDERS + "004,Cy,5\n")

    assert _published(shop) == ALL

    assert shop.table("gold/dim_customer").height == 3


def test_a_source_that_left_the_landing_folder_stands_as_delivered(shop: Lake) -> None:
    (shop.root.landing / FILE).unlink()

    assert _published(shop) == []


@pytest.mark.parametrize(
    ("old", "new", "rebuilt"),
    [
        pytest.param(
            'pl.col("amount").sum()',
            'pl.col("amount").max()',
            ["gold/dim_customer"],
            id="the function of a gold table",
        ),
        pytest.param(
            "customer = dy.String(primary_key=True, ",
            "customer = dy.String(primary_key=True, min_length=2, ",
            ["gold/dim_customer"],
            id="the schema of a gold table",
        ),
        pytest.param(
            "str.strip_chars()",
            "str.strip_chars().str.to_uppercase()",
            ["gold/dim_customer", "silver/shop/order"],
            id="the function of a silver table",
        ),
        pytest.param(
            'header="Customer"))',
            'header="customer"))',
            ["bronze/shop/orders", "gold/dim_customer", "silver/shop/order"],
            id="the declaration of a source",
        ),
        pytest.param(
            "origin=ORIGIN)",
            'origin=ORIGIN, nulls=["-"])',
            ["bronze/shop/orders", "gold/dim_customer", "silver/shop/order"],
            id="what counts as no value",
        ),
        pytest.param("Cents, in all.", "Total, in cents.", [], id="prose"),
        pytest.param('"""One customer."""', '"""One buyer."""', [], id="a docstring"),
        pytest.param("SHOP = Domain", "# A comment.\nSHOP = Domain", [], id="a comment"),
    ],
)
def test_a_changed_declaration_rebuilds_its_table_and_what_follows(
    shop: Lake, domains: Domains, old: str, new: str, rebuilt: list[str]
) -> None:
    assert old in SHOP
    domains(shop=SHOP.replace(old, new))

    assert _published(shop) == rebuilt


@pytest.mark.parametrize(
    ("option", "column"),
    [('renames={"Amount": "amount"}', "amount"), ('format=Csv(encoding="cp1252")', "Amount")],
)
def test_a_source_that_is_read_otherwise_is_staged_again(
    shop: Lake, domains: Domains, option: str, column: str
) -> None:
    before = shop.files()
    read = f"from jobforge_dagster.medallion.formats import Csv\n{SHOP}"
    domains(shop=read.replace("origin=ORIGIN)", f"origin=ORIGIN, {option})"))

    assert _published(shop) == ALL

    assert column in shop.staged("orders").columns
    now = shop.files()
    staged = [path for path in before if path.startswith("staged") and "_arrivals" not in path]
    assert {path: now[path] for path in staged} == {path: before[path] for path in staged}


HELPER = "def name(column):\n    return column.str.strip_chars() + SUFFIX\n\nSUFFIX = '!'\n"


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("from {package}.names import name", "name"),
        ("from {package} import names", "names.name"),
        ("import {package}.names as other", "other.name"),
        ("from .names import name as told", "told"),
    ],
)
def test_a_changed_helper_or_constant_rebuilds_what_uses_it(
    domains: Domains, statement: str, call: str
) -> None:
    package = domains(shop="", names=HELPER).packages[0]
    using = SHOP.replace(
        'pl.col("customer").str.strip_chars()', f'{call}(pl.col("customer"))'
    ).replace("SHOP = Domain", f"{statement.format(package=package)}\n\nSHOP = Domain")
    lake = domains(shop=using)
    lake.drop(FILE, ORDERS)
    assert lake.run().success
    assert _published(lake) == []

    domains(names=HELPER.replace("'!'", "'?'"))

    assert _published(lake) == ["gold/dim_customer", "silver/shop/order"]
    assert lake.table("gold/dim_customer")["customer"].to_list() == ["Ann?", "Bob?"]


@pytest.mark.parametrize("name", ["title", "description", "metadata", "answers"])
def test_a_column_that_is_called_like_prose_counts(domains: Domains, name: str) -> None:
    using = SHOP.replace(
        'orders.with_columns(pl.col("customer").str.strip_chars())',
        f'orders.with_columns({name}=pl.lit("a")).with_columns(customer=pl.col("{name}"))',
    )
    lake = domains(shop=using)
    lake.drop(FILE, ORDERS)
    assert lake.run().success

    domains(shop=using.replace('pl.lit("a")', 'pl.lit("b")'))

    assert _published(lake) == ["gold/dim_customer", "silver/shop/order"]


def test_a_function_that_another_one_made_counts_with_what_it_was_made_with(
    domains: Domains,
) -> None:
    made = SHOP.replace(
        "@SHOP.silver(schema=Order, inputs=[orders], max_rejected=LENIENT)\ndef order",
        "def mark(column):\n    return column + '!'\n\n\ndef declare(how):\n"
        "    @SHOP.silver(schema=Order, inputs=[orders])\n    def order",
    ).replace(
        'return orders.with_columns(pl.col("customer").str.strip_chars())',
        '    return orders.with_columns(how(pl.col("customer")))\n'
        "    return order\n\n\norder = declare(mark)",
    )
    lake = domains(shop=made)
    lake.drop(FILE, ORDERS)
    assert lake.run().success
    assert _published(lake) == []

    domains(shop=made.replace("column + '!'", "column + '?'"))

    assert _published(lake) == ["gold/dim_customer", "silver/shop/order"]


def test_a_damaged_table_is_made_again(shop: Lake) -> None:
    shop.root.table("silver/shop/order").write_bytes(b"not a table")

    assert "silver/shop/order" in _published(shop)


def test_a_write_that_fails_half_way_leaves_the_previous_table(
    shop: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.drop(FILE, ORDERS + "004,Cy,5\n")
    shop.run("staged/orders")
    before = shop.files()

    def fail(*sinks: pl.LazyFrame) -> None:
        pl.collect_all(sinks, engine="streaming")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(parquet, "run", fail)
        run = shop.run("bronze/shop/orders")
        assert "No space left on device" in run.only_failure()

    assert shop.files() == before


def test_what_killed_processes_left_is_swept_away_and_nothing_else(shop: Lake) -> None:
    staged, gold = shop.root.staged / "orders", shop.path / "gold"
    left = [staged / ".unpacking-x", gold / ".dim_customer.parquet.1.ranges.tmp"]
    for folder in left:
        folder.mkdir()
        (folder / "content").write_text("half")
    left += [next(staged.glob("2*")) / ".a.parquet.1.tmp", gold / ".dim_customer.parquet.1.tmp"]
    theirs = gold / ".dim_customer.parquet.2.tmp"
    for file in (*left[2:], theirs):
        file.write_text("half")
    for old in (left[1], left[3]):
        os.utime(old, (1, 1))
    shop.drop(FILE, ORDERS + "004,Cy,5\n")

    assert shop.run().success

    assert [path for path in left if path.exists()] == []
    assert theirs.exists()


def test_a_crash_before_the_rename_leaves_the_previous_table(
    shop: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.drop(FILE, ORDERS + "004,Cy,5\n")
    before = shop.table("silver/shop/order")

    def power_cut(path: object) -> None:
        raise SystemError(f"power cut before {path} was safe")

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "sync", power_cut)
        assert not shop.run().success
    assert shop.table("silver/shop/order").equals(before)
    assert not list(shop.path.rglob("*.tmp"))
    assert not shop.manifests("orders")[1:]

    assert "gold/dim_customer" in _published(shop)
    assert shop.table("gold/dim_customer").height == 3


def test_a_table_is_zstd_sorted_by_key_with_statistics_and_its_story(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customer,Amount\n2,Bob,1\n10,Ann,3\n1,Cy,2\n")
    run = shop.run()
    path = shop.root.table("silver/shop/order")

    column = pq.read_metadata(path).row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert (column.statistics.min, column.statistics.max) == ("1", "2")
    assert shop.table("silver/shop/order")["order_id"].to_list() == ["1", "10", "2"]
    story = parquet.story_of(path)
    assert story["batches"] == [shop.manifests("orders")[-1]["batch_id"]]
    facts = run.metadata["silver/shop/order"]
    assert story["fingerprint"] == facts["fingerprint"]
    assert facts["sha256"] == sha256_of(path)
    assert facts["dagster/row_count"] == 3
    assert facts["rows_in"] == {"bronze/shop/orders": 3}


@pytest.mark.parametrize("layer", ["staged", "bronze", "silver", "gold"])
def test_what_is_the_same_in_all_rows_reads_as_text_everywhere(shop: Lake, layer: str) -> None:
    path = next((shop.path / layer).rglob("*.parquet")).as_posix()
    query = f"SELECT DISTINCT typeof(_layer), _layer FROM '{path}' WHERE _layer >= '{layer}'"

    assert duckdb.sql(query).fetchall() == [("VARCHAR", layer)]
    columns = pq.read_metadata(path).schema
    for name in ("_layer", "_batch_id", "_source_file"):
        assert pl.scan_parquet(path).collect_schema()[name] == pl.String
        assert pq.read_schema(path).field(name).type == pa.large_string()
        assert columns.column(columns.names.index(name)).logical_type.type == "STRING"
    assert pl.scan_parquet(path).filter(pl.col("_layer") < layer).collect().is_empty()
    assert parquet.facts_of(Path(path)).ranges["_layer"] == (layer, layer)


@given(st.text(), st.integers(0, 300))
def test_a_constant_is_written_as_the_text_that_it_is(
    tmp_path_factory: pytest.TempPathFactory, text: str, height: int
) -> None:
    path = tmp_path_factory.mktemp("constant") / "table.parquet"
    enum = pl.Enum(["a", "b"])
    frame = pl.DataFrame({"n": range(height)}, schema={"n": pl.Int64}).with_columns(
        pl.lit("a", enum).alias("kind"), pl.lit(text).alias("same"), pl.lit(None).alias("nothing")
    )
    made = frame.lazy().with_columns(parquet.constant(text).alias("same"))
    parquet.run(parquet.sink(made, path, {}, ["same"]))

    assert parquet.scan(path).collect().equals(frame)
    assert parquet.scan(path).collect_schema() == frame.schema


def test_versions_of_code_are_the_same_in_every_process() -> None:
    script = (
        "from jobforge_dagster.medallion.discovery import discover\n"
        "from jobforge_dagster.medallion.fingerprint import *\n"
        "found = discover(['jobforge_dagster.domains'])\n"
        "print([table_version(table) for table in found.tables])\n"
        "print([source_version(source) for source in found.sources])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
