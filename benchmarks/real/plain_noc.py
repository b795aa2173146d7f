"""The NOC 2021 tree, and its unit groups with the classes above them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from plain_files import Gold, only, table

LEVELS = {"broad_category": 1, "major_group": 2, "sub_major_group": 3, "minor_group": 4}


def tables(source: Path) -> Gold:
    """Make ``dim_noc_node`` and ``dim_noc``."""
    nodes = table(
        only(source, "noc/noc_structure*.csv"),
        {
            "Code - NOC 2021 V1.0": ("noc_code", pl.String()),
            "Level": ("level", pl.Int8()),
            "Hierarchical structure": ("structure", pl.String()),
            "Class title": ("title", pl.String()),
            "Class definition": ("definition", pl.String()),
        },
    ).with_columns(pl.col("title", "definition").str.replace_all("\u00a0", " ").str.strip_chars())
    code = pl.col("noc_code")
    parent = pl.when(pl.col("level") > 1).then(code.str.head(-1))
    groups = nodes.filter(pl.col("level") == 5).select(
        "noc_code",
        "title",
        "definition",
        code.str.slice(1, 1).cast(pl.Int8).alias("teer"),
        *(code.str.head(length).alias(f"{name}_code") for name, length in LEVELS.items()),
    )
    for name in LEVELS:
        above = nodes.select(pl.col("noc_code").alias(f"{name}_code"), pl.col("title").alias(name))
        groups = groups.join(above, on=f"{name}_code", how="left")
    return {"dim_noc_node": nodes.with_columns(parent_code=parent), "dim_noc": groups}
