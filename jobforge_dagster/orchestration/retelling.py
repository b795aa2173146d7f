"""Retelling: the documents of the catalog, made again from the stored log alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster import EventLogEntry

from jobforge_dagster.catalog import chain, schemas
from jobforge_dagster.catalog.documents import IndexLine
from jobforge_dagster.catalog.store import CatalogError, put_text, refuse_newer, writing
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage.atomic import sweep
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.event_log import EmbeddedEventLog
from jobforge_dagster.orchestration.history import facts_of, note, project_all
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
    sweep(root.cache, "catalog-*", older_than=timedelta(days=1))
    with writing(root):
        anew = DataRoot(root.cache / f"catalog-{uuid4().hex}")
        try:
            schemas.write(anew)
            last, stands = 0, dict[str, str]()
            events = _noting(log.told_since(0), log.name_of(root), stands)
            for event_id in project_all(log, events, anew, log.name_of(root)):
                last = event_id
            lost = _known(root) - _known(anew) | _missing(root, anew, stands)
            if lost and not discard:
                raise _refusal(lost)
            for path in sorted(root.catalog.rglob("*.json")):
                refuse_newer(path, path.read_bytes())
            told = _mirror(anew.catalog, root.catalog)
            note(root, log, last)
            return told
        finally:
            shutil.rmtree(anew.path, ignore_errors=True)


def _noting(
    events: Iterable[tuple[int, EventLogEntry]], name: str, stands: dict[str, str]
) -> Iterator[tuple[int, EventLogEntry]]:
    """The same events; meanwhile note which documents stood after them."""
    for event_id, event in events:
        facts = facts_of(event)
        if facts is not None and facts.root == name:
            stands.update(facts.stands)
        yield event_id, event


def _missing(root: DataRoot, anew: DataRoot, stands: dict[str, str]) -> set[str]:
    """The documents that stood, but that no event of this history tells.

    A run on a temporary instance may have written one, and a later run found it as it should be:
    one that still is like that is taken over.
    """
    missing = set()
    for name, digest in stands.items():
        path, there = anew.catalog / name, root.catalog / name
        if path.exists() and sha256_of(path) == digest:
            continue
        if there.is_file() and sha256_of(there) == digest:
            put_text(path, there.read_text("utf-8"))
        else:
            missing.add(name)
    return missing


def _refusal(lost: set[str]) -> CatalogError:
    some = ", ".join(sorted(lost)[:3])
    return CatalogError(
        f"{len(lost)} records of the catalog are not in this history ({some}): they are of runs on "
        f"a temporary instance, of runs that were deleted, or older than the history. Made again "
        f"from it the catalog would forget them; nothing was changed. If that is meant: "
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
