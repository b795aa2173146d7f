"""Write, audit, publish: what is judged, what keeps a table from being published, what is told."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import dagster as dg
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge_dagster.medallion.grain import Cells, Elements, Groups, Pairs, Rows, Where
from jobforge_dagster.medallion.quality.judge import BROKEN, Candidate, Judgement
from jobforge_dagster.medallion.quality.rules import Rule
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.orchestration import failures
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import ORDERS, SHOP

FILE = "shop/orders.csv"
ORDER = "silver/shop/order"
STRICT = SHOP.replace("LENIENT = 1.0", "LENIENT = 0.05")


def _csv(rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([("Order No", "Customer", "Amount"), *rows])
    return text.getvalue()


def _orders(good: int, bad: int) -> str:
    rows = [(str(number), "Ann", "1") for number in range(good)]
    return _csv([*rows, *((f"x{number}", "Bob", "-1") for number in range(bad))])


@pytest.mark.parametrize(("bad", "published"), [(5, True), (6, False)])
def test_past_the_threshold_the_previous_table_stays(
    domains: Domains, bad: int, published: bool
) -> None:
    lake = domains(shop=STRICT)
    lake.drop(FILE, _orders(3, 0))
    assert lake.run().success
    before = lake.table(ORDER)
    lake.drop(FILE, _orders(100 - bad, bad))

    run = lake.run()

    assert run.success is published
    if published:
        assert run.metadata[ORDER]["rejected"] == 5
        return
    assert lake.table(ORDER).equals(before)
    assert not lake.quarantine("silver")
    assert len(lake.publications(ORDER)) == 1
    said = run.only_failure()
    assert "6 of 100 rows (6.0%) are refused and 5.0% may be" in said
    assert f"By rule: {ORDER}:amount.min 6." in said
    assert said.count("shop/orders.csv, record 9") == 3
    assert run.states()["bronze/shop/orders"] == "published"
    lines = [
        json.loads(line)
        for path in lake.path.glob("quarantine/_error_logs/*/*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert [(line["table"], line["outcome"]) for line in lines] == [(ORDER, "refused")]
    assert not list(lake.path.rglob("*.tmp"))


def test_the_same_counts_for_bronze_and_for_staged(domains: Domains) -> None:
    lake = domains(shop=STRICT)
    lake.drop(FILE, _orders(3, 0))
    assert lake.run().success
    before = {path: facts for path, facts in lake.files().items() if "bronze" in path}

    lake.drop(FILE, _csv([("1", "Ann", "1"), ("2", "Bob", "many")]))
    said = lake.run().only_failure()
    assert "bronze/shop/orders: 1 of 2 rows (50.0%) are refused" in said
    assert "'many' in column amount does not read as Int64" in said
    assert {path: facts for path, facts in lake.files().items() if "bronze" in path} == before

    lake.drop(FILE, "Order No,Customer,Amount\n1,Ann,1\n2,Bob\n")
    assert "1 of 2 records of shop/orders.csv (50.0%) are malformed" in lake.run().only_failure()
    assert len(lake.manifests("orders")) == 2


def test_a_run_can_be_told_to_fail_on_any_rejection(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop(FILE, _orders(3, 1))
    assert lake.run().success

    assert not lake.run(quality={"max_rejected": 0}).success  # also where nothing changed
    assert lake.run().success
    assert lake.run(quality={"max_rejected": 0, "max_rejected_of": {ORDER: 0.3}}).success


def test_other_branches_of_the_graph_go_on(domains: Domains) -> None:
    other = STRICT.replace("shop", "other").replace("SHOP", "OTHER").replace("orders", "sales")
    other = other.replace("def order(", "def sale(").replace("[order]", "[sale]")
    other = other.replace("dim_customer", "dim_buyer")
    lake = domains(shop=STRICT, other=other)
    lake.drop(FILE, _orders(1, 1))
    lake.drop("other/sales.csv", _orders(3, 0))

    run = lake.run()

    assert list(run.failures) == [ORDER]
    assert run.states()["gold/dim_buyer"] == "published"
    assert "gold/dim_customer" not in run.states()


def test_each_rule_is_an_asset_check_with_counts_and_a_sample(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop(FILE, _orders(8, 4))

    run = lake.run()

    assert run.success
    assert set(run.checks[ORDER]) == {
        "values_are_there",
        "amount__min",
        "primary_key",
        "cells_read",
    }
    check = run.checks[ORDER]["amount__min"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.metadata["rows"].value == 4
    found: Any = check.metadata["found"].value
    assert len(found[f"{ORDER}:amount.min"]["examples"]) == 3
    assert run.checks[ORDER]["primary_key"].passed
    assert set(run.checks["bronze/shop/orders"]) == {"values_read"}
    assert run.checks["staged/orders"]["record_shape"].passed

    again = lake.run()  # a table that stands unchanged still tells what it refused
    assert not again.checks[ORDER]["amount__min"].passed


@given(verdicts=st.lists(st.tuples(*[st.booleans()] * 3).filter(lambda row: not all(row))))
def test_a_refused_row_names_the_rules_that_it_broke_in_their_order(
    verdicts: list[tuple[bool, bool, bool]],
) -> None:
    rows = pl.DataFrame(verdicts, schema=dict.fromkeys("abc", pl.Boolean), orient="row")
    frame = rows.with_row_index("n").lazy()
    rules = [
        Rule(f"t:{each}", pl.col(each), pl.format(each + " of {}", "n"), each) for each in "abc"
    ]
    judgement = Judgement(Candidate("t", frame, ("n",), tuple(rules), frame.select(rows=pl.len())))

    broken = judgement.broken_by(judgement.verdicts.collect())

    assert broken.dtype == BROKEN
    assert [[(each["rule"], each["message"]) for each in row] for row in broken] == [
        [(f"t:{each}", f"{each} of {n}") for each, good in zip("abc", row, strict=True) if not good]
        for n, row in enumerate(verdicts)
    ]


def test_too_many_refused_rows_show_as_a_failed_check_of_their_rule(domains: Domains) -> None:
    lake = domains(shop=STRICT)
    lake.drop(FILE, _orders(1, 1))

    run = lake.run()

    check = run.checks[ORDER]["amount__min"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert run.checks[ORDER]["primary_key"].passed


WARNING = SHOP.replace("meaning, references\n", "meaning, references, rule\n").replace(
    'amount = dy.Int64(nullable=True, min=0, metadata=meaning("Cents.", header="Amount"))',
    'amount = dy.Int64(nullable=True, metadata=meaning("Cents.", header="Amount"))\n\n'
    '    @rule("{customer} owes us {amount} for {order_id}", severity="warn")\n'
    "    def nobody_is_owed(cls):\n"
    '        return pl.col("amount") >= 0\n',
)


def test_a_warning_keeps_the_row_counts_it_and_shows_some(domains: Domains) -> None:
    lake = domains(shop=WARNING)
    lake.drop(FILE, _orders(1, 5))

    run = lake.run()

    assert run.success
    assert lake.table(ORDER).height == 6
    assert not lake.quarantine("silver")
    facts = run.metadata[ORDER]
    assert (facts["warned"], facts["rejected"]) == (5, 0)
    check = run.checks[ORDER]["nobody_is_owed"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    [tally] = check.metadata["found"].value.values()  # type: ignore[union-attr]
    assert tally["rows"] == 5
    assert tally["examples"][0]["message"] == "Bob owes us -1 for x0"
    assert len(tally["examples"]) == 3


def test_a_message_that_names_no_column_is_refused_when_definitions_load(domains: Domains) -> None:
    lake = domains(shop=WARNING.replace("{customer} owes", "{client} owes"))
    with pytest.raises(Exception, match="nobody_is_owed names client, which is no column"):
        lake.run()


AGREEING = SHOP.replace("import Domain", "import agrees, Domain").replace(
    "@SHOP.silver(schema=Order, inputs=[orders], max_rejected=LENIENT)",
    """
def spent(orders):
    return orders.group_by("customer").agg(pl.col("amount").sum().alias("spent"))


@SHOP.silver(schema=Order, inputs=[orders], max_rejected=LENIENT, agreements=[
    agrees("credit", None, spent, on="customer", obeyed=pl.col("spent") <= 10,
           message="{customer} spent {spent}"),
])""",
)


def test_a_rule_over_several_rows_refuses_those_that_disagree(domains: Domains) -> None:
    lake = domains(shop=AGREEING)
    lake.drop(FILE, _csv([("1", "Ann", "5"), ("2", "Bob", "8"), ("3", "Bob", "3")]))

    assert lake.run().success

    assert lake.table(ORDER)["order_id"].to_list() == ["1"]
    assert lake.table(ORDER).columns[:3] == ["order_id", "customer", "amount"]
    told = {r["source_row"]: r["broken"] for r in lake.quarantine("silver")}
    assert {row: broken[0]["message"] for row, broken in told.items()} == {
        2: "Bob spent 11",
        3: "Bob spent 11",
    }
    version = told[2][0]["version"]
    domains(shop=AGREEING.replace(".sum()", ".max()"))
    lake.run()
    assert lake.table(ORDER).height == 3
    domains(shop=AGREEING.replace(".sum()", ".max()").replace("<= 10", "<= 4"))
    lake.run()
    assert lake.quarantine("silver")[0]["broken"][0]["version"] != version


LOSING = {
    "a filter": "orders.filter(pl.col('amount') > 100)",
    "a head": "orders.head(1)",
    "a join that doubles": (
        "orders.join(orders.select('customer', twin='order_id'), on='customer', how='left')"
    ),
    "an inner join": "orders.join(orders.filter(pl.col('amount') > 100).select('order_id'),"
    " on='order_id')",
}


@pytest.mark.parametrize("body", LOSING.values(), ids=LOSING)
def test_a_function_that_loses_or_doubles_rows_publishes_nothing(
    domains: Domains, body: str
) -> None:
    old = 'orders.with_columns(pl.col("customer").str.strip_chars())'
    assert old in SHOP
    lake = domains(shop=SHOP.replace(old, body))
    lake.drop(FILE, ORDERS.replace(" Bob", "Ann"))

    said = lake.run().only_failure()

    assert "its rows do not balance" in said
    assert "a row for each row of bronze/shop/orders" in said
    assert not lake.root.table(ORDER).exists()


def test_the_equation_is_in_the_metadata(shop: Lake) -> None:
    shop.drop(FILE, _orders(3, 2))

    run = shop.run()

    facts = run.metadata[ORDER]
    assert facts["equation"] == "5 = 3 accepted + 2 rejected + 0 deduplicated"
    assert facts["rows_in"] == {"bronze/shop/orders": 5}
    gold = run.metadata["gold/dim_customer"]
    assert gold["grain"] == "a row for each customer of silver/shop/order"
    assert gold["equation"] == "1 = 1 accepted + 0 rejected + 0 deduplicated"


LEFT = {"k": ["a", "a", "b", None], "n": [[1, 2], [], None, [3]], "x": [1, 2, 3, 4], "y": [5] * 4}
RIGHT = {"k": ["a", "a", "c", None], "z": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("grain", "made"),
    [
        (Rows(), lambda left, _: left),
        (Where(pl.col("x") > 2), lambda left, _: left.filter(pl.col("x") > 2)),
        (Groups(["k"]), lambda left, _: left.group_by("k").agg(pl.len())),
        (Elements("n"), lambda left, _: left.explode("n")),
        (Pairs(["k"]), lambda left, right: left.join(right, on="k")),
        (Pairs(["k"], outer=True), lambda left, right: left.join(right, on="k", how="left")),
        (
            Cells(pl.selectors.by_name("x", "y")),
            lambda left, _: left.unpivot(on=["x", "y"], index="k"),
        ),
    ],
    ids=lambda each: "" if callable(each) else str(each),
)
def test_a_grain_counts_the_rows_that_its_operation_makes(grain: Any, made: Any) -> None:
    left, right = pl.LazyFrame(LEFT), pl.LazyFrame(RIGHT)

    expected = grain.expected({"left": left, "right": right}).collect().item()

    assert expected == made(left, right).collect().height


@settings(max_examples=30)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "3", ""]),
            st.sampled_from(["Ann", "Bob", ""]),
            st.integers(-3, 12).map(str) | st.sampled_from(["", "x"]),
        ),
        min_size=1,
        max_size=15,
    ),
    least=st.integers(-3, 3),
    longest=st.integers(2, 3),
    by=st.sampled_from([None, ("order_id",), ("order_id", "customer")]),
)
def test_nothing_is_lost_whatever_the_rows_the_rules_and_the_duplicates(
    domains: Domains,
    rows: list[tuple[str, str, str]],
    least: int,
    longest: int,
    by: tuple[str, ...] | None,
) -> None:
    text = SHOP.replace("min=0", f"min={least}").replace(
        'customer = dy.String(metadata=meaning("Who',
        f'customer = dy.String(max_length={longest}, metadata=meaning("Who',
    )
    if by:
        text = text.replace("import Domain", "import Deduplicate, Domain").replace(
            "inputs=[orders], ",
            f"inputs=[orders], deduplicate=Deduplicate(by={by}, order=('amount',)), ",
        )
    lake = domains(shop=text)
    lake.drop(FILE, _csv(rows))

    run = lake.run("staged/orders", "bronze/shop/orders", ORDER)

    assert run.success, run.failures
    kept = list(lake.table(ORDER)["_source_row"])
    refused = {r["source_row"]: r for r in (*lake.quarantine("bronze"), *lake.quarantine("silver"))}
    assert sorted([*kept, *refused]) == list(range(1, len(rows) + 1))
    for number, record in refused.items():
        assert tuple(json.loads(record["original"]).values()) == rows[number - 1]
        assert record["broken"]
        assert record["state"] == "open"
    for publication in (lake.publications("bronze/shop/orders"), lake.publications(ORDER)):
        assert publication[-1].conservation.balances
    facts = run.metadata[ORDER]
    fates = [record["fate"] for record in lake.quarantine("silver")]
    assert (facts["rejected"], facts["deduplicated"]) == (
        fates.count("rejected"),
        fates.count("deduplicated"),
    )
    for number in kept:
        order, customer, amount = rows[number - 1]
        assert order
        assert customer
        assert len(customer) <= longest
        assert not amount or int(amount) >= least
    assert lake.table(ORDER)["order_id"].is_unique().all()
    if by == ("order_id",):
        good = {
            order
            for order, customer, amount in rows
            if order
            and customer
            and len(customer) <= longest
            and amount != "x"
            and (not amount or int(amount) >= least)
        }
        assert set(lake.table(ORDER)["order_id"]) == good


WIDE = """
import dataframely as dy
import polars as pl
import polars.selectors as cs

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, Remaining, meaning
from jobforge_dagster.medallion.grain import Cells
from jobforge_dagster.medallion.provenance import unpivot

WIDE = Domain("wide", title="Wide", owner="team:wide")
ORIGIN = Origin(publisher="P", system="S", licence=Licence("CC0-1.0", "CC0"))
YEARS = cs.matches("^[0-9]{4}$")


class File(dy.Schema):
    "One place, a column a year."
    place = dy.String(metadata=meaning("Place.", header="Place"))


class Figure(dy.Schema):
    "One figure of a place and year."
    place = dy.String(primary_key=True, metadata=meaning("Place."))
    year = dy.String(primary_key=True, metadata=meaning("Year."))
    value = dy.Int64(nullable=True, metadata=meaning("Figure."))


figures = WIDE.source(
    "figures", files="wide/figures.csv", schema=File, origin=ORIGIN, nulls=["N/A"],
    remaining=Remaining(pl.Int64, "Figure of the year.", "[0-9]{4}"),
)


@WIDE.silver(schema=Figure, inputs=[figures], grain=Cells(YEARS), max_rejected=1)
def figure(figures: pl.LazyFrame) -> pl.LazyFrame:
    return unpivot(
        figures, on=YEARS, index=["place"], variable_name="year", value_name="value"
    )
"""


def test_a_bad_cell_of_a_wide_file_costs_that_cell_alone(domains: Domains) -> None:
    lake = domains(wide=WIDE)
    lake.drop("wide/figures.csv", "Place,2023,2024,2025\na,1,#REF!,N/A\nb,x,5,y\n")

    run = lake.run()

    assert run.success, run.failures
    assert lake.table("bronze/wide/figures").height == 2
    assert run.metadata["bronze/wide/figures"]["warned"] == 2
    figures = lake.table("silver/wide/figure").select("place", "year", "value").rows()
    assert figures == [("a", "2023", 1), ("a", "2025", None), ("b", "2024", 5)]
    records = {json.loads(r["row"])["year"]: r for r in lake.quarantine("silver")}
    assert {year: record["broken"][0]["message"] for year, record in records.items()} == {
        "2024": "does not read as declared: 2024 holds #REF!",
        "2023": "does not read as declared: 2023 holds x",
        "2025": "does not read as declared: 2025 holds y",
    }
    assert all(len(record["broken"]) == 1 for record in records.values())
    assert len({record["record_id"] for record in records.values()}) == 3
    assert json.loads(records["2024"]["original"])["2024"] == "#REF!"
    assert "_unread" not in lake.table("silver/wide/figure").columns


def test_a_bad_cell_of_a_renamed_column_is_never_taken_for_no_value(domains: Domains) -> None:
    renamed = WIDE.replace(
        'figures, on=YEARS, index=["place"]',
        'figures.rename({"2023": "2022"}), on=YEARS, index=["place"]',
    )
    lake = domains(wide=renamed)
    lake.drop("wide/figures.csv", "Place,2023,2024\na,#REF!,1\nb,2,x\n")

    assert lake.run().success

    figures = lake.table("silver/wide/figure").select("place", "year", "value").rows()
    assert figures == [("b", "2022", 2)]


def test_a_wide_file_that_is_not_unpivoted_refuses_the_row_of_a_bad_cell(domains: Domains) -> None:
    text = WIDE.replace(", grain=Cells(YEARS)", "").replace(
        """unpivot(
        figures, on=YEARS, index=["place"], variable_name="year", value_name="value"
    )""",
        'figures.with_columns(year=pl.lit("2023"), value=pl.col("2023"))',
    )
    lake = domains(wide=text)
    lake.drop("wide/figures.csv", "Place,2023,2024\na,1,#REF!\nb,5,6\n")

    assert lake.run().success

    assert lake.table("silver/wide/figure")["place"].to_list() == ["b"]


def _failing(times: int, error: Exception) -> Any:
    left = [times]
    real = parquet.run

    def run(*plans: pl.LazyFrame) -> list[pl.DataFrame]:
        if left[0]:
            left[0] -= 1
            raise error
        return real(*plans)

    return run, left


def test_a_disk_that_fails_is_tried_again(shop: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.drop(FILE, _orders(3, 0))
    assert shop.run("staged/orders").success
    quick = failures.IO_RETRIES._replace(delay=0.01)
    monkeypatch.setattr(failures, "IO_RETRIES", quick)
    run, left = _failing(2, OSError(5, "Input/output error"))
    monkeypatch.setattr(parquet, "run", run)

    assert shop.run("bronze/shop/orders").success
    assert left == [0]

    shop.drop(FILE, _orders(4, 0))
    run, left = _failing(9, OSError(5, "Input/output error"))
    monkeypatch.setattr(parquet, "run", run)
    assert "Input/output error" in shop.run("staged/orders").only_failure()
    assert left == [9 - 1 - quick.max_retries]


@pytest.mark.parametrize("error", [pl.exceptions.ComputeError("bad data"), ValueError("a bug")])
def test_data_and_bugs_are_not_tried_again(
    shop: Lake, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    shop.drop(FILE, _orders(3, 0))
    assert shop.run("staged/orders").success
    run, left = _failing(9, error)
    monkeypatch.setattr(parquet, "run", run)

    assert str(error) in shop.run("bronze/shop/orders").only_failure()

    assert left == [8]


@pytest.mark.parametrize("column", ["order_id", "customer"])
def test_why_answers_where_only_other_columns_are_warned_of(domains: Domains, column: str) -> None:
    warning = AGREEING.replace(
        'message="{customer} spent {spent}"', 'message="{customer} spent {spent}", severity="warn"'
    )
    assert warning != AGREEING
    lake = domains(shop=warning)
    lake.drop(FILE, _csv([("1", "Ann", "5"), ("2", "Bob", "8"), ("3", "Bob", "3")]))
    assert lake.run().success

    assert lake.command("why", "silver/shop/order", "order_id=2", column).exit_code == 0


FIRST_COLUMN = SHOP.replace(
    'metadata=meaning("Cents.", header="Amount"))',
    """metadata=meaning("Cents.", header="Amount"))

    @dy.rule()
    def known(cls) -> pl.Expr:
        return pl.first() != "2"
""",
    1,
)


def test_a_rule_sees_the_columns_of_its_schema_alone(domains: Domains) -> None:
    lake = domains(shop=FIRST_COLUMN)
    lake.drop(
        FILE, _csv([("1", "Ann", "5"), ("2", "Bob", "8"), ("3", "Cid", "3"), ("3", "D", "4")])
    )

    assert lake.run().success
    assert lake.table(ORDER)["order_id"].to_list() == ["1"]
    broken = {record["source_row"]: record["broken"][0]["rule"] for record in lake.quarantine()}
    key = f"{ORDER}:primary_key"
    assert broken == {2: f"{ORDER}:known", 3: key, 4: key}
