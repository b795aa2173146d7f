"""Exact row provenance through one step: which rows of its inputs made a row of a table.

A table's function carries ``_corrections`` along with the trace, and the helpers of ``provenance``
unite it for every row that stands behind another: of both sides of a join, of all members of a
group. So the function is planned again over inputs whose rows carry a mark of their own there
beside their corrections, and the marks are read back from the rows that come out. No other column
is touched: corrections go by ``_source_file``, and functions may number and sort by the record.

What the function does not trace is not told. A row that was only looked at - counted in a window
like ``pl.len().over(...)``, or of the side of a join whose trace was dropped - stands behind no
other row; that a value depends on it is told by the lineage of its column.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from jobforge_dagster.asking.lookups import numbered
from jobforge_dagster.asking.matching import WANTED, same_rows
from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.provenance import (
    CORRECTIONS,
    SEPARATOR,
    TRACE,
)

ROW, INPUT, INPUT_ROW = "row", "input", "input_row"
"""Columns of :func:`contributors`."""

_MARK = "\x02"
_PLACE = "__place"
_TYPES = {ROW: pl.UInt32, INPUT: pl.String, INPUT_ROW: pl.UInt32}


class ChangedError(JobForgeError):
    """A table is not what its code makes of its inputs as they stand."""


def contributors(tables: Tables, key: str, rows: Sequence[int]) -> pl.DataFrame:
    """The rows that made some rows of a table, through one step.

    Args:
        tables: what is declared, and what lies on disk.
        key: of a bronze, silver or gold table.
        rows: their numbers in the file of the table.

    Returns:
        ``row``, ``input`` (the key of an input) and ``input_row`` (a number in that), each once;
        sorted by row, the order of the inputs and input row. Of bronze, the input is staged.

    Raises:
        ChangedError: a row is not made by the code as it stands, of the inputs as they stand.
    """
    inputs = tables.inputs(key)
    wanted = _rows(tables, key, rows)
    if inputs[0].startswith("staged/"):
        found = _records(tables, inputs[0], wanted)
    else:
        frames = {
            each: marked(tables.frame(each, numbered=True), place)
            for place, each in enumerate(inputs)
        }
        planned = tables.planned(key, frames)
        made = same_rows(wanted, planned, tables.primary_key(key), [CORRECTIONS])
        found = marks(made.rename({WANTED: ROW, CORRECTIONS: INPUT}))
    lost = set(wanted[WANTED]) - set(found[ROW])
    if lost:
        count = f"{len(lost):,} row{'s' if len(lost) > 1 else ''}"
        raise changed(tables, key, f"has {count} that cannot be traced")
    names = pl.Series(inputs, dtype=pl.String)
    found = found.sort(ROW, _PLACE, INPUT_ROW)
    return found.select(ROW, names.gather(found[_PLACE]).alias(INPUT), INPUT_ROW)


def marked(
    frame: pl.LazyFrame, place: int, only: Sequence[int] | pl.Series | None = None
) -> pl.LazyFrame:
    """Give rows a mark that comes out again with each row that is made of them.

    Args:
        frame: a table with its numbers; see ``Tables.frame``.
        place: a number that stands for the table.
        only: the numbers of the rows to mark; by default all.
    """
    mark = pl.concat_str(pl.lit(f"{_MARK}{place}:"), pl.col(NUMBER).cast(pl.String))
    both = pl.concat_str(mark, CORRECTIONS, separator=SEPARATOR, ignore_nulls=True)
    if only is None:
        return frame.with_columns(both.alias(CORRECTIONS))
    these = pl.col(NUMBER).is_in(pl.Series(only, dtype=pl.UInt32).implode())
    return frame.with_columns(pl.when(these).then(both).otherwise(CORRECTIONS).alias(CORRECTIONS))


def is_marked() -> pl.Expr:
    """Whether a row was made of one that was marked."""
    return pl.col(CORRECTIONS).str.contains(_MARK, literal=True).fill_null(value=False)


def unmarked() -> pl.Expr:
    """The corrections of a row without the marks."""
    parts = pl.col(CORRECTIONS).str.split(SEPARATOR)
    kept = parts.list.eval(pl.element().filter(~pl.element().str.starts_with(_MARK)))
    told = kept.list.unique(maintain_order=True).list.join(SEPARATOR)
    return pl.when(told != "").then(told).alias(CORRECTIONS)


def marks(rows: pl.DataFrame) -> pl.DataFrame:
    """The marks that rows carry.

    Args:
        rows: ``row``, and ``input`` with what they have as corrections.

    Returns:
        ``row``, ``__place`` of the input and ``input_row``, each once.
    """
    each = rows.select(ROW, pl.col(INPUT).str.split(SEPARATOR)).explode(INPUT)
    own = each.filter(pl.col(INPUT).str.starts_with(_MARK)).unique()
    parts = pl.col(INPUT).str.strip_prefix(_MARK).str.splitn(":", 2)
    return own.select(
        pl.col(ROW).cast(_TYPES[ROW]),
        parts.struct.field("field_0").cast(pl.UInt32).alias(_PLACE),
        parts.struct.field("field_1").cast(_TYPES[INPUT_ROW]).alias(INPUT_ROW),
    )


def _rows(tables: Tables, key: str, rows: Sequence[int]) -> pl.DataFrame:
    """Some rows of a table with all declared columns and their trace, numbered as wanted."""
    frame = tables.frame(key, numbered=True)
    declared = [name for name in frame.collect_schema() if not name.startswith("_")]
    return (
        frame.filter(numbered(NUMBER, rows))
        .select(pl.col(NUMBER).alias(WANTED), exactly(*declared), *TRACE)
        .collect(engine="streaming")
    )


def _records(tables: Tables, staged: str, wanted: pl.DataFrame) -> pl.DataFrame:
    """The records of bronze rows: each was made of one."""
    found = [
        pl.DataFrame(schema={ROW: _TYPES[ROW], _PLACE: pl.UInt32, INPUT_ROW: _TYPES[INPUT_ROW]})
    ]
    for each in tables.staged(staged):
        rows = same_rows(wanted.select(WANTED, *TRACE), each.frame, (), [NUMBER])
        found.append(
            rows.select(
                pl.col(WANTED).alias(ROW),
                pl.lit(0, pl.UInt32).alias(_PLACE),
                pl.col(NUMBER).alias(INPUT_ROW),
            )
        )
    return pl.concat(found)


def changed(tables: Tables, key: str, trouble: str = "is not up to date") -> ChangedError:
    """That a table is not what its code makes of its inputs, with what changed and what to do."""
    inputs = tables.changed_inputs(key)
    why = f"{', '.join(map(sql_name, inputs))} changed" if inputs else "its code changed"
    return ChangedError(
        f"{sql_name(key)} {trouble}: {why} since it was made. Make it again by: "
        f"dagster asset materialize --select 'key:\"{key}\"'"
    )
