"""Column lineage is sound: a column that is not named as a source changes nothing when it does."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge_dagster.domains.oasis.ratings import FAMILIES
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.layers import table as table_layer
from jobforge_dagster.medallion.lineage import (
    Composed,
    FrameLineage,
    FromStaged,
    Origin,
    Upstream,
    bronze_lineage,
    composed,
    lineage_from,
    lineage_of,
    of_made,
    origins_from,
    staged_lineage,
    to_document,
)
from jobforge_dagster.medallion.provenance import INGESTED_AT, LAYER, PROVENANCE
from jobforge_dagster.medallion.quality.judge import Judgement, Made
from jobforge_dagster.medallion.storage import deliveries, parquet
from jobforge_dagster_tests.conftest import DOMAINS, Lake
from jobforge_dagster_tests.made import made_sample
from jobforge_dagster_tests.plan_shapes import (
    COLUMNS,
    SHAPES,
    Frames,
    Make,
    Shape,
    mutated,
    random_tables,
)

ROUNDS = 3
"""Random tables for each shape; each of their columns is mutated in turn."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shapes")
    paths = {}
    for key, frame in random_tables(random.Random("files")).items():
        paths[key] = folder / f"{key}.parquet"
        frame.write_parquet(paths[key])
    return paths


def sources(lineage: FrameLineage, column: str) -> set[Upstream]:
    """All that a column may change with."""
    found = lineage.columns[column]
    return {*found.direct, *found.indirect, *lineage.rows}


def run(shape: Shape, tables: Mapping[str, pl.DataFrame]) -> dict[str, list[object]] | None:
    """The columns of the result; ``None`` where its data does not fit the plan."""
    try:
        made = shape.make({key: frame.lazy() for key, frame in tables.items()}).collect()
    except pl.exceptions.PolarsError:
        return None
    columns = {name: made[name].to_list() for name in made.columns}
    if not shape.ordered:
        return {name: sorted(cells, key=repr) for name, cells in columns.items()}
    return columns


def changes(shape: Shape, seeds: Sequence[str]) -> Iterator[tuple[Upstream, set[str]]]:
    """Each source column that was changed, with the columns of the result that changed with it."""
    for seed in seeds:
        rng = random.Random(seed)
        tables = random_tables(rng)
        before = run(shape, tables)
        if before is None:
            continue
        for table, column in COLUMNS:
            after = run(shape, mutated(tables, table, column, rng))
            if after is not None:
                yield (
                    Upstream(table, column),
                    {each for each in before if repr(before[each]) != repr(after[each])},
                )


@pytest.mark.parametrize("name", SHAPES)
def test_only_named_sources_change_a_column(name: str, files: dict[str, Path]) -> None:
    frames = {key: pl.scan_parquet(path) for key, path in files.items()}
    lineage = lineage_of(SHAPES[name].make(frames), files)
    trials, seen = 0, False
    for changed, columns in changes(SHAPES[name], [f"{name}/{place}" for place in range(ROUNDS)]):
        trials += 1
        seen |= bool(columns)
        wrong = {column for column in columns if changed not in sources(lineage, column)}
        assert not wrong, f"{changed} changed {wrong}, but is no source"
    assert trials >= 6
    assert seen or name == "length", "no trial changed anything, so nothing was shown"


VAIN = {"struct_with_fields": "the plan does not show which field pl.field() takes"}
"""Shapes with a direct source too many, and why."""


@pytest.mark.parametrize(
    "name", [name for name, shape in SHAPES.items() if shape.ordered and not shape.opaque]
)
def test_no_direct_source_is_named_in_vain(name: str, files: dict[str, Path]) -> None:
    """What a column is said to be made of does change it, in some table."""
    frames = {key: pl.scan_parquet(path) for key, path in files.items()}
    lineage = lineage_of(SHAPES[name].make(frames), files)
    named = {(column, source) for column, made in lineage.columns.items() for source in made.direct}
    shown: set[tuple[str, Upstream]] = set()
    for changed, columns in changes(SHAPES[name], [f"{name}+{place}" for place in range(12)]):
        shown |= {(column, changed) for column in columns}
        if named <= shown:
            break
    assert (named <= shown) is (name not in VAIN)


C = pl.col
BLOCKS: dict[str, Callable[[pl.LazyFrame, Frames], pl.LazyFrame]] = {
    "filter": lambda frame, _: frame.filter(C("x") > 1),
    "filter on a window": lambda frame, _: frame.filter(C("x") >= C("x").mean().over("key")),
    "compute": lambda frame, _: frame.with_columns(x=C("x") + C("y")),
    "swap": lambda frame, _: frame.rename({"x": "y", "y": "x"}),
    "condition": lambda frame, _: frame.with_columns(
        y=pl.when(C("key") == "a").then(C("x")).otherwise(C("y"))
    ),
    "constant": lambda frame, _: frame.with_columns(y=pl.lit(1)),
    "window": lambda frame, _: frame.with_columns(y=C("x").sum().over("key")),
    "ordered window": lambda frame, _: frame.with_columns(
        y=C("x").cum_sum().over("key", order_by=["y", "z"])
    ),
    "sort": lambda frame, _: frame.sort("y", "key", maintain_order=True, nulls_last=True),
    "head": lambda frame, _: frame.head(5),
    "distinct": lambda frame, _: frame.unique(["key", "x"], keep="first", maintain_order=True),
    "group": lambda frame, _: frame.group_by("key", maintain_order=True).agg(
        C("x").max(), C("y").filter(C("z") == "one").sum(), C("z").drop_nulls().first()
    ),
    "join": lambda frame, f: (
        frame.join(
            f["shops"].select(key="code", y2="level", z2="title"),
            on="key",
            how="left",
            maintain_order="left_right",
        )
        .with_columns(y=pl.coalesce("y2", "y"), z="z2")
        .drop("y2", "z2")
    ),
    "semi join": lambda frame, f: frame.join(
        f["shops"].filter(C("level") > 2),
        left_on="key",
        right_on="code",
        how="semi",
        maintain_order="left",
    ),
    "join with itself": lambda frame, _: (
        frame.join(
            frame.group_by("key").agg(y2=C("y").max()), on="key", how="left", maintain_order="left"
        )
        .with_columns(y="y2")
        .drop("y2")
    ),
    "stack": lambda frame, f: pl.concat(
        [frame, f["shops"].select(key="code", x="level", y=pl.lit(0), z="title")],
        how="vertical_relaxed",
    ),
    "explode": lambda frame, _: frame.with_columns(
        z=C("z").str.split("e").list.unique(maintain_order=True)
    ).explode("z"),
    "unpivot": lambda frame, _: frame.unpivot(
        ["x", "y"], index=["key", "z"], variable_name="which", value_name="value"
    ).with_columns(x="value", y=C("which").str.len_chars().cast(pl.Int64)),
    "struct": lambda frame, _: (
        frame.with_columns(s=pl.struct("x", "y"))
        .with_columns(x=C("s").struct.field("y"), y=C("s").struct.field("x"))
        .drop("s")
    ),
    "number": lambda frame, _: (
        frame.with_row_index("n").with_columns(y=C("n").cast(pl.Int64)).drop("n")
    ),
}
"""Steps from a frame of ``key``, ``x``, ``y`` and ``z`` to another such frame."""


def pipeline(names: Sequence[str]) -> Make:
    def make(frames: Frames) -> pl.LazyFrame:
        frame = frames["sales"].select(key="shop", x="amount", y="day", z="note")
        for name in names:
            frame = BLOCKS[name](frame, frames).select("key", "x", "y", "z")
        return frame

    return make


@settings(max_examples=250, derandomize=True)
@given(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=6))
def test_random_pipelines_are_sound(files: dict[str, Path], names: list[str]) -> None:
    shape = Shape(pipeline(names))
    frames = {key: pl.scan_parquet(path) for key, path in files.items()}
    lineage = lineage_of(shape.make(frames), files)
    for changed, columns in changes(shape, ["/".join(names)]):
        wrong = {column for column in columns if changed not in sources(lineage, column)}
        assert not wrong, f"{changed} changed {wrong}, but is no source"


MUTATIONS = 6
"""Columns of inputs that are changed for each shipped table."""


def scan(path: Path) -> pl.LazyFrame:
    """A table as a function is given it."""
    return parquet.scan(path).drop(INGESTED_AT, LAYER)


def accepted(table: Table, paths: Mapping[str, Path]) -> pl.DataFrame:
    made = table_layer.build(table, {key: scan(path) for key, path in paths.items()})
    keys = list(made.primary_key)
    rows = Judgement(made.candidate).accepted.collect(engine="streaming")
    return rows.sort(keys, nulls_last=True, maintain_order=True) if keys else rows


def altered(frame: pl.DataFrame, column: str, rng: random.Random) -> pl.DataFrame:
    """The same rows, some of which have another's value in one column, or a changed one."""
    values = frame[column].to_list()
    hit = rng.sample(range(len(values)), max(1, len(values) // 3))
    for place in hit:
        value = values[rng.randrange(len(values))]
        if isinstance(value, str) and rng.random() < 0.3:
            value = f"{value} "
        values[place] = value
    return frame.with_columns(pl.Series(column, values, frame.schema[column]))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A data root with all shipped tables."""
    return made_sample(tmp_path_factory, tmp_path_factory.mktemp("lake"))


def test_shipped_tables_are_sound(lake: Lake, tmp_path: Path) -> None:
    """No value of a shipped table changes with a column that is not among its sources."""
    trials, seen = 0, 0
    for table in discover([DOMAINS]).tables:
        inputs: tuple[Source | Table, ...] = tuple(dict.fromkeys((*table.inputs, *table.parents)))
        paths = {each.key: lake.root.table(each.key) for each in inputs}
        made = table_layer.build(table, {key: scan(path) for key, path in paths.items()})
        lineage = of_made(made, (), paths)
        assert not lineage.opaque, table.key
        assert not [name for name, each in lineage.columns.items() if each.opaque], table.key
        assert lineage.tables <= paths.keys()
        rng = random.Random(table.key)
        before = accepted(table, paths)
        assert {source.table for source in lineage.rows} <= paths.keys()
        for place in range(MUTATIONS):
            key = rng.choice(sorted(paths))
            frame = pl.read_parquet(paths[key], glob=False)
            # What decides rows may change all, which would show nothing.
            free = [
                name
                for name in frame.columns
                if Upstream(key, name) not in lineage.rows and name not in (INGESTED_AT, LAYER)
            ]
            column = rng.choice(free or frame.columns)
            changed = tmp_path / f"{place}.parquet"
            altered(frame, column, rng).write_parquet(changed)
            after = accepted(table, {**paths, key: changed})
            trials += 1
            for name in before.columns:
                differs = not before[name].equals(after[name])
                seen += differs
                assert not differs or Upstream(key, column) in sources(lineage, name), (
                    f"{column} of {key} changed {name} of {table.key}, but is no source"
                )
    assert trials >= 150
    assert seen >= 50


def delivered(lake: Lake, source: Source) -> tuple[Path, Made, dict[str, FromStaged]]:
    """The staged file of a source, the plan of its bronze table, and how its columns are made."""
    [manifest] = deliveries.standing(lake.root, source)
    path = lake.root.path / manifest.staged_file
    [gathered] = bronze.gathered(source, [manifest], lambda _: parquet.scan(path))
    types = gathered.frame.collect_schema()
    columns = {
        each.name: FromStaged(
            (each.staged,),
            unchanged=types[each.staged] == each.dtype != pl.String and not each.path,
            alone=each.wide and each.dtype != pl.String,
        )
        for each in gathered.columns
    }
    return path, bronze.build(source, [gathered]), columns


def test_bronze_is_as_its_plan_says(lake: Lake) -> None:
    """What is said of bronze without a plan is what the plan says, but that text may change."""
    for source in discover([DOMAINS]).sources:
        path, made, columns = delivered(lake, source)
        said = bronze_lineage(source.staged_key, columns)
        planned = of_made(made, (), {source.staged_key: path})
        assert planned.rows == said.rows
        assert planned.columns.keys() == said.columns.keys()
        for name, column in planned.columns.items():
            assert column.indirect == said.columns[name].indirect
            assert column.direct.keys() == said.columns[name].direct.keys()
            if name not in columns:
                assert column == said.columns[name]


MADE_OF_NO_VALUE = {
    *("year", "header", "measure", "scale_max", "scale_no"),  # headers, and what code says of each
    *("scope", "excluded_kind", "is_split"),  # a literal that a condition chose, or a count
    *("ordinal", "exclusion_no"),  # numbers given to rows
}
"""Columns of shipped tables that hold no part of a delivered value."""


def test_origins_of_shipped_tables(lake: Lake) -> None:
    """Every column of every shipped table is followed to the headers that were delivered."""
    declared = discover([DOMAINS])
    known: dict[str, Composed] = {}
    for source in declared.sources:
        path, _, columns = delivered(lake, source)
        names = [name for name in parquet.scan(path).collect_schema() if name not in PROVENANCE]
        staged = staged_lineage(source.name, {name: name for name in names})
        said = bronze_lineage(source.staged_key, columns)
        known[source.key] = composed(said, {source.staged_key: staged})
    waiting = list(declared.tables)
    while waiting:
        table = waiting.pop(0)
        inputs = (*table.inputs, *table.parents)
        if any(each.key not in known for each in inputs):
            waiting.append(table)
            continue
        paths = {each.key: lake.root.table(each.key) for each in inputs}
        made = table_layer.build(table, {key: scan(path) for key, path in paths.items()})
        lineage = of_made(made, (), paths)
        known[table.key] = composed(lineage, known)
        document = to_document(lineage, known[table.key])
        assert origins_from(document) == known[table.key]
        assert lineage_from(document) == lineage
    title = known["gold/dim_noc"].columns["title"]
    assert title.direct == {Origin("noc_structure", "Class title"): "transformation"}
    score = known["gold/fact_oasis_rating"].columns["score"].direct
    assert len(score) > 200
    assert {origin.source for origin in score} == {f"oasis_{name}" for name in FAMILIES}
    gap = known["gold/fact_cops_outlook"].columns["gap"].direct
    assert len(gap) == 2
    made_of_nothing = {
        name
        for key, table in known.items()
        if key.startswith("gold/")
        for name, column in table.columns.items()
        if not column.direct and not name.startswith("_")
    }
    assert made_of_nothing == MADE_OF_NO_VALUE
