"""Transitions: rows went from one layer to the next, or failed to."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from jobforge_dagster.catalog.documents.base import Document, Part

Layer = Literal["source", "staged", "bronze", "silver", "gold"]
Status = Literal["success", "partial", "failed"]
"""``partial``: the table was published without the rows that are in quarantine."""


class BoundInput(Part):
    """What a transition read: a table, or a delivered file.

    Attributes:
        table: its key; of a delivered file, its path below the data root.
        sha256: of its file; of several, of the lines ``{sha256}  {path}`` sorted by path.
        files: how many there are.
        rows: how many it has; of a delivered file, its records.
    """

    table: str
    sha256: str | None
    files: int
    rows: int | None


class TransitionFacts(Part):
    """What a step knows of a transition; the catalog adds when it ended and its place in the chain.

    Attributes:
        transition_id: follows from the rest: the same transition has the same id, always.
        run_id: the run that made it.
        table: key of the target.
        source_layer: that of the first input.
        source_tables: keys of the inputs; of staged, the delivered file below the data root.
        source_files: the delivered files behind the rows, below the landing folder.
        target_file: below the data root; ``None`` where nothing was published.
        row_count_in: rows of all inputs; ``row_count_out`` of the target.
        rows_expected: what the inputs give by the declared grain.
        transforms_applied: what was done, in words, in its order.
        code_version: fingerprint of the code that did it.
    """

    transition_id: str
    run_id: str
    table: str
    batch_ids: tuple[str, ...]
    source_layer: Layer
    target_layer: Layer
    source_tables: tuple[str, ...]
    source_files: tuple[str, ...]
    target_file: str | None
    row_count_in: int | None
    row_count_out: int | None
    rows_expected: int | None
    rows_quarantined: int | None
    rows_deduplicated: int | None
    transforms_applied: tuple[str, ...]
    started_at: datetime
    status: Status
    errors: tuple[str, ...]
    code_version: str | None
    inputs: tuple[BoundInput, ...]
    output_sha256: str | None


class LayerTransitionLog(TransitionFacts, Document):
    """One transition, chained to the one before it.

    Attributes:
        completed_at: when its event was recorded.
        sequence: its number in the chain, from 1.
        previous: ``hash`` of the transition before it; empty for the first.
        hash: sha256 of ``previous`` and the canonical JSON of all else.
    """

    completed_at: datetime
    sequence: int
    previous: str
    hash: str


class IndexLine(Part):
    """A line of ``lineage/index.jsonl``: what is asked most, and where the whole record lies."""

    sequence: int
    transition_id: str
    run_id: str
    table: str
    source_layer: Layer
    target_layer: Layer
    status: Status
    row_count_in: int | None
    row_count_out: int | None
    rows_quarantined: int | None
    rows_deduplicated: int | None
    started_at: datetime
    completed_at: datetime
    output_sha256: str | None
    record: str
    previous: str
    hash: str
