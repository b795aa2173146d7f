"""Column lineage: what it says of plans, of tables and of the files that were delivered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from polars.io.plugins import register_io_source

from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.lineage import (
    ColumnLineage,
    ColumnOrigins,
    Composed,
    FrameLineage,
    FromStaged,
    Origin,
    TableSources,
    Upstream,
    bronze_lineage,
    composed,
    lineage_from,
    lineage_of,
    of_made,
    origins_from,
    recorded,
    staged_lineage,
    to_document,
)
from jobforge_dagster.medallion.lineage import traverser as traverser_module
from jobforge_dagster.medallion.lineage.scans import Scans
from jobforge_dagster.medallion.lineage.traverser import Hidden, Plan, Step
from jobforge_dagster.medallion.quality.judge import Candidate, Made
from jobforge_dagster_tests.plan_shapes import SCHEMAS, SHAPES, random_tables

Expected = dict[str, str]

SAME, T, A = "identity", "transformation", "aggregation"
SHOP, DAY, AMOUNT = "sales.shop", "sales.day", "sales.amount"
PRICE, NOTE = "sales.price", "sales.note"
CODE, TITLE, LEVEL = "shops.code", "shops.title", "shops.level"
SALE = {"shop": f"{SAME} {SHOP}", "day": f"{SAME} {DAY}", "amount": f"{SAME} {AMOUNT}"}
MATCHED = f"join {SHOP}; join {CODE}"

EXPECTED: dict[str, tuple[Expected, str]] = {
    "select_alias": ({"n": f"{SAME} {NOTE}", "amount": f"{T} {AMOUNT}"}, ""),
    "rename_swap": ({"amount": f"{SAME} {DAY}", "day": f"{SAME} {AMOUNT}"}, ""),
    "overwrite": ({"amount": f"{T} {AMOUNT}; {T} {PRICE}", "day": f"{SAME} {DAY}"}, ""),
    "literals": ({"one": "", "none": "", "few": "", "shop": f"{SAME} {SHOP}"}, ""),
    "length": ({"n": ""}, ""),
    "when_then": ({"x": f"{T} {AMOUNT}; {SAME} {PRICE}; conditional {DAY}"}, ""),
    "conditional_of_conditional": (
        {
            "y": f"{T} {AMOUNT}; conditional {DAY}",
            "z": f"{SAME} {PRICE}; conditional {AMOUNT}; conditional {DAY}",
        },
        "",
    ),
    "filter": ({"amount": f"{SAME} {AMOUNT}"}, f"filter {DAY}"),
    "filter_window": (SALE, f"filter {AMOUNT}; filter {SHOP}"),
    "sort": (SALE, f"sort {DAY}; sort {AMOUNT}"),
    "head": (SALE, ""),
    "sorted_head": (SALE, f"sort {DAY}"),
    "top_k": (SALE, f"sort {AMOUNT}"),
    "row_index": ({"row": "", **SALE}, f"filter {AMOUNT}"),
    "unique_subset": (SALE, f"group_by {SHOP}"),
    "unique_all": ({"shop": f"{SAME} {SHOP}"}, f"group_by {SHOP}; group_by {DAY}"),
    "select_explode": ({"w": f"{T} {NOTE}"}, f"filter {NOTE}"),
    "select_filter": ({"x": f"{SAME} {AMOUNT}; filter {DAY}", "y": ""}, f"filter {DAY}"),
    "select_aggregate": ({"amount": f"{A} {AMOUNT}", "m": f"{A} {PRICE}"}, ""),
    "sort_by": ({"x": f"{SAME} {AMOUNT}; sort {DAY}; sort {PRICE}", "shop": f"{SAME} {SHOP}"}, ""),
    "get_arg_max": ({"x": f"{A} {AMOUNT}; filter {DAY}"}, ""),
    "max_by": ({"x": f"{A} {AMOUNT}; sort {DAY}; sort {AMOUNT}"}, ""),
    "window": ({"x": f"{A} {AMOUNT}; window {SHOP}", **SALE}, ""),
    "window_order": ({"x": f"{T} {AMOUNT}; window {SHOP}; window {DAY}"}, ""),
    "window_two_orders": (
        {"x": f"{T} {AMOUNT}; window {SHOP}; window {DAY}; window {PRICE}"},
        "",
    ),
    "window_filter": ({"x": f"{A} {AMOUNT}; filter {DAY}; window {SHOP}"}, ""),
    "expression_rolling": ({"x": f"{A} {AMOUNT}; window {DAY}"}, f"sort {DAY}"),
    "group_by": (
        {
            "shop": f"{SAME} {SHOP}",
            "amount": f"{A} {AMOUNT}",
            "n": "",
            "m": f"{A} {AMOUNT}; {A} {PRICE}",
        },
        f"group_by {SHOP}",
    ),
    "group_by_filter": ({"late": f"{A} {AMOUNT}; filter {DAY}"}, f"group_by {SHOP}"),
    "group_by_condition": ({"x": f"{A} {AMOUNT}; conditional {DAY}"}, f"group_by {SHOP}"),
    "group_by_dynamic": (
        {"_lower_boundary": f"{T} {DAY}", "day": f"{T} {DAY}", "amount": f"{A} {AMOUNT}"},
        f"group_by {DAY}; sort {DAY}",
    ),
    "rolling": ({"day": f"{SAME} {DAY}", "amount": f"{A} {AMOUNT}"}, f"group_by {DAY}; sort {DAY}"),
    "pivot": ({"1": f"{A} {AMOUNT}; filter {DAY}", "shop": f"{SAME} {SHOP}"}, f"group_by {SHOP}"),
    "join_left": ({**SALE, "title": f"{SAME} {TITLE}"}, MATCHED),
    "join_left_both_keys": ({"shop": f"{SAME} {SHOP}", "code": f"{SAME} {CODE}"}, MATCHED),
    "join_inner": ({**SALE, "level": f"{SAME} {LEVEL}"}, MATCHED),
    "join_right": ({"code": f"{SAME} {CODE}", "day": f"{SAME} {DAY}"}, MATCHED),
    "join_full": ({"shop": f"{SAME} {SHOP}", "code": f"{SAME} {CODE}"}, MATCHED),
    "join_full_coalesced": (
        {"shop": f"{SAME} {SHOP}; {SAME} {CODE}", "title": f"{SAME} {TITLE}"},
        MATCHED,
    ),
    "join_semi": (SALE, MATCHED),
    "join_anti": (SALE, MATCHED),
    "join_cross": ({**SALE, "title": f"{SAME} {TITLE}"}, ""),
    "join_suffix": (
        {"amount_other": f"{SAME} {AMOUNT}", "price": f"{SAME} {PRICE}"},
        f"join {SHOP}",
    ),
    "join_right_same_names": (
        {
            "shop": f"{SAME} {SHOP}",
            "amount_right": f"{SAME} {AMOUNT}",
            "amount": f"{SAME} {AMOUNT}",
        },
        f"join {SHOP}",
    ),
    "join_on_expression": ({"code": f"{SAME} {CODE}", "shop": f"{SAME} {SHOP}"}, MATCHED),
    "join_where": ({"title": f"{SAME} {TITLE}"}, f"filter {AMOUNT}; filter {LEVEL}"),
    "join_asof": (
        {"level": f"{SAME} {LEVEL}", "day": f"{SAME} {DAY}"},
        f"join {DAY}; sort {DAY}; join {LEVEL}; sort {LEVEL}; filter {LEVEL}",
    ),
    "join_asof_by": (
        {"title": f"{SAME} {TITLE}"},
        f"join {DAY}; sort {DAY}; join {LEVEL}; sort {LEVEL}; filter {LEVEL}; {MATCHED}",
    ),
    "diamond": (
        {"total": f"{A} {AMOUNT}", "amount": f"{SAME} {AMOUNT}"},
        f"filter {AMOUNT}; group_by {SHOP}; join {SHOP}",
    ),
    "four_times": (
        {"most_0": f"{A} {AMOUNT}", "most_3": f"{A} {AMOUNT}"},
        f"group_by {SHOP}; join {SHOP}",
    ),
    "cache": ({"double": f"{T} {AMOUNT}", "again": f"{T} {AMOUNT}"}, f"join {SHOP}"),
    "concat_vertical": ({"shop": f"{SAME} {SHOP}; {SAME} {CODE}"}, ""),
    "concat_diagonal": ({"amount": f"{SAME} {AMOUNT}", "rank": f"{SAME} {LEVEL}"}, ""),
    "concat_horizontal": ({"shop": f"{SAME} {SHOP}", "title": f"{SAME} {TITLE}"}, ""),
    "concat_horizontal_filtered": ({"shop": f"{SAME} {SHOP}"}, f"filter {LEVEL}"),
    "merge_sorted": (
        {"amount": f"{SAME} {AMOUNT}; {SAME} {LEVEL}"},
        f"sort {DAY}; sort {LEVEL}; filter {LEVEL}",
    ),
    "merge_sorted_as_is": (
        {"day": f"{SAME} {DAY}; {SAME} {LEVEL}", "amount": f"{SAME} {AMOUNT}; {SAME} {LEVEL}"},
        f"sort {DAY}; sort {LEVEL}",
    ),
    "explode": (
        {"code": f"{SAME} tags.code", "labels": f"{T} tags.labels", "info": f"{SAME} tags.info"},
        "filter tags.labels",
    ),
    "explode_computed": ({**SALE, "w": f"{T} {NOTE}"}, f"filter {NOTE}"),
    "unpivot": ({"shop": f"{SAME} {SHOP}", "k": "", "v": f"{T} {AMOUNT}; {T} {DAY}"}, ""),
    "unpivot_rest": ({"variable": "", "value": f"{T} {AMOUNT}; {T} {DAY}"}, ""),
    "struct_unnest": (
        {
            "amount": f"{SAME} {AMOUNT}",
            "p": f"{SAME} {PRICE}",
            "q": f"{SAME} {DAY}",
            "shop": f"{SAME} {SHOP}",
        },
        "",
    ),
    "struct_field": ({"amount": f"{SAME} {AMOUNT}", "z": f"{T} {PRICE}"}, ""),
    "struct_renamed_fields": ({"y": f"{SAME} {DAY}"}, ""),
    "struct_with_fields": ({"amount": f"{SAME} {AMOUNT}", "day": f"{SAME} {DAY}"}, ""),
    "struct_sorted": ({"amount": f"{T} {AMOUNT}; {T} {DAY}"}, ""),
    "struct_grouped": (
        {"shop": f"{SAME} {SHOP}", "day": f"{SAME} {DAY}", "amount": f"{A} {AMOUNT}"},
        f"group_by {SHOP}; group_by {DAY}",
    ),
    "list_eval": ({"u": f"{T} tags.labels", "y": f"{SAME} tags.code"}, ""),
    "constant_frame": ({"rate": "", "shop": f"{SAME} {SHOP}"}, f"join {SHOP}"),
    "is_in_imploded": ({"x": f"{T} {AMOUNT}; {A} {DAY}"}, ""),
    "sql_in": ({"note": f"{SAME} {NOTE}"}, MATCHED),
    "replace_strict": ({"x": f"{T} {SHOP}; {T} {NOTE}"}, ""),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shapes")
    paths = {}
    for key, frame in random_tables(Random("files")).items():
        paths[key] = folder / f"{key}.parquet"
        frame.write_parquet(paths[key])
    return paths


def lineage(name: str, files: Mapping[str, Path]) -> FrameLineage:
    return lineage_of(
        SHAPES[name].make({key: pl.scan_parquet(path) for key, path in files.items()}), files
    )


def told(direct: Mapping[Upstream, str], deciding: Mapping[Upstream, frozenset[Any]]) -> set[str]:
    """What is said, as terms like ``filter sales.day``."""
    return {f"{kind} {source.table}.{source.column}" for source, kind in direct.items()} | {
        f"{kind} {source.table}.{source.column}"
        for source, kinds in deciding.items()
        for kind in kinds
    }


def terms(text: str) -> set[str]:
    return set(text.split("; ")) if text else set()


@pytest.mark.parametrize("name", EXPECTED)
def test_expected_lineage(name: str, files: dict[str, Path]) -> None:
    found = lineage(name, files)
    columns, rows = EXPECTED[name]
    for column, expected in columns.items():
        made = found.columns[column]
        assert told(made.direct, made.indirect) == terms(expected), column
    assert told({}, found.rows) == terms(rows)


@pytest.mark.parametrize("name", SHAPES)
def test_columns_and_opacity(name: str, files: dict[str, Path]) -> None:
    found = lineage(name, files)
    frames = {key: pl.scan_parquet(path) for key, path in files.items()}
    assert list(found.columns) == SHAPES[name].make(frames).collect_schema().names()
    opaque = any(column.opaque for column in found.columns.values()) or bool(found.opaque)
    assert opaque is SHAPES[name].opaque


def test_what_is_opaque_is_made_of_all(files: dict[str, Path]) -> None:
    found = lineage("opaque_map_elements", files)
    assert found.columns["x"].direct == {
        Upstream("sales", name): "transformation" for name in SCHEMAS["sales"]
    }
    assert found.columns["x"].opaque == ("anonymousfunction",)
    assert found.columns["shop"].opaque == ()
    assert not found.rows
    assert lineage("opaque_filter", files).rows.keys() == found.columns["x"].direct.keys()
    assert lineage("opaque_filter", files).opaque


OVER_READ = {
    "a column is read only for the number of rows": {"literals", "length", "match_to_schema"},
    "all frames beside each other are read whole": {
        "is_in_other_frame",
        "concat_horizontal",
        "concat_horizontal_filtered",
    },
    "frames below each other are read alike": {"concat_diagonal"},
    "what is filtered is read to count what is left": {"select_filter"},
    "all columns of an unpivot are read": {"unpivot", "unpivot_rest", "unpivot_no_index"},
    "a struct is made whole before a field of it is taken": {
        "struct_unnest",
        "struct_field",
        "struct_renamed_fields",
        "struct_with_fields",
        "struct_in_file_unnest",
    },
}
"""Shapes of which the recording sources are asked for more than the plan says, and why."""


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "opaque_filter"])
def test_recording_sources_agree(name: str, files: dict[str, Path]) -> None:
    """All that the plan says is read; more is read only for known reasons.

    Where the plan is opaque it is the other way round: recording sees through, so the plan must
    not say less. A filter in Python cannot be handed to a recording source.
    """
    found = lineage(name, files)
    asked = recorded(SHAPES[name].make, SCHEMAS)
    over_read = any(name in names for names in OVER_READ.values())
    more = set()
    for column, made in found.columns.items():
        walked = {*made.direct, *made.indirect, *found.rows}
        if not SHAPES[name].opaque:
            assert walked <= asked[column], column
        more |= asked[column] - walked
    assert bool(more) is over_read


ADDED_LATER = {"Agg", "BinaryExpr", "Cast", "Literal"}
"""What Polars may put around an expression that it has numbered already; none of it is hidden."""


def test_hidden_expressions_lie_between_their_neighbours(files: dict[str, Path]) -> None:
    """Columns of hidden parts are found by number; so it must be true of all that is shown."""
    looked_at = 0
    for shape in SHAPES.values():
        frames = {key: pl.scan_parquet(path) for key, path in files.items()}
        plan = Plan(shape.make(frames))
        waiting = [plan.step(plan.last)]
        while waiting:
            step = waiting.pop()
            waiting.extend(map(plan.step, step.inputs))
            trees = [_parts(plan, each.node) for each in plan.expressions(step.id)]
            everything = {number for tree in trees for number in tree}
            for number, kind in {item for tree in trees for item in tree.items()}:
                if kind in ADDED_LATER:
                    continue
                inside = _parts(plan, number)
                columns = [part for part, kind in inside.items() if kind == "Column"]
                below = max((each for each in everything - {*inside} if each < number), default=-1)
                assert all(below < column <= number for column in columns)
                looked_at += len(columns)
    assert looked_at > 400


def _parts(plan: Plan, root: int) -> dict[int, str]:
    from jobforge_dagster.medallion.lineage.operations import PARTS

    found: dict[int, str] = {}
    waiting = [root]
    while waiting:
        number = waiting.pop()
        try:
            view = plan.expression(number)
        except Hidden:
            continue
        kind = type(view).__name__
        found[number] = kind
        if kind == "BinaryExpr":
            waiting += (view.left, view.right)
        elif kind in PARTS:
            waiting += PARTS[kind](view)
    return found


def test_what_is_cached_is_looked_at_once(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = Scans.read

    def counted(self: Scans, plan: Plan, step: Step) -> Any:
        read.append(step.id)
        return original(self, plan, step)

    monkeypatch.setattr(Scans, "read", counted)
    frame = pl.scan_parquet(files["sales"]).select("shop", "amount")
    for place in range(5):
        cached = frame.cache()
        frame = cached.join(cached.select("shop", pl.col("amount").alias(f"a{place}")), on="shop")
    assert lineage_of(frame, files).columns["a4"].direct == {
        Upstream("sales", "amount"): "identity"
    }
    assert len(read) == 1


def test_other_files_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pl.DataFrame({"shop": ["a"]}).write_parquet(other)
    frame = pl.scan_parquet(files["sales"]).join(pl.scan_parquet(other), on="shop")
    with pytest.raises(ContractError, match=r"other\.parquet, which is the file of no declared"):
        lineage_of(frame, files)


def test_sources_in_python_are_refused(files: dict[str, Path]) -> None:
    frame = register_io_source(lambda *_: iter([]), schema=SCHEMAS["shops"])
    with pytest.raises(ContractError, match="reads from PythonScan"):
        lineage_of(frame, files)


def test_another_version_of_plans_is_refused(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traverser_module, "PLAN_VERSION", (1, 0))
    with pytest.raises(ContractError, match="uv sync"):
        lineage("filter", files)


def test_paths_may_be_spelled_differently(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files["sales"].parent)
    found = lineage_of(pl.scan_parquet("sales.parquet"), files)
    assert found.tables == {"sales"}


def test_tables_read_for_their_rows_alone_are_known(files: dict[str, Path]) -> None:
    rows = pl.scan_parquet(files["shops"]).select(pl.len())
    frame = pl.scan_parquet(files["sales"]).join(rows, how="cross")
    assert lineage_of(frame, files).tables == {"sales", "shops"}


def test_the_scan_may_say_where_a_row_lies(files: dict[str, Path]) -> None:
    frame = pl.scan_parquet(files["shops"], include_file_paths="path", row_index_name="row")
    found = lineage_of(frame, files)
    assert found.columns["path"] == found.columns["row"] == ColumnLineage({}, {})


def test_what_the_audit_does_counts_for_rows(files: dict[str, Path]) -> None:
    from jobforge_dagster.medallion.provenance import CARRIED
    from jobforge_dagster.medallion.quality.rules import Rule

    frame = pl.scan_parquet(files["sales"]).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in CARRIED.items()
    )
    rule = Rule("t:r", pl.col("price") > 0, pl.lit(""), "check")
    candidate = Candidate(
        "t",
        frame,
        ("shop", "day", "amount"),
        (rule,),
        frame.select(pl.len()),
        unique=("shop",),
        by=("day",),
        order=("amount",),
    )
    found = of_made(Made(candidate, "", primary_key=("shop",)), (), files)
    assert told({}, found.rows) == terms(
        f"filter {PRICE}; group_by {SHOP}; group_by {DAY}; sort {DAY}; sort {AMOUNT}; sort {SHOP}"
    )


STAGED = staged_lineage("orders", {"Id": "Id ", "Shop": "Shop", "2020": "2020", "Qty": "Qty"})
BRONZE = bronze_lineage(
    "staged/s/orders",
    {
        "id": FromStaged(("Id",)),
        "qty": FromStaged(("Qty",), unchanged=True),
        "2020": FromStaged(("2020",), alone=True),
    },
    key=["id"],
)


def test_bronze_and_staged() -> None:
    found = composed(BRONZE, {"staged/s/orders": STAGED})
    identifier, year = Origin("orders", "Id "), Origin("orders", "2020")
    assert found.columns["id"].direct == {identifier: "transformation"}
    assert found.columns["id"].indirect == {identifier: {"conditional"}}
    assert found.columns["qty"].direct == {Origin("orders", "Qty"): "identity"}
    assert found.columns["_unread"].direct == {year: "transformation"}
    assert found.columns["source_system"] == found.columns["_source_row"] == ColumnOrigins()
    assert found.rows == {
        identifier: {"filter", "group_by"},
        Origin("orders", "Qty"): {"filter"},
    }


def test_composition_follows_what_decides() -> None:
    x, y, z, w = (Origin("s", header) for header in "xyzw")
    upstream = Composed(
        {
            "u": ColumnOrigins({x: "aggregation"}, {y: frozenset({"window"})}, ("hidden",)),
            "v": ColumnOrigins({z: "identity"}),
        },
        {w: frozenset({"join"})},
    )
    table = FrameLineage(
        {
            "direct": ColumnLineage({Upstream("t", "u"): "identity"}, {}),
            "decided": ColumnLineage(
                {Upstream("t", "v"): "transformation"},
                {Upstream("t", "u"): frozenset({"conditional"})},
            ),
        },
        {Upstream("t", "v"): frozenset({"filter"})},
        frozenset({"t"}),
    )
    found = composed(table, {"t": upstream})
    assert found.columns["direct"] == ColumnOrigins(
        {x: "aggregation"}, {y: frozenset({"window"})}, ("hidden",)
    )
    assert found.columns["decided"].direct == {z: "transformation"}
    assert found.columns["decided"].indirect == {x: {"conditional"}, y: {"conditional"}}
    assert found.rows == {w: {"join"}, z: {"filter"}}


def test_unknown_origins_are_refused() -> None:
    table = FrameLineage({}, {Upstream("t", "v"): frozenset({"filter"})}, frozenset({"t"}))
    with pytest.raises(ContractError, match="origins of t are not known"):
        composed(table, {})
    with pytest.raises(ContractError, match="origins of v of t are not known"):
        composed(table, {"t": Composed({})})
    stamped = FrameLineage(
        {}, {Upstream("t", "_ingested_at"): frozenset({"sort"})}, frozenset({"t"})
    )
    assert composed(stamped, {"t": Composed({})}).rows == {}


def test_documents_hold_all_and_are_stable() -> None:
    origins = composed(BRONZE, {"staged/s/orders": STAGED})
    document = to_document(BRONZE, origins)
    text = document.to_json()
    assert TableSources.model_validate_json(text) == document
    assert lineage_from(document) == BRONZE
    assert origins_from(document) == origins
    turned = FrameLineage(
        BRONZE.columns, dict(reversed(BRONZE.rows.items())), BRONZE.tables, BRONZE.opaque
    )
    assert to_document(turned, origins).to_json() == text
    assert '"opaque"' not in text


@pytest.mark.parametrize("columns", [250])
def test_wide_plans_are_walked_in_linear_time(columns: int, tmp_path: Path) -> None:
    """Deep and wide expressions need no recursion; a chain of operators is looked at once."""
    path = tmp_path / "wide.parquet"
    names = [f"c{place}" for place in range(columns)]
    pl.DataFrame({name: [1] for name in names}).write_parquet(path)
    wide = pl.scan_parquet(path)
    chosen = pl.lit(None)
    for name in names:
        chosen = pl.when(pl.col(name) > 1).then(pl.col(name)).otherwise(chosen)
    frame = wide.with_columns(x=chosen).filter(pl.all_horizontal(pl.col(names) > 0))
    for _ in range(columns):
        frame = frame.with_columns(pl.col("c0") + 1)
    found = lineage_of(frame, {"wide": path})
    assert len(found.columns["x"].direct) == len(found.rows) == columns
    assert found.columns["c0"].direct == {Upstream("wide", "c0"): "transformation"}
