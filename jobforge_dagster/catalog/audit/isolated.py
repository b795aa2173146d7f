"""Bad data is isolated without changing it: originals, tables and equations are compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from jobforge_dagster.catalog.audit.evidence import RESTORE, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Table
from jobforge_dagster.medallion.provenance import BATCH_ID, PROVENANCE, SEPARATOR, SOURCE_ROW
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.publications import Publication

SAMPLE = 200
"""Rejected records of a table that are compared: the first by their id, which follow from them."""

_AGAIN = "Materialise the table again"
_Rows = list[dict[str, Any]]


def isolated(evidence: Evidence) -> Checked:
    """Balance every publication, and compare rejected records with staged files and tables.

    The originals are those of the staged files; the rows are not in their tables, told by file,
    record and, where a record makes several rows, key.
    """
    checked = Checked.of(
        "publications", "open records", "sampled", "originals compared", "looked for in a table"
    )
    files: dict[str, str] = {
        each.quarantine_file: f"staged/{each.source}"
        for each in evidence.manifests.values()
        if each.quarantine_file and (evidence.root.path / each.quarantine_file).exists()
    }
    for key in evidence.keys:
        for publication in evidence.published[key].values():
            checked.count("publications")
            _balanced(checked, evidence, publication)
        standing = evidence.standing(key)
        if standing and _complete(checked, evidence, standing):
            files[str(standing.quarantine_file)] = key
    for file, key in sorted(files.items()):
        _compared(checked, evidence, evidence.root.path / file, key)
    if checked.figures["sampled"] < checked.figures["open records"]:
        checked.notes.append(
            f"Of each table, the first {SAMPLE} rejected records by id are compared; duplicates "
            f"are counted."
        )
    known = {evidence.root.path / file for file in files}
    checked.notes.extend(
        f"{evidence.root.relative(path)}: no table or delivery that stands tells of it."
        for path in sorted(evidence.root.quarantined.glob("[!_]*/*/[!.]*.parquet"))
        if path not in known
    )
    return checked


def _balanced(checked: Checked, evidence: Evidence, publication: Publication) -> None:
    counts = publication.conservation
    if not counts.balances:
        path = evidence.root.publication(
            publication.table, publication.run_id, publication.written_at
        )
        checked.wrong(evidence.root.relative(path), f"its rows do not balance: {counts}", RESTORE)


def _complete(checked: Checked, evidence: Evidence, publication: Publication) -> bool:
    """Whether the records that stand with a table are there; tells if some are missing."""
    counts = publication.conservation
    told = {"rejected": counts.rejected, "deduplicated": counts.deduplicated}
    told = {fate: count for fate, count in told.items() if count}
    file = publication.quarantine_file
    if file is None:
        if told:
            what = f"{counts}, but no quarantine file is told of"
            checked.wrong(publication.table, what, _AGAIN)
        return False
    path = evidence.root.path / file
    if not path.exists():
        checked.wrong(file, f"it is gone, and {publication.table} refused {told}", RESTORE)
        return False
    plan = parquet.scan(path).filter(state="open").group_by("fate").len()
    found = evidence.collected(path, plan)
    if found is None:
        return False
    if dict(found.iter_rows()) != told:
        what = f"it has {dict(sorted(found.iter_rows()))}, and {publication.table} refused {told}"
        checked.wrong(file, what, RESTORE)
    return True


def _compared(checked: Checked, evidence: Evidence, path: Path, key: str) -> None:
    """Compare the first rejected records of a file with what was staged, and with the table."""
    stands = parquet.scan(path).filter(state="open")
    count = evidence.collected(path, stands.select(pl.len()))
    rejected = stands.filter(fate="rejected").bottom_k(SAMPLE, by="record_id")
    found = evidence.collected(path, rejected.sort("record_id"))
    if count is None or found is None:
        return
    checked.count("open records", count.item())
    checked.count("sampled", found.height)
    records = [each for each in found.to_dicts() if each["source_row"] is not None]
    where = evidence.root.relative(path)
    for batch, some in _by_batch(records):
        _as_delivered(checked, evidence, where, batch, some)
    if not key.startswith("staged/"):
        for batch, some in _by_batch(records):
            _not_in_table(checked, evidence, where, key, batch, some)


def _by_batch(records: _Rows) -> Iterator[tuple[str, _Rows]]:
    """Records by the delivery of the source record that they stand for."""
    found: dict[str, _Rows] = {}
    for record in records:
        found.setdefault(record["batch_id"].split(SEPARATOR)[0], []).append(record)
    yield from sorted(found.items())


def _as_delivered(
    checked: Checked, evidence: Evidence, where: str, batch: str, records: _Rows
) -> None:
    manifest = evidence.manifests.get(batch)
    if manifest is None:
        checked.wrong(where, f"its records are of batch {batch}, which has no manifest", RESTORE)
        return
    path = evidence.root.path / manifest.staged_file
    staged = _staged_rows(evidence, path, batch, [each["source_row"] for each in records])
    if staged is None:
        return
    for record in records:
        checked.count("originals compared")
        told = f"record {record['record_id']} ({manifest.file}, record {record['source_row']})"
        original = _json(record["original"])
        row = staged.get(record["source_row"])
        if record["layer"] == "staged":
            if row is not None or not isinstance(original, dict) or not original.get("raw"):
                what = f"{told} could not be staged, but it is, or its text is gone"
                checked.wrong(where, what, RESTORE)
        elif row is None:
            checked.wrong(where, f"{told} is not in {manifest.staged_file}", RESTORE)
        elif original != row:
            what = f"the original of {told} is not what {manifest.staged_file} has"
            checked.wrong(where, what, RESTORE)


def _staged_rows(
    evidence: Evidence, path: Path, batch: str, numbers: list[int]
) -> dict[int, Any] | None:
    """Some records of a staged file, as quarantine writes them, by their number."""
    facts = evidence.facts(path)
    if facts is None:
        return None
    values = [
        exactly(name).bin.encode("hex") if dtype == "Binary" else exactly(name)
        for name, dtype in facts.columns.items()
        if name not in PROVENANCE
    ]
    wanted = pl.col(SOURCE_ROW).is_in(numbers) & (pl.col(BATCH_ID) == batch)
    told = pl.struct(values).struct.json_encode()
    plan = parquet.scan(path).filter(wanted).select(SOURCE_ROW, told.alias("told"))
    found = evidence.collected(path, plan)
    return {row: _json(text) for row, text in found.iter_rows()} if found is not None else None


def _not_in_table(
    checked: Checked, evidence: Evidence, where: str, key: str, batch: str, records: _Rows
) -> None:
    """A rejected row is told by its record and, where a record makes several, by its key."""
    names = _identity(evidence, key)
    if names is None:
        return
    path = evidence.root.table(key)
    numbers = [each["source_row"] for each in records]
    first = pl.col(BATCH_ID).str.split(SEPARATOR).list.first() == batch
    own = pl.struct([exactly(name) for name in names]).struct.json_encode() if names else pl.lit("")
    plan = parquet.scan(path).filter(pl.col(SOURCE_ROW).is_in(numbers) & first)
    found = evidence.collected(path, plan.select(SOURCE_ROW, own.alias("key")))
    if found is None:
        return
    there = {(row, _text(_json(text)) if names else "") for row, text in found.iter_rows()}
    for record in records:
        checked.count("looked for in a table")
        row = _json(record["row"])
        told = {name: row.get(name) for name in names} if isinstance(row, dict) else {}
        if (record["source_row"], _text(told) if names else "") in there:
            what = (
                f"record {record['record_id']} ({record['source_file']}, record "
                f"{record['source_row']}) is rejected, and stands in {key}"
            )
            checked.wrong(where, what, f"Materialise {key} again")


def _identity(evidence: Evidence, key: str) -> tuple[str, ...] | None:
    """What tells the rows of one record apart: nothing needs to, where each makes one row."""
    declared = {each.key: each for each in evidence.declared.declared}.get(key)
    document = evidence.tables.get(key)
    if declared is None or document is None:
        return None
    if not isinstance(declared, Table) or declared.grain.one_to_one:
        return ()
    return document.technical.primary_key or None


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text is not None else None
    except ValueError:
        return text


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


CONTROLS = (
    Control(
        "quality.isolated",
        "Data quality",
        "Bad data is isolated without changing it, and every row is accounted for.",
        isolated,
        ("tables", "manifests", "publications", "data"),
    ),
)
