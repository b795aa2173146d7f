"""What a trace tells, for people by ``str``, for programs by ``to_dict``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobforge_dagster.asking.told import Line, Told


@dataclass(frozen=True)
class Delivery:
    """A delivered file.

    Attributes:
        source: the source that it belongs to.
        file: its path below the landing folder, when it came.
        batch_id: of the delivery.
        received_at: UTC.
        sha256: of its bytes; ``size``, how many there are.
        in_force: whether the tables are still made of it.
        lies_in_landing: whether the same bytes still lie there under that name.
    """

    source: str
    file: str
    batch_id: str
    received_at: datetime
    sha256: str
    size: int
    publisher: str
    licence: str
    url: str | None
    staged_file: str
    in_force: bool
    lies_in_landing: bool


@dataclass(frozen=True)
class Transition:
    """How a table was made: the publication that stands.

    Attributes:
        run_id: the run; ``written_at`` when (UTC).
        sha256: of the table's file.
        grain: what a row stands for, in words.
        rows_in: rows of each input; ``rows_out`` of the table.
        changed_inputs: inputs that were made again, or delivered, since.
    """

    run_id: str
    written_at: datetime
    sha256: str
    grain: str
    rows_in: Mapping[str, int]
    rows_out: int
    rejected: int
    deduplicated: int
    changed_inputs: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A row on the way.

    Attributes:
        number: its place in the file of its table, from 0; null of a staged record, which its
            batch and record number tell.
        values: those of its key; of a staged record, all cells as they were delivered.
        source_file: the delivered files that it was made from, as the row says.
        source_row: the record number in the first of them.
        batch_id: the deliveries.
        corrections: ids of the corrections that changed a value of it.
        made_of: numbers of the rows of each input that it was made of, as far as they are followed;
            of bronze, the record number.
    """

    number: int | None
    values: Mapping[str, Any]
    source_file: str
    source_row: int | None
    batch_id: str
    corrections: tuple[str, ...] = ()
    made_of: Mapping[str, tuple[int, ...]] | None = None


@dataclass(frozen=True)
class Step:
    """The rows of one table that stand behind those of the step before.

    Attributes:
        table: its key.
        count: how many there are; ``rows`` holds the first of them, and these are followed.
        transition: how the table was made; null of staged.
        deliveries: of staged, those that the records came with.
        inputs: the steps behind this one.
        trouble: why there are none, if the rows cannot be followed.
    """

    table: str
    count: int
    rows: tuple[Row, ...]
    transition: Transition | None = None
    deliveries: tuple[Delivery, ...] = ()
    inputs: tuple[Step, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True)
class Refused:
    """A row that a table refused: its record in the quarantine.

    Attributes:
        fate: ``rejected`` by rules, or ``deduplicated``.
        rules: id of each rule that it broke, and what was wrong.
        survivor: of a duplicate, the row that was kept.
        original: the record as it was delivered, or its raw text.
        row: as it stood when it was refused.
    """

    record_id: str
    table: str
    fate: str
    state: str
    rules: Mapping[str, str]
    survivor: Mapping[str, Any] | None
    original: Mapping[str, Any] | None
    row: Mapping[str, Any] | None
    source_file: str
    source_row: int | None
    batch_id: str


@dataclass(frozen=True, repr=False)
class Trace(Told):
    """Where a row comes from.

    Attributes:
        table: its key.
        conditions: what was asked for.
        values: the row; null if there is none, for it was refused.
        step: its way back.
        refused: the rows asked for that the table, or one before it, refused.
    """

    table: str
    conditions: Mapping[str, str | None]
    values: Mapping[str, Any] | None
    step: Step | None
    refused: tuple[Refused, ...] = ()

    def lines(self) -> Iterator[Line]:
        """What people are told."""
        from jobforge_dagster.asking.trace import telling  # tells of these classes

        return telling.lines(self)


@dataclass(frozen=True)
class Products:
    """What a table holds, and refused, of what was made of a record.

    Attributes:
        count: how many rows; ``rows`` holds the first of them.
        missing: how many rows the code would make that the table has not: it is not up to date.
    """

    table: str
    count: int
    rows: tuple[Row, ...]
    refused: tuple[Refused, ...] = ()
    missing: int = 0


@dataclass(frozen=True, repr=False)
class Forward(Told):
    """Everything that was made of a delivered record.

    Attributes:
        delivery: with which it came.
        record: its number, below the header, from 1.
        fate: ``staged``; ``blank``: an empty line; ``malformed``: no row can represent it.
        cells: as they were delivered, if it is staged.
        products: of each table, in the order in which they are made.
        refused: records of the quarantine that were resolved since.
        replaced_by: of a source whose records replace each other, the row of bronze that took its
            place.
    """

    delivery: Delivery
    record: int
    fate: str
    cells: Mapping[str, Any] | None
    products: tuple[Products, ...]
    refused: tuple[Refused, ...] = ()
    replaced_by: Row | None = None

    def lines(self) -> Iterator[Line]:
        """What people are told."""
        from jobforge_dagster.asking.trace import telling  # tells of these classes

        return telling.forward_lines(self)
