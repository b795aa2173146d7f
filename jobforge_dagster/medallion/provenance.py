"""The provenance columns, and how to join, unpivot and aggregate without losing them.

Every row of every layer carries five columns beside its data:

- ``_source_file``: path of the delivered file below the landing folder, POSIX; a row made from
  several files names each once, separated by ``|``, that of its record number first.
- ``_ingested_at``: when the row entered its present layer, UTC.
- ``_batch_id``: UUID of the delivery, several in the same manner as files.
- ``_layer``: the layer's name.
- ``_source_row``: 1-based number of the record, below the header, in the first file named; null
  where no single record stands behind the row.
- ``_corrections``: in silver and gold, the ids of the corrections that changed a value of the row,
  separated in the same manner; null for an untouched row.
- ``_unread``: in bronze, the cells of a wide file that do not read as their type, as they were
  delivered. The others of the record are good: such a cell is refused in silver, where it has
  become a row of its own.

``_ingested_at`` and ``_layer`` say when and where a table was written: the platform stamps them.
The others travel through a table's function. The helpers here carry them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl
import polars.selectors as cs

SOURCE_FILE = "_source_file"
INGESTED_AT = "_ingested_at"
BATCH_ID = "_batch_id"
LAYER = "_layer"
SOURCE_ROW = "_source_row"
CORRECTIONS = "_corrections"
UNREAD = "_unread"

PROVENANCE: dict[str, pl.DataType] = {
    SOURCE_FILE: pl.String(),
    INGESTED_AT: pl.Datetime("us", "UTC"),
    BATCH_ID: pl.String(),
    LAYER: pl.String(),
    SOURCE_ROW: pl.UInt32(),
}
"""Names and types of the provenance columns, in the order in which they are written."""

TRACE: tuple[str, ...] = (SOURCE_FILE, BATCH_ID, SOURCE_ROW)
"""The part of the provenance that says where a row comes from."""

CARRIED: dict[str, pl.DataType] = {
    **{name: PROVENANCE[name] for name in TRACE},
    CORRECTIONS: pl.String(),
    UNREAD: pl.String(),
}
"""What a table's function sees and must keep: the trace, the corrections, the unread cells."""

MEANING: dict[str, tuple[str, str]] = {
    SOURCE_FILE: (
        "The delivered file(s) that the row was made from, below the landing folder.",
        "Le ou les fichiers livrés dont la ligne est faite, sous le dossier d'arrivée.",
    ),
    INGESTED_AT: (
        "When the row entered this layer (UTC).",
        "Quand la ligne est entrée dans cette couche (UTC).",
    ),
    BATCH_ID: (
        "The delivery or deliveries that the row came with.",
        "La ou les livraisons avec lesquelles la ligne est venue.",
    ),
    LAYER: ("This layer.", "Cette couche."),
    SOURCE_ROW: (
        "Number of the record in the first file named, below its header.",
        "Numéro de l'enregistrement dans le premier fichier nommé, sous son en-tête.",
    ),
    CORRECTIONS: (
        "The corrections that changed a value of the row; null if untouched.",
        "Les corrections qui ont changé une valeur de la ligne; nul si aucune.",
    ),
    UNREAD: (
        "Cells that do not read as their type, as delivered; refused in silver.",
        "Cellules qui ne se lisent pas selon leur type, telles que livrées; refusées en argent.",
    ),
}
"""What each column that the platform adds means, in English and in French."""

carried = cs.by_name(*CARRIED)
"""Selector of the columns that are carried along."""

SEPARATOR = "|"
"""Stands between the files (and the batches) of a row that was made from several."""

_OTHER, _LOW, _HIGH, _LACKING = "__other", "__low", "__high", "__lacking"
_ALL_KNOWN = (SOURCE_FILE, BATCH_ID)
_CELL, _TEXT = "\x1e", "\x1f"


def join(
    left: pl.LazyFrame,
    right: pl.LazyFrame,
    *,
    on: str | Sequence[str] | None = None,
    left_on: str | Sequence[str] | None = None,
    right_on: str | Sequence[str] | None = None,
    how: Literal["left", "inner", "full"] = "left",
    **options: Any,
) -> pl.LazyFrame:
    """Join two tables; each row of the result traces to both rows that it was made from.

    Takes what ``LazyFrame.join`` takes. The row stands for the left record; where only the right
    side has one (a full join), for the right. The order of the left rows is kept.
    """
    renamed = right.rename({name: f"{name}{_OTHER}" for name in CARRIED})
    if how == "full":
        options.setdefault("coalesce", True)
    return (
        left.join(
            renamed,
            on=on,
            left_on=left_on,
            right_on=right_on,
            how=how,
            maintain_order="left_right" if how == "full" else "left",
            **options,
        )
        .with_columns(
            _both(SOURCE_FILE),
            _both(BATCH_ID),
            _both(CORRECTIONS),
            pl.concat_str(UNREAD, f"{UNREAD}{_OTHER}", ignore_nulls=True)
            .replace("", None)
            .alias(UNREAD),
            pl.when(pl.col(SOURCE_FILE).is_null())
            .then(pl.col(f"{SOURCE_ROW}{_OTHER}"))
            .otherwise(pl.col(SOURCE_ROW))
            .alias(SOURCE_ROW),
        )
        .drop(f"{name}{_OTHER}" for name in CARRIED)
    )


def unpivot(
    frame: pl.LazyFrame,
    *,
    on: cs.Selector | Sequence[str],
    index: Sequence[str],
    variable_name: str,
    value_name: str,
) -> pl.LazyFrame:
    """Turn the columns ``on`` into rows; each traces to the record that the cell stood in.

    A row takes along whether its own cell is unread. What is unread elsewhere in the record, in a
    column that was renamed or left out before, stays with all its rows: they cannot be trusted.
    """
    names = cs.expand_selector(frame, on) if isinstance(on, cs.Selector) else on
    cells = frame.unpivot(
        on=on, index=[*index, *CARRIED], variable_name=variable_name, value_name=value_name
    )
    mark = pl.concat_str(pl.lit(_CELL), variable_name, pl.lit(_TEXT))
    at = pl.col(UNREAD).str.find(mark, literal=True)
    own = pl.lit(_CELL) + pl.col(UNREAD).str.slice(at + 1).str.split(_CELL).list.first()
    known = f"{_CELL}(?:{'|'.join(map(re.escape, names))}){_TEXT}[^{_CELL}]*"
    elsewhere = pl.col(UNREAD).str.replace_all(known, "")
    return cells.with_columns(
        pl.when(at.is_not_null()).then(own).when(elsewhere != "").then(elsewhere).alias(UNREAD)
    )


def unread(cells: Mapping[str, pl.Expr]) -> pl.Expr:
    """The ``_unread`` column: column name to the text of a cell that does not read, else null."""
    told = [
        pl.lit(f"{_CELL}{name}{_TEXT}") + text.str.replace_all(f"[{_CELL}{_TEXT}]", " ")
        for name, text in cells.items()
    ]
    joined = pl.concat_str(told, ignore_nulls=True)
    return pl.when(joined != "").then(joined).alias(UNREAD)


def unread_for_people() -> pl.Expr:
    """The unread cells of a row as words."""
    told = pl.col(UNREAD).str.strip_prefix(_CELL).str.replace_all(_CELL, "; ", literal=True)
    return told.str.replace_all(_TEXT, " holds ", literal=True)


def aggregate(frame: pl.LazyFrame, by: str | Sequence[str], *aggregations: pl.Expr) -> pl.LazyFrame:
    """Group by ``by``; each row of the result names the files and batches of all its members.

    The record number is kept where all members come from one record, and null otherwise.
    """
    every = {name: f"__every{name}" for name in (SOURCE_FILE, BATCH_ID, CORRECTIONS, UNREAD)}
    one_file = pl.all_horizontal(
        pl.col(every[name]).list.len() == 1 for name in (SOURCE_FILE, BATCH_ID)
    )
    one_record = (pl.col(_LOW) == pl.col(_HIGH)) & (pl.col(_LACKING) == 0)
    rows = pl.col(SOURCE_ROW)
    keys = [by] if isinstance(by, str) else list(by)
    figures = frame.group_by(keys).agg(
        *aggregations,
        rows.min().alias(_LOW),
        rows.max().alias(_HIGH),
        rows.null_count().alias(_LACKING),
    )
    # Apart from the figures, and each only once: gathering texts in groups holds all that comes.
    known = (
        frame.select(*keys, *every)
        .unique()
        .group_by(keys)
        .agg(pl.col(name).drop_nulls().unique().alias(every[name]) for name in every)
    )
    return (
        figures.join(known, on=keys, how="left", nulls_equal=True)
        .with_columns(
            *(
                pl.when(one_file)
                .then(pl.col(every[name]).list.first())
                .otherwise(_all_of(every[name]))
                .alias(name)
                for name in _ALL_KNOWN
            ),
            pl.when(one_file & one_record).then(_LOW).alias(SOURCE_ROW),
            _all_of(every[CORRECTIONS]).replace("", None).alias(CORRECTIONS),
            pl.col(every[UNREAD]).list.sort().list.join("").replace("", None).alias(UNREAD),
        )
        .drop(*every.values(), _LOW, _HIGH, _LACKING)
    )


def _both(name: str) -> pl.Expr:
    parts = pl.concat_str(name, f"{name}{_OTHER}", separator=SEPARATOR, ignore_nulls=True)
    distinct = parts.str.split(SEPARATOR).list.unique(maintain_order=True).list.join(SEPARATOR)
    # Joining a table with itself, or with one from the same file, is common and needs no lists.
    other = pl.col(f"{name}{_OTHER}")
    return (
        pl.when(other.is_null() | (other == pl.col(name)))
        .then(pl.col(name))
        .otherwise(distinct)
        .alias(name)
    )


def _all_of(lists: str) -> pl.Expr:
    """What lists of names hold, each name once and in order; a name may stand for several."""
    each = pl.col(lists).list.join(SEPARATOR).str.split(SEPARATOR)
    return each.list.unique().list.sort().list.join(SEPARATOR)
