"""Exports: the documents in the formats of others, as files."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from jobforge_dagster.catalog.snapshot import Files, Snapshot, snapshot
from jobforge_dagster.catalog.store import CatalogError, put_text
from jobforge_dagster.medallion.storage.root import DataRoot

FORMATS = {
    "openlineage": "open_lineage",
    "odcs": "data_contract",
    "dcat": "dcat",
    "datapackage": "data_package",
    "atlas": "atlas",
    "powerbi": "tmdl",
}
"""Each format and the module of ``exports`` that writes it."""


def export(root: DataRoot, form: str, to: Path) -> int:
    """Write an export.

    Args:
        root: the data root.
        form: a format of :data:`FORMATS`.
        to: the folder below which its files come to lie.

    Returns:
        How many files there are.

    Raises:
        CatalogError: there is no such format, nothing to export, or a document is damaged.
    """
    if form not in FORMATS:
        raise CatalogError(f"There is no format {form!r}. Known are {', '.join(FORMATS)}.")
    known = snapshot(root)
    if not known.tables:
        raise CatalogError(
            "The catalog is empty. Make the tables first: dagster asset materialize --select '*'"
        )
    count = 0
    for name, text in _exporter(form)(known):
        put_text(to / name, text)
        count += 1
    return count


def _exporter(form: str) -> Callable[[Snapshot], Files]:
    module = import_module(f"jobforge_dagster.catalog.exports.{FORMATS[form]}")
    found: Callable[[Snapshot], Files] = module.export
    return found
