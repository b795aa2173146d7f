"""Provenance survives every join, union, unpivot and aggregate."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge_dagster.medallion.provenance import (
    CARRIED,
    PROVENANCE,
    TRACE,
    aggregate,
    join,
    unpivot,
)
from jobforge_dagster_tests.made import made_sample

SCHEMA = {"key": pl.Int64, "value": pl.Int64, **CARRIED}


@st.composite
def frames(draw: st.DrawFn, files: tuple[str, ...]) -> pl.LazyFrame:
    """Rows that stand for records of some files, or for several of them."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.integers(0, 9),
                st.lists(st.sampled_from(files), min_size=1, max_size=2, unique=True),
                st.integers(1, 5),
                st.lists(st.sampled_from(["fix-1", "fix-2"]), max_size=2, unique=True),
            ),
            max_size=6,
        )
    )
    return pl.LazyFrame(
        [
            (
                *(key, value, "|".join(names), "|".join(f"batch-{name}" for name in names), row),
                *("|".join(marks) or None, None),
            )
            for key, value, names, row, marks in rows
        ],
        schema=SCHEMA,
        orient="row",
    )


def _files(text: str) -> set[str]:
    parts = text.split("|")
    assert len(parts) == len(set(parts)), text
    return set(parts)


@given(left=frames(("a", "b")), right=frames(("b", "c")), how=st.sampled_from(["left", "full"]))
def test_a_join_names_the_files_of_both_sides(
    left: pl.LazyFrame, right: pl.LazyFrame, how: str
) -> None:
    joined = join(left, right, on="key", how=how).collect()  # type: ignore[arg-type]

    plain = (
        left.join(
            right,
            on="key",
            how=how,
            coalesce=True,
            suffix="_other",  # type: ignore[arg-type]
            maintain_order="left_right" if how == "full" else "left",
        )
        .collect()
        .to_dicts()
    )
    assert joined.height == len(plain)
    assert set(TRACE) <= set(joined.columns)
    told = {(row["key"], row["value"], row["value_right"]): row for row in joined.to_dicts()}
    for row in plain:
        sides = [row["_source_file"], row["_source_file_other"]]
        wanted = set().union(*(_files(side) for side in sides if side is not None))
        candidates = [
            _files(each["_source_file"])
            for each in joined.to_dicts()
            if (each["key"], each["value"], each["value_right"])
            == (row["key"], row["value"], row["value_other"])
        ]
        assert wanted in candidates
    assert all(row["_source_row"] is not None for row in told.values())
    for row in joined.to_dicts():
        assert len(_files(row["_batch_id"])) == len(_files(row["_source_file"]))
    for row, both in zip(joined.to_dicts(), plain, strict=True):
        sides = [both["_corrections"], both["_corrections_other"]]
        wanted = set().union(*(_files(side) for side in sides if side))
        assert (_files(row["_corrections"]) if row["_corrections"] else set()) == wanted


@given(frames(("a", "b", "c")))
def test_an_aggregate_names_the_files_of_all_members(frame: pl.LazyFrame) -> None:
    members = frame.collect().to_dicts()

    for row in aggregate(frame, "key", pl.col("value").sum()).collect().to_dicts():
        group = [member for member in members if member["key"] == row["key"]]
        assert row["value"] == sum(member["value"] for member in group)
        assert _files(row["_source_file"]) == set().union(
            *(_files(member["_source_file"]) for member in group)
        )
        marks = set().union(*(_files(m["_corrections"]) for m in group if m["_corrections"]))
        assert (_files(row["_corrections"]) if row["_corrections"] else set()) == marks
        records = {(member["_source_file"], member["_source_row"]) for member in group}
        if len(records) == 1:
            assert (row["_source_file"], row["_source_row"]) == records.pop()
        elif len({file for file, _ in records}) > 1 or len(records) > 1:
            assert row["_source_row"] is None


@given(frames(("a", "b")))
def test_an_unpivoted_cell_traces_to_its_record(frame: pl.LazyFrame) -> None:
    wide = frame.with_columns(other=pl.col("value") + 1)

    long = unpivot(
        wide, on=cs.by_name("value", "other"), index=["key"], variable_name="name", value_name="n"
    ).collect()

    assert long.height == 2 * wide.collect().height
    for name in ("value", "other"):
        cells = long.filter(pl.col("name") == name).drop("name").rename({"n": name})
        expected = wide.select("key", *TRACE, name).collect()
        assert cells.select(expected.columns).equals(expected)


def test_every_layer_carries_typed_provenance(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sample_lake = made_sample(tmp_path_factory, tmp_path)
    checked = 0
    for path in sample_lake.path.glob("*/**/*.parquet"):
        layer = path.relative_to(sample_lake.path).parts[0]
        if layer not in ("staged", "bronze", "silver", "gold"):
            continue
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
        assert frame.columns[-5:] == list(PROVENANCE), path
        assert {name: frame.schema[name] for name in PROVENANCE} == PROVENANCE, path
        assert frame.select(pl.col(*list(PROVENANCE)[:4]).null_count()).sum_horizontal()[0] == 0
        assert set(frame["_layer"]) == {layer}, path
        checked += 1
    assert checked > 90

    profiles = sample_lake.table("gold/dim_oasis_profile")
    described = profiles.filter(pl.col("profile_code") == "14404.00")
    assert described["_source_file"].item() == (
        "oasis/labels_oasis_2023_v1.0.csv|oasis/lead-statement_oasis_2023_v1.0.csv"
    )
    interested = profiles.filter(pl.col("profile_code") == "00010.00")
    assert interested["_source_file"].item() == (
        "oasis/labels_oasis_2023_v1.0.csv|oasis/lead-statement_oasis_2023_v1.0.csv"
        "|oasis/interests_oasis_2023_v1.0.csv"
    )
    batches = {
        manifest["batch_id"]
        for source in ("oasis_labels", "oasis_lead_statement", "oasis_interests")
        for manifest in sample_lake.manifests(source)
    }
    assert set(interested["_batch_id"].item().split("|")) == batches

    times = {
        layer: sample_lake.table(key)["_ingested_at"][0]
        for layer, key in [
            ("bronze", "bronze/noc/noc_structure"),
            ("silver", "silver/noc/noc_node"),
            ("gold", "gold/dim_noc"),
        ]
    }
    assert times["bronze"] < times["silver"] < times["gold"]
