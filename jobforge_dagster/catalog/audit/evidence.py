"""The evidence: every document and file that controls look at, each read once.

What cannot be read is left out and told: it fails the controls that rely on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import BaseModel, ValidationError

from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.audit.model import Finding, Kind
from jobforge_dagster.catalog.documents import (
    GlossaryDocument,
    LayerTransitionLog,
    RunDocument,
    TableMetadata,
)
from jobforge_dagster.catalog.documents.base import Document
from jobforge_dagster.catalog.store import CatalogError, get, glossary_path, table_path
from jobforge_dagster.medallion.discovery import Declarations, discover
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.deliveries import Arrival, Manifest
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.root import LAYERS, DataRoot

AnyDocument = TypeVar("AnyDocument", bound=Document)
AnyModel = TypeVar("AnyModel", bound=BaseModel)

MEDALLION = "jobforge_dagster.medallion"
AGAIN = "Make the documents again from the history by: jobforge catalog rebuild"
RESTORE = "Restore it from a backup: runs never delete or alter it"

UNREADABLE = (
    OSError,
    ValueError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
"""How reading a damaged file fails; what is wrong with a model or a Parquet footer is a value."""


class Evidence:
    """What there is to look at.

    Args:
        root: the data root.
        packages: those that hold the domains.
        medallion: the package that says how tables move.
    """

    def __init__(self, root: DataRoot, packages: Sequence[str], medallion: str = MEDALLION) -> None:
        self.root = root
        self.packages = tuple(packages)
        self.medallion = medallion
        self.torn: list[str] = []
        self._damaged: dict[Kind, dict[str, Finding]] = {}
        self._hashes: dict[Path, str] = {}
        self._facts: dict[Path, parquet.FileFacts | None] = {}

    def damaged(self, kind: Kind) -> list[Finding]:
        """What could not be read so far, of some kind."""
        return list(self._damaged.get(kind, {}).values())

    def place(self, key: str) -> str:
        """Where the document of a table lies, below the data root."""
        return self.root.relative(table_path(self.root, key))

    @cached_property
    def declared(self) -> Declarations:
        """What the domains declare.

        Raises:
            JobForgeError: a declaration is wrong.
        """
        return discover(self.packages)

    @cached_property
    def tables(self) -> dict[str, TableMetadata]:
        """The documents of tables by key, staged first."""
        found = {}
        for layer in LAYERS:
            for path in sorted((self.root.catalog / "tables" / layer).glob("[!.]*.json")):
                document = self._document("tables", path, TableMetadata)
                if document is not None:
                    found[document.table] = document
        return found

    @cached_property
    def transitions(self) -> list[LayerTransitionLog]:
        """All transitions in the order of the chain."""
        paths = sorted(chain.lineage(self.root).glob("*/**/[!.]*.json"))
        read = (self._document("transitions", path, LayerTransitionLog) for path in paths)
        return sorted((each for each in read if each), key=lambda each: each.sequence)

    @cached_property
    def made(self) -> dict[str, list[LayerTransitionLog]]:
        """The transitions that did not fail, by the table that they made."""
        found: dict[str, list[LayerTransitionLog]] = {}
        for each in self.transitions:
            if each.status != "failed":
                found.setdefault(each.table, []).append(each)
        return found

    @cached_property
    def runs(self) -> dict[str, RunDocument]:
        """The documents of runs by id."""
        paths = sorted((self.root.catalog / "runs").glob("[!.]*.json"))
        read = (self._document("runs", path, RunDocument) for path in paths)
        return {each.run_id: each for each in read if each}

    @cached_property
    def glossary(self) -> GlossaryDocument | None:
        """The glossary, if there is one."""
        path = glossary_path(self.root)
        return self._document("glossary", path, GlossaryDocument) if path.exists() else None

    @cached_property
    def manifests(self) -> dict[str, Manifest]:
        """The manifests of all deliveries by batch."""
        paths = sorted(self.root.manifests.glob("[!.]*.json"))
        read = (self._record("manifests", path, Manifest) for path in paths)
        return {each.batch_id: each for each in read if each}

    @cached_property
    def arrivals(self) -> dict[str, list[Arrival]]:
        """The arrival logs by source, oldest line first."""
        found: dict[str, list[Arrival]] = {}
        for path in sorted(self.root.staged.glob("*/_arrivals.jsonl")):
            lines = found.setdefault(path.parent.name, [])
            for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
                try:
                    lines.extend([Arrival.model_validate_json(line)] if line else [])
                except ValidationError:
                    # A crash tears a line, and the arrival is noticed again: no harm is done.
                    self.torn.append(f"{self.root.relative(path)}, line {number}: it is damaged.")
        return found

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys of all bronze, silver and gold files on the disk."""
        found = (path for layer in LAYERS[1:] for path in parquet_files(self.root.path / layer))
        return tuple(self.root.relative(path).removesuffix(".parquet") for path in found)

    @cached_property
    def sources(self) -> dict[str, list[Manifest]]:
        """The manifests of each source, by its name."""
        found: dict[str, list[Manifest]] = {}
        for each in self.manifests.values():
            found.setdefault(each.source, []).append(each)
        return dict(sorted(found.items()))

    @cached_property
    def published(self) -> dict[str, dict[str, Publication]]:
        """The publications of each table that stands, by the name of their file, oldest first."""
        found: dict[str, dict[str, Publication]] = {}
        for key in self.keys:
            paths = sorted(self.root.publications(key).glob("[!._]*.json"))
            read = {path.name: self._record("publications", path, Publication) for path in paths}
            found[key] = {name: each for name, each in read.items() if each}
        return found

    def stands(self, key: str) -> bool:
        """Whether a table is on the disk."""
        if key.startswith("staged/"):
            return key.removeprefix("staged/") in self.sources
        return key in self.keys

    def story(self, key: str) -> dict[str, object]:
        """What the footer of a table tells; empty where it tells nothing."""
        return parquet.story_of(self.root.table(key))

    def standing(self, key: str) -> Publication | None:
        """The publication of a table that its footer names."""
        story = self.story(key)
        if not story:
            return None
        found = self.published.get(key, {}).values()
        told = (story["run_id"], story["written_at"])
        return next(
            (each for each in found if (each.run_id, each.written_at.isoformat()) == told), None
        )

    def facts(self, path: Path) -> parquet.FileFacts | None:
        """What a Parquet file says of itself; ``None`` if it cannot be read."""
        if path not in self._facts:
            try:
                self._facts[path] = parquet.facts_of(path)
            except UNREADABLE as error:
                self._note("data", self._unreadable(path, error))
                self._facts[path] = None
        return self._facts[path]

    def collected(self, path: Path, plan: pl.LazyFrame) -> pl.DataFrame | None:
        """What comes of a plan over a Parquet file; ``None`` if that cannot be read."""
        try:
            return plan.collect(engine="streaming")
        except UNREADABLE as error:
            self._note("data", self._unreadable(path, error))
            return None

    def hash_of(self, path: Path) -> str:
        """The sha256 of a file, computed once."""
        if path not in self._hashes:
            self._hashes[path] = sha256_of(path)
        return self._hashes[path]

    def _document(self, kind: Kind, path: Path, model: type[AnyDocument]) -> AnyDocument | None:
        try:
            return get(self.root, path, model)
        except CatalogError as error:
            where = self.root.relative(path)
            what = str(error).removeprefix(f"{where} ").partition(". ")[0]
            self._note(kind, Finding(where, what, AGAIN))
        except UNREADABLE as error:
            self._note(kind, self._unreadable(path, error))
        return None

    def _record(self, kind: Kind, path: Path, model: type[AnyModel]) -> AnyModel | None:
        try:
            return model.model_validate_json(path.read_bytes())
        except UNREADABLE as error:
            self._note(kind, self._unreadable(path, error))
            return None

    def _unreadable(self, path: Path, error: BaseException) -> Finding:
        return Finding(self.root.relative(path), f"it cannot be read ({in_short(error)})", RESTORE)

    def _note(self, kind: Kind, finding: Finding) -> None:
        self._damaged.setdefault(kind, {})[finding.where] = finding


def parquet_files(folder: Path) -> Iterator[Path]:
    """The Parquet files below a folder, but for those that are hidden or beside the data."""
    for path in sorted(folder.rglob("*.parquet")):
        names = path.relative_to(folder).parts
        if not any(name.startswith((".", "_")) for name in names) and path.is_file():
            yield path


def in_short(error: BaseException) -> str:
    """An error on one line; of several, the first."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
    told = str(error).strip().splitlines()
    return (told[0] if told else type(error).__name__).rstrip(".")[:200]
