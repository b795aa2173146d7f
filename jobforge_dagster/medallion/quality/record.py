"""The quarantine record: what is known of one refused row."""

from __future__ import annotations

from datetime import datetime
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from jobforge_dagster.medallion.quality.judge import Fate

State = Literal["open", "replayed", "waived", "superseded"]
"""``open``: refused by the table as it stands. The others are how a record was resolved: its row
passes now (``replayed``), is accepted for the time being (``waived``), or left with its delivery
(``superseded``)."""


class BrokenRule(BaseModel):
    """A rule that the row broke.

    Attributes:
        rule: the rule's id, ``{table}:{name}``.
        version: of the rule, as it stood; a rule that demands something else has another.
        error_type: the kind of trouble, for programs.
        message: what is wrong, for people.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    version: str
    error_type: str
    message: str


class Event(BaseModel):
    """A change of the record's state."""

    model_config = ConfigDict(frozen=True)

    state: State
    at: datetime
    run_id: str
    why: str


class QuarantineRecord(BaseModel):
    """One row that a table refused.

    Attributes:
        record_id: the same in every run for the same row of the same delivery.
        table: key of the table that refused the row.
        layer: its layer.
        fate: ``rejected`` by rules, or ``deduplicated``.
        state: see :data:`State`.
        broken: every rule that it broke.
        survivor: of a duplicate, the row that was kept: its key and record, as JSON.
        original: the source record as it was delivered, as JSON, header to text; the raw text
            under ``raw`` where no row can represent it; null where no single record stands behind.
        corrections: ids of the corrections that had changed the row, separated by ``|``.
        row: the row as it stood when it was refused, as JSON; null in staged.
        source_file: the delivered file(s).
        source_row: number of the record in the first file.
        batch_id: the delivery or deliveries.
        run_id: the run that refused it first.
        quarantined_at: when (UTC).
        judged_by: the run that refused it last.
        history: every change of its state, oldest first.
    """

    model_config = ConfigDict(frozen=True)

    record_id: str
    table: str
    layer: Literal["staged", "bronze", "silver", "gold"]
    fate: Fate
    state: State
    broken: list[BrokenRule] = Field(min_length=1)
    survivor: str | None
    original: str | None
    corrections: str | None
    row: str | None
    source_file: str
    source_row: int | None
    batch_id: str
    run_id: str
    quarantined_at: datetime
    judged_by: str
    history: list[Event] = Field(min_length=1)


def _polars(annotation: Any) -> pl.DataType:
    if isinstance(annotation, UnionType):
        [annotation] = [each for each in get_args(annotation) if each is not type(None)]
    if get_origin(annotation) is list:
        return pl.List(_polars(get_args(annotation)[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pl.Struct(columns_of(annotation))
    if annotation is int:
        return pl.UInt32()
    return pl.Datetime("us", "UTC") if annotation is datetime else pl.String()


def columns_of(model: type[BaseModel]) -> dict[str, pl.DataType]:
    """The Polars columns in which a model's fields are stored."""
    return {name: _polars(field.annotation) for name, field in model.model_fields.items()}


RECORD = columns_of(QuarantineRecord)
"""Columns of a quarantine file."""
