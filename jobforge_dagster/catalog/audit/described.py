"""Every transformation has metadata: computed from the files on the disk and the code itself."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path

from jobforge_dagster.catalog.audit.evidence import AGAIN, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.documents.table import Code

_RUN = "Materialise it: its step tells the catalog"


def described(evidence: Evidence) -> Checked:
    """Look up the document, the transition and the code of every table that is on the disk.

    The columns and rows that a document tells of are those of the file.
    """
    checked = Checked.of("tables on disk", "declared tables that stand", "with code that exists")
    standing = [f"staged/{source}" for source in evidence.sources] + [*evidence.keys]
    for key in standing:
        checked.count("tables on disk")
        document = evidence.tables.get(key)
        if document is None:
            checked.wrong(key, f"there is no {evidence.place(key)}", f"{_RUN}. {AGAIN}")
        else:
            _code(checked, key, document.lineage.code)
            _shape(checked, evidence, document)
        made = evidence.made.get(key)
        if not made:
            checked.wrong(key, "no transition tells how it was made", f"{_RUN}. {AGAIN}")
        elif not made[-1].transforms_applied:
            checked.wrong(key, "its newest transition does not say what was done", AGAIN)
    declared = {each.key for each in evidence.declared.declared}
    declared |= {each.staged_key for each in evidence.declared.sources}
    checked.count("declared tables that stand", len(declared.intersection(standing)))
    checked.notes.extend(
        f"{key}: it is on the disk, but no domain declares it any more."
        for key in standing
        if key not in declared
    )
    for key in evidence.tables:
        if key not in standing:
            what = f"it tells of {key}, which is not on the disk"
            checked.wrong(evidence.place(key), what, "Materialise it, or remove the document")
    return checked


def _code(checked: Checked, key: str, code: Code | None) -> None:
    if code is None:
        checked.wrong(key, "its document names no code", _RUN)
        return
    path = _module_file(code.file)
    if path is None:
        checked.wrong(key, f"{code.file}, which makes it, is not there", f"{_RUN} anew")
    elif not _has(path, code.symbol):
        checked.wrong(key, f"{code.file} has no {code.symbol}, which makes it", f"{_RUN} anew")
    else:
        checked.count("with code that exists")


def _module_file(file: str) -> Path | None:
    """Where a module's file lies that is named below the project or a folder of packages."""
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(found.origin) if found and found.origin and Path(found.origin).exists() else None


@cache
def _symbols(path: Path, _changed: int) -> frozenset[str]:
    """The qualified names of all functions and classes of a file, as Python gives them."""
    found: set[str] = set()

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(f"{prefix}{child.name}")
                inner = f"{prefix}{child.name}.<locals>."
            elif isinstance(child, ast.ClassDef):
                found.add(f"{prefix}{child.name}")
                inner = f"{prefix}{child.name}."
            elif isinstance(child, ast.Lambda):
                found.add(f"{prefix}<lambda>")
                inner = f"{prefix}<lambda>.<locals>."
            walk(child, inner)

    walk(ast.parse(path.read_bytes()), "")
    return frozenset(found)


def _has(path: Path, symbol: str) -> bool:
    try:
        return symbol in _symbols(path, path.stat().st_mtime_ns)
    except (OSError, SyntaxError, ValueError):
        return False


def _shape(checked: Checked, evidence: Evidence, document: TableMetadata) -> None:
    """Compare what a document says of a file with the file."""
    if document.layer == "staged":
        return
    place = evidence.place(document.table)
    facts = evidence.facts(evidence.root.table(document.table))
    if facts is None:
        return
    said = {column.name: column.type for column in document.columns}
    if list(said.items()) != list(facts.columns.items()):
        differ = sorted(said.items() ^ facts.columns.items())
        names = ", ".join(dict.fromkeys(name for name, _ in differ)) or "their order"
        checked.wrong(place, f"its columns are not those of the file: {names}", _RUN)
    if document.technical.rows != facts.rows:
        what = f"it tells of {document.technical.rows:,} rows, and the file has {facts.rows:,}"
        checked.wrong(place, what, _RUN)


CONTROLS = (
    Control(
        "metadata.every-transformation",
        "Metadata",
        "Every transformation has metadata, and names code that exists.",
        described,
        ("tables", "transitions", "manifests", "data"),
    ),
)
