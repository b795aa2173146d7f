"""Reads delivered files into frames of untouched values.

Nothing here decides what a value means: that is bronze's. ``unpacked`` takes a file out of its
compression, ``read`` gives its records as a :class:`Reading`; a module a format does the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jobforge_dagster.medallion.formats import Csv, Excel, Format, Json
from jobforge_dagster.medallion.readers import csv
from jobforge_dagster.medallion.readers.base import Malformed, Reading
from jobforge_dagster.medallion.readers.unpack import Content, unpacked

__all__ = ["Content", "Malformed", "Reading", "read", "unpacked"]


def read(
    path: Path,
    name: str,
    format_: Format,
    renames: Mapping[str, str] | None = None,
    limit: int = 1 << 31,
) -> Reading:
    """Read an uncompressed file.

    Args:
        path: where the file lies.
        name: what to call it in an error.
        format_: what is declared of it.
        renames: staged names for headers that the platform reserves.
        limit: bytes that a part of a workbook may unpack to.

    Raises:
        DeliveryError: the file as a whole cannot be read as that format.
    """
    # The other readers are imported where a file needs them: they cost more than they are used.
    if isinstance(format_, Csv):
        return csv.read(path, name, format_, renames or {})
    if isinstance(format_, Json):
        from jobforge_dagster.medallion.readers import json

        return json.read(path, name, format_, renames or {})
    if isinstance(format_, Excel):
        from jobforge_dagster.medallion.readers import excel

        return excel.read(path, name, format_, renames or {}, limit)
    from jobforge_dagster.medallion.readers import parquet

    return parquet.read(path, name, renames or {})
