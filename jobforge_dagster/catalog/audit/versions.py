"""Interfaces are versioned: the versions are worked out again from the recorded columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from jobforge_dagster.catalog.audit.evidence import AGAIN, RESTORE, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents.base import Document
from jobforge_dagster.catalog.store import glossary_path
from jobforge_dagster.medallion.provenance import PROVENANCE
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.quality_facts import schema_version

_VERSION = "document_version"


def versioned(evidence: Evidence) -> Checked:
    """Look for the version of each document, and follow the schema of each table."""
    checked = Checked.of("versioned documents", "tables", "publications", "schemas in force")
    for path in _documents(evidence):
        _has_version(checked, evidence, path)
    for key in evidence.keys:
        checked.count("tables")
        _followed(checked, evidence, key)
    return checked


def _documents(evidence: Evidence) -> Iterator[Path]:
    catalog = evidence.root.catalog
    for folder in ("tables", "runs", "lineage"):
        yield from sorted((catalog / folder).rglob("[!.]*.json"))
    if glossary_path(evidence.root).exists():
        yield glossary_path(evidence.root)


def _has_version(checked: Checked, evidence: Evidence, path: Path) -> None:
    # The models would fill it in, so the text itself is asked.
    try:
        told = json.loads(path.read_bytes())
        version = told.get(_VERSION) if isinstance(told, dict) else None
    except (OSError, ValueError):
        version = None
    ours = str(Document.model_fields[_VERSION].default)
    if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+", version):
        where = evidence.root.relative(path)
        checked.wrong(where, f"it has no {_VERSION} (ours is {ours})", AGAIN)
    else:
        checked.count("versioned documents")


def _followed(checked: Checked, evidence: Evidence, key: str) -> None:
    standing = evidence.standing(key)
    if standing is None:
        what = "the record of the publication that its footer names is not there"
        checked.wrong(key, what, RESTORE)
        return
    history = _history(checked, evidence, key, standing)
    versions = set()
    before: Publication | None = None
    for each in history:
        checked.count("publications")
        told = each.table_schema
        versions.add(told.version)
        first_known = before is None and each.previous_run is not None
        again = schema_version(told.columns, told.primary_key, before)
        if not first_known and again != told:
            what = (
                f"its schema is told as version {told.version} ({told.change}), and by its "
                f"columns it is {again.version} ({again.change})"
            )
            checked.wrong(_record(evidence, each), what, RESTORE)
        before = each
    checked.count("schemas in force", len(versions))
    facts = evidence.facts(evidence.root.table(key))
    if facts is not None:
        columns = {name: dtype for name, dtype in facts.columns.items() if name not in PROVENANCE}
        if columns != standing.table_schema.columns:
            what = "the columns that it records are not those of the file"
            checked.wrong(_record(evidence, standing), what, "Materialise the table again")
    document = evidence.tables.get(key)
    told_version = document.technical.schema_version if document else None
    if document and told_version != standing.table_schema.version:
        what = f"it tells of schema {told_version}, and {standing.table_schema.version} stands"
        place = evidence.place(key)
        checked.wrong(place, what, "Materialise the table")


def _history(
    checked: Checked, evidence: Evidence, key: str, standing: Publication
) -> list[Publication]:
    """The publications that led to the one that stands, oldest first."""
    by_run = {each.run_id: each for each in evidence.published[key].values()}
    chain = [by_run.pop(standing.run_id)]
    while chain[-1].previous_run in by_run:
        chain.append(by_run.pop(chain[-1].previous_run))
    before = chain[-1].previous_run
    if before is not None:
        # Tables that were made again elsewhere begin with a record that names one of there.
        if before in {each.run_id for each in evidence.made.get(key, ())}:
            what = f"the record of its publication by run {before} is gone from _metadata"
            checked.wrong(key, what, RESTORE)
        else:
            checked.notes.append(f"{key}: its history begins here; run {before} was elsewhere.")
    return chain[::-1]


def _record(evidence: Evidence, publication: Publication) -> str:
    path = evidence.root.publication(publication.table, publication.run_id, publication.written_at)
    return evidence.root.relative(path)


CONTROLS = (
    Control(
        "integration.versioned",
        "Data integration",
        "Interfaces are versioned.",
        versioned,
        ("tables", "transitions", "publications", "data"),
    ),
)
