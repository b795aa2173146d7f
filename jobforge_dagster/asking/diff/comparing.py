"""Compare the rows of two versions, whatever happened to their columns and their key."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from jobforge_dagster.asking.diff.collecting import Collected
from jobforge_dagster.asking.diff.contents import Content
from jobforge_dagster.asking.diff.merging import (
    HASH,
    NUMBER,
    UnsortedError,
    hashed,
    numbered,
    ranges,
    sorted_by,
)
from jobforge_dagster.asking.diff.rows import as_text, differing
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import CORRECTIONS, INGESTED_AT, LAYER, TRACE
from jobforge_dagster.medallion.storage import parquet

STAMPS = (INGESTED_AT, LAYER)
"""Never compared: when and where a version was written differs always, or never."""

ORIGIN = (*TRACE, CORRECTIONS)
"""Compared only where that is asked for: where rows come from."""


def compare(
    before: Content,
    after: Content,
    folder: Path,
    *,
    provenance: bool = False,
    limit: int | None = None,
    output: Path | None = None,
) -> Collected:
    """Compare the rows of two versions.

    Rows are the same if their key is. Where there is none, or it is another than before, they are
    compared as wholes: then a row that changed counts as one removed and one added.

    Args:
        before: the earlier version.
        after: the later one.
        folder: for what is needed until the end.
        provenance: whether to compare also where rows come from.
        limit: how many rows of each kind to give back; all, if ``None``.
        output: a file for all rows that differ.
    """
    out = STAMPS if provenance else (*STAMPS, *ORIGIN)
    left, right = (parquet.scan(each.file).drop(out, strict=False) for each in (before, after))
    were, are = left.collect_schema(), right.collect_schema()
    common = [name for name in are if name in were]
    retyped = [name for name in common if were[name] != are[name]]
    keyed = before.primary_key == after.primary_key != () and set(after.primary_key) <= {*common}
    keys = after.primary_key if keyed else (HASH,)
    columns = {
        name: pl.String() if name in retyped else (are.get(name) or were[name])
        for name in [*are, *(name for name in were if name not in are)]
    }
    as_texts = [name for name in retyped if name in keys or not keyed]
    left, right = _as_texts(left, as_texts), _as_texts(right, as_texts)
    if not keyed:
        left, right = hashed(left, common), hashed(right, common)
    if as_texts or not keyed:
        left, right = (sorted_by(each, keys, folder) for each in (left, right))

    def collected() -> Collected:
        parts = None if output is None else folder / "differing"
        found = Collected(keys if keyed else (), columns, limit, parts)
        if parts is not None:
            shutil.rmtree(parts, ignore_errors=True)  # of a try that found out too late
            parts.mkdir()
        for earlier, later in ranges(left, right, keys):
            pair = (earlier, later) if keyed else (numbered(earlier), numbered(later))
            by = keys if keyed else (HASH, NUMBER)
            found.add(differing(pair, by, [name for name in common if name not in by]))
        if output is not None:
            found.write(output)
        return found

    try:
        return collected()
    except UnsortedError:  # a large table keeps the order of its records
        left, right = (sorted_by(each, keys, folder) for each in (left, right))
        return collected()


def _as_texts(rows: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """Rows with some columns as text."""
    return rows.with_columns(
        exactly(name).map_batches(as_text, return_dtype=pl.String()) for name in names
    )
