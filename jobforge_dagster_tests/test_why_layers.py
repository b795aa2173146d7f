"""``why`` through tables that are made of plans: combined deliveries, and silver made of silver."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobforge_dagster_tests.conftest import Domains, Lake

STOCK = """
    import dataframely as dy
    import polars as pl

    from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning

    STOCK = Domain("stock", title="Stock", owner="team:stock")
    ORIGIN = Origin(publisher="P", system="S", licence=Licence("MIT", "MIT"))


    class Item(dy.Schema):
        \"\"\"An item.\"\"\"

        item = dy.String(primary_key=True, metadata=meaning("Item.", header="Item"))
        price = dy.Float64(nullable=True, metadata=meaning("Price.", header="Price"))


    items = STOCK.source(
        "items", files="stock/items*.csv", schema=Item, origin=ORIGIN, combine="upsert"
    )


    @STOCK.silver(schema=Item, inputs=[items])
    def item(items: pl.LazyFrame) -> pl.LazyFrame:
        return items


    @STOCK.silver(schema=Item, inputs=[item])
    def priced(items: pl.LazyFrame) -> pl.LazyFrame:
        return items.with_columns(pl.col("price") * 2)


    @STOCK.gold(schema=Item, inputs=[priced])
    def dim_item(items: pl.LazyFrame) -> pl.LazyFrame:
        return items
"""


@pytest.fixture
def stock(domains: Domains) -> Lake:
    lake = domains(stock=STOCK)
    lake.drop("stock/items_1.csv", "Item,Price\na,1.5\nb,2.5\n")
    assert lake.run().success
    lake.drop("stock/items_2.csv", "Item,Price\nb,4.0\n")
    assert lake.run().success
    return lake


def _why(lake: Lake, *asked: str) -> dict[str, Any]:
    told = lake.command("why", *asked, "--json")
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


@pytest.mark.parametrize("table", ["silver.item", "silver.priced", "gold.dim_item"])
def test_a_value_of_combined_deliveries_leads_to_the_newest(stock: Lake, table: str) -> None:
    answer = _why(stock, table, "item=b", "price")

    [cell] = [cell for cell in answer["cells"] if cell["role"] == "made"]
    assert (cell["file"], cell["record"], cell["text"]) == ("stock/items_2.csv", 1, "4.0")
    assert answer["recomputed"]["same"]
    assert {each["outcome"] for cell in answer["cells"] for each in cell["experiments"]} <= {
        *("changes", "goes", "stays")
    }


def test_what_another_text_would_give_is_told_through_all_layers(stock: Lake) -> None:
    [cell] = [
        cell
        for cell in _why(stock, "gold.dim_item", "item=a", "price")["cells"]
        if cell["role"] == "made"
    ]

    assert (cell["text"], cell["verdict"]) == ("1.5", "necessary")
    assert [each["value"] for each in cell["experiments"]] == [2.8]
