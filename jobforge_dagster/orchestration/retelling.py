"""Retelling: the documents of the catalog, made again from the stored log alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import dagster as dg

from jobforge_dagster.catalog import chain, schemas
from jobforge_dagster.catalog.documents import IndexLine
from jobforge_dagster.catalog.store import CatalogError, put_text, refuse_newer, writing
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.event_log import EmbeddedEventLog
from jobforge_dagster.orchestration.history import note, project_all
from jobforge_dagster.orchestration.launch import instance_of_the_command_line, settle_abandoned

_FOLDERS = ("schemas", "tables", "glossary", "runs", "lineage")
"""What is made again, in this order: the index of transitions comes last."""


@dataclass(frozen=True)
class Retold:
    """The outcome: how many files there are, and what became of those that were there."""

    files: int
    written: tuple[str, ...]
    removed: tuple[str, ...]


def retell(
    root: DataRoot, *, discard: bool = False, instance: dg.DagsterInstance | None = None
) -> Retold:
    """Make every document again.

    Args:
        root: the data root.
        discard: go on although the log does not tell of transitions that the catalog has.
        instance: whose log; by default that of the command line.

    Raises:
        CatalogError: there is no such log, or the catalog knows of transitions that it does not
            tell of.
    """
    instance = instance or instance_of_the_command_line()
    log = instance.event_log_storage
    if not isinstance(log, EmbeddedEventLog):
        raise CatalogError(
            "There is no history to make the catalog from: this folder has no dagster.yaml that "
            "names jobforge_dagster.orchestration.event_log. Run from the project's folder, or set "
            "DAGSTER_HOME."
        )
    settle_abandoned(instance, root)
    with writing(root):
        anew = DataRoot(root.cache / f"catalog-{uuid4().hex}")
        try:
            schemas.write(anew)
            last = 0
            for event_id in project_all(log, log.told_since(0), anew, log.name_of(root)):
                last = event_id
            if not discard:
                _refuse_losses(root, anew)
            for path in sorted(root.catalog.rglob("*.json")):
                refuse_newer(path, path.read_bytes())
            told = _mirror(anew.catalog, root.catalog)
            note(root, log, last)
            return told
        finally:
            shutil.rmtree(anew.path, ignore_errors=True)


def _refuse_losses(root: DataRoot, anew: DataRoot) -> None:
    lost = _known(root) - _known(anew)
    if lost:
        raise CatalogError(
            f"{len(lost)} transitions of the catalog are not in this history: they were made by "
            f"runs on a temporary instance, or before the history began. Made again without them "
            f"the catalog would have forgotten them; nothing was changed. If that is meant: "
            f"jobforge catalog rebuild --discard"
        )


def _known(root: DataRoot) -> set[str]:
    """The records of the transitions that a catalog knows, by index or by file."""
    found = {path.relative_to(chain.lineage(root)).as_posix() for path in chain.records(root)}
    for line in chain.lines(root):
        try:
            found.add(IndexLine.model_validate_json(line).record)
        except ValueError:
            continue  # a damaged line is what one makes the catalog again for
    return found


def _mirror(anew: Path, there: Path) -> Retold:
    """Make one folder like another, file by file; what is the same is not touched."""
    names = [
        path.relative_to(anew).as_posix()
        for folder in _FOLDERS
        for path in sorted((anew / folder).rglob("*"), key=lambda path: (path.suffix, path))
        if path.is_file()
    ]
    written = [name for name in names if put_text(there / name, (anew / name).read_text("utf-8"))]
    kept = set(names)
    removed = []
    for folder in _FOLDERS:
        for path in sorted((there / folder).rglob("*")):
            name = path.relative_to(there).as_posix()
            if path.is_file() and name not in kept:
                path.unlink()
                removed.append(name)
    return Retold(len(names), tuple(written), tuple(removed))
