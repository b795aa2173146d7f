"""What is done range by range for large tables gives what doing it at once gives."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge_dagster.medallion.quality import keys
from jobforge_dagster.medallion.storage import ordering, quarantine
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import SHOP

FILE = "shop/orders.csv"
KEY = st.tuples(st.integers(-3, 3), st.text("abc", max_size=2), st.integers(0, 10**9))


@given(rows=st.lists(KEY, min_size=1, max_size=60, unique=True))
def test_ranges_of_a_key_come_out_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, int]]
) -> None:
    frame = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")
    folder = tmp_path_factory.mktemp("ranges") / "ranges"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "AT_ONCE", 4)
        found = ordering.in_order(frame.lazy(), ["a", "b", "c"], len(rows) + 3, folder).collect()

    assert found.rows() == sorted(rows)


@given(st.lists(st.integers(0, 30), max_size=80))
def test_repeated_hashes_are_found_part_by_part(numbers: list[int]) -> None:
    hashed = pl.Series(keys.HASH, numbers, dtype=pl.UInt64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_AT_ONCE", 5)
        found = sorted(keys.repeated(hashed))

    assert found == sorted({each for each in numbers if numbers.count(each) > 1})


def _built(domains: Domains, tmp_path: Path, name: str) -> Lake:
    text = SHOP.replace("import Domain", "import Deduplicate, Domain").replace(
        "inputs=[orders], ",
        'inputs=[orders], deduplicate=Deduplicate(by=("order_id",), order=("amount",)), ',
    )
    lake = Lake(tmp_path / name, domains(shop=text).packages)
    rows = [f"{n * 7 % 23},{'Ann' if n % 3 else ''},{n % 5 - 1}" for n in range(60)]
    lake.drop(FILE, "\n".join(["Order No,Customer,Amount", *rows, ""]))
    run = lake.run()
    assert run.success, run.failures
    return lake


def test_a_table_made_range_by_range_is_the_one_made_at_once(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = _built(domains, tmp_path, "at-once")
    monkeypatch.setattr(ordering, "AT_ONCE", 5)
    monkeypatch.setattr(keys, "_AT_ONCE", 4)
    monkeypatch.setattr(quarantine, "_AT_ONCE", 6)
    by_range = _built(domains, tmp_path, "by-range")

    for key in ("silver/shop/order", "gold/dim_customer"):
        one, other = (lake.table(key).drop("_ingested_at") for lake in (at_once, by_range))
        assert one.equals(other), key
    told = [
        sorted(
            (r["record_id"], r["fate"], r["original"], r["row"], r["survivor"])
            for r in lake.quarantine()
        )
        for lake in (at_once, by_range)
    ]
    assert told[0] == told[1]
    assert len(told[0]) > 20
    assert not list(by_range.path.rglob("*.tmp"))
