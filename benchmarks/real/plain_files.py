"""How the plain script reads the publishers' files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

Gold = dict[str, pl.LazyFrame]
"""Gold tables by name."""


def only(folder: Path, pattern: str) -> Path:
    """The one file of a folder whose name matches.

    Raises:
        ValueError: there is none, or several.
    """
    (path,) = folder.glob(pattern)
    return path


def table(
    path: Path, columns: Mapping[str, tuple[str, pl.DataType]], *, nulls: Sequence[str] = ()
) -> pl.LazyFrame:
    """Some columns of a CSV file.

    Args:
        path: of the file.
        columns: by header, the name and the type that the column gets; no other is read.
        nulls: what stands where there is no value.
    """
    types = {header: dtype for header, (_, dtype) in columns.items()}
    read = pl.read_csv(
        path, columns=list(types), schema_overrides=types, null_values=list(nulls) or None
    )
    return read.lazy().rename({header: name for header, (name, _) in columns.items()})
