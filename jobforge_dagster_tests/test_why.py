"""``why``: against an oracle in plain Python on small tables, and on the sample by command."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.asking.why import Cell, Experiment, Why, why
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.made import made_sample

MARKET = '''
import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import (
    Deduplicate, Domain, Licence, Origin, meaning, references)
from jobforge_dagster.medallion.grain import Groups
from jobforge_dagster.medallion.provenance import aggregate, join

MARKET = Domain("market", title="A market", owner="team:market", steward="market")
ORIGIN = Origin(publisher="A market", system="Till", licence=Licence("CC0-1.0", "CC0"))
LENIENT = 1.0


class Sale(dy.Schema):
    """One sale."""

    sale_id = dy.String(primary_key=True, metadata=meaning("Its number.", header="Sale No"))
    shop = dy.String(metadata=meaning("Where.", header="Shop"))
    product = dy.String(nullable=True, metadata=meaning("What.", header="Product"))
    amount = dy.Int64(nullable=True, min=0, metadata=meaning("Cents.", header="Amount"))


class Product(dy.Schema):
    """One product."""

    product = dy.String(primary_key=True, metadata=meaning("Its code.", header="Code"))
    name = dy.String(nullable=True, metadata=meaning("Its name.", header="Name"))


class Stock(dy.Schema):
    """What is left of a product."""

    product = dy.String(primary_key=True, metadata=meaning("Its code.", header="Code"))
    left = dy.Int64(nullable=True, metadata=meaning("Pieces.", header="Left"))


sales = MARKET.source("sales", files="sales.csv", schema=Sale, origin=ORIGIN, max_rejected=LENIENT)
products = MARKET.source(
    "products", files="products.csv", schema=Product, origin=ORIGIN, max_rejected=LENIENT)
stocks = MARKET.source(
    "stocks", files="stocks.csv", schema=Stock, origin=ORIGIN, max_rejected=LENIENT)


@MARKET.silver(schema=Sale, inputs=[sales], max_rejected=LENIENT,
               deduplicate=Deduplicate(by=("sale_id",), order=("amount",)))
def sale(sales: pl.LazyFrame) -> pl.LazyFrame:
    return sales.with_columns(pl.col("shop").str.strip_chars())


@MARKET.silver(schema=Product, inputs=[products], max_rejected=LENIENT)
def product(products: pl.LazyFrame) -> pl.LazyFrame:
    return products


@MARKET.silver(schema=Stock, inputs=[stocks], max_rejected=LENIENT)
def stock(stocks: pl.LazyFrame) -> pl.LazyFrame:
    return stocks


class DimShop(dy.Schema):
    """One shop."""

    shop = dy.String(primary_key=True, metadata=meaning("Its name."))
    total = dy.Int64(metadata=meaning("The sum."))
    best = dy.Int64(nullable=True, metadata=meaning("The largest."))
    busy = dy.Bool(metadata=meaning("Whether it sold for more than 100."))


@MARKET.gold(schema=DimShop, inputs=[sale], grain=Groups(["shop"]), max_rejected=LENIENT)
def dim_shop(sales: pl.LazyFrame) -> pl.LazyFrame:
    amount = pl.col("amount")
    shops = aggregate(sales, "shop", amount.sum().alias("total"), amount.max().alias("best"))
    return shops.with_columns(busy=pl.col("total") > 100)


class FactSale(Sale):
    """One sale, with what was sold and where it stands."""

    name = dy.String(nullable=True, metadata=meaning("Of the product."))
    place = dy.UInt32(nullable=True, metadata=meaning("Among the shop's, by amount."))
    size = dy.String(metadata=meaning("Small or large."))
    currency = dy.String(metadata=meaning("Always the same."))


@MARKET.gold(schema=FactSale, inputs=[sale, product], max_rejected=LENIENT,
             foreign_keys=[references("shop", dim_shop)])
def fact_sale(sales: pl.LazyFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    return join(sales, products, on="product").with_columns(
        place=pl.col("amount").rank("dense", descending=True).over("shop").cast(pl.UInt32),
        size=pl.when(pl.col("amount") >= 100).then(pl.lit("large")).otherwise(pl.lit("small")),
        currency=pl.lit("CAD"),
    )


class DimArticle(Product):
    """A product, in the list or in stock."""

    left = dy.Int64(nullable=True, metadata=meaning("Pieces."))


@MARKET.gold(schema=DimArticle, inputs=[product, stock], max_rejected=LENIENT,
             grain=Groups(["product"], of=[product, stock]))
def dim_article(products: pl.LazyFrame, stocks: pl.LazyFrame) -> pl.LazyFrame:
    return join(products, stocks, on="product", how="full")
'''


Files = dict[str, list[list[str]]]
"""The records of each source, without their header."""

HEADERS = {
    "sales": ["Sale No", "Shop", "Product", "Amount"],
    "products": ["Code", "Name"],
    "stocks": ["Code", "Left"],
}

ASKED = 4
"""Values of each table that are asked for."""

MARKETS_TRIED = int(os.environ.get("JOBFORGE_MARKETS", "0"))
"""How many random markets are tried: by default few, and the same each time."""

KEYS = {"dim_shop": "shop", "fact_sale": "sale_id", "dim_article": "product"}

Rows = dict[str, dict[str, Any]]


def market(files: Files) -> dict[str, Rows]:
    """What the tables of the market hold, worked out without the platform."""
    sales: Rows = {}
    for number, shop, product, amount in files["sales"]:
        row: dict[str, Any] = {
            "sale_id": number or None,
            "shop": shop.strip() or None,
            "product": product or None,
            "amount": int(amount) if amount else None,
        }
        if row["sale_id"] and row["shop"] and (row["amount"] or 0) >= 0:
            before = sales.get(number)
            if before is None or _order(row) < _order(before):
                sales[number] = row
    products, stocks = _unique(files["products"]), _unique(files["stocks"])
    shops: dict[str, list[int | None]] = {}
    for row in sales.values():
        shops.setdefault(row["shop"], []).append(row["amount"])
    return {
        "dim_shop": {shop: _shop(shop, amounts) for shop, amounts in shops.items()},
        "fact_sale": {
            number: row
            | {
                "name": products.get(row["product"]),
                "place": _place(row["amount"], shops[row["shop"]]),
                "size": "large" if (row["amount"] or 0) >= 100 else "small",
                "currency": "CAD",
            }
            for number, row in sales.items()
        },
        "dim_article": {
            code: {
                "product": code,
                "name": products.get(code),
                "left": int(stocks[code] or "") if stocks.get(code) else None,
            }
            for code in products.keys() | stocks.keys()
        },
    }


def _order(row: dict[str, Any]) -> tuple[bool, int]:
    return row["amount"] is None, row["amount"] or 0


def _unique(records: list[list[str]]) -> dict[str, str | None]:
    codes = [code for code, _ in records]
    return {code: text or None for code, text in records if code and codes.count(code) == 1}


def _shop(shop: str, amounts: list[int | None]) -> dict[str, Any]:
    given = [amount for amount in amounts if amount is not None]
    return {
        "shop": shop,
        "total": sum(given),
        "best": max(given, default=None),
        "busy": sum(given) > 100,
    }


def _place(amount: int | None, amounts: list[int | None]) -> int | None:
    if amount is None:
        return None
    return 1 + len({each for each in amounts if each is not None and each > amount})


def written(files: Files) -> dict[str, str]:
    """The files as they are delivered."""
    found = {}
    for name, records in files.items():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([HEADERS[name], *records])
        found[f"{name}.csv"] = text.getvalue()
    return found


AMOUNT = st.sampled_from(["", "0", "5", "5", "60", "100", "250", "-3"])
CODE = st.sampled_from(["p1", "p2", "p3"])
SALE = st.tuples(
    st.sampled_from(["s1", "s2", "s3", "s4", "s5"]), st.sampled_from(["A", "B "]), CODE, AMOUNT
).map(list)
MARKETS = st.fixed_dictionaries(
    {
        "sales": st.lists(SALE, min_size=1, max_size=7),
        "products": st.lists(
            st.tuples(CODE, st.sampled_from(["", "Pear", "Plum"])).map(list), min_size=1, max_size=4
        ),
        "stocks": st.lists(
            st.tuples(CODE, st.sampled_from(["", "0", "7"])).map(list), min_size=1, max_size=3
        ),
    }
)


@given(files=MARKETS, chance=st.randoms(use_true_random=False))
@settings(max_examples=MARKETS_TRIED or 5, derandomize=not MARKETS_TRIED, phases=[Phase.generate])
def test_each_answer_is_what_an_oracle_says(
    domains: Domains, files: Files, chance: random.Random
) -> None:
    lake = domains(market=MARKET)
    shutil.rmtree(lake.path, ignore_errors=True)
    for name, text in written(files).items():
        lake.drop(name, text)
    run = lake.run()
    assert run.success, run.failures
    tables = Tables(lake.root, discover(lake.packages))
    expected = market(files)
    for name, key in KEYS.items():
        rows = {row[key]: row for row in lake.table(f"gold/{name}").to_dicts()}
        assert rows.keys() == expected[name].keys()
        cells = [(row, column) for row in expected[name].values() for column in row]
        for row, column in chance.sample(cells, min(len(cells), ASKED)):
            answer = why(name, {key: row[key]}, column, tables=tables, budget=60)
            assert answer.value == row[column]
            _check(answer, files, name, row[key], column)


def _check(answer: Why, files: Files, table: str, key: str, column: str) -> None:
    def found(some: Files) -> Any:
        return market(some)[table].get(key, {}).get(column, "gone")

    assert answer.recomputed is not None
    assert answer.recomputed.same
    witnesses = [(each.source, each.record) for each in answer.witnesses]
    assert found(_only(files, witnesses)) == answer.value, answer
    made = [cell for cell in answer.cells if cell.role == "made"]
    null_by = {(cell.source, cell.record) for cell in made if cell.text is None}
    if answer.least:
        for each in witnesses:
            if each in null_by:
                continue
            fewer = [other for other in witnesses if other != each]
            assert found(_only(files, fewer)) != answer.value, (answer, each)
    for cell in answer.cells:
        assert cell.verdict != "not tested"
        for experiment in cell.experiments:
            value = found(_changed(files, cell, experiment))
            told = (answer, cell, experiment, value)
            if experiment.outcome == "stays":
                assert value == answer.value, told
            elif experiment.outcome == "goes":
                assert value == "gone", told
            else:
                assert value == experiment.value != answer.value, told
        *_, last = cell.experiments
        by_record = cell.role == "made" and (last.action, last.outcome) == ("leave out", "goes")
        assert (cell.verdict == "sufficient") == (last.outcome == "stays" or by_record)


def _only(files: Files, witnesses: Sequence[tuple[str, int]]) -> Files:
    return {
        name: [
            record for number, record in enumerate(records, start=1) if (name, number) in witnesses
        ]
        for name, records in files.items()
    }


def _changed(files: Files, cell: Cell, experiment: Experiment) -> Files:
    altered = {name: [[*record] for record in records] for name, records in files.items()}
    assert cell.record is not None
    if experiment.action == "leave out":
        del altered[cell.source][cell.record - 1]
        return altered
    assert cell.header is not None
    place = HEADERS[cell.source].index(cell.header)
    altered[cell.source][cell.record - 1][place] = experiment.text or ""
    return altered


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The shipped sample after a run; nothing changes it."""
    return made_sample(tmp_path_factory, tmp_path_factory.mktemp("why"))


def asked(lake: Lake, *words: str) -> dict[str, Any]:
    """The answer for programs."""
    result = lake.command("why", *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def cells(found: dict[str, Any], role: str) -> set[tuple[str, int, str, str, str]]:
    """What an answer names: file, record, header, text, verdict."""
    return {
        (cell["file"], cell["record"], cell["header"], cell["text"], cell["verdict"])
        for cell in found["cells"]
        if cell["role"] == role
    }


def test_a_difference_is_made_of_two_cells_of_one_record(sample: Lake) -> None:
    found = asked(sample, "gold.fact_cops_outlook", "noc_code=31301", "gap")
    file = "cops/summary_sommaire_2024_2033_noc2021.csv"
    openings, seekers = "Total_Job_Openings_Perspective_d'emploi", "Job_Seekers_Chercheurs_emploi"
    assert found["value"] == 20300
    assert cells(found, "made") == {
        (file, 37, openings, "179800", "necessary"),
        (file, 37, seekers, "159500", "necessary"),
    }
    assert cells(found, "decides") == {(file, 37, "Code", "31301", "necessary")}
    assert found["recomputed"] == {"same": True, "records": 1, "value": 20300}
    assert [hop["table"] for hop in found["hops"]] == [
        "gold/fact_cops_outlook",
        "silver/cops/outlook_total",
        "bronze/cops/cops_summary",
        "staged/cops_summary",
    ]
    assert found["hops"][0]["file"] == "jobforge_dagster/domains/cops_outlook.py"
    assert {rule["outcome"] for rule in found["hops"][0]["rules"]} == {"passed"}


def test_people_are_told_in_words(sample: Lake) -> None:
    told = sample.command("why", "gold.fact_cops_outlook", "noc_code=31301", "gap")
    assert told.exit_code == 0
    assert "gap = 20300  (gold.fact_cops_outlook, noc_code=31301)" in told.stdout
    assert "summary_sommaire_2024_2033_noc2021.csv, record 37" in told.stdout
    assert "necessary: if it is '179801', the value would be 20301" in told.stdout
    assert "computed again from this 1 record alone: 20300 ✓" in told.stdout


def test_nothing_is_tried_if_nobody_wants_it(sample: Lake) -> None:
    found = asked(sample, "gold.fact_cops_outlook", "noc_code=31301", "gap", "--no-check")
    assert {cell["verdict"] for cell in found["cells"]} == {"not tested"}
    assert found["recomputed"]["same"]
    told = sample.command("why", "gold.fact_cops_outlook", "noc_code=31301", "gap", "--budget", "0")
    assert "not tested" in told.stdout


def test_corrections_and_the_numbers_of_records_are_told(sample: Lake) -> None:
    rows = sample.table("gold/attr_main_duty").filter(_corrections="duties-code-without-decimals")
    row = rows.filter(ordinal=2).row(0, named=True)
    key = (f"profile_code={row['profile_code']}", f"ordinal={row['ordinal']}")
    found = asked(sample, "gold.attr_main_duty", *key, "duty")
    corrections = [each for hop in found["hops"] for each in hop["corrections"]]
    assert [each["id"] for each in corrections] == ["duties-code-without-decimals"]
    assert corrections[0]["reason"].startswith("A spreadsheet took the code for a number")
    numbered = asked(sample, "gold.attr_main_duty", *key, "ordinal")
    made = [cell for cell in numbered["cells"] if cell["role"] == "made"]
    assert [cell["record"] for cell in made] == [row["_source_row"] - 1, row["_source_row"]]
    assert {cell["header"] for cell in made} == {None}


def test_a_header_that_became_a_value_is_told(sample: Lake) -> None:
    row = sample.table("gold/dim_descriptor").row(0, named=True)
    key = (f"descriptor_code={row['descriptor_code']}", f"scale_no={row['scale_no']}")
    found = asked(sample, "gold.dim_descriptor", *key, "header")
    [cell] = [cell for cell in found["cells"] if cell["role"] == "made"]
    assert (cell["record"], cell["kinds"], cell["verdict"]) == (None, ["header"], "necessary")
    assert cell["text"] == cell["header"]
    assert cell["text"].strip() == row["header"]


def test_a_row_that_was_looked_for_in_vain_is_told(sample: Lake) -> None:
    found = asked(sample, "gold.dim_oasis_profile", "profile_code=14404.00", "holland_1")
    assert found["value"] is None
    assert found["missing"] == [
        {
            "table": "silver/oasis/interest",
            "columns": ["profile_code"],
            "by": "gold/dim_oasis_profile",
        }
    ]
    told = sample.command("why", "gold.dim_oasis_profile", "profile_code=14404.00", "holland_1")
    assert "silver.interest has no row for it (looked up by profile_code)" in told.stdout


def test_a_row_in_quarantine_is_told_with_its_rule(sample: Lake) -> None:
    told = sample.command("why", "silver.interest", "profile_code=14404.01", "holland_1")
    assert told.exit_code == 0
    assert "it was refused" in told.stdout
    assert "profile_code 14404.01 is not in silver/oasis/profile" in told.stdout


def test_a_constant_is_made_of_no_cell(sample: Lake) -> None:
    found = asked(sample, "bronze.noc_structure", "noc_code=2", "source_system")
    assert found["cells"] == []
    assert found["recomputed"]["same"]
    assert found["notes"] == ["A constant of the source's declaration: no cell makes it."]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("gold.dim_nock", "noc_code=31301", "title"), "Did you mean gold.dim_noc?"),
        (("gold.dim_noc", "noc_code=31301", "titel"), "Did you mean title?"),
        (("gold.dim_noc", "noc_cod=31301", "title"), "Did you mean noc_code?"),
        (("gold.dim_noc", "noc_code=3130", "title"), "No row of gold.dim_noc has noc_code=3130"),
        (("gold.dim_noc", "teer=1", "title"), "Say more"),
        (("gold.dim_noc", "noc_code=31301", "_source_file"), "jobforge trace gold.dim_noc"),
        (("staged.noc_structure", "Level=1", "Level"), "holds what was delivered"),
    ],
)
def test_mistakes_are_told_in_a_sentence(sample: Lake, words: tuple[str, ...], told: str) -> None:
    result = sample.command("why", *words)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_command_line_without_a_column_is_no_question(sample: Lake) -> None:
    assert sample.command("why", "gold.dim_noc", "noc_code=31301").exit_code == 2
