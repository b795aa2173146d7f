"""A large file is opened while it is hashed; what comes of it is what comes of a small one."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path
from typing import Any

import pytest

from jobforge_dagster.medallion.layers import opening
from jobforge_dagster_tests.conftest import Domains, Lake, Run
from jobforge_dagster_tests.shop import ORDERS, SHOP

APPENDING = SHOP.replace("origin=ORIGIN)", 'origin=ORIGIN, combine="append")')
DELIVERIES: dict[str, dict[str, bytes]] = {
    "plain": {"orders.csv": ORDERS.encode()},
    "not plain": {"orders.csv": ORDERS.encode() + b'4,"Di" Di,1\n5,Ed\n'},
    "packed": {"orders.csv": gzip.compress(ORDERS.encode(), mtime=0)},
    "no text": {"orders.csv": b"\x89PNG" + bytes(80)},
    "a bad one first": {"orders-1.csv": b"\xff\xfe\xff", "orders-2.csv": ORDERS.encode()},
    "a bad one last": {"orders-1.csv": ORDERS.encode(), "orders-2.csv": b"\xff\xfe\xff"},
    "an empty one first": {"orders-1.csv": b"", "orders-2.csv": ORDERS.encode()},
    "twice the same": {"orders-1.csv": ORDERS.encode(), "orders-2.csv": ORDERS.encode()},
}


def _told(lake: Lake, run: Run) -> tuple[Any, ...]:
    """What a run says and what stands, but for ids and times."""
    names = ("file", "sha256", "batch_id", "facts", "rows", "malformed", "staged_sha256")
    manifests = [{name: each[name] for name in names[:-1]} for each in lake.manifests("orders")]
    rows = lake.root.table("bronze/shop/orders")
    left = sorted(path.name for path in lake.path.rglob(".*") if path.suffix == ".tmp")
    return (
        run.failures,
        sorted(manifests, key=lambda each: str(each["file"])),
        lake.table("bronze/shop/orders").drop("_ingested_at").rows() if rows.exists() else None,
        [(record["source_row"], record["original"]) for record in lake.quarantine()],
        left,
    )


@pytest.mark.parametrize("name", DELIVERIES)
def test_what_is_opened_ahead_is_staged_as_what_is_not(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    packages = domains(shop=APPENDING).packages
    told = []
    for large in (1 << 30, 1):
        monkeypatch.setattr(opening, "LARGE", large)
        lake = Lake(tmp_path / str(large), packages)
        for file, content in DELIVERIES[name].items():
            lake.drop(f"shop/{file}", content)
        told += [_told(lake, lake.run("staged/orders", "bronze/shop/orders"))]

    one, other = told
    assert one == other
    assert one[1] or one[0]


def test_only_a_large_file_is_opened_in_another_thread(
    shop: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    read = opening.read

    def reading(*arguments: Any) -> Any:
        threads.append(threading.current_thread().name)
        return read(*arguments)

    monkeypatch.setattr(opening, "read", reading)
    shop.drop("shop/orders.csv", ORDERS + "4,Di,1\n")
    assert shop.run().success
    monkeypatch.setattr(opening, "LARGE", len(ORDERS))
    shop.drop("shop/orders.csv", ORDERS + "5,Ed,1\n")
    assert shop.run().success

    assert len(threads) == 2
    assert [name.startswith("ThreadPoolExecutor") for name in threads] == [False, True]


def test_a_file_that_was_only_touched_is_opened_for_nothing(
    shop: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "LARGE", 1)
    before = shop.table("bronze/shop/orders")
    (shop.root.landing / "shop/orders.csv").touch()

    assert shop.run().states()["staged/orders"] == "unchanged"

    assert shop.table("bronze/shop/orders").equals(before)
    assert len(shop.manifests("orders")) == 1
