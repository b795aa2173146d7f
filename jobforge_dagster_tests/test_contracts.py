"""Each layer's contract is enforced: break it and see the table, the rule and the fix named."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.layers import opening, plan
from jobforge_dagster.medallion.provenance import PROVENANCE
from jobforge_dagster.medallion.readers import Reading, read
from jobforge_dagster_tests.conftest import Domains
from jobforge_dagster_tests.shop import ORDERS, SHOP
from jobforge_dagster_tests.test_csv_reader import CELL

FILE = "shop/orders.csv"


def _replaced(old: str, new: str) -> str:
    assert old in SHOP
    return SHOP.replace(old, new)


@settings(max_examples=25)
@given(rows=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6))
def test_staged_holds_every_value_as_it_was_written(
    domains: Domains, rows: list[list[str]]
) -> None:
    header = [" Order No", "Customer\u00a0", "Amount"]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    lake = domains(shop=SHOP)
    lake.drop(FILE, text.getvalue())

    run = lake.run("staged/orders")

    assert run.success, run.failures
    staged = lake.staged("orders")
    assert staged.columns == [*header, *PROVENANCE]
    assert [list(row) for row in staged.select(header).rows()] == rows
    assert staged.schema["Amount"] == pl.String


def test_a_reader_that_loses_a_record_stages_nothing(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(*arguments: Any) -> Reading:
        reading = read(*arguments)
        reading.records = reading.records.head(2)
        return reading

    lake = domains(shop=SHOP)
    lake.drop(FILE, ORDERS)
    monkeypatch.setattr(opening, "read", losing)

    run = lake.run()

    assert "shop/orders.csv has 3 records in 3 columns, but 2 in 3 came out" in run.only_failure()
    assert not lake.files()


def test_staged_bytes_never_change_once_committed(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop(FILE, ORDERS)
    lake.run()
    first = {path: facts for path, facts in lake.files().items() if path.endswith("parquet")}
    lake.drop(FILE, ORDERS.replace("Ann", "Eve"))

    lake.run()

    now = lake.files()
    assert all(now[path] == facts for path, facts in first.items() if path.startswith("staged"))


def test_bronze_is_the_declaration_and_nothing_else(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop(FILE, "CUSTOMER ,\u00a0Order  No,amount\n Ann ,007,\nBob,8, 12 \n")

    assert lake.run("staged/orders", "bronze/shop/orders").success

    bronze = lake.table("bronze/shop/orders")
    assert bronze.columns == ["order_id", "customer", "amount", "source_system", *PROVENANCE]
    assert bronze.drop(PROVENANCE).rows() == [
        ("007", " Ann ", None, "Till"),
        ("8", "Bob", 12, "Till"),
    ]


AGGREGATIONS = {
    "a group": 'orders.group_by("order_id", *TRACE, "customer").agg(pl.col("amount").sum())',
    "a sum": "orders.with_columns(pl.col('amount').sum())",
    "a sum over a window": "orders.with_columns(pl.col('amount').sum().over('customer'))",
    "a sum in a comparison": "orders.filter(pl.col('amount') <= pl.col('amount').max())",
    "any": "orders.with_columns(customer=pl.col('amount').gt(0).any().cast(pl.String))",
    "a product": "orders.with_columns(pl.col('amount').product())",
    "texts joined": "orders.with_columns(pl.col('customer').str.join(','))",
    "a rolling sum": "orders.with_columns(pl.col('amount').rolling_sum(2))",
    "a length": "orders.with_columns(amount=pl.len().cast(pl.Int64))",
    "a dynamic group": (
        "orders.with_row_index('n').with_columns(pl.col('n').cast(pl.Int64))"
        ".group_by_dynamic('n', every='2i').agg(pl.all().first()).drop('n')"
    ),
    "below a join": (
        "orders.join(orders.group_by('customer').agg(pl.len()), on='customer').drop('len')"
    ),
}


@pytest.mark.parametrize("body", AGGREGATIONS.values(), ids=AGGREGATIONS.keys())
def test_a_silver_function_that_aggregates_is_refused(domains: Domains, body: str) -> None:
    text = _replaced('orders.with_columns(pl.col("customer").str.strip_chars())', body)
    lake = domains(shop=text.replace("import aggregate", "import TRACE, aggregate"))
    lake.drop(FILE, ORDERS)

    run = lake.run()

    assert list(run.failures) == ["silver/shop/order"]
    assert "a silver table must not aggregate" in run.only_failure()
    assert "aggregate in gold" in run.only_failure()
    assert not lake.root.table("silver/shop/order").exists()


@pytest.mark.parametrize(
    "body",
    [
        "orders.with_columns(amount=pl.col('_source_row').rank('ordinal').over('customer')"
        ".cast(pl.Int64))",
        "orders.with_columns(amount=pl.col('amount').cum_sum())",
        "orders.with_columns(amount=pl.col('amount').shift(1))",
        "orders.with_columns(pl.col('customer').str.split(' ').list.unique().list.join(''))",
    ],
)
def test_numbering_and_comparing_rows_is_no_aggregation(domains: Domains, body: str) -> None:
    lake = domains(
        shop=_replaced('orders.with_columns(pl.col("customer").str.strip_chars())', body)
    )
    lake.drop(FILE, ORDERS)

    assert lake.run().success


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("orders.unique('customer')", "deduplicate=Deduplicate"),
        ("orders.map_batches(lambda frame: frame.head(1))", "cannot be looked into"),
        (
            "orders.with_columns(pl.col('customer').str.to_integer(strict=True).cast(pl.String))",
            "computing it failed",
        ),
        (
            "orders.with_columns(pl.col('amount').map_batches(lambda s: s, return_dtype=pl.Int64))",
            "cannot be looked into",
        ),
        ("orders.collect()", "Leave out collect()"),
        ("orders.select('order_id', 'customer', 'amount')", "lost _source_file"),
        ("orders.join(orders, on='order_id')", "keeps the trace of one"),
        ("orders.drop('amount')", "gives no column amount"),
        ("orders.with_columns(pl.col('amount').cast(pl.String))", "comes out as String"),
        ("orders.with_columns(pl.col('nothing'))", "does not fit its inputs"),
    ],
)
def test_what_a_silver_function_must_not_do_is_told(domains: Domains, body: str, says: str) -> None:
    lake = domains(
        shop=_replaced('orders.with_columns(pl.col("customer").str.strip_chars())', body)
    )
    lake.drop(FILE, ORDERS)

    run = lake.run()

    assert list(run.failures) == ["silver/shop/order"]
    assert says in run.only_failure()


def test_another_version_of_the_plan_is_refused_not_trusted(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PLAN_VERSION", (99, 0))
    lake = domains(shop=SHOP)
    lake.drop(FILE, ORDERS)

    assert "plans of version" in lake.run().only_failure()


def test_gold_without_provenance_cannot_be_written(domains: Domains) -> None:
    text = (
        _replaced(
            'aggregate(orders, "customer", pl.col("amount").sum())',
            "orders.with_columns(_source_file=pl.lit(None, pl.String))",
        )
        .replace('Groups(["customer"])', "Rows()")
        .replace("import Groups", "import Rows")
    )
    text = text.replace("customer = dy.String(primary_key=True, ", "customer = dy.String(")
    lake = domains(shop=text)
    lake.drop(FILE, ORDERS)

    run = lake.run()

    assert "rows have no _source_file" in run.only_failure()
    assert not lake.root.table("gold/dim_customer").exists()


BAD_DECLARATIONS = {
    "gold reads bronze": (
        "inputs=[order], grain",
        "inputs=[orders], grain",
        "gold/dim_customer: a gold table may read gold or silver, not bronze/shop/orders",
    ),
    "silver reads gold": (
        "",
        "\n\n@SHOP.silver(schema=Customer, inputs=[dim_customer])\ndef again(c):\n    return c\n",
        "silver/shop/again: a silver table may read bronze or silver, not gold/dim_customer",
    ),
    "no inputs": ("inputs=[order], grain", "inputs=[], grain", "needs at least one input"),
    "a reserved column": (
        'customer = dy.String(metadata=meaning("Who ordered.", header="Customer"))',
        'customer = dy.String(alias="_layer", metadata=meaning("Who.", header="Customer"))',
        "the column name _layer is reserved",
    ),
    "one header twice": (
        'header="Amount"',
        'header=" customer "',
        "are both read from the header 'customer'",
    ),
    "a type of no text": ("amount = dy.Int64(nullable=True, min=0,", "amount = dy.List(dy.Int8(),",
        "bronze cannot make List(Int8) of text"),
    **{
        f"digits parted by {mark!r}": (
            "max_rejected=LENIENT, origin",
            f"max_rejected=LENIENT, thousands={mark!r}, origin",
            "is not one character that parts digits",
        )
        for mark in ("", "0", "e", "-", ", ")
    },
    "no description": ('    """One customer."""\n', "", "say what a row is"),
    "two tables of one name": (
        "",
        "\n\n@SHOP.gold(schema=Customer, inputs=[order])\ndef dim_customer(c):\n    return c\n",
        "Each gold table needs a name of its own",
    ),
    "a foreign key into another layer": (
        "inputs=[order], grain",
        'inputs=[order], foreign_keys=[references("customer", order)], grain',
        "a foreign key points within a layer",
    ),
    "a foreign key of no column": (
        "inputs=[order], grain",
        'inputs=[order], foreign_keys=[references("city", None)], grain',
        "the foreign key city is no column",
    ),
    "a foreign key of another type": (
        "inputs=[order], grain",
        'inputs=[order], foreign_keys=[references("amount", None)], grain',
        "amount is Int64, but gold/dim_customer.customer is String",
    ),
    "a foreign key of another width": (
        "inputs=[order], grain",
        'inputs=[order], foreign_keys=[references(["customer", "amount"], None)], grain',
        "does not fit the primary key",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "says"), BAD_DECLARATIONS.values(), ids=BAD_DECLARATIONS.keys()
)
def test_a_bad_declaration_is_refused_when_definitions_load(
    domains: Domains, old: str, new: str, says: str
) -> None:
    lake = domains(shop=_replaced(old, new) if old else SHOP + new)

    with pytest.raises(DeclarationError) as refused:
        lake.run()

    assert says in str(refused.value)
    assert not lake.path.exists()


def test_rows_that_break_a_rule_keep_their_original_values_in_quarantine(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop(FILE, "Order No,Customer,Amount\n1,Ann,-5\n2,,3\n3, Bob ,4\n3,Cy,4\n4,Di,\n")

    run = lake.run()

    assert run.success
    assert lake.table("silver/shop/order")["order_id"].to_list() == ["4"]
    assert run.metadata["silver/shop/order"]["rejected"] == 4
    records = {record["source_row"]: record for record in lake.quarantine("silver")}
    rules = {
        row: [broken["rule"] for broken in record["broken"]] for row, record in records.items()
    }
    assert rules == {
        1: ["silver/shop/order:amount.min"],
        2: ["silver/shop/order:customer.nullability"],
        3: ["silver/shop/order:primary_key"],
        4: ["silver/shop/order:primary_key"],
    }
    assert records[1]["broken"][0]["message"] == ("amount is -5, which breaks min 0 (order_id 1)")
    third = records[3]
    assert json.loads(third["original"]) == {
        "Order No": "3",
        "Customer": " Bob ",
        "Amount": "4",
    }
    assert json.loads(third["row"])["customer"] == "Bob"
    assert third["batch_id"] == lake.manifests("orders")[0]["batch_id"]
    assert third["fate"] == "rejected"


def test_a_row_can_break_several_rules(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop(FILE, "Order No,Customer,Amount\n1,,-5\n2,Ann,1\n")

    lake.run()

    [record] = lake.quarantine("silver")
    assert [broken["rule"].rpartition(":")[2] for broken in record["broken"]] == [
        "customer.nullability",
        "amount.min",
    ]


def test_foreign_keys_are_checked_before_a_table_is_published(domains: Domains) -> None:
    text = (
        SHOP
        + '''

class Gift(dy.Schema):
    """One gift."""

    gift_id = dy.String(primary_key=True, metadata=meaning("Its number.", header="Gift"))
    customer = dy.String(nullable=True, metadata=meaning("For whom.", header="Customer"))


gifts = SHOP.source("gifts", files="shop/gifts.csv", schema=Gift, origin=ORIGIN)


@SHOP.silver(schema=Gift, inputs=[gifts])
def gift(gifts):
    return gifts


@SHOP.gold(
    schema=Gift,
    inputs=[gift],
    foreign_keys=[references("customer", dim_customer)],
    max_rejected=0.5,
)
def fact_gift(gifts):
    return gifts
'''
    )
    lake = domains(shop=text)
    lake.drop(FILE, ORDERS)
    lake.drop("shop/gifts.csv", "Gift,Customer\n1,Ann\n2,Nobody\n3,\n")

    run = lake.run()

    assert run.success
    assert lake.table("gold/fact_gift")["gift_id"].to_list() == ["1", "3"]
    [record] = lake.quarantine("gold")
    [broken] = record["broken"]
    assert len(broken.pop("version")) == 12
    assert broken == {
        "rule": "gold/fact_gift:customer_exists",
        "error_type": "foreign_key",
        "message": "customer Nobody is not in gold/dim_customer",
    }
    assert json.loads(record["original"]) == {"Gift": "2", "Customer": "Nobody"}


def test_declared_duplicates_are_recorded_and_the_first_by_order_is_kept(domains: Domains) -> None:
    text = _replaced(
        "from jobforge_dagster.medallion.declare import Domain",
        "from jobforge_dagster.medallion.declare import Deduplicate, Domain",
    )
    text = text.replace(
        "@SHOP.silver(schema=Order, inputs=[orders], ",
        "@SHOP.silver(schema=Order, inputs=[orders], "
        'deduplicate=Deduplicate(by=("order_id",), order=("amount",)), ',
    )
    lake = domains(shop=text)
    lake.drop(FILE, "Order No,Customer,Amount\n1,Ann,9\n1,Bob,3\n1,Cy,3\n2,Di,1\n")

    run = lake.run()

    assert lake.table("silver/shop/order")["customer"].to_list() == ["Bob", "Di"]
    assert run.metadata["silver/shop/order"]["deduplicated"] == 2
    assert run.metadata["silver/shop/order"]["rejected"] == 0
    dropped = lake.quarantine("silver")
    assert {(record["fate"], record["source_row"]) for record in dropped} == {
        ("deduplicated", 1),
        ("deduplicated", 3),
    }


@settings(max_examples=25)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "3", "", "x"]),
            st.sampled_from(["Ann", " Bob", ""]),
            st.sampled_from(["1", "-1", "", "1.5", "1,000", "\x00"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_row_is_ever_lost(domains: Domains, rows: list[tuple[str, str, str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["Order No", "Customer", "Amount"], *rows])
    lake = domains(shop=SHOP)
    lake.drop(FILE, text.getvalue())

    run = lake.run("staged/orders", "bronze/shop/orders", "silver/shop/order")

    assert run.success, run.failures
    batch = lake.staged("orders")["_batch_id"][0]
    silver = lake.table("silver/shop/order")
    refused = {
        record["source_row"]: json.loads(record["original"])
        for record in lake.quarantine()
        if record["batch_id"] == batch
    }
    numbers = [*silver["_source_row"], *refused]
    assert sorted(numbers) == list(range(1, len(rows) + 1))
    for number, original in refused.items():
        assert tuple(original.values()) == rows[number - 1]
