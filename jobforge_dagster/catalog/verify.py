"""Verification: is the chain of transitions whole, and are the tables those that it tells of?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.documents import IndexLine, LayerTransitionLog
from jobforge_dagster.catalog.store import CatalogError, get
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage.root import DataRoot


@dataclass
class Verified:
    """What was found.

    Attributes:
        records: how many the index tells of.
        head: hash of the last; empty if there is none.
        findings: what is wrong, in words; none, if all is as it was written.
        tables: how many files were compared with the transition that made them.
    """

    records: int = 0
    head: str = ""
    findings: list[str] = field(default_factory=list)
    tables: int = 0


def verify(root: DataRoot, known_head: str | None = None) -> Verified:
    """Compare index, records and tables.

    Args:
        root: the data root.
        known_head: a hash that was the last once, or its start: without it nobody can tell that
            the end of the chain was cut off.
    """
    found = Verified()
    seen: set[str] = set()
    last: dict[str, LayerTransitionLog] = {}
    met = False
    for number, content in enumerate(chain.lines(root), start=1):
        found.records += 1
        line = _line(content)
        if line is None:
            found.findings.append(f"index.jsonl, line {number}: it is damaged.")
            continue
        if line.sequence != number or line.previous != found.head:
            found.findings.append(
                f"index.jsonl, line {number}: it does not follow the line before it. A record was "
                f"removed, inserted or moved."
            )
        found.head = line.hash
        met = met or bool(known_head and line.hash.startswith(known_head))
        seen.add(line.record)
        record = _record(root, line, found.findings)
        if record is not None and record.target_file and record.output_sha256:
            last[record.target_file] = record
    found.findings.extend(
        f"lineage/{name}: the index has no line of it." for name in sorted(_records(root) - seen)
    )
    if known_head and not met:
        found.findings.append(
            f"The head {known_head} is not in the chain: its end was cut off, or it was rewritten."
        )
    for file in sorted(last):
        found.tables += 1
        found.findings.extend(_compared(root, file, last[file]))
    found.findings.extend(
        f"{file}: no transition tells of it." for file in _files(root) if file not in last
    )
    return found


def _line(content: bytes) -> IndexLine | None:
    try:
        line = IndexLine.model_validate_json(content)
    except ValidationError:
        return None
    return line if line.model_dump_json().encode() == content else None


def _record(root: DataRoot, line: IndexLine, findings: list[str]) -> LayerTransitionLog | None:
    path = chain.lineage(root) / line.record
    where = f"lineage/{line.record}"
    try:
        record = get(root, path, LayerTransitionLog)
    except FileNotFoundError:
        findings.append(f"{where}: it is gone.")
        return None
    except (CatalogError, OSError, ValueError):  # a name may be one that no file can have
        findings.append(f"{where}: it is damaged.")
        return None
    if chain.hash_of(record) != record.hash or path.read_bytes() != record.as_json().encode():
        findings.append(f"{where}: it was altered since it was written.")
    elif chain.line_of(root, record, path) != line:
        findings.append(f"{where}: its line in the index says something else.")
    return record


def _records(root: DataRoot) -> set[str]:
    folder = chain.lineage(root)
    return {path.relative_to(folder).as_posix() for path in chain.records(root)}


def _compared(root: DataRoot, file: str, record: LayerTransitionLog) -> Iterator[str]:
    path = root.path / file
    if not path.exists():
        yield f"{file}: it is gone. Made by run {record.run_id} on {record.completed_at:%Y-%m-%d}."
    elif not path.is_file() or sha256_of(path) != record.output_sha256:
        yield (
            f"{file}: it is not what its last transition made (run {record.run_id}). It was "
            f"altered, or a run was cut off before it could tell: then the next run mends it."
        )


def _files(root: DataRoot) -> Iterator[str]:
    """Every file of a table, below the data root."""
    found: list[Path] = []
    for layer in ("staged", "bronze", "silver", "gold"):
        found.extend((root.path / layer).rglob("*.parquet"))
    for path in sorted(found):
        names = path.relative_to(root.path).parts
        if not any(name.startswith((".", "_")) for name in names):
            yield root.relative(path)
