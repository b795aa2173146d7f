"""Metadata is machine-readable and valid: every document is read by its model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from jobforge_dagster.catalog import chain, schemas
from jobforge_dagster.catalog.audit.evidence import AGAIN, Evidence, in_short
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents import IndexLine, ProgressDocument
from jobforge_dagster.catalog.store import glossary_path, progress_path, table_path
from jobforge_dagster.medallion.storage.root import LAYERS

_EXPORTS = "exports"
"""Folder of the catalog that holds what is made of it for others."""


def machine_readable(evidence: Evidence) -> Checked:
    """Read every file of the catalog, and the records beside the data, by their models."""
    checked = Checked.of("documents", "index lines", "records beside the data", "schemas")
    for documents in (evidence.tables, evidence.runs, evidence.transitions):
        checked.count("documents", len(documents))
    checked.count("documents", evidence.glossary is not None)
    checked.count("records beside the data", len(evidence.manifests))
    checked.count("records beside the data", sum(map(len, evidence.published.values())))
    _placed(checked, evidence)
    if progress_path(evidence.root).exists():
        checked.count("documents")
        where = evidence.root.relative(progress_path(evidence.root))
        _reads(checked, where, progress_path(evidence.root).read_bytes(), ProgressDocument)
    for number, line in enumerate(chain.lines(evidence.root), start=1):
        checked.count("index lines")
        where = f"{evidence.root.relative(chain.index(evidence.root))}, line {number}"
        _reads(checked, where, line, IndexLine)
    for name, text in schemas.texts().items():
        path = evidence.root.schema(name)
        if path.exists() and path.read_bytes() == text.encode():
            checked.count("schemas")
        else:
            what = "it is not what the model gives" if path.exists() else "it is gone"
            checked.wrong(evidence.root.relative(path), what, "The next run writes it")
    unknown = sorted(evidence.root.relative(path) for path in _unknown(evidence))
    checked.notes.extend(f"{name}: no model knows such a file." for name in unknown)
    return checked


def _placed(checked: Checked, evidence: Evidence) -> None:
    """A document must lie where its content says, or nobody finds it."""
    for layer in LAYERS:
        for path in sorted((evidence.root.catalog / "tables" / layer).glob("[!.]*.json")):
            key = _said(path, "table")
            if key is not None and table_path(evidence.root, key) != path:
                where = evidence.root.relative(path)
                checked.wrong(where, f"it tells of {key}, which belongs elsewhere", AGAIN)
    for path in sorted((evidence.root.catalog / "runs").glob("[!.]*.json")):
        run_id = _said(path, "run_id")
        if run_id is not None and run_id != path.stem:
            where = evidence.root.relative(path)
            checked.wrong(where, f"it tells of run {run_id}, which belongs elsewhere", AGAIN)


def _said(path: Path, field: str) -> str | None:
    try:
        value = json.loads(path.read_bytes())[field]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # that it is damaged is told by who reads it whole
    return value if isinstance(value, str) else None


def _reads(checked: Checked, where: str, content: bytes, model: type[BaseModel]) -> None:
    try:
        model.model_validate_json(content)
    except ValidationError as error:
        remedy = "See: jobforge catalog verify"
        checked.wrong(where, f"it cannot be read ({in_short(error)})", remedy)


def _unknown(evidence: Evidence) -> Iterator[Path]:
    root = evidence.root
    known = {glossary_path(root), progress_path(root), chain.index(root)}
    known |= {root.schema(name) for name in schemas.DOCUMENTS}
    for path in root.catalog.rglob("*"):
        parts = path.relative_to(root.catalog).parts
        if not path.is_file() or path.name.startswith(".") or parts[0] == _EXPORTS:
            continue
        is_document = path.suffix == ".json" and (
            (parts[0] == "tables" and len(parts) == 3 and parts[1] in LAYERS)
            or (parts[0] == "runs" and len(parts) == 2)
            or (parts[0] == "lineage" and len(parts) > 2)
        )
        if not is_document and path not in known:
            yield path


CONTROLS = (
    Control(
        "metadata.valid",
        "Metadata",
        "Metadata is machine-readable and valid.",
        machine_readable,
        ("tables", "transitions", "runs", "glossary", "manifests", "publications"),
    ),
)
