"""What is done range by range for large tables gives what doing it at once gives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge_dagster.asking.diff import merging
from jobforge_dagster.medallion.layers.plan import is_row_by_row
from jobforge_dagster.medallion.quality import keys, sift
from jobforge_dagster.medallion.quality.rules import Rule
from jobforge_dagster.medallion.storage import ordering, settling, writing
from jobforge_dagster.medallion.storage.quarantine import originals, refusing
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import SHOP

FILE = "shop/orders.csv"
RULE = Rule("silver/shop/order:alone", pl.lit(value=True), pl.lit("is not alone"), "alone")
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
def test_repeated_hashes_are_found(numbers: list[int]) -> None:
    found = sorted(keys.repeated(pl.Series(keys.HASH, numbers, dtype=pl.UInt64)))

    assert found == sorted({each for each in numbers if numbers.count(each) > 1})


@given(st.lists(st.lists(st.integers(0, 9), max_size=7), max_size=12))
def test_what_is_set_aside_is_kept_whether_held_or_in_files(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sift, "_AT_ONCE", 5)
        patch.setattr(sift, "_UNTOLD", 2)
        told = {"n": pl.Int64(), "said": pl.String()}
        aside = sift.Aside(tmp_path_factory.mktemp("aside") / "parts", "n", told, _say)
        for numbers in batches:
            aside.add(pl.DataFrame({"n": numbers}, schema={"n": pl.Int64}))

    every = [n for numbers in batches for n in numbers]
    assert aside.count == len(every)
    assert aside.frame().collect().rows() == [(n, f"{n}!") for n in every]


def _say(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(said=pl.format("{}!", "n"))


@given(st.sets(st.integers(0, 40)), st.lists(st.integers(1, 9), min_size=1))
def test_rows_set_aside_are_told_from_those_that_pass_by_their_place(
    numbers: set[int], heights: list[int]
) -> None:
    rows = pl.DataFrame({keys.NUMBER: sorted(numbers)}, schema={keys.NUMBER: pl.UInt32})
    apart = keys.SetAside("rejected", rows, RULE)
    found, begin = [], 0
    for height in heights:
        passing = pl.Series(range(begin, begin + height), dtype=pl.UInt32)
        found += passing.gather(apart.among(passing)[keys.PLACE]).to_list()
        begin += height

    assert found == sorted(number for number in numbers if number < begin)


def test_rows_that_come_in_another_order_than_they_were_numbered_are_not_judged() -> None:
    apart = keys.SetAside("rejected", pl.DataFrame({keys.NUMBER: [1]}), RULE)

    with pytest.raises(RuntimeError, match="another order"):
        apart.among(pl.Series([0, 2]))


DEDUPLICATED = SHOP.replace("import Domain", "import Deduplicate, Domain").replace(
    "inputs=[orders], ",
    'inputs=[orders], deduplicate=Deduplicate(by=("order_id",), order=("amount",)), ',
)
JOINED = DEDUPLICATED.replace(
    "    return orders", "    return orders.sort('amount', 'order_id', maintain_order=True)"
)


def _built(packages: Sequence[str], path: Path) -> Lake:
    lake = Lake(path, packages)
    rows = [f"{n * 7 % 23},{'Ann' if n % 3 else ''},{n % 5 - 1}" for n in range(60)]
    lake.drop(FILE, "\n".join(["Order No,Customer,Amount", *rows, ""]))
    run = lake.run()
    assert run.success, run.failures
    return lake


def _records(lake: Lake) -> list[tuple[str, ...]]:
    told = ("record_id", "fate", "original", "row", "survivor")
    return [tuple(record[name] for name in told) for record in lake.quarantine()]


@pytest.mark.parametrize("shop", [DEDUPLICATED, JOINED], ids=["row by row", "in another order"])
def test_a_large_table_is_the_one_that_is_made_at_once(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: str
) -> None:
    packages = domains(shop=shop).packages
    at_once = _built(packages, tmp_path / "at-once")
    monkeypatch.setattr(settling, "SMALL", 10)
    monkeypatch.setattr(writing, "AT_ONCE", 5)
    monkeypatch.setattr(ordering, "AT_ONCE", 5)
    monkeypatch.setattr(sift, "_AT_ONCE", 3)
    monkeypatch.setattr(sift, "_UNTOLD", 1)
    monkeypatch.setattr(refusing, "AT_ONCE", 6)
    large = _built(packages, tmp_path / "large")

    one, other = (lake.table("silver/shop/order") for lake in (at_once, large))
    assert one.drop("_ingested_at").equals(other.sort("order_id").drop("_ingested_at"))
    # What is made row by row keeps the order of its records; anything else is sorted by its key.
    assert other.equals(other.sort("_source_row" if shop == DEDUPLICATED else "order_id"))
    one, other = (lake.table("gold/dim_customer") for lake in (at_once, large))
    assert one.drop("_ingested_at").equals(other.drop("_ingested_at"))
    assert _records(at_once) == _records(large)
    assert len(_records(large)) > 20
    assert not list(large.path.rglob("*.tmp"))


def test_records_written_range_by_range_are_those_written_at_once(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = SHOP.replace("origin=ORIGIN)", 'origin=ORIGIN, combine="append")')
    told = []
    for name in ("at-once", "ranges"):
        if name == "ranges":
            monkeypatch.setattr(refusing, "AT_ONCE", 4)
            monkeypatch.setattr(originals, "_FEW", 0)
        lake = Lake(tmp_path / name, domains(shop=shop).packages)
        for file in (0, 1):  # records of two deliveries have the same numbers
            rows = [f"{file}{n},{'Ann' if n % 3 else ''},{n % 5 - 2}" for n in range(30)]
            lake.drop(f"shop/orders-{file}.csv", "\n".join(["Order No,Customer,Amount", *rows, ""]))
        assert lake.run().success
        domains(shop=shop.replace("min=0", "min=1"))
        assert lake.run().success
        told.append(sorted(map(_untimed, lake.quarantine()), key=repr))
        assert not list(lake.path.rglob("*.tmp"))

    assert told[0] == told[1]
    assert all(record["original"] for record in told[0])
    assert {len(record["history"]) for record in told[0]} == {1, 2}


def _untimed(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what each run tells of itself."""
    history = [(event["state"], event["why"]) for event in record["history"]]
    times = ("run_id", "quarantined_at", "judged_by")
    return {**{name: record[name] for name in record if name not in times}, "history": history}


@given(keys=st.lists(st.integers(0, 40), min_size=1, max_size=40, unique=True), data=st.data())
def test_tables_in_another_order_are_compared_or_said_to_be_unsorted(
    keys: list[int], data: st.DataObject
) -> None:
    before, after = (
        pl.DataFrame({"key": data.draw(st.permutations(keys))}).lazy() for _ in range(2)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "AT_ONCE", 4)
        try:
            pairs = list(merging.ranges(before, after, ["key"]))
        except merging.UnsortedError:
            return

    assert all(sorted(left["key"]) == sorted(right["key"]) for left, right in pairs)
    assert sum(left.height for left, _ in pairs) == len(keys)


@pytest.mark.parametrize(
    ("function", "alone"),
    [
        (
            lambda rows: rows.filter(pl.col("a") > 1).select("l", b=pl.col("a").cast(pl.String)),
            True,
        ),
        (lambda rows: rows.with_columns(pl.col("l").list.sum()), True),
        (lambda rows: rows.with_columns(pl.col("l").list.sample(1)), False),
        (lambda rows: rows.with_columns(pl.col("t").str.to_date("%Y-%m-%d")), True),
        (lambda rows: rows.with_columns(pl.col("t").str.to_date(strict=False)), False),
        (lambda rows: rows.with_columns(pl.col("t").cast(pl.Date, strict=False)), False),
        (lambda rows: rows.with_columns(pl.col("a").shift()), False),
        (lambda rows: rows.with_columns(pl.col("a").sum()), False),
        (lambda rows: rows.with_columns(pl.col("a").rank().over("l")), False),
        (lambda rows: rows.sort("a"), False),
        (lambda rows: rows.join(rows, on="a"), False),
        (lambda rows: rows.with_columns(pl.col("a").map_batches(lambda each: each)), False),
    ],
)
def test_only_what_is_made_row_by_row_is_taken_to_be(
    tmp_path: Path, function: Callable[[pl.LazyFrame], pl.LazyFrame], alone: bool
) -> None:
    rows = pl.DataFrame({"a": [1, 2], "l": [[1], [2, 3]], "t": ["2001-02-03", ""]})
    rows.write_parquet(tmp_path / "rows.parquet")

    assert is_row_by_row(function(pl.scan_parquet(tmp_path / "rows.parquet"))) is alone


def test_while_rows_pass_no_other_streaming_query_runs(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On two cores the one waits for the other's threads, and the other for the rows of the one.
    collect, look_at = pl.LazyFrame.collect, sift.Sieve._look_at
    within = threading.local()
    looked: list[int] = []

    def collected(frame: pl.LazyFrame, **options: Any) -> Any:
        assert not getattr(within, "rows", False) or options.get("engine") == "in-memory"
        return collect(frame, **options)

    def looking(sieve: sift.Sieve, rows: pl.DataFrame) -> pl.DataFrame:
        within.rows = True
        try:
            return look_at(sieve, rows)
        finally:
            within.rows = False
            looked.append(rows.height)

    monkeypatch.setattr(pl.LazyFrame, "collect", collected)
    monkeypatch.setattr(sift.Sieve, "_look_at", looking)
    monkeypatch.setattr(sift, "_AT_ONCE", 3)
    monkeypatch.setattr(sift, "_UNTOLD", 1)
    lake = _built(domains(shop=DEDUPLICATED).packages, tmp_path / "watched")

    assert looked
    assert {record["fate"] for record in lake.quarantine()} == {"rejected", "deduplicated"}
