"""``trace`` and ``why`` where something is wrong: with the question, or with the data root."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import jobforge_dagster as jf
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster_tests.conftest import Lake

FILE = "shop/orders.csv"
NEWER = "Order No,Customer,Amount\n007,Eve,70\n"


def refused(lake: Lake, *words: str, code: int = 1) -> str:
    """What is said of a command that fails."""
    result = lake.command(*words)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stderr


def test_no_record_has_a_number_that_no_file_can_have(shop: Lake) -> None:
    for number in ("0", "4", "99999999999"):
        told = refused(shop, "trace", "--forward", f"{FILE}:{number}")
        assert "orders.csv has 3 records, numbered from 1" in told


def test_a_long_text_is_neither_searched_for_nor_shown_whole(shop: Lake) -> None:
    told = refused(shop, "trace", "gold.dim_customer", f"customer=An{'x' * 8000}")
    assert "The nearest: Ann" in told
    assert len(told) < 300


def test_a_column_has_one_value(shop: Lake) -> None:
    twice = ("customer=Ann", "customer=Bob")
    for words in (
        ("trace", "gold.dim_customer", *twice),
        ("why", "gold.dim_customer", *twice, "x"),
    ):
        assert "customer is told twice" in refused(shop, *words, code=2)


def test_a_notebook_asks_for_nothing_by_none(shop: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBFORGE_DOMAINS", ",".join(shop.packages))
    with pytest.raises(JobForgeError, match="dim_customer has customer=null"):
        jf.why("gold.dim_customer", "amount", customer=None, root=shop.path)
    found = jf.trace("silver.order", amount=None, root=shop.path)
    assert found.conditions == {"amount": None}
    assert found.values is not None
    assert found.values["order_id"] == "003"


def test_lineage_goes_up_or_down(shop: Lake) -> None:
    with pytest.raises(JobForgeError, match="Lineage goes 'up' or 'down', not 'sideways'"):
        jf.lineage("gold.dim_customer", "sideways", root=shop.path)  # type: ignore[arg-type]


def test_it_is_told_that_bronze_was_not_made_of_a_delivery_yet(shop: Lake) -> None:
    shop.drop(FILE, NEWER)
    assert shop.run("staged/orders").success
    told = shop.command("trace", "--forward", f"{FILE}:1")
    assert told.exit_code == 0, told.output
    assert "bronze.orders is not up to date: 1 row that would be made of it now" in told.stdout
    assert "Nothing was made of it" not in told.stdout
    found = json.loads(shop.command("trace", "--forward", f"{FILE}:1", "--json").stdout)
    [product] = found["products"]
    assert (product["table"], product["count"], product["missing"]) == ("bronze/shop/orders", 0, 1)
    assert shop.run().success
    told = shop.command("trace", "--forward", f"{FILE}:1")
    assert "not up to date" not in told.stdout
    assert "gold.dim_customer: 1 row" in told.stdout


def test_why_says_which_table_is_not_up_to_date(shop: Lake) -> None:
    shop.drop(FILE, NEWER)
    assert shop.run("staged/orders").success
    told = refused(shop, "why", "gold.dim_customer", "customer=Bob", "amount")
    assert "bronze.orders is not up to date: staged.orders changed since it was made." in told
    assert "dagster asset materialize --select 'key:\"bronze/shop/orders\"'" in told


@pytest.mark.parametrize("whole", [False, True], ids=["cut off", "altered"])
def test_a_damaged_table_is_named(shop: Lake, whole: bool) -> None:
    path = shop.root.table("silver/shop/order")
    content = path.read_bytes()
    damaged = content[: len(content) // 2]
    if whole:  # the footer tells that all is well
        damaged = content[:4] + b"\xff" * 60 + content[64:]
    path.write_bytes(damaged)
    for words in (
        ("why", "gold.dim_customer", "customer=Bob", "amount"),
        ("trace", "gold.dim_customer", "customer=Bob"),
        ("trace", "--forward", f"{FILE}:2"),
    ):
        told = refused(shop, *words)
        assert "silver.order cannot be read: silver/shop/order.parquet is damaged." in told
        assert "Make it again by: dagster asset materialize" in told


def test_a_damaged_delivery_is_named(shop: Lake) -> None:
    [path] = (shop.root.staged / "orders").rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    told = refused(shop, "trace", "--forward", f"{FILE}:2")
    assert f"staged.orders cannot be read: {shop.root.relative(path)} is damaged." in told


def test_a_manifest_cannot_lead_outside_of_the_data_root(shop: Lake, tmp_path: Path) -> None:
    [path] = (shop.root.staged / "orders").rglob("*.parquet")
    (tmp_path / "secret.parquet").write_bytes(path.read_bytes())
    [manifest] = shop.root.manifests.glob("*.json")
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"staged_file": "../secret.parquet"}))
    for words in (
        ("trace", "--forward", f"{FILE}:2"),
        ("why", "gold.dim_customer", "customer=Bob", "amount"),
    ):
        assert "'../secret.parquet' leads outside of the data root" in refused(shop, *words)
