"""What a step tells the catalog, carried by its events.

Where the instance keeps its log in :class:`EmbeddedEventLog`, the log feeds the catalog. On any
other instance, a temporary one say, the step writes its own documents once its table stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from jobforge_dagster.catalog import chain, schemas
from jobforge_dagster.catalog.describe import transition
from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.catalog.describe.table import described_staged, described_table
from jobforge_dagster.catalog.documents import GlossaryDocument, TableMetadata
from jobforge_dagster.catalog.documents.base import Document
from jobforge_dagster.catalog.documents.transition import TransitionFacts
from jobforge_dagster.catalog.project import Facts, packed, project
from jobforge_dagster.catalog.store import PATIENCE, glossary_path, table_path, writing
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.fingerprint import platform_version
from jobforge_dagster.medallion.layers.staged import Staging
from jobforge_dagster.medallion.storage.audit import Audited
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


_FOLDERS = re.compile(r"(?<![\w:/.*])/(?:[^\s/'\":|]+/)+")
"""The folders of an absolute path, and not those of an address."""


@dataclass(frozen=True)
class Step:
    """A step that makes a table, as the catalog is told of it."""

    root: DataRoot
    key: str
    run_id: str
    instance: dg.DagsterInstance
    retry_number: int = 0
    declared: Source | Table | None = None

    def staged(self, known: Known, source: Source, staging: Staging) -> Facts:
        """What there is to tell of a source: its deliveries, in force or not, and its table."""
        return self._facts(
            lambda: transition.arrived(self.root, source, staging.arrived),
            lambda: described_staged(known, source, staging),
            changed=bool(staging.new),
        )

    def published(self, known: Known, declared: Source | Table, audited: Audited) -> Facts:
        """What there is to tell of a table that is published, or stands unchanged."""
        file = audited.file(self.root)
        return self._facts(
            lambda: transition.published(
                self.root, declared, audited.publication, audited.previous, audited.set_back_by
            ),
            lambda: described_table(known, declared, audited.publication, audited.facts, file),
            changed=not audited.unchanged,
        )

    def failed(self, errors: Sequence[str], judged: Publication | None = None) -> Facts:
        """What there is to tell of a table that could not be made."""
        told = transition.failed(self.key, self.run_id, now(), errors, self.declared, judged)
        return self._facts(lambda: [told])

    def glossary(self, document: GlossaryDocument) -> Facts:
        """What there is to tell of the glossary."""
        return self._with(self._empty(), "glossary", document, glossary_path(self.root))

    def without_place(self, words: str) -> str:
        """Words without places on this machine: below the data root, or the name alone."""
        place = self.root.path.resolve().as_posix()
        return _FOLDERS.sub("", words.replace(f"{place}/", ""))

    def tell_if_the_log_does_not(self, facts: Facts) -> None:
        """Write the documents now, where no log does; a failure of that is told and no more."""
        if self._log is not None:
            return
        try:
            with writing(self.root, PATIENCE):
                schemas.write(self.root)
                chain.mend(self.root)
                for words in project(self.root, facts, now()):
                    tell("catalog_failed", table=self.key, error=words)
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
        transitions: Callable[[], Iterable[TransitionFacts]],
        describe: Callable[[], TableMetadata] | None = None,
        *,
        changed: bool = False,
    ) -> Facts:
        """What the catalog does not know as it stands; of an unchanged table that is nothing.

        A table is published even if it cannot be described: that is said, and no more.
        """
        facts = self._empty()
        try:
            new = tuple(each for each in transitions() if not chain.holds(self.root, each))
            facts = facts.model_copy(update={"transitions": new})
            if describe is not None:
                place = table_path(self.root, self.key)
                facts = self._with(facts, "table", describe(), place, changed=changed)
        except Exception as error:
            tell("catalog_failed", table=self.key, error=f"{type(error).__name__}: {error}")
        return facts

    def _with(
        self, facts: Facts, name: str, document: Document, path: Path, *, changed: bool = False
    ) -> Facts:
        """The facts with a document, or with its hash alone where it stands already."""
        text = document.as_json()
        place = path.relative_to(self.root.catalog).as_posix()
        told: dict[str, object] = {"stands": {place: sha256(text.encode()).hexdigest()}}
        if changed or not _holds(path, text):
            told[name] = document
        return facts.model_copy(update=told)

    def _empty(self) -> Facts:
        name = self._log.name_of(self.root) if self._log else ""
        return Facts(root=name, platform=platform_version())


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def carried(facts: Facts) -> dict[str, Any]:
    """Facts as metadata of an event: one value, which Dagster shows only to who asks for it."""
    told = {ROOT: facts.root, PLATFORM: facts.platform, PACKED: packed(facts)}
    return {FACTS: dg.MetadataValue.json(told)}
