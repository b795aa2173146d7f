"""What is declared of all tables together: which reads which, and who may see what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from jobforge_dagster.medallion.classification import CLASSIFICATIONS, Classification, inherited
from jobforge_dagster.medallion.declare import Source, Table, meaning_of
from jobforge_dagster.medallion.discovery import Declarations
from jobforge_dagster.medallion.lineage.documents import TableSources
from jobforge_dagster.medallion.storage import publications
from jobforge_dagster.medallion.storage.root import DataRoot


class Known:
    """The declarations as a graph, over one data root."""

    def __init__(self, declared: Declarations, root: DataRoot) -> None:
        self.declared = declared
        self.root = root
        self._classified: dict[tuple[str, str], dict[str, Classification]] = {}

    @cached_property
    def by_key(self) -> dict[str, Source | Table]:
        """What is declared of each bronze, silver and gold table."""
        return {each.key: each for each in self.declared.declared}

    @cached_property
    def downstream(self) -> dict[str, tuple[str, ...]]:
        """The tables that read each table, by key, sorted."""
        found: dict[str, set[str]] = {}
        for source in self.declared.sources:
            found.setdefault(source.staged_key, set()).add(source.key)
        for table in self.declared.tables:
            for upstream in table.upstream:
                found.setdefault(upstream.key, set()).add(table.key)
        return {key: tuple(sorted(keys)) for key, keys in found.items()}

    def sources_of(self, declared: Source | Table) -> tuple[Source, ...]:
        """The sources behind a table, each once, sorted by name."""
        if isinstance(declared, Source):
            return (declared,)
        found = {
            source.name: source
            for upstream in declared.inputs
            for source in self.sources_of(upstream)
        }
        return tuple(found[name] for name in sorted(found))

    def classified(
        self,
        declared: Source | Table,
        columns: Iterable[str],
        lineage: TableSources | None,
    ) -> dict[str, Classification]:
        """Who may see each of some columns of a table: as declared, or as what it is made of.

        Args:
            declared: the table.
            columns: their names.
            lineage: what they are made of, as the table stands.
        """
        schema = declared.schema.columns()
        made_of = {column.name: column for column in lineage.columns} if lineage else {}
        found: dict[str, Classification] = {}
        for name in columns:
            said = meaning_of(schema[name]) if name in schema else None
            upstream: list[Classification] = []
            if self._has_secrets and name in made_of and isinstance(declared, Table):
                told = made_of[name]
                sources = [(each.table, each.column) for each in told.direct]
                sources += [
                    (each.table, each.column)
                    for each in told.indirect
                    if "conditional" in each.kinds
                ]
                upstream = [
                    self._standing(table).get(column, "public") for table, column in sources
                ]
            found[name] = inherited(
                said.classification if said else None,
                declared.classification,
                upstream,
                said.declassified if said else None,
            )
        return found

    @cached_property
    def _has_secrets(self) -> bool:
        """Whether anything at all is above public; most often nothing is."""
        return any(_is_secret(each) for each in self.declared.declared)

    def is_discreet(self, declared: Source | Table) -> bool:
        """Whether a table, or anything that it is made of, holds what not everybody may see."""
        if not self._has_secrets:
            return False
        upstream = declared.upstream if isinstance(declared, Table) else ()
        return _is_secret(declared) or any(self.is_discreet(each) for each in upstream)

    def _standing(self, key: str) -> Mapping[str, Classification]:
        """Who may see the columns of a table that stands."""
        found = publications.standing(self.root, key)
        if found is None or key not in self.by_key:
            return {}
        told = found[1]
        place = key, told.fingerprint
        if place not in self._classified:
            self._classified[place] = self.classified(
                self.by_key[key], told.table_schema.columns, told.lineage
            )
        return self._classified[place]


def _is_secret(declared: Source | Table) -> bool:
    """Whether anything is declared above public, of the table or of a column."""
    said = [meaning_of(column) for column in declared.schema.columns().values()]
    classes = {declared.classification, *(each.classification for each in said if each)}
    return bool(classes - {None, "public"})


def highest(classes: Iterable[Classification]) -> Classification:
    """The most confidential of some classes."""
    return max(classes, key=CLASSIFICATIONS.index, default="public")
