"""Text is cast as a pattern of what a number is says, although numbers are cast without it."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

import dataframely as dy
import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, Source, meaning
from jobforge_dagster.medallion.layers.bronze import Delivered, build, columns_of
from jobforge_dagster.medallion.layers.casting import from_text
from jobforge_dagster.medallion.quality.judge import Judgement

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
TYPES = (pl.Int8(), pl.UInt16(), pl.Int64(), pl.Float32(), pl.Float64(), pl.Decimal(4, 2))


def reads(text: str, dtype: pl.DataType, thousands: str | None) -> bool:
    """Whether a text is a number of a type."""
    bare = text.strip()
    if thousands:
        mark = re.escape(thousands)
        if re.fullmatch(rf"[+-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+(\.[0-9]+)?", bare):
            bare = bare.replace(thousands, "")
    if not NUMBER.fullmatch(bare):
        return False
    if dtype.is_integer():
        low, high = pl.select(low=dtype.min(), high=dtype.max()).row(0)
        return bool(re.fullmatch("[+-]?[0-9]+", bare)) and low <= int(bare) <= high
    if isinstance(dtype, pl.Decimal):
        return True  # how much of it fits is for Polars to say
    try:
        largest = np.finfo(np.float32 if dtype == pl.Float32 else np.float64).max
        return abs(Decimal(bare)) <= Decimal(float(largest))
    except InvalidOperation:
        return False


@given(
    text=st.text("0123456789,. +-eE_naifNI\u00a0\u0661\uff11'", max_size=9),
    dtype=st.sampled_from(TYPES),
    thousands=st.sampled_from([None, ",", ".", " ", "'"]),
)
@example("nan", pl.Float64(), None)
@example("-inf", pl.Float32(), None)
@example("1E40", pl.Float32(), None)
@example("1e309", pl.Float64(), None)
@example("1_0", pl.Int64(), None)
@example("1,0000", pl.Int64(), ",")
@example("128", pl.Int8(), None)
@example("1.000", pl.Float64(), ".")
def test_a_number_reads_if_it_is_one(text: str, dtype: pl.DataType, thousands: str | None) -> None:
    found = pl.select(from_text(pl.lit(text), dtype, thousands)).item()

    expected = reads(text, dtype, thousands)
    assert found is None if not expected else found is not None or isinstance(dtype, pl.Decimal)


@pytest.mark.parametrize("dtype", [pl.Float64(), pl.Decimal(10, 2)])
def test_a_point_may_group_digits(dtype: pl.DataType) -> None:
    found = pl.select(from_text(pl.lit("1.234"), dtype, ".")).item()

    assert found == 1234


def test_what_is_grouped_and_does_not_fit_is_no_fraction() -> None:
    assert pl.select(from_text(pl.lit("1.234"), pl.Decimal(4, 2), ".")).item() is None


MARKS = ["", "N/A", "-1", "1.5", "0"]
LEDGER = Domain("ledger", title="Ledger", owner="team:ledger")
COLUMNS = {
    "text": dy.String, "whole": dy.Int64, "small": dy.Int8, "part": dy.Float64, "exact": dy.Decimal
}  # fmt: skip


def ledger(marks: list[str], thousands: str | None) -> Source:
    """A source with a column of each of several types."""
    members = {
        name: column(nullable=True, metadata=meaning("Figure.")) for name, column in COLUMNS.items()
    }
    return LEDGER.source(
        "entries",
        files="entries.csv",
        schema=type("Entry", (dy.Schema,), members),
        nulls=marks,
        thousands=thousands,
        origin=Origin(publisher="P", system="S", licence=Licence("CC0-1.0", "CC0")),
    )


@given(
    texts=st.lists(
        st.one_of(
            st.sampled_from([*MARKS, " 7", "7 ", "1,234", " 1,234", "1.234", "inf", "999", "-1 "]),
            st.text("0123456789,. +-eEn", max_size=7),
        ),
        min_size=1,
        max_size=20,
    ),
    marks=st.lists(st.sampled_from(MARKS), unique=True),
    thousands=st.sampled_from([None, ",", ".", " "]),
)
@example(["-1", " -1", "1,000", "1.000", "-01"], ["-1", "1.000"], ",")
def test_each_cell_is_a_value_no_value_or_refused(
    texts: list[str], marks: list[str], thousands: str | None
) -> None:
    source = ledger(marks, thousands)
    staged = (
        pl.LazyFrame(dict.fromkeys(COLUMNS, texts))
        .with_row_index("_source_row")
        .with_columns(pl.lit("entries.csv").alias("_source_file"), pl.lit("b").alias("_batch_id"))
    )
    columns = columns_of(source, list(COLUMNS), "entries.csv")
    candidate = build(source, [Delivered(staged, tuple(columns))]).candidate
    found = Judgement(candidate).verdicts.collect()

    for column in columns:
        rule = next(
            place for place, rule in enumerate(candidate.rules) if rule.id.endswith(column.name)
        )
        for text, value, obeyed in zip(
            texts, found[column.name], found[f"__ok_{rule}"], strict=True
        ):
            if text.strip() in ("", *marks):
                assert (value, obeyed) == (None, True)
            elif column.dtype == pl.String:
                assert (value, obeyed) == (text, True)
            else:
                meant = pl.select(from_text(pl.lit(text), column.dtype, thousands)).item()
                assert (value, obeyed) == (meant, meant is not None)
