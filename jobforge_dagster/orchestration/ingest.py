"""Ingest: a file is put into the landing folder by hand, and staged by a run like any other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.discovery import discover, packages_from_environment
from jobforge_dagster.medallion.errors import DeliveryError, JobForgeError
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.layers.staged import looking_on
from jobforge_dagster.medallion.storage import deliveries
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.landing import claims, place_for
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster.orchestration.launch import run_tables
from jobforge_dagster.orchestration.replay import reasons


@dataclass(frozen=True)
class Batch:
    """A delivery that a file turned out to be."""

    file: str
    batch_id: str
    new: bool
    rows: int
    malformed: int


@dataclass(frozen=True)
class Ingested:
    """What became of the files of one source."""

    source: str
    batches: tuple[Batch, ...]
    failure: str | None


def ingest(
    root: DataRoot,
    files: Sequence[Path],
    name: str | None = None,
    *,
    progress: Callable[[str, int, int], None] | None = None,
    packages: Sequence[str] | None = None,
    instance: dg.DagsterInstance | None = None,
) -> list[Ingested]:
    """Put files into the landing folder, unless they lie there, and stage them.

    Args:
        root: the data root.
        files: wherever they are.
        name: of their source; without it, the one that claims a file of that name.
        progress: told of a file, the records read so far and all of them (0 if not known).
        packages: where the domains are.
        instance: where the run is recorded; by default where the command line records it.

    Raises:
        JobForgeError: a file does not exist, or no source or several claim it; nothing was done.
    """
    packages = packages or packages_from_environment()
    declared = discover(packages).sources
    placed = [(file, *_place(root, file, name, declared)) for file in files]
    _refuse_losses(root, placed)
    for file, _, place in placed:
        _put(file, root.landing / place)
    sources = list(dict.fromkeys(source for _, source, _ in placed))
    known = {path.stem for path in root.manifests.glob("*.json")}
    defs = build_definitions(packages, root)
    with looking_on(progress):
        keys = [dg.AssetKey(source.staged_key.split("/")) for source in sources]
        result = run_tables(defs, keys, "jobforge ingest", root, instance)
    failures = reasons(result)
    return [
        Ingested(
            source.name,
            tuple(
                _batch(root, source, place, known)
                for _, of, place in placed
                if of is source and source.staged_key not in failures
            ),
            failures.get(source.staged_key),
        )
        for source in sources
    ]


def _place(
    root: DataRoot, file: Path, name: str | None, declared: Sequence[Source]
) -> tuple[Source, str]:
    """The source of a file, and where it goes below the landing folder."""
    if not file.is_file():
        raise JobForgeError(f"{file} is no file.")
    landing = root.landing.resolve()
    there = file.resolve()
    inside = there.relative_to(landing).as_posix() if there.is_relative_to(landing) else None
    able = [source for source in declared if name is None or source.name == name]
    found = [(source, inside) for source in able if inside and claims(source, inside)]
    for source in able if not found else ():
        try:
            place = place_for(source, file.name)
        except DeliveryError:
            if name:
                raise
            continue
        if name or place.rpartition("/")[2] == file.name:
            found.append((source, place))
    if len(found) == 1:
        return found[0]
    if name:
        raise JobForgeError(f"There is no source {name!r}. See: jobforge sources")
    claimed = " and ".join(source.name for source, _ in found)
    raise JobForgeError(
        f"{file.name} is claimed by {claimed}. Say which one by --source."
        if found
        else f"No source claims a file called {file.name!r}. Say whose it is by --source, or start "
        f"a domain file for it by: jobforge sources suggest {file}"
    )


def _refuse_losses(root: DataRoot, placed: Sequence[tuple[Path, Source, str]]) -> None:
    """Refuse to overwrite what was not staged: another of the files, or what lies there."""
    taken: dict[str, Path] = {}
    for file, source, place in placed:
        other = taken.setdefault(place, file)
        if other is not file and other.resolve() != file.resolve():
            raise JobForgeError(
                f"{other} and {file} would both become source/{place}. Ingest one after the other, "
                f"or rename one."
            )
        there = root.landing / place
        if not there.exists() or there.samefile(file):
            continue
        if not there.is_file():
            raise JobForgeError(f"source/{place} is no file. Move it away.")
        if deliveries.find(root, deliveries.batch_id_of(source, sha256_of(there))) is None:
            raise JobForgeError(
                f"source/{place} lies there and was not staged yet: it would be lost. Stage it "
                f"first by: jobforge ingest {there}"
            )


def _put(file: Path, to: Path) -> None:
    if to.exists() and file.samefile(to):
        return
    with replacing(to) as temporary:
        shutil.copyfile(file, temporary)


def _batch(root: DataRoot, source: Source, place: str, known: set[str]) -> Batch:
    last = [arrival for arrival in deliveries.arrivals(root, source) if arrival.file == place][-1]
    manifest = deliveries.find(root, last.batch_id)
    assert manifest is not None
    return Batch(
        file=place,
        batch_id=last.batch_id,
        new=last.batch_id not in known,
        rows=manifest.rows,
        malformed=manifest.malformed,
    )
