"""What a step tells the catalog, carried by its events.

Where the instance keeps its log in :class:`EmbeddedEventLog`, the log feeds the catalog. On any
other instance, a temporary one say, the step writes its own documents once its table stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from jobforge_dagster.catalog import schemas
from jobforge_dagster.catalog.chain import record_path
from jobforge_dagster.catalog.describe import transition
from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.catalog.describe.table import described_staged, described_table
from jobforge_dagster.catalog.documents import GlossaryDocument, TableMetadata
from jobforge_dagster.catalog.documents.transition import TransitionFacts
from jobforge_dagster.catalog.project import Facts, packed, project
from jobforge_dagster.catalog.store import AnyDocument, glossary_path, table_path, writing
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.fingerprint import platform_version
from jobforge_dagster.medallion.layers.staged import Staging
from jobforge_dagster.medallion.storage.audit import Audited
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.publish import now
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.logs import tell

if TYPE_CHECKING:
    from jobforge_dagster.orchestration.event_log import EmbeddedEventLog

FACTS = "catalog"
"""Name of the metadata under which an event carries its facts."""

ROOT, PLATFORM, PACKED = "root", "platform", "facts"
"""Its parts: the data root and the version of the code, to be seen without unpacking the rest."""


@dataclass(frozen=True)
class Step:
    """A step that makes a table, as the catalog is told of it."""

    root: DataRoot
    key: str
    run_id: str
    instance: dg.DagsterInstance
    known: Known | None = None
    declared: Source | Table | None = None

    def staged(self, source: Source, staging: Staging, others: Iterable[Manifest] = ()) -> Facts:
        """What there is to tell of deliveries: those that the catalog does not know are added.

        Args:
            source: the source.
            staging: the deliveries in force.
            others: further ones, which are not in force any more.
        """
        assert self.known is not None
        arrived = (transition.staged(source, each) for each in (*others, *staging.standing))
        return self._facts(described_staged(self.known, source, staging), arrived)

    def published(self, audited: Audited) -> Facts:
        """What there is to tell of a table that is published, or stands unchanged."""
        assert self.known is not None
        assert self.declared is not None
        publication = audited.publication
        table = described_table(
            self.known, self.declared, publication, audited.facts, audited.file(self.root)
        )
        made = transition.published(self.root, self.declared, publication, audited.set_back_by)
        return self._facts(table, [made])

    def failed(self, errors: Sequence[str], judged: Publication | None = None) -> Facts:
        """What there is to tell of a table that could not be made."""
        told = transition.failed(self.key, self.run_id, now(), errors, self.declared, judged)
        return self._facts(transitions=[told])

    def glossary(self, document: GlossaryDocument) -> Facts:
        """The glossary."""
        return self._facts(glossary=document)

    def tell_if_the_log_does_not(self, facts: Facts) -> None:
        """Write the documents now, where no log does; a failure of that is told and no more."""
        if self._log is not None:
            return
        try:
            with writing(self.root):
                schemas.write(self.root)
                project(self.root, facts, now())
        except Exception as error:
            tell("catalog_failed", table=self.key, error=f"{type(error).__name__}: {error}")

    @property
    def _log(self) -> EmbeddedEventLog | None:
        """The log that feeds the catalog, if the instance has it."""
        from jobforge_dagster.orchestration.event_log import EmbeddedEventLog  # reads what we tell

        log = self.instance.event_log_storage
        return log if isinstance(log, EmbeddedEventLog) else None

    def _facts(
        self,
        table: TableMetadata | None = None,
        transitions: Iterable[TransitionFacts] = (),
        glossary: GlossaryDocument | None = None,
    ) -> Facts:
        """What the catalog does not know as it stands; most often that is nothing."""
        new = (each for each in transitions if not record_path(self.root, each).exists())
        return Facts(
            root=self._log.name_of(self.root) if self._log else "",
            platform=platform_version(),
            table=_unless_there(table, table_path(self.root, table.table) if table else None),
            transitions=tuple(new),
            glossary=_unless_there(glossary, glossary_path(self.root)),
        )


def _unless_there(document: AnyDocument | None, path: Path | None) -> AnyDocument | None:
    if document is None or path is None:
        return None
    try:
        there = path.read_text("utf-8") == document.as_json()
    except (OSError, ValueError):
        there = False
    return None if there else document


def carried(facts: Facts) -> dict[str, Any]:
    """Facts as metadata of an event: one value, which Dagster shows only to who asks for it."""
    told = {ROOT: facts.root, PLATFORM: facts.platform, PACKED: packed(facts)}
    return {FACTS: dg.MetadataValue.json(told)}
