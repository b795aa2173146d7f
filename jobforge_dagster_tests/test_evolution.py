"""How sources and tables change: what is kept, told and stopped, and what is measured each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import ORDERS, SHOP

FILE = "shop/orders.csv"
ORDER = "silver/shop/order"
BRONZE = "bronze/shop/orders"


def test_an_added_column_is_kept_and_reported(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customer,Amount,Colour\n1,Ann,2,red\n")

    run = shop.run()

    assert run.success
    assert run.metadata["staged/orders"]["columns_added"] == ["Colour"]
    assert run.metadata[BRONZE]["extra_columns"] == ["Colour"]
    assert shop.table(BRONZE)["Colour"].to_list() == ["red"]
    facts = run.metadata[BRONZE]
    assert (facts["schema_version"], facts["schema_change"]) == ("1.1.0", "additive")
    schema = shop.publications(BRONZE)[-1].table_schema
    assert schema.added == ("Colour",)
    assert run.metadata[ORDER]["schema_version"] == "1.0.0"


def test_a_removed_required_column_stops_its_table_and_the_old_one_stays(shop: Lake) -> None:
    before = shop.table(BRONZE)
    shop.drop(FILE, "Order No,Amount\n1,2\n")

    run = shop.run()

    assert "the column 'Customer' is missing" in run.only_failure()
    assert shop.table(BRONZE).equals(before)
    assert run.metadata["staged/orders"]["columns_removed"] == ["Customer"]


def test_a_renamed_column_is_suggested_never_guessed(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customers,Amount\n1,Ann,2\n")

    said = shop.run().only_failure()

    assert "if it was renamed, declare header='Customers'" in said


def test_a_changed_type_shows_as_values_that_do_not_cast(domains: Domains) -> None:
    lake = domains(shop=SHOP.replace("LENIENT = 1.0", "LENIENT = 0.05"))
    lake.drop(FILE, ORDERS)
    assert lake.run().success
    lake.drop(FILE, "Order No,Customer,Amount\n1,Ann,2.5 EUR\n2,Bob,1.0 EUR\n")

    said = lake.run().only_failure()

    assert "cast.amount 2" in said
    assert "'2.5 EUR' in column amount does not read as Int64" in said


@pytest.mark.parametrize(
    ("old", "new", "version", "change"),
    [
        ("amount = dy.Int64(nullable=True, min=0,", "amount = dy.Int32(nullable=True, min=0,",
         "2.0.0", "breaking"),
        ("order_id = dy.String(primary_key=True,", "order_id = dy.String(",
         "2.0.0", "breaking"),
        ("str.strip_chars()", "str.strip_chars(' ')", "1.0.0", "none"),
    ],
)  # fmt: skip
def test_a_tables_schema_has_a_version_and_a_history(
    shop: Lake, domains: Domains, old: str, new: str, version: str, change: str
) -> None:
    assert old in SHOP
    domains(shop=SHOP.replace(old, new))

    run = shop.run()

    facts = run.metadata[ORDER]
    assert (facts["schema_version"], facts["schema_change"]) == (version, change)
    first, last = shop.publications(ORDER)
    assert first.table_schema.change == "first"
    assert last.table_schema.version == version
    assert last.previous_run == first.run_id


def test_each_publication_measures_quality_and_duckdb_reads_the_history(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customer,Amount\n1,Ann,2\n1,Bob,3\n3,Cy,-1\n4,Di,\n5,Ed,6\n")
    run = shop.run()

    facts = run.metadata[ORDER]
    assert facts["completeness"] == pytest.approx(5 / 6)
    assert facts["uniqueness"] == pytest.approx(3 / 5)
    assert facts["validity"] == pytest.approx(2 / 5)
    assert shop.publications(ORDER)[-1].metrics.nulls == {"amount": 1}
    told = duckdb.sql(
        f"""
        select metrics.rows, metrics.validity, table_schema.version
        from read_json('{shop.path}/silver/shop/_metadata/order/*.json') order by written_at
        """
    ).fetchall()
    assert told == [(3, 1.0, "1.0.0"), (2, pytest.approx(0.4), "1.0.0")]
    before = shop.files()
    shop.run()
    assert shop.files() == before


def test_a_foreign_key_shows_as_integrity(domains: Domains) -> None:
    text = SHOP.replace(
        "@SHOP.silver(schema=Order, inputs=[orders], ",
        '@SHOP.silver(schema=Order, inputs=[orders], foreign_keys=[references("customer", None)], ',
    )
    lake = domains(shop=text)
    lake.drop(FILE, "Order No,Customer,Amount\na,a,1\nb,zoe,1\n")

    assert lake.run(*["staged/orders", BRONZE, ORDER]).metadata[ORDER]["integrity"] == 0.5


def test_a_delivery_older_than_its_cadence_is_stale(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHOP.replace("import dataframely", "from datetime import timedelta\nimport dataframely")
    lake = domains(
        shop=text.replace("schema=Order, max", "schema=Order, cadence=timedelta(days=30), max")
    )
    lake.drop(FILE, ORDERS)
    specs = build_definitions(lake.packages, lake.root).resolve_all_asset_specs()
    [policy] = [each.freshness_policy for each in specs if each.freshness_policy]
    assert policy.fail_window.to_timedelta() == timedelta(days=30)  # type: ignore[attr-defined]
    facts = lake.run().metadata["staged/orders"]
    assert facts["fresh"] is True
    assert facts["age_days"] < 1

    later = datetime.now(UTC) + timedelta(days=31)
    monkeypatch.setattr("jobforge_dagster.orchestration.assets.now", lambda: later)
    facts = lake.run().metadata["staged/orders"]
    assert facts["fresh"] is False
    assert facts["age_days"] == pytest.approx(31, abs=0.1)
