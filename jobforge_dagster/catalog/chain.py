"""The chain of transitions: each record is bound to the one before it, so none can be altered.

``lineage/{table key}/{start}-{id}.json`` is a record, ``lineage/index.jsonl`` has one line for each
in their order. The record is written first, and tells its own place; the line makes it count. What
a crash leaves between the two is mended by the next writer. Only one process writes at a time (see
``store.writing``); adding a record reads the last line and no more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from jobforge_dagster.catalog.documents import IndexLine, LayerTransitionLog
from jobforge_dagster.catalog.documents.base import canonical
from jobforge_dagster.catalog.documents.transition import TransitionFacts
from jobforge_dagster.catalog.store import CatalogError, get, put
from jobforge_dagster.medallion.storage.atomic import append_line, replacing
from jobforge_dagster.medallion.storage.root import DataRoot

_TAIL = 1 << 16
"""Bytes from the end of the index in which its last line is looked for first."""


def lineage(root: DataRoot) -> Path:
    """The folder of the records."""
    return root.catalog / "lineage"


def index(root: DataRoot) -> Path:
    """The index of the records."""
    return lineage(root) / "index.jsonl"


def record_path(root: DataRoot, facts: TransitionFacts) -> Path:
    """Where the record of a transition lies; it follows from the transition alone."""
    return place(root, facts.table, facts.transition_id, facts.started_at)


def place(root: DataRoot, table: str, transition_id: str, started_at: datetime) -> Path:
    """Where the record of a transition lies, by what is known of it beforehand."""
    name = f"{started_at:%Y%m%dT%H%M%S.%fZ}-{transition_id[:8]}.json"
    return lineage(root) / table / name


def holds(root: DataRoot, facts: TransitionFacts) -> bool:
    """Whether a transition is in the chain: its record is there, and counts.

    A damaged record counts too: it was added once, and verification tells what became of it. Reads
    alone, so that it can be asked while another process adds a record.
    """
    path = record_path(root, facts)
    if not path.exists():
        return False
    line, _ = _tail(index(root))
    try:
        there = get(root, path, LayerTransitionLog)
        return bool(line) and there.sequence <= IndexLine.model_validate_json(line).sequence
    except (CatalogError, ValidationError):
        return True


def mend(root: DataRoot) -> None:
    """Mend what a crash or a careless hand did to the index: it is gone, empty, or torn."""
    head(root)


def append(root: DataRoot, facts: TransitionFacts, completed_at: datetime) -> bool:
    """Add a transition to the chain, unless it is there.

    Returns:
        Whether it was added.

    Raises:
        CatalogError: the end of the index is damaged.
    """
    path = record_path(root, facts)
    last = head(root)
    sequence, previous = (last.sequence, last.hash) if last else (0, "")
    if holds(root, facts):
        return False
    told = facts.model_dump() | {
        "completed_at": completed_at,
        "sequence": sequence + 1,
        "previous": previous,
    }
    unsigned = LayerTransitionLog(**told, hash="")
    record = unsigned.model_copy(update={"hash": hash_of(unsigned)})
    pending = _pending(root)
    pending.parent.mkdir(parents=True, exist_ok=True)
    pending.write_text(path.relative_to(lineage(root)).as_posix(), "utf-8")
    put(path, record)
    append_line(index(root), line_of(root, record, path).model_dump_json())
    pending.unlink(missing_ok=True)
    return True


def head(root: DataRoot) -> IndexLine | None:
    """The last line of the index; ``None`` if there is no transition yet.

    Mends what it finds, so only who may write asks for it: an index that is gone is written again
    from the records, a torn end is cut off.

    Raises:
        CatalogError: the line is damaged.
    """
    _settle_pending(root)
    path = index(root)
    line = _last_line(path)
    if not line:
        if not any(records(root)):
            return None
        reindex(root)
        line = _last_line(path)
    try:
        return IndexLine.model_validate_json(line)
    except ValidationError:
        raise CatalogError(
            f"The last line of {root.relative(path)} is damaged. See: jobforge catalog verify. If "
            f"only the index was altered, delete it: the next run writes it again from the records."
        ) from None


def records(root: DataRoot) -> Iterator[Path]:
    """The files of all records, in no order."""
    return lineage(root).glob("*/**/*.json")


def lines(root: DataRoot) -> Iterator[bytes]:
    """The lines of the index as they stand, oldest first; one torn by a crash is left out."""
    path = index(root)
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def line_of(root: DataRoot, record: LayerTransitionLog, path: Path) -> IndexLine:
    """The line of a record."""
    told = record.model_dump(include=set(IndexLine.model_fields) - {"record"})
    return IndexLine(**told, record=path.relative_to(lineage(root)).as_posix())


def hash_of(record: LayerTransitionLog) -> str:
    """What the hash of a record must be: sha256 of all else, the hash before it included."""
    told = canonical(record.model_dump(mode="json", exclude={"hash"}))
    return sha256(record.previous.encode() + b"\n" + told).hexdigest()


def _is_line(content: bytes) -> bool:
    try:
        return IndexLine.model_validate_json(content).model_dump_json().encode() == content
    except ValidationError:
        return False


def reindex(root: DataRoot) -> None:
    """Write the index again from the records, in the order that they tell."""
    found = []
    for path in records(root):
        record = get(root, path, LayerTransitionLog)
        found.append((record.sequence, line_of(root, record, path).model_dump_json()))
    with replacing(index(root)) as temporary:
        temporary.write_text("".join(f"{line}\n" for _, line in sorted(found)), "utf-8")


def _pending(root: DataRoot) -> Path:
    """Names the record that is being added."""
    return lineage(root) / ".pending"


def _settle_pending(root: DataRoot) -> None:
    """Take away a record that a crash kept from the index; it will be told again."""
    pending = _pending(root)
    if not pending.exists():
        return
    name = pending.read_text("utf-8")
    path = lineage(root) / name
    known, _ = _tail(index(root))
    if name and path.is_file() and f'"record":"{name}"'.encode() not in known:
        path.unlink()
    pending.unlink()


def _last_line(path: Path) -> bytes:
    """The last whole line of a file; what a crash left of one after it is cut off."""
    line, rest = _tail(path)
    if not rest:
        return line
    if _is_line(rest):
        with path.open("ab") as file:
            file.write(b"\n")  # only its end was lost
        return rest
    os.truncate(path, path.stat().st_size - len(rest))
    return line


def _tail(path: Path) -> tuple[bytes, bytes]:
    """The last whole line of a file, and what stands after it; empty where there is none."""
    if not path.exists():
        return b"", b""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        tail = _TAIL
        while True:
            start = max(0, size - tail)
            file.seek(start)
            content = file.read(size - start)
            end = content.rfind(b"\n")
            begin = content.rfind(b"\n", 0, end) if end > 0 else -1
            if start == 0 or begin >= 0:
                break
            tail *= 4
    return (content[begin + 1 : end] if end >= 0 else b""), content[end + 1 :]
