"""What became of a record, whatever that is: asked forward, of small lakes of their own."""

from __future__ import annotations

from jobforge_dagster_tests.conftest import Domains
from jobforge_dagster_tests.shop import SHOP
from jobforge_dagster_tests.traced import delivered, told

MANY_FATES = SHOP.replace(
    "inputs=[orders], max_rejected=LENIENT)",
    'inputs=[orders], max_rejected=LENIENT, deduplicate=Deduplicate(("order_id",), ("amount",)))',
).replace("import Domain,", "import Deduplicate, Domain,")
FATES = (
    "Order No,Customer,Amount\n001,Ann,100\n\n002,Bob\n003,Ann,much\n001,Ann,900\n004,Ann,-5\n"
    "005,Ann,7\n"
)


def test_every_fate_of_a_record_is_told(domains: Domains) -> None:
    lake = domains(shop=MANY_FATES)
    lake.drop("shop/orders.csv", FATES)
    assert lake.run().success

    def fate(record: int) -> tuple[str, dict[str, int], list[tuple[str, str]]]:
        found = told(lake, "--forward", f"shop/orders.csv:{record}")
        made = {each["table"]: each["count"] for each in found["products"] if each["count"]}
        refused = [
            (each["table"], name.partition(":")[2])
            for product in found["products"]
            for each in product["refused"]
            for name in each["rules"]
        ]
        return found["fate"], made, refused

    bronze, silver, gold = "bronze/shop/orders", "silver/shop/order", "gold/dim_customer"
    assert fate(1) == ("staged", {bronze: 1, silver: 1, gold: 1}, [])
    assert fate(2) == ("blank", {}, [])
    assert fate(3) == ("malformed", {}, [("staged/orders", "record_shape")])
    assert fate(4) == ("staged", {}, [(bronze, "cast.amount")])
    assert fate(5) == ("staged", {bronze: 1}, [(silver, "duplicate")])
    assert fate(6) == ("staged", {bronze: 1}, [(silver, "amount.min")])
    assert fate(7) == ("staged", {bronze: 1, silver: 1, gold: 1}, [])

    shown = lake.command("trace", "--forward", "staged.orders", "5").stdout
    assert "kept: _source_file=shop/orders.csv _source_row=1" in shown
    assert "empty line" in lake.command("trace", "--forward", "orders", "2").stdout
    sums = delivered(told(lake, "dim_customer", "customer=Ann"))
    assert {number for _, number in sums} == {1, 7}


def test_a_delivery_that_was_replaced_is_told_to_stand_no_longer(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop("shop/orders.csv", "Order No,Customer,Amount\n001,Ann,100\n002,Bob,-1\n")
    assert lake.run().success
    lake.drop("shop/orders.csv", "Order No,Customer,Amount\n001,Cid,100\n")
    stale = lake.run("staged/orders")
    assert stale.success

    row = lake.command("trace", "gold.dim_customer", "customer=Ann").stdout
    assert "not up to date: staged.orders changed since" in row
    assert "This delivery no longer stands" in row
    assert "no longer in the landing folder" in row

    assert lake.run().success
    first, last = lake.manifests("orders")
    old = lake.command("trace", "--forward", first["batch_id"][:8], "2").stdout
    assert "This delivery no longer stands" in old
    assert "silver.order: record 2 of shop/orders.csv was refused, superseded since" in old
    now = told(lake, "--forward", "shop/orders.csv:1")
    assert (now["delivery"]["batch_id"], now["cells"]["Customer"]) == (last["batch_id"], "Cid")
    assert {each["table"] for each in now["products"]} >= {"gold/dim_customer"}


def test_of_an_upsert_the_record_that_took_the_place_is_named(domains: Domains) -> None:
    lake = domains(
        shop=SHOP.replace("schema=Order, max_rej", 'combine="upsert", schema=Order, max_rej')
    )
    lake.drop("shop/orders-1.csv", "Order No,Customer,Amount\n001,Ann,100\n002,Bob,1\n")
    lake.drop("shop/orders-2.csv", "Amount,Order No,Customer\n5,001,Cid\n")
    assert lake.run().success

    old = told(lake, "--forward", "shop/orders-1.csv:1")
    assert old["products"] == []
    assert old["replaced_by"]["source_file"] == "shop/orders-2.csv"
    kept = delivered(told(lake, "gold.dim_customer", "customer=Bob"))
    assert set(kept) == {("shop/orders-1.csv", 2)}
    several = lake.command("trace", "--forward", "orders", "1")
    assert several.exit_code == 1
    assert "Say which, by the start of its batch id" in several.stderr
