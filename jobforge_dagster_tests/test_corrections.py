"""Corrections: data beside the domain, applied in silver, marked, counted, and loud when idle."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from jobforge_dagster.medallion import corrections
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import SHOP

FILE = "shop/orders.csv"
ORDER = "silver/shop/order"

CORRECTING = SHOP.replace(
    "from jobforge_dagster.medallion.declare",
    "from jobforge_dagster.medallion.corrections import correct, corrections\n"
    "from jobforge_dagster.medallion.declare",
    1,
).replace(
    'orders.with_columns(pl.col("customer").str.strip_chars())',
    'correct(orders, corrections(__file__, "orders"))',
)
NAMED = CORRECTING.replace(
    'correct(orders, corrections(__file__, "orders"))', "fix(orders)"
).replace(
    "SHOP = Domain",
    'FIXES = corrections(__file__, "orders")\n\n\n'
    "def fix(orders):\n    return correct(orders, FIXES)\n\n\nSHOP = Domain",
)

KNOWN = """
orders:
  - id: bob-is-robert
    column: customer
    expect: {value: Bob}
    replace: Robert
    reason: He asked for it.
    reported: {to: "the shop", when: 2026-01-05}
  - id: number-without-dash
    column: order_id
    files: shop/orders*
    expect: {pattern: '([A-Z])(\\d+)'}
    replace: '${1}-${2}'
    reason: The till drops dashes.
    reported: null
  - id: one-amount
    column: customer
    where: {order_id: "7"}
    expect: {value: Cy}
    replace: Cyrus
    reason: Only this one.
    reported: null
"""

ORDERS = "Order No,Customer,Amount\nA1,Bob,5\n2,Bob,6\nB3,Ann,7\n7,Cy,8\n8,Cy,9\n"


@pytest.fixture
def lake(domains: Domains) -> Lake:
    made = domains(shop=NAMED)
    _write(made, KNOWN)
    made.drop(FILE, ORDERS)
    return made


def _folder(lake: Lake) -> Path:
    """Where the modules of the lake's package lie."""
    folders = (Path(entry) / lake.packages[0] for entry in sys.path)
    return next(folder for folder in folders if folder.is_dir())


def _write(lake: Lake, text: str) -> None:
    (_folder(lake) / corrections.FILE).write_text(text)
    corrections._load.cache_clear()


def test_a_correction_changes_what_it_expects_and_marks_the_row(lake: Lake) -> None:
    run = lake.run()

    assert run.success, run.failures
    rows = lake.table(ORDER).select("order_id", "customer", "_corrections").rows()
    assert rows == [
        ("2", "Robert", "bob-is-robert"),
        ("7", "Cyrus", "one-amount"),
        ("8", "Cy", None),
        ("A-1", "Robert", "bob-is-robert|number-without-dash"),
        ("B-3", "Ann", "number-without-dash"),
    ]
    facts = run.metadata[ORDER]
    assert facts["corrected"] == 5
    assert facts["corrections"] == {
        "bob-is-robert": {"rows": 2, "records": 2},
        "number-without-dash": {"rows": 2, "records": 2},
        "one-amount": {"rows": 1, "records": 1},
    }
    assert lake.table("bronze/shop/orders")["customer"].to_list().count("Bob") == 2
    gold = lake.table("gold/dim_customer").select("customer", "_corrections").rows()
    assert dict(gold)["Robert"] == "bob-is-robert|number-without-dash"


def test_a_correction_that_finds_nothing_fails_its_table_loudly(lake: Lake) -> None:
    assert lake.run().success
    before = lake.table(ORDER)
    lake.drop(FILE, ORDERS.replace("Bob", "Robert"))

    said = lake.run().only_failure()

    assert "the publisher seems to have fixed this: remove correction bob-is-robert" in said
    assert "expected 'Bob'" in said
    assert lake.table(ORDER).equals(before)

    _write(lake, KNOWN[: KNOWN.index("  - id: bob")] + KNOWN[KNOWN.index("  - id: number") :])
    assert lake.run().success


def test_a_correction_of_another_file_is_neither_applied_nor_missed(lake: Lake) -> None:
    _write(lake, KNOWN + KNOWN[KNOWN.index("  - id: bob") : KNOWN.index("  - id: number")]
           .replace("bob-is-robert", "elsewhere").replace("value: Bob", "value: Ann")
           .replace("column: customer", "column: customer\n    files: shop/others*"))  # fmt: skip

    assert lake.run().success

    assert "Ann" in lake.table(ORDER)["customer"].to_list()


def test_a_corrected_row_that_is_refused_after_all_is_counted(lake: Lake) -> None:
    lake.drop(FILE, ORDERS.replace("7,Cy,8", "7,Cy,-8"))

    run = lake.run()

    assert run.metadata[ORDER]["corrections"]["one-amount"] == {"rows": 1, "records": 1}
    assert lake.quarantine("silver")[0]["corrections"] == "one-amount"


def test_a_changed_correction_makes_its_tables_again_and_a_changed_reason_does_not(
    lake: Lake,
) -> None:
    assert lake.run().success
    _write(lake, KNOWN.replace("He asked for it.", "He asked for it twice."))
    assert set(lake.run().states().values()) == {"unchanged"}

    _write(lake, KNOWN.replace("replace: Robert", "replace: Rob"))

    assert lake.run().states()[ORDER] == "published"
    assert "Rob" in lake.table("gold/dim_customer")["customer"].to_list()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("others: []", "has no set 'orders'; it has others"),
        ("orders: [", "corrections.yaml"),
        (KNOWN.replace("{value: Bob}", "{value: Bob, pattern: B}"), "either value or pattern"),
        (KNOWN.replace("    reported: null\n", "", 1), "reported"),
        (KNOWN.replace("one-amount", "bob-is-robert"), "several corrections named bob-is-robert"),
    ],
)
def test_a_bad_file_of_corrections_is_refused_when_definitions_load(
    lake: Lake, text: str, says: str
) -> None:
    _write(lake, text)
    with pytest.raises(DeclarationError, match=says.replace("(", "\\(")):
        lake.run()


def test_a_missing_file_of_corrections_is_told(domains: Domains) -> None:
    lake = domains(shop=NAMED)
    with pytest.raises(DeclarationError, match=r"there is no corrections.yaml beside it"):
        lake.run()


def test_corrections_reach_into_closures(domains: Domains) -> None:
    made = domains(
        shop=CORRECTING.replace(
            "@SHOP.silver(schema=Order, inputs=[orders], max_rejected=LENIENT)\n"
            "def order(orders: pl.LazyFrame) -> pl.LazyFrame:\n",
            "def declare(known):\n"
            "  @SHOP.silver(schema=Order, inputs=[orders], max_rejected=LENIENT)\n"
            "  def order(orders: pl.LazyFrame) -> pl.LazyFrame:\n  ",
        ).replace(
            'correct(orders, corrections(__file__, "orders"))',
            "correct(orders, known)\n  return order\n\n\n"
            'order = declare(corrections(__file__, "orders"))',
        )
    )
    _write(made, KNOWN)
    made.drop(FILE, ORDERS)
    assert made.run().success
    _write(made, KNOWN.replace("replace: Robert", "replace: Rob"))

    assert made.run().states()[ORDER] == "published"


def test_correct_leaves_a_frame_without_errors_as_it_was(lake: Lake) -> None:
    known = corrections.Corrections(_folder(lake) / corrections.FILE, "orders")
    frame = pl.LazyFrame(
        {"customer": ["Ann", None], "order_id": ["1", None], "_source_file": ["a", "b"]}
    ).with_columns(pl.lit(None, pl.String).alias("_corrections"))

    assert corrections.correct(frame, known).collect().equals(frame.collect())
