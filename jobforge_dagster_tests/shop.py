"""A small domain that tests declare: orders of a shop, one source and a table in each layer."""

SHOP = '''
import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning, references
from jobforge_dagster.medallion.grain import Groups
from jobforge_dagster.medallion.provenance import aggregate

SHOP = Domain("shop", title="A shop", owner="team:shop", steward="shop")
ORIGIN = Origin(publisher="A shop", system="Till", licence=Licence("CC0-1.0", "CC0"))


class Order(dy.Schema):
    """One order."""

    order_id = dy.String(primary_key=True, metadata=meaning("Its number.", header="Order No"))
    customer = dy.String(metadata=meaning("Who ordered.", header="Customer"))
    amount = dy.Int64(nullable=True, min=0, metadata=meaning("Cents.", header="Amount"))


LENIENT = 1.0
orders = SHOP.source(
    "orders", files="shop/orders*.csv", schema=Order, max_rejected=LENIENT, origin=ORIGIN)


@SHOP.silver(schema=Order, inputs=[orders], max_rejected=LENIENT)
def order(orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.with_columns(pl.col("customer").str.strip_chars())


class Customer(dy.Schema):
    """One customer."""

    customer = dy.String(primary_key=True, metadata=meaning("The name."))
    amount = dy.Int64(metadata=meaning("Cents, in all."))


@SHOP.gold(schema=Customer, inputs=[order], grain=Groups(["customer"]))
def dim_customer(orders: pl.LazyFrame) -> pl.LazyFrame:
    return aggregate(orders, "customer", pl.col("amount").sum())
'''

ORDERS = "Order No,Customer,Amount\n001,Ann,100\n002, Bob,250\n003,Ann,\n"
