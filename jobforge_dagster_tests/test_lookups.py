"""Lookups that leave most of a file unread find the same rows as a plain filter."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobforge_dagster.asking import lookups
from jobforge_dagster.asking.lookups import numbered, one_of
from jobforge_dagster.asking.tables import NUMBER
from jobforge_dagster.medallion.provenance import SOURCE_ROW
from jobforge_dagster.medallion.storage import parquet

GROUP, ROWS, FIRST = 10, 400, 7
"""Rows of a row group and of a file, and the number of the first row of all."""

LONG = "x" * 200


def _table(first: int) -> pl.DataFrame:
    """Rows in the order of their records, with keys of several types, some of them missing."""
    numbers = range(first, first + ROWS)
    return pl.DataFrame(
        {
            SOURCE_ROW: pl.Series([n or None for n in numbers], dtype=pl.UInt32),
            "text": [None if n % 9 == 0 else f"{LONG}é{n:05}" for n in numbers],
            "day": [date(2000, 1, 1) + timedelta(days=n // 2) for n in numbers],
            "small": pl.Series([n // 20 - 20 for n in numbers], dtype=pl.Int16),
            "share": [n / 3 for n in numbers],
        }
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("lookups")
    found = []
    for place in range(2):
        found.append(folder / f"{place}.parquet")
        _table(place * ROWS).write_parquet(found[-1], row_group_size=GROUP, statistics=True)
    return found


@pytest.fixture(scope="module", autouse=True)
def small_groups() -> object:
    """Cut the ranges as if a row group had as few rows as those of the files here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookups, "ROW_GROUP", GROUP)
        patch.setattr(lookups, "_RANGES", 5)
        yield


NUMBERS = st.lists(st.integers(0, 2 * ROWS + 50), max_size=60)


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
@example([])
@example([0, 2 * ROWS + FIRST - 1])
@example([*range(ROWS - 3, ROWS + 3), FIRST, FIRST])
def test_rows_by_their_numbers(files: list[Path], numbers: list[int]) -> None:
    for column in (NUMBER, SOURCE_ROW):
        rows = parquet.scan(files, number=NUMBER, first=FIRST)
        found = rows.filter(numbered(column, numbers)).collect(engine="streaming")
        every = rows.collect()
        assert found.equals(every.filter(pl.col(column).is_in(set(numbers))))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([SOURCE_ROW, "text", "day", "small", "share"]), NUMBERS, st.booleans())
def test_rows_by_values(files: list[Path], column: str, places: list[int], missing: bool) -> None:
    rows = parquet.scan(files)
    every = rows.collect()
    values = every[column].gather([place % (2 * ROWS) for place in places])
    values = values.extend(pl.Series([None], dtype=values.dtype)) if missing else values
    found = rows.filter(one_of(column, values)).collect(engine="streaming")
    assert found.equals(every.filter(pl.col(column).is_in(values.drop_nulls().implode())))


def test_a_range_leaves_no_number_out_and_spans_no_wide_gap() -> None:
    numbers = pl.Series([500, 3, 4, 14, 100, 3, 25], dtype=pl.UInt32)
    assert lookups._ranges(numbers) == [(3, 14), (25, 25), (100, 100), (500, 500)]
    many = pl.Series(range(0, 1_000, 20), dtype=pl.UInt32)
    ranges = lookups._ranges(many)
    assert len(ranges) == 5
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 980


def test_far_records_are_found_without_reading_those_between(tmp_path: Path) -> None:
    path = tmp_path / "spoilt.parquet"
    table = pl.DataFrame({SOURCE_ROW: pl.Series(range(1, 1_001), dtype=pl.UInt32)})
    table.write_parquet(path, row_group_size=GROUP, statistics=True)
    groups = pq.read_metadata(path)
    start, stop = (groups.row_group(place).column(0).data_page_offset for place in (30, 70))
    content = path.read_bytes()
    path.write_bytes(content[:start] + b"\xff" * (stop - start) + content[stop:])
    rows = parquet.scan(path)
    found = rows.filter(numbered(SOURCE_ROW, [999, 5])).collect(engine="streaming")
    assert found[SOURCE_ROW].to_list() == [5, 999]
    with pytest.raises(pl.exceptions.PolarsError):
        rows.filter(pl.col(SOURCE_ROW).is_in(found[SOURCE_ROW].implode())).collect()
