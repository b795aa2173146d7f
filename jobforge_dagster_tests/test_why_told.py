"""How answers of ``why`` and ``trace`` are told: alike to a notebook, a terminal, a program."""

from __future__ import annotations

import json

import pytest

from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.asking.trace import forward, trace
from jobforge_dagster.asking.why import Why, ask, why
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import SHOP

ESCAPES = "\x1b]0;gone\x07 \x1b[31mAnn\u202e"
ORDERS = f"Order No,Customer,Amount\n001,{ESCAPES},100\n002,Bob,250\n003,Bob,7\n004,{ESCAPES},-1\n"


@pytest.fixture
def lake(domains: Domains) -> Lake:
    found = domains(shop=SHOP)
    found.drop("shop/orders.csv", ORDERS)
    assert found.run().success
    return found


def test_an_answer_prints_as_the_command_prints_it_and_steers_no_terminal(lake: Lake) -> None:
    tables = Tables(lake.root, discover(lake.packages))
    for words, found in (
        (
            ("why", "order", "order_id=001", "customer"),
            why("order", {"order_id": "001"}, "customer", tables=tables),
        ),
        (
            ("why", "order", "order_id=004", "amount"),
            why("order", {"order_id": "004"}, "amount", tables=tables),
        ),
        (("trace", "order", "order_id=001"), trace("order", {"order_id": "001"}, tables=tables)),
        (("trace", "order", "order_id=004"), trace("order", {"order_id": "004"}, tables=tables)),
        (("trace", "--forward", "orders", "1"), forward("orders", 1, tables=tables)),
        (("trace", "--forward", "orders", "4"), forward("orders", 4, tables=tables)),
    ):
        printed = lake.command(*words)
        assert printed.stdout == f"{found}\n" == f"{found!r}\n"
        assert all(each.isprintable() or each == "\n" for each in printed.stdout)
        assert "\\x1b[31mAnn\\u202e" in printed.stdout
        assert json.loads(lake.command(*words, "--json").stdout) == found.to_dict()
        assert ESCAPES in json.dumps(found.to_dict(), ensure_ascii=False).replace(
            "\\u001b", "\x1b"
        ).replace("\\u0007", "\x07")


def test_messages_steer_no_terminal_and_name_the_command_that_was_asked(lake: Lake) -> None:
    refused = lake.command("trace", "order", "order_id=004", f"customer={ESCAPES}").stdout
    assert "it was refused" in refused
    assert "\x1b" not in refused
    for command, more in (("why", ["amount"]), ("trace", [])):
        wrong = lake.command(command, "order", "order_id=\x1b[31m", *more).stderr
        assert "\\x1b[31m" in wrong
        assert "\x1b" not in wrong
        several = lake.command(command, "order", f"customer={ESCAPES[11:]}", *more).stderr
        assert "\x1b" not in several
        bare = lake.command(command, "order", *more).stderr
        assert (
            f"as in: jobforge {' '.join([command, 'silver.order', 'order_id=001', *more])}" in bare
        )


def test_each_table_tells_what_happens_to_the_values(lake: Lake) -> None:
    told = lake.command("why", "dim_customer", "customer=Bob", "amount").stdout
    assert "gold.dim_customer  amount aggregation of amount; customer identity  (dim_cust" in told
    assert "silver.order  amount identity; customer transformation of customer  (order() in" in told


def test_out_of_time_more_records_are_named_than_may_be_needed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> Why:
        tables = Tables(lake.root, discover(lake.packages))
        return why("dim_customer", {"customer": "Bob"}, "amount", tables=tables, budget=0)

    assert asked().least
    monkeypatch.setattr(ask, "NARROWING", 0.0)
    late = asked()
    assert not late.least
    assert late.recomputed is not None
    assert late.recomputed.same
    assert {cell.verdict for cell in late.cells} == {"not tested"}
    assert "More records are named than may be needed." in str(late)
