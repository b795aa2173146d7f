"""What tests share: a lake that one test changes is no other's, and quick runs are runs."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from jobforge_dagster_tests import quick
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.made import made_clone, made_sample
from jobforge_dagster_tests.shop import ORDERS, SHOP


def test_who_changes_a_made_lake_changes_no_other(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = made_clone(tmp_path_factory)
    before = {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()}
    one = made_sample(tmp_path_factory, tmp_path / "one")

    for path in one.path.parent.rglob("*"):
        if path.is_file():
            with path.open("ab") as file:
                file.write(b"spoilt")

    assert {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()} == before
    other = made_sample(tmp_path_factory, tmp_path / "other")
    assert other.files() == Lake(clone / "data").files()


def _told(lake: Lake) -> list[tuple[str, str | None, str | None]]:
    """Every event of every run, and the tables that the history knows."""
    lake.drop("shop/orders.csv", ORDERS)
    assert lake.run().success
    assert lake.run().success
    history = lake.instance.event_log_storage
    keys = {key.to_user_string() for key in history.all_asset_keys()}
    assert keys >= {"silver/shop/order", "gold/dim_customer"}
    events = [
        event.dagster_event
        for run in reversed(lake.instance.get_runs())
        for event in lake.instance.all_logs(run.run_id)
        if event.dagster_event
    ]
    records = lake.instance.get_asset_records([dg.AssetKey(["silver", "shop", "order"])])
    assert records[0].asset_entry.last_materialization is not None
    return [(each.event_type_value, each.step_key, str(each.asset_key)) for each in events]


def test_a_quick_history_tells_what_dagsters_own_tells(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = domains(shop=SHOP).packages
    ours = _told(Lake(tmp_path / "quick", packages))

    with monkeypatch.context() as patched:
        quick.slow_again(patched)
        theirs = _told(Lake(tmp_path / "slow", packages))

    assert ours == theirs
    assert len(ours) > 50
