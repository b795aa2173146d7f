"""What ``why`` replays in memory is what a run makes of the same files, by the same waivers."""

from __future__ import annotations

import json
import random

import polars as pl
import pytest

from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.asking.why.replay import Change, Judged, Record, changed, without
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import SHOP

SELF = 'foreign_keys=[references("customer", None)]'
FIRST = 'deduplicate=Deduplicate(by=("order_id",), order=("amount",))'
ALIKE = 'deduplicate=Deduplicate(by=("customer", "amount"), order=("order_id",))'

FILE, ORDERS = "shop/orders.csv", ("staged/orders", "bronze/shop/orders", "silver/shop/order")

Orders = list[list[str]]


def shop(*options: str) -> str:
    """The shop, with something more said of its orders in silver."""
    return SHOP.replace("import Domain,", "import Deduplicate, Domain,").replace(
        "@SHOP.silver(schema=Order, inputs=[orders],",
        f"@SHOP.silver(schema=Order, inputs=[orders], {''.join(f'{each}, ' for each in options)}",
    )


def delivered(lake: Lake, orders: Orders) -> None:
    lake.drop(FILE, "\n".join(map(",".join, [["Order No", "Customer", "Amount"], *orders])))
    run = lake.run(*ORDERS)
    assert run.success, run.failures


def accepted(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    return sorted(rows.select("order_id", "customer", "amount", "_source_row").rows(), key=str)


@pytest.mark.parametrize("options", [(), (FIRST,), (ALIKE,), (SELF,), (SELF, FIRST)], ids=str)
def test_the_same_rows_are_accepted_as_in_a_run(domains: Domains, options: tuple[str, ...]) -> None:
    """Of random orders: some break rules, repeat a key, or refer to one that is not accepted."""
    lake, chance = domains(shop=shop(*options)), random.Random(str(options))
    orders = [
        [f"{chance.randrange(28)}", f"{chance.randrange(28)}", chance.choice(["", "-1", "5", "7"])]
        for _ in range(40)
    ]
    delivered(lake, orders)
    tables = Tables(lake.root, discover(lake.packages))
    assert accepted(judged(tables, lambda rows: rows)) == accepted(lake.table(ORDERS[2]))
    assert 0 < lake.table(ORDERS[2]).height < len(orders)

    [batch] = [each.batch_id for each in tables.standing(ORDERS[0])]
    record, gone = Record(ORDERS[0], batch, 11), Record(ORDERS[0], batch, 30)
    one = judged(tables, changed(record, "Customer", orders[3][0]))
    other = judged(tables, without(gone))

    orders[10][1], last = orders[3][0], orders[10][1]
    delivered(lake, orders)
    assert accepted(one) == accepted(lake.table(ORDERS[2]))
    orders[10][1] = last
    delivered(lake, [*orders[:29], *orders[30:]])
    assert accepted(other) == accepted(lake.table(ORDERS[2]))


def judged(tables: Tables, change: Change) -> pl.DataFrame:
    return Judged(tables, ORDERS[1], change).frame(ORDERS[2]).collect()


WAIVERS = """
- id: refund
  table: silver/shop/order
  rule: amount.min
  where: {{amount: "-5"}}
  by: till@shop
  why: A refund.
  given: 2020-01-01
  until: {until}
"""


@pytest.mark.parametrize("now", [WAIVERS.format(until="2021-01-01"), None])
def test_rows_are_judged_by_the_waivers_of_their_publication(
    domains: Domains, now: str | None
) -> None:
    lake = domains(shop=SHOP)
    lake.root.path.mkdir()
    lake.root.waivers.write_text(WAIVERS.format(until="9999-12-31"))
    delivered(lake, [["1", "Ann", "-5"], ["2", "Bob", "-1"]])
    if now is None:
        lake.root.waivers.unlink()
    else:
        lake.root.waivers.write_text(now)

    found = json.loads(lake.command("why", "order", "order_id=1", "customer", "--json").stdout)
    [cell] = [cell for cell in found["cells"] if cell["role"] == "made"]
    assert cell["experiments"] == [
        {"action": "edit", "text": "Annx", "outcome": "changes", "value": "Annx", "error": None}
    ]
    found = json.loads(lake.command("why", "order", "order_id=1", "amount", "--json").stdout)
    rules = {rule["name"]: rule for hop in found["hops"] for rule in hop["rules"]}
    assert (rules["amount.min"]["outcome"], rules["amount.min"]["waiver"]) == ("waived", "refund")
