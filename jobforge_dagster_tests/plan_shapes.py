"""Shapes of query plans that column lineage must get right, over three small tables.

``sales`` (shop, day, amount, price, note), ``shops`` (code, title, level) and ``tags`` (code,
labels: a list, info: a struct of x and y).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import polars.selectors as cs

Frames = Mapping[str, pl.LazyFrame]
Make = Callable[[Frames], pl.LazyFrame]

SCHEMAS: dict[str, pl.Schema] = {
    "sales": pl.Schema(
        {
            "shop": pl.String(),
            "day": pl.Int64(),
            "amount": pl.Int64(),
            "price": pl.Float64(),
            "note": pl.String(),
        }
    ),
    "shops": pl.Schema({"code": pl.String(), "title": pl.String(), "level": pl.Int64()}),
    "tags": pl.Schema(
        {
            "code": pl.String(),
            "labels": pl.List(pl.String()),
            "info": pl.Struct({"x": pl.Int64(), "y": pl.String()}),
        }
    ),
}
COLUMNS = [(table, column) for table, schema in SCHEMAS.items() for column in schema]


@dataclass(frozen=True)
class Shape:
    """A plan: whether the order of its rows stands, and whether it cannot be looked into."""

    make: Make
    ordered: bool = True
    opaque: bool = False


def values(column: str, dtype: Any, rows: int, rng: random.Random) -> list[Any]:
    """Random values of a column; few different ones, so that keys meet and groups have members."""
    if column in {"shop", "code"}:
        return [rng.choice(["a", "b", "c", "d", None]) for _ in range(rows)]
    if column == "day":
        return [rng.randint(1, 6) for _ in range(rows)]
    if column == "note":
        return [rng.choice(["p", "p,q", "q,p,r", "r", None]) for _ in range(rows)]
    if dtype == pl.Int64:
        return [rng.choice([None, *range(-3, 9)]) for _ in range(rows)]
    if dtype == pl.Float64:
        return [rng.choice([None, *(each / 4 for each in range(12))]) for _ in range(rows)]
    if isinstance(dtype, pl.List):
        return [rng.choice([["k"], ["k", "l"], ["m", "k", "l"], None]) for _ in range(rows)]
    if isinstance(dtype, pl.Struct):
        return [{"x": rng.randint(0, 5), "y": rng.choice("stuv")} for _ in range(rows)]
    return [rng.choice(["one", "two", "three", "four", None]) for _ in range(rows)]


def random_tables(rng: random.Random) -> dict[str, pl.DataFrame]:
    """The three tables with random rows."""
    return {
        table: pl.DataFrame(
            {name: values(name, dtype, rows, rng) for name, dtype in schema.items()}, schema=schema
        )
        for (table, schema), rows in zip(SCHEMAS.items(), (9, 5, 4), strict=True)
    }


def mutated(
    tables: Mapping[str, pl.DataFrame], table: str, column: str, rng: random.Random
) -> dict[str, pl.DataFrame]:
    """The same tables, with other values in one column."""
    frame, dtype = tables[table], SCHEMAS[table][column]
    other = pl.Series(column, values(column, dtype, frame.height, rng), dtype)
    return {**tables, table: frame.with_columns(other)}


c = pl.col
BY_SHOP = {"left_on": "shop", "right_on": "code"}
KEPT: dict[str, Any] = {"maintain_order": "left_right"}


def _sales(*expressions: pl.Expr | str, **named: pl.Expr) -> Make:
    return lambda f: f["sales"].select(*expressions, **named)


def _with(**named: pl.Expr) -> Make:
    return lambda f: f["sales"].with_columns(**named)


def _join(how: str, **options: Any) -> Make:
    told = {**BY_SHOP, **KEPT, **options}
    return lambda f: f["sales"].join(f["shops"], how=how, **told)


def _grouped(*aggregations: pl.Expr, **named: pl.Expr) -> Make:
    return lambda f: f["sales"].group_by("shop", maintain_order=True).agg(*aggregations, **named)


def _diamond(f: Frames) -> pl.LazyFrame:
    base = f["sales"].filter(c("amount") > 0)
    totals = base.group_by("shop").agg(total=c("amount").sum())
    return base.join(totals, on="shop", how="left", maintain_order="left")


def _four_times(f: Frames) -> pl.LazyFrame:
    frame = f["sales"].select("shop", "day", "amount")
    for place in range(4):
        other = frame.group_by("shop").agg(c("amount").max().alias(f"most_{place}"))
        frame = frame.join(other, on="shop", how="left", maintain_order="left")
    return frame


def _cached(f: Frames) -> pl.LazyFrame:
    base = f["sales"].with_columns(double=c("amount") * 2).cache()
    return base.join(base.select("shop", again="double"), on="shop", **KEPT)


def _sql(query: str) -> Make:
    return lambda f: pl.SQLContext(dict(f)).execute(query)


def _deep(f: Frames) -> pl.LazyFrame:
    frame = f["sales"]
    for place in range(40):
        frame = frame.with_columns(amount=c("amount") + place)
    return frame


SHAPES: dict[str, Shape] = {
    "select_alias": Shape(_sales(c("note").alias("n"), c("amount") + 1)),
    "rename_swap": Shape(lambda f: f["sales"].rename({"amount": "day", "day": "amount"})),
    "drop": Shape(lambda f: f["sales"].drop("note", "price")),
    "cast": Shape(lambda f: f["sales"].cast({"amount": pl.Float64})),
    "selectors": Shape(_sales(cs.integer().name.suffix("_i"), cs.string())),
    "overwrite": Shape(_with(amount=c("amount") * c("price"))),
    "literals": Shape(_with(one=pl.lit(1), none=pl.lit(None), few=pl.lit([1, 2]))),
    "length": Shape(_sales(n=pl.len())),
    "when_then": Shape(_with(x=pl.when(c("day") > 3).then(c("amount")).otherwise(c("price")))),
    "when_chain": Shape(
        _with(
            x=pl.when(c("day") > 4)
            .then(c("amount"))
            .when(c("note") == "p")
            .then(pl.lit(0))
            .otherwise(c("price"))
        )
    ),
    "conditional_of_conditional": Shape(
        lambda f: (
            f["sales"]
            .with_columns(x=pl.when(c("day") > 3).then(c("amount")))
            .select(y=c("x") + 1, z=pl.when(c("x") > 2).then(c("price")))
        )
    ),
    "coalesce": Shape(_with(x=pl.coalesce("amount", "price"))),
    "fill_null": Shape(_with(x=c("amount").fill_null(c("day")))),
    "concat_str": Shape(_with(x=pl.concat_str("shop", "note", separator="-"))),
    "format": Shape(_with(x=pl.format("{}:{}", "shop", "day"))),
    "horizontal_sum": Shape(_with(x=pl.sum_horizontal("amount", "day"))),
    "any_horizontal": Shape(_with(x=pl.any_horizontal(c("amount") > 2, c("day") > 2))),
    "replace": Shape(_with(x=c("shop").replace({"a": "z"}))),
    "replace_strict": Shape(
        _with(x=c("shop").replace_strict({"a": "z"}, default=c("note"), return_dtype=pl.String))
    ),
    "is_in": Shape(lambda f: f["sales"].filter(c("shop").is_in(["a", "b"]))),
    "is_in_imploded": Shape(_with(x=c("amount").is_in(c("day").implode()))),
    "is_in_other_frame": Shape(
        lambda f: pl.concat(
            [f["sales"].head(4).select("shop"), f["shops"].head(4).select("code")],
            how="horizontal_extend",
        ).with_columns(known=c("shop").is_in(c("code").implode()))
    ),
    "filter": Shape(lambda f: f["sales"].filter(c("day") > 3).select("amount")),
    "drop_nulls": Shape(lambda f: f["sales"].drop_nulls("price")),
    "filter_window": Shape(
        lambda f: f["sales"].filter(c("amount") == c("amount").max().over("shop"))
    ),
    "sort": Shape(lambda f: f["sales"].sort("day", c("amount") * 2, maintain_order=True)),
    "sort_descending": Shape(
        lambda f: f["sales"].sort("price", descending=True, maintain_order=True)
    ),
    "top_k": Shape(lambda f: f["sales"].top_k(3, by="amount"), ordered=False),
    "head": Shape(lambda f: f["sales"].head(3)),
    "sorted_head": Shape(lambda f: f["sales"].sort("day", maintain_order=True).head(3)),
    "tail_reverse": Shape(lambda f: f["sales"].reverse().tail(3)),
    "gather_every": Shape(lambda f: f["sales"].gather_every(2)),
    "row_index": Shape(lambda f: f["sales"].filter(c("amount") > 0).with_row_index("row")),
    "scan_row_index": Shape(lambda f: f["sales"].with_row_index("row")),
    "unique_subset": Shape(
        lambda f: f["sales"].unique(["shop"], keep="first", maintain_order=True)
    ),
    "unique_all": Shape(lambda f: f["sales"].select("shop", "day").unique(maintain_order=True)),
    "unique_none": Shape(lambda f: f["sales"].unique("day", keep="none", maintain_order=True)),
    "unique_expression": Shape(
        lambda f: f["sales"].unique([c("note").str.len_chars()], keep="first", maintain_order=True)
    ),
    "select_explode": Shape(_sales(w=c("note").str.split(",").explode())),
    "select_drop_nulls": Shape(_sales(x=c("amount").drop_nulls(), y=pl.lit(1))),
    "select_unique": Shape(_sales(x=c("day").unique(maintain_order=True))),
    "select_filter": Shape(_sales(x=c("amount").filter(c("day") > 3), y=pl.lit(1))),
    "select_slice": Shape(_sales(x=c("amount").slice(c("day").min().fill_null(0), 3))),
    "select_aggregate": Shape(_sales(c("amount").sum(), m=c("price").mean())),
    "select_mixed": Shape(_sales("shop", share=c("amount") / c("amount").sum())),
    "select_sort": Shape(_sales(c("amount").sort(), "shop")),
    "sort_by": Shape(_sales("shop", x=c("amount").sort_by("day", "price"))),
    "gather": Shape(_sales("shop", x=c("amount").gather(c("day").arg_sort()))),
    "get_arg_max": Shape(_sales(x=c("amount").get(c("day").arg_max()))),
    # Of rows that tie, Polars takes any (now and then another one): none with other amounts tie.
    "top_k_by": Shape(_sales(x=c("amount").top_k_by(["day", "amount"], 3)), ordered=False),
    "max_by": Shape(_sales(x=c("amount").max_by(c("day") * 100 + c("amount")))),
    "mode_and_quantile": Shape(
        _grouped(q=c("amount").quantile(0.5), m=c("day").mode().min(), n=c("note").n_unique())
    ),
    "any_all": Shape(_grouped(a=(c("amount") > 2).any(), b=(c("day") > 2).all())),
    # Its last digit depends on how Polars parts the rows.
    "corr": Shape(_sales(x=pl.corr("amount", "day").round(9))),
    "value_counts": Shape(
        lambda f: f["sales"].select(v=c("shop").value_counts(sort=True)).unnest("v"), ordered=False
    ),
    "cumulative": Shape(_with(x=c("amount").cum_sum(), y=c("day").shift(), z=c("price").diff())),
    "rank": Shape(_with(x=c("amount").rank("ordinal"))),
    "rolling_mean": Shape(_with(x=c("price").rolling_mean(2, min_samples=1))),
    "rolling_mean_by": Shape(_with(x=c("price").rolling_mean_by("day", "2i"))),
    "forward_fill": Shape(_with(x=c("amount").forward_fill(), y=c("price").interpolate())),
    "duplicated": Shape(_with(x=c("shop").is_duplicated(), y=c("day").is_first_distinct())),
    "cut_and_hash": Shape(_with(x=c("price").cut([1.0]).cast(pl.String), y=c("note").hash())),
    "dates": Shape(_with(x=pl.date(2020, 1, "day").dt.weekday())),
    "repeat_by": Shape(_with(x=c("shop").repeat_by("day"))),
    "window": Shape(_with(x=c("amount").sum().over("shop"))),
    "window_rank": Shape(_with(x=c("amount").rank("ordinal").over("shop", "day"))),
    "window_order": Shape(_with(x=c("amount").shift().over("shop", order_by="day"))),
    "window_two_orders": Shape(
        _with(x=c("amount").shift().over("shop", order_by=["day", "price"]))
    ),
    "window_list": Shape(_with(x=c("amount").over("shop", mapping_strategy="join"))),
    "window_expression": Shape(_with(x=c("amount").max().over(c("note").str.len_chars()))),
    "window_filter": Shape(_with(x=c("amount").filter(c("day") > 3).sum().over("shop"))),
    "expression_rolling": Shape(
        lambda f: (
            f["sales"]
            .sort("day", maintain_order=True)
            .with_columns(x=c("amount").sum().rolling("day", period="2i"))
        )
    ),
    "group_by": Shape(_grouped(c("amount").sum(), n=pl.len(), m=(c("amount") * c("price")).mean())),
    "group_by_filter": Shape(_grouped(late=c("amount").filter(c("day") > 3).sum())),
    "group_by_sorted_first": Shape(_grouped(first=c("amount").sort_by("day").drop_nulls().first())),
    "group_by_list": Shape(_grouped("amount", days=c("day").implode())),
    "group_by_condition": Shape(
        _grouped(x=pl.when((c("day") > 3).sum() > 1).then(c("amount").max()))
    ),
    "group_by_expression": Shape(
        lambda f: (
            f["sales"]
            .group_by(c("note").str.len_chars().alias("k"), maintain_order=True)
            .agg(c("amount").max())
        )
    ),
    "group_by_dynamic": Shape(
        lambda f: (
            f["sales"]
            .sort("day", maintain_order=True)
            .group_by_dynamic("day", every="2i", include_boundaries=True)
            .agg(c("amount").sum())
        )
    ),
    "group_by_dynamic_key": Shape(
        lambda f: (
            f["sales"]
            .sort("day", maintain_order=True)
            .group_by_dynamic("day", every="2i", group_by="shop")
            .agg(c("amount").sum())
        ),
        ordered=False,
    ),
    "rolling": Shape(
        lambda f: (
            f["sales"]
            .sort("day", maintain_order=True)
            .rolling("day", period="2i")
            .agg(c("amount").sum())
        )
    ),
    "pivot": Shape(
        lambda f: f["sales"].pivot(
            "day",
            on_columns=[1, 2, 3],
            index="shop",
            values="amount",
            aggregate_function="sum",
            maintain_order=True,
        )
    ),
    "join_left": Shape(_join("left")),
    "join_left_both_keys": Shape(_join("left", coalesce=False)),
    "join_inner": Shape(_join("inner")),
    "join_right": Shape(_join("right")),
    "join_full": Shape(_join("full")),
    "join_full_coalesced": Shape(_join("full", coalesce=True)),
    "join_semi": Shape(_join("semi", maintain_order="left")),
    "join_anti": Shape(_join("anti", maintain_order="left")),
    "join_cross": Shape(lambda f: f["sales"].join(f["shops"], how="cross", maintain_order=None)),
    "join_suffix": Shape(
        lambda f: f["sales"].join(
            f["sales"].select("shop", "amount"), on="shop", suffix="_other", **KEPT
        )
    ),
    "join_right_same_names": Shape(
        lambda f: f["sales"].join(
            f["sales"].select("shop", "amount"), on="shop", how="right", **KEPT
        )
    ),
    "join_on_expression": Shape(
        lambda f: f["sales"].join(
            f["shops"],
            left_on=c("shop").str.to_uppercase(),
            right_on=c("code").str.to_uppercase(),
            **KEPT,
        )
    ),
    "join_where": Shape(
        lambda f: f["sales"].join_where(f["shops"], c("amount") > c("level")), ordered=False
    ),
    "join_where_two": Shape(
        lambda f: f["sales"].join_where(
            f["shops"], c("amount") > c("level"), c("day") < c("level"), c("shop") == c("code")
        ),
        ordered=False,
    ),
    "join_asof": Shape(
        lambda f: (
            f["sales"]
            .sort("day", maintain_order=True)
            .join_asof(
                f["shops"].drop_nulls("level").sort("level", maintain_order=True),
                left_on="day",
                right_on="level",
            )
        )
    ),
    "join_asof_by": Shape(
        lambda f: (
            f["sales"]
            .sort("day", maintain_order=True)
            .join_asof(
                f["shops"].drop_nulls("level").sort("level", maintain_order=True),
                left_on="day",
                right_on="level",
                by_left="shop",
                by_right="code",
                check_sortedness=False,
            )
        )
    ),
    "update": Shape(
        lambda f: f["sales"].update(
            f["shops"]
            .unique("code", keep="first", maintain_order=True)
            .select(shop="code", amount="level"),
            on="shop",
        )
    ),
    "diamond": Shape(_diamond),
    "four_times": Shape(_four_times),
    "cache": Shape(_cached),
    "deep": Shape(_deep),
    "concat_vertical": Shape(
        lambda f: pl.concat(
            [f["sales"].select("shop", "amount"), f["shops"].select(shop="code", amount="level")]
        )
    ),
    "concat_diagonal": Shape(
        lambda f: pl.concat(
            [f["sales"].select("shop", "amount"), f["shops"].select(shop="code", rank="level")],
            how="diagonal",
        )
    ),
    "concat_horizontal": Shape(
        lambda f: pl.concat(
            [f["sales"].select("shop"), f["shops"].select("title")], how="horizontal_extend"
        )
    ),
    "concat_horizontal_filtered": Shape(
        lambda f: pl.concat(
            [f["sales"].select("shop"), f["shops"].filter(c("level") > 2).select("title")],
            how="horizontal_extend",
        )
    ),
    "concat_align": Shape(
        lambda f: pl.concat(
            [
                f["sales"]
                .unique("shop", keep="first", maintain_order=True)
                .select("shop", "amount"),
                f["shops"]
                .unique("code", keep="first", maintain_order=True)
                .select(shop="code", rank="level"),
            ],
            how="align",
        )
    ),
    "merge_sorted": Shape(
        lambda f: (
            f["sales"]
            .select("day", "amount")
            .sort("day", maintain_order=True)
            .merge_sorted(
                f["shops"].select(day="level", amount="level").drop_nulls().sort("day"), key="day"
            )
        ),
        ordered=False,
    ),
    "merge_sorted_as_is": Shape(
        lambda f: (
            f["sales"]
            .select("day", "amount")
            .merge_sorted(f["shops"].select(day="level", amount="level"), key="day")
        )
    ),
    "explode": Shape(lambda f: f["tags"].explode("labels")),
    "explode_computed": Shape(
        lambda f: f["sales"].with_columns(w=c("note").str.split(",")).explode("w")
    ),
    "explode_two": Shape(
        lambda f: (
            f["sales"]
            .with_columns(w=c("note").str.split(","), v=c("note").str.split(",").list.reverse())
            .explode("w", "v")
        )
    ),
    "unpivot": Shape(
        lambda f: f["sales"].unpivot(
            on=["amount", "day"], index="shop", variable_name="k", value_name="v"
        )
    ),
    "unpivot_rest": Shape(lambda f: f["sales"].drop("shop", "note").unpivot(index=["price"])),
    "unpivot_no_index": Shape(lambda f: f["sales"].unpivot(on=["amount"])),
    "struct_round_trip": Shape(_sales("shop", s=pl.struct("amount", p="price"))),
    "struct_unnest": Shape(
        lambda f: (
            f["sales"]
            .select("shop", s=pl.struct("amount", p="price"), t=pl.struct(q="day"))
            .unnest("s", "t")
        )
    ),
    "struct_field": Shape(
        lambda f: (
            f["sales"]
            .select(s=pl.struct("amount", p="price"))
            .select(c("s").struct.field("amount"), z=c("s").struct.field("p") + 1)
        )
    ),
    "struct_renamed_fields": Shape(
        lambda f: (
            f["sales"]
            .select(s=pl.struct("amount", "day").struct.rename_fields(["x", "y"]))
            .select(c("s").struct.field("y"))
        )
    ),
    "struct_with_fields": Shape(
        lambda f: (
            f["sales"]
            .select(s=pl.struct("amount", "day"), price="price")
            .select(c("s").struct.with_fields(z=pl.field("amount") + c("price")))
            .unnest("s")
        )
    ),
    "struct_sorted": Shape(
        lambda f: (
            f["sales"]
            .select(s=pl.struct("day", "amount").sort())
            .select(c("s").struct.field("amount"))
        )
    ),
    "struct_in_file": Shape(
        lambda f: f["tags"].select("code", c("info").struct.field("x")).with_columns(c("x") + 1)
    ),
    "struct_in_file_unnest": Shape(lambda f: f["tags"].unnest("info")),
    "struct_grouped": Shape(
        lambda f: (
            f["sales"]
            .group_by(s=pl.struct("shop", "day"), maintain_order=True)
            .agg(c("amount").sum())
            .unnest("s")
        )
    ),
    "list_functions": Shape(
        lambda f: f["tags"].with_columns(n=c("labels").list.len(), first=c("labels").list.first())
    ),
    "list_eval": Shape(
        lambda f: f["tags"].with_columns(
            u=c("labels").list.eval(pl.element().str.to_uppercase()), y=c("code")
        )
    ),
    "list_unique_join": Shape(
        lambda f: f["sales"].with_columns(
            x=pl.when(c("day") > 3)
            .then(
                pl.concat_str("note", "shop", separator=",")
                .str.split(",")
                .list.unique(maintain_order=True)
                .list.join("|")
            )
            .otherwise(c("note"))
        )
    ),
    "constant_frame": Shape(
        lambda f: f["sales"].join(
            pl.LazyFrame({"shop": ["a", "b"], "rate": [2, 3]}),
            on="shop",
            how="left",
            maintain_order="left",
        )
    ),
    "match_to_schema": Shape(
        lambda f: f["shops"].match_to_schema(
            pl.Schema({**SCHEMAS["shops"], "extra": pl.Int64()}), missing_columns="insert"
        )
    ),
    "hint_sorted": Shape(lambda f: f["sales"].sort("day", maintain_order=True).set_sorted("day")),
    "sql_join": Shape(
        _sql(
            "select s.title, sum(x.amount) as total from sales x join shops s on x.shop = s.code "
            "where x.day > 2 group by s.title"
        ),
        ordered=False,
    ),
    "sql_subquery": Shape(
        _sql("select shop from sales where amount > (select min(level) from shops)"),
        ordered=False,
    ),
    "sql_in": Shape(
        _sql("select note from sales where shop in (select code from shops)"), ordered=False
    ),
    "opaque_map_elements": Shape(
        _with(x=c("note").map_elements(lambda text: f"{text}!", return_dtype=pl.String)),
        opaque=True,
    ),
    "opaque_map_batches": Shape(
        _with(x=pl.map_batches(["amount", "day"], lambda s: s[0] + s[1], return_dtype=pl.Int64)),
        opaque=True,
    ),
    "opaque_frame": Shape(
        lambda f: f["sales"].map_batches(
            lambda d: d.filter(pl.col("day") > 3).with_columns(amount=pl.col("day")),
            schema=SCHEMAS["sales"],
        ),
        opaque=True,
    ),
    "opaque_filter": Shape(
        lambda f: (
            f["sales"]
            .filter(c("day").map_elements({4, 5, 6}.__contains__, return_dtype=pl.Boolean))
            .select("shop")
        ),
        opaque=True,
    ),
    "opaque_groups": Shape(
        lambda f: (
            f["sales"]
            .group_by("shop", maintain_order=True)
            .map_groups(lambda d: d.head(1), schema=SCHEMAS["sales"])
        ),
        opaque=True,
    ),
    "opaque_fold": Shape(
        _with(x=pl.fold(pl.lit(0), lambda a, b: a + b, [c("amount"), c("day")])), opaque=True
    ),
    "opaque_counts": Shape(
        lambda f: f["shops"].join(
            f["sales"]
            .map_batches(lambda d: d.filter(pl.col("day") > 3), schema=SCHEMAS["sales"])
            .select(n=pl.len()),
            how="cross",
        ),
        opaque=True,
    ),
    "opaque_then_joined": Shape(
        lambda f: f["shops"].join(
            f["sales"].map_batches(lambda d: d, schema=SCHEMAS["sales"]).select("shop"),
            left_on="code",
            right_on="shop",
            how="semi",
            maintain_order="left",
        ),
        opaque=True,
    ),
}
