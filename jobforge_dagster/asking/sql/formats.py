"""Answers as text and files: batch by batch, so that no answer is held whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jobforge_dagster.asking.sql.errors import QueryError
from jobforge_dagster.asking.values import plain, text_of

if TYPE_CHECKING:
    from jobforge_dagster.asking.sql.answer import Asked, Rows

FORMATS = ("table", "csv", "json", "parquet", "markdown")

SUFFIXES = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".md": "markdown"}
"""The format of a file, by the end of its name."""


def write_text(to: IO[str], form: str, names: Sequence[str], batches: Iterable[Rows]) -> None:
    """Write rows as ``csv``, ``json`` or ``markdown``."""
    writers = {"csv": _write_csv, "json": _write_json, "markdown": _write_markdown}
    writers[form](to, names, (row for batch in batches for row in batch))


def write_parquet(path: Path, asked: Asked, limit: int | None) -> None:
    """Write the rows of a statement as a Parquet file."""
    import pyarrow.parquet as pq
    from pyarrow import ArrowNotImplementedError

    schema, batches = asked.arrow(limit)
    try:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
    except ArrowNotImplementedError as error:
        raise QueryError(f"Parquet cannot hold that: {error}. Cast it to VARCHAR.") from None


def _write_csv(to: IO[str], names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """RFC 4180 but for the line ends; null is an empty cell."""
    writer = csv.writer(to, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(names)
    for row in rows:
        writer.writerow(map(text_of, row))


def _write_json(to: IO[str], names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """An array of objects, one a line."""
    before = "[\n"
    for row in rows:
        told = {name: plain(value) for name, value in zip(names, row, strict=True)}
        to.write(f"{before}  {json.dumps(told, ensure_ascii=False)}")
        before = ",\n"
    to.write("[]\n" if before == "[\n" else "\n]\n")


def _write_markdown(to: IO[str], names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    to.write(f"| {' | '.join(map(_markdown, names))} |\n|{' --- |' * len(names)}\n")
    for row in rows:
        to.write(f"| {' | '.join(_markdown(text_of(value)) for value in row)} |\n")


def _markdown(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|")
    return "<br>".join(escaped.replace("<", "&lt;").splitlines())
