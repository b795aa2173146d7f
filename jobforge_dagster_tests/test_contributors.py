"""Row provenance through one step, compared with what plain Python makes of the same rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import dataframely as dy
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge_dagster.asking.contributors import ChangedError, contributors
from jobforge_dagster.asking.products import products
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.medallion.declare import Domain, Licence, Origin
from jobforge_dagster.medallion.discovery import Declarations
from jobforge_dagster.medallion.provenance import (
    CORRECTIONS,
    PROVENANCE,
    aggregate,
    carried,
    join,
    unpivot,
)
from jobforge_dagster.medallion.storage.root import DataRoot

Behind = frozenset[tuple[int, int]]
Rows = list[tuple[int | None, int, Behind]]
"""Rows as plain Python knows them: k, v, and which rows of which input stand behind."""

How = Literal["left", "inner", "full"]


class KeyAndValue(dy.Schema):
    """A key that may be missing, and a value."""

    k = dy.Int64(nullable=True)
    v = dy.Int64(nullable=True)


@dataclass(frozen=True)
class Step:
    """A step of a table's function, in Polars and in plain Python, from two tables to one."""

    frame: Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]
    plain: Callable[[Rows, Rows], Rows]


def joined(how: How) -> Step:
    def frame(left: pl.LazyFrame, right: pl.LazyFrame) -> pl.LazyFrame:
        both = join(left, right.rename({"v": "w"}), on="k", how=how)
        value = pl.col("v").fill_null(0) * 3 + pl.col("w").fill_null(0)
        return both.with_columns(v=value).drop("w")

    def plain(left: Rows, right: Rows) -> Rows:
        made: Rows = []
        met: set[int] = set()
        for k, v, behind in left:
            places = [i for i, other in enumerate(right) if k is not None and other[0] == k]
            met.update(places)
            made += [(k, v * 3 + right[i][1], behind | right[i][2]) for i in places]
            if not places and how != "inner":
                made.append((k, v * 3, behind))
        if how == "full":
            made += [(k, w, of) for i, (k, w, of) in enumerate(right) if i not in met]
        return made

    return Step(frame, plain)


def _summed(rows: Rows, _: Rows) -> Rows:
    groups: dict[int | None, Rows] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    return [
        (k, sum(v for _, v, _ in members), frozenset().union(*(of for _, _, of in members)))
        for k, members in groups.items()
    ]


def _cells(frame: pl.LazyFrame) -> pl.LazyFrame:
    wide = frame.with_columns(w=pl.col("v") * 2 + 1)
    return unpivot(wide, on=["v", "w"], index=["k"], variable_name="of", value_name="cell").select(
        "k", pl.col("cell").alias("v"), pl.exclude("k", "cell", "of")
    )


STEPS = {
    "left": joined("left"),
    "inner": joined("inner"),
    "full": joined("full"),
    "sum": Step(lambda a, _: aggregate(a, "k", pl.col("v").sum()), _summed),
    "cells": Step(
        lambda a, _: _cells(a),
        lambda a, _: [(k, w, of) for k, v, of in a for w in (v, v * 2 + 1)],
    ),
    "below": Step(
        lambda a, b: pl.concat([a.select("k", "v", carried), b.select("k", "v", carried)]),
        lambda a, b: a + b,
    ),
    "even": Step(
        lambda a, _: a.filter(pl.col("v") % 2 == 0), lambda a, _: [r for r in a if r[1] % 2 == 0]
    ),
    "shifted": Step(
        lambda a, _: a.with_columns(pl.col("k") + 1),
        lambda a, _: [(None if k is None else k + 1, v, of) for k, v, of in a],
    ),
}

Plan = Sequence[tuple[str, int, int]]
"""Steps, each with the places of the two tables that it takes: the inputs come first."""


def run(plan: Plan, tables: list[Any], make: Callable[[Step], Callable[[Any, Any], Any]]) -> Any:
    known = list(tables)
    for name, one, other in plan:
        known.append(make(STEPS[name])(known[one % len(known)], known[other % len(known)]))
    return known[-1]


def lake(path: Path, function: Callable[..., pl.LazyFrame], **options: Any) -> Tables:
    """A gold table ``made`` of the silver tables ``left`` and ``right``; none of them on disk."""
    domain = Domain("pairs", title="Pairs", owner="team:pairs")
    origin = Origin(publisher="Nobody", system="None", licence=Licence("CC0-1.0", "CC0"))
    source = domain.source("raw", files="raw/*.csv", schema=KeyAndValue, origin=origin)
    left, right = (
        domain.silver(schema=KeyAndValue, inputs=[source], name=name)(lambda frame: frame)
        for name in ("left", "right")
    )
    domain.gold(schema=KeyAndValue, inputs=[left, right], name="made", **options)(function)
    return Tables(DataRoot(path), Declarations((domain,)))


def put(tables: Tables, key: str, frame: pl.DataFrame) -> None:
    """Write a table as the platform does."""
    path = tables.root.table(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    stamps = {"_ingested_at": datetime(2026, 1, 1, tzinfo=UTC), "_layer": key.split("/")[0]}
    frame.select(
        "k",
        "v",
        CORRECTIONS,
        *(pl.lit(stamps[n]).alias(n) if n in stamps else n for n in PROVENANCE),
    ).write_parquet(path)


def delivered(values: Sequence[tuple[int | None, int]], file: str, chance: random.Random) -> Any:
    return pl.DataFrame(
        [
            {
                "k": k,
                "v": v,
                "_source_file": file,
                "_batch_id": f"batch of {file}",
                "_source_row": place // 2 + 1,  # two rows of each record: an unpivoted table
                CORRECTIONS: chance.choice([None, "mended", "mended|again"]),
            }
            for place, (k, v) in enumerate(values)
        ],
        schema={
            "k": pl.Int64,
            "v": pl.Int64,
            **{name: PROVENANCE[name] for name in ("_source_file", "_batch_id", "_source_row")},
            CORRECTIONS: pl.String,
        },
    )


plans = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 7), st.integers(0, 7)),
    min_size=1,
    max_size=4,
)
keys = st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=6)


@settings(max_examples=30)
@given(plans, keys, keys, st.integers(0, 1 << 32))
def test_random_functions_trace_to_the_rows_that_plain_python_finds(
    tmp_path_factory: pytest.TempPathFactory,
    plan: Plan,
    left_keys: list[int | None],
    right_keys: list[int | None],
    seed: int,
) -> None:
    chance = random.Random(seed)
    tables = lake(
        tmp_path_factory.mktemp("lake"),
        lambda left, right: run(plan, [left, right], lambda step: step.frame),
    )
    # Values that no two sums share, so that a row is known by its own.
    values = [[(k, chance.randrange(10**12)) for k in each] for each in (left_keys, right_keys)]
    inputs = tables.inputs("gold/made")
    files = chance.choice([("a.csv", "b.csv"), ("a.csv", "a.csv")])
    for key, each, file in zip(inputs, values, files, strict=True):
        put(tables, key, delivered(each, file, chance))
    plain = [
        [(k, v, frozenset({(place, number)})) for number, (k, v) in enumerate(each)]
        for place, each in enumerate(values)
    ]
    expected: Rows = run(plan, plain, lambda step: step.plain)

    made = tables.planned("gold/made", {key: tables.frame(key) for key in inputs}).collect()
    assert len(made) == len(expected)
    kept = made.sample(fraction=0.8, shuffle=True, seed=chance.randrange(100))  # some were refused
    put(tables, "gold/made", kept)
    numbers = chance.sample(range(len(kept)), len(kept))
    found = contributors(tables, "gold/made", numbers)

    told: dict[int, set[tuple[int, int]]] = {number: set() for number in numbers}
    for row, key, input_row in found.iter_rows():
        told[row].add((inputs.index(key), input_row))
    rows = kept.select("k", "v").rows()
    assert sorted(((*rows[number], sorted(of)) for number, of in told.items()), key=repr) == sorted(
        _those_kept([(k, v, sorted(of)) for k, v, of in expected], rows), key=repr
    )

    marks = [(place, number) for place, each in enumerate(values) for number in range(len(each))]
    for place, number in chance.sample(marks, min(2, len(marks))):
        forward = products(tables, "gold/made", {inputs[place]: [number]})
        assert set(forward.rows) == {row for row, of in told.items() if (place, number) in of}


def _those_kept(expected: list[Any], rows: list[Any]) -> list[Any]:
    left = list(rows)
    kept = []
    for row in expected:
        if row[:2] in left:
            left.remove(row[:2])
            kept.append(row)
    return kept


def _first_of(left: pl.LazyFrame, right: pl.LazyFrame) -> pl.LazyFrame:
    """Corrects by the name of the file, numbers by the record: both must be left as they are."""
    named = pl.when(pl.col("_source_file") == "a.csv").then(pl.col("v")).otherwise(-1)
    return left.with_columns(
        v=named + pl.col("_source_row").rank("ordinal").over("_batch_id").cast(pl.Int64)
    )


def test_a_function_may_look_at_the_file_the_batch_and_the_record(tmp_path: Path) -> None:
    tables = lake(tmp_path, _first_of)
    chance = random.Random(1)
    for key in tables.inputs("gold/made"):
        put(tables, key, delivered([(1, 10), (2, 20), (3, 30)], "a.csv", chance))
    frames = {key: tables.frame(key) for key in tables.inputs("gold/made")}
    put(tables, "gold/made", tables.planned("gold/made", frames).collect())

    assert contributors(tables, "gold/made", [2, 0]).rows() == [
        (0, "silver/pairs/left", 0),
        (2, "silver/pairs/left", 2),
    ]


def test_a_row_that_the_code_makes_no_more_is_told_to_be_out_of_date(tmp_path: Path) -> None:
    tables = lake(tmp_path, lambda left, _: left)
    chance = random.Random(1)
    for key in (*tables.inputs("gold/made"), "gold/made"):
        put(tables, key, delivered([(1, 10)], "a.csv", chance))
    put(tables, "silver/pairs/left", delivered([(1, 10)], "b.csv", chance))

    with pytest.raises(ChangedError, match="cannot be traced"):
        contributors(tables, "gold/made", [0])


def test_rows_are_numbered_as_they_lie_in_the_file(tmp_path: Path) -> None:
    tables = lake(tmp_path, lambda left, _: left)
    put(tables, "gold/made", delivered([(k, k) for k in range(5)], "a.csv", random.Random(1)))

    found = tables.frame("gold/made", numbered=True).filter(pl.col("k") > 2).collect()

    assert found[NUMBER].to_list() == [3, 4]
