"""Parquet tables: how they are written, and the facts that a written file tells about itself.

What made a table travels in the footer's key-value metadata under ``jobforge``, so that the one
rename that publishes the data publishes its story too.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

FOOTER = "jobforge"
_ARROW_SCHEMA = "ARROW:schema"
"""Where Polars and Arrow keep what Parquet's own types do not tell. To Parquet, an Enum is text."""

ROW_GROUP = 131_072
"""Rows of a row group. Fixed, so that the bytes of a table follow from its rows alone, and not from
how many files, threads or passes they came through."""

LEVEL = 1
"""Of zstd. Level 3 takes a tenth more CPU for files that are no smaller (measured on
the workload of benchmarks/speed)."""

_STORY = frozenset(
    {"fingerprint", "inputs", "rows_in", "batches", "run_id", "written_at", "previous_run"}
)
"""What the story of a table holds at least; a damaged one is as good as none."""


@dataclass(frozen=True)
class FileFacts:
    """What a Parquet file says of itself, read from its footer alone.

    Attributes:
        rows: number of rows.
        size: in bytes.
        columns: name and Polars type of each column, in order.
        nulls: number of nulls of each column that is not nested.
        ranges: lowest and highest value of each such column, where the file tells.
    """

    rows: int
    size: int
    columns: dict[str, str]
    nulls: dict[str, int]
    ranges: dict[str, tuple[Any, Any]]


def sink(
    frame: pl.LazyFrame,
    path: Path,
    story: Mapping[str, Any],
    constants: Sequence[str] = (),
) -> pl.LazyFrame:
    """Plan the writing of a frame; nothing happens until the result is collected.

    Args:
        frame: what to write.
        path: the file.
        story: for the footer.
        constants: columns that are made by :func:`constant`; they read as text.
    """
    metadata = {FOOTER: json.dumps(story, sort_keys=True)}
    if constants:
        texts = dict.fromkeys(constants, pl.String())
        metadata[_ARROW_SCHEMA] = _arrow_schema(frame.collect_schema() | texts)
    return frame.sink_parquet(
        path,
        compression="zstd",
        compression_level=LEVEL,
        row_group_size=ROW_GROUP,
        statistics=True,
        metadata=metadata,
        lazy=True,
    )


def constant(text: str) -> pl.Expr:
    """A text that all rows have: as an Enum, which costs a fifth to write (see :func:`sink`)."""
    return pl.lit(text, pl.Enum([text]))


def _arrow_schema(schema: Mapping[str, pl.DataType]) -> str:
    """How Polars tells the types of a frame in the footer, in place of what it writes."""
    file = io.BytesIO()
    pl.DataFrame(schema=schema).write_parquet(file)
    file.seek(0)
    return pl.read_parquet_metadata(file)[_ARROW_SCHEMA]


def run(*plans: pl.LazyFrame, lean: bool = False) -> list[pl.DataFrame]:
    """Execute plans, writes among them, in one streaming pass; what they share is computed once.

    Args:
        plans: to execute.
        lean: whether to compute it as often as it is needed instead of holding its rows.
    """
    how = pl.QueryOptFlags(comm_subplan_elim=not lean)
    return pl.collect_all(plans, engine="streaming", optimizations=how)


def scan(path: Path | list[Path], *, number: str | None = None, first: int = 0) -> pl.LazyFrame:
    """Read a table, or files that are one, lazily. Paths are taken as they are: no globs.

    Args:
        path: of the files.
        number: a column to put first, that numbers the rows.
        first: the number of the first row.
    """
    return pl.scan_parquet(
        path, glob=False, hive_partitioning=False, row_index_name=number, row_index_offset=first
    )


def story_of(path: Path) -> dict[str, Any]:
    """What was written into the footer; empty where there is no such table, or not of ours."""
    story = footer_of(path)
    return story if story.keys() >= _STORY else {}


def footer_of(path: Path) -> dict[str, Any]:
    """What we wrote into the footer of a file; empty where there is none, or not of ours."""
    try:
        text = pl.read_parquet_metadata(path).get(FOOTER)
        footer = json.loads(text) if text else {}
    except (OSError, pl.exceptions.PolarsError, ValueError):
        return {}
    return footer if isinstance(footer, dict) else {}


def facts_of(path: Path) -> FileFacts:
    """Rows, size, columns and null counts of a Parquet file, from its footer."""
    import pyarrow.parquet as pq

    footer = pq.read_metadata(path)
    nulls: dict[str, int] = {}
    ranges: dict[str, tuple[Any, Any]] = {}
    for group in range(footer.num_row_groups):
        for place in range(footer.num_columns):
            column = footer.row_group(group).column(place)
            statistics = column.statistics
            name = column.path_in_schema
            if statistics is not None and statistics.has_null_count:
                nulls[name] = nulls.get(name, 0) + statistics.null_count
            if statistics is not None and statistics.has_min_max:
                low, high = ranges.get(name, (statistics.min, statistics.max))
                ranges[name] = min(low, statistics.min), max(high, statistics.max)
    columns = {name: str(dtype) for name, dtype in scan(path).collect_schema().items()}
    return FileFacts(
        rows=footer.num_rows,
        size=path.stat().st_size,
        columns=columns,
        nulls={name: nulls[name] for name in columns if name in nulls},
        ranges={name: ranges[name] for name in columns if name in ranges},
    )
