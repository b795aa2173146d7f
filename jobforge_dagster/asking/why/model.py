"""What an answer to "why" tells, for people by ``str``, for programs by ``to_dict``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from jobforge_dagster.asking.told import Line, Told
from jobforge_dagster.asking.trace.model import Refused

Role = Literal["made", "decides"]
Action = Literal["edit", "leave out", "rename"]
Outcome = Literal["changes", "goes", "fails", "stays"]
Verdict = Literal["necessary", "sufficient", "not tested"]


@dataclass(frozen=True)
class Experiment:
    """Something else in a file, and what the answer would be.

    Attributes:
        action: to ``edit`` the cell, to ``leave out`` its record, or to ``rename`` its header.
        text: what the cell or the header would hold; null of an empty cell, and of a record.
        outcome: the value ``changes``, the row ``goes``, the table ``fails`` to be made, or the
            answer ``stays`` what it is.
        value: what the value would be.
        error: why the table fails to be made, if it does.
    """

    action: Action
    text: str | None
    outcome: Outcome
    value: Any = None
    error: str | None = None


@dataclass(frozen=True)
class Cell:
    """A cell of a delivered file.

    Attributes:
        file: below the landing folder; ``batch_id`` is its delivery.
        record: its number below the header, from 1; null of the header itself.
        header: of its column, as delivered; null where the number of the record is meant.
        text: as delivered; null of an empty cell.
        role: whether the value is ``made`` of it, or whether it only ``decides``: which rows are
            joined, kept, grouped, found.
        kinds: how.
        verdict: ``necessary`` if some change of it, or the loss of its record, changes the answer;
            ``sufficient`` if none of those tried does: the same value stands by others too. So is
            a cell that the value is made of if no change of it does, but the row goes with its
            record: it is the record that is necessary.
        experiments: what was tried, up to the first that changes the answer.
    """

    source: str
    file: str
    batch_id: str
    record: int | None
    header: str | None
    text: str | None
    role: Role
    kinds: tuple[str, ...]
    verdict: Verdict = "not tested"
    experiments: tuple[Experiment, ...] = ()


@dataclass(frozen=True)
class Witness:
    """A record that the answer needs.

    Attributes:
        cells: how many of its cells are named; where there are none, that it is there is enough.
    """

    source: str
    file: str
    batch_id: str
    record: int
    cells: int


@dataclass(frozen=True)
class Correction:
    """A correction that changed a value of a row on the way."""

    id: str
    column: str
    expected: str
    replacement: str
    reason: str


@dataclass(frozen=True)
class Rule:
    """A rule that looks at a column on the way.

    Attributes:
        text: what it demands; where it was not obeyed, what is wrong.
        outcome: what it said of the rows, all of which were accepted.
    """

    name: str
    text: str
    severity: str
    outcome: Literal["passed", "warned", "waived"]
    waiver: str | None = None


@dataclass(frozen=True)
class Hop:
    """A table on the way.

    Attributes:
        table: its key.
        run_id: the run that made it; ``written_at`` when (UTC). Of staged: when it was delivered.
        file: where its code stands, ``symbol`` its name there; null of staged.
        columns: what is needed of it, and how far it goes: see ``kind`` in lineage.
        how: what happens to the values, in words: of bronze, as what they are read; of silver and
            gold, of which columns of its inputs each column that is needed is made, and how.
        rows: how many of its rows are needed.
    """

    table: str
    run_id: str | None
    written_at: datetime | None
    file: str | None
    symbol: str | None
    columns: Mapping[str, str]
    how: str
    rows: int
    corrections: tuple[Correction, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Missing:
    """A row that was looked for in vain: ``table`` has none with these values."""

    table: str
    columns: tuple[str, ...]
    by: str


@dataclass(frozen=True)
class Recomputed:
    """What the functions make of the witnesses alone.

    Attributes:
        same: whether it is the value that stands in the table.
        records: of how many records.
        value: what came out; null if nothing did.
    """

    same: bool
    records: int
    value: Any


@dataclass(frozen=True, repr=False)
class Why(Told):
    """Why a value is what it is.

    Attributes:
        table: key of its table; ``row`` tells the row, ``column`` the column.
        value: what stands there; null, too, if there is no such row.
        found: whether there is such a row. If not, ``refused`` tells what became of it.
        cells: what it is made of, then what decides it.
        witnesses: the records that these stand in, and those that only have to be there.
        least: whether no witness can be left out, but those by whose empty cells it is null: each
            may be, for the value is null without them as well.
        recomputed: the proof.
        hops: the tables on the way, from its own back to the files.
        missing: rows that were looked for in vain.
        notes: what else is to be known.
    """

    table: str
    row: Mapping[str, Any]
    column: str
    value: Any
    found: bool
    cells: tuple[Cell, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    least: bool = True
    recomputed: Recomputed | None = None
    hops: tuple[Hop, ...] = ()
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()

    def lines(self) -> Iterator[Line]:
        """What people are told."""
        from jobforge_dagster.asking.why import telling  # tells of these classes

        return telling.lines(self)
