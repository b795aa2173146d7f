"""Waivers: a row is accepted despite a rule, because somebody says so, until a day.

Like corrections they are inputs: a file that people and git can read. One that has lapsed has no
effect, and its row returns to quarantine when the table is made next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

import polars as pl
from pydantic import BaseModel, ConfigDict, Field


class Waiver(BaseModel):
    """Accept the rows of a table that have some values, although they break a rule.

    Attributes:
        id: unique name.
        table: key of the table.
        rule: name of the rule within the table.
        where: column to value, as text (null for none), that tell the row.
        by: who answers for it.
        why: the reason.
        given: the day of the decision.
        until: the last day on which it holds (UTC).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    table: str
    rule: str
    where: dict[str, str | None] = Field(min_length=1)
    by: str = Field(min_length=1)
    why: str = Field(min_length=1)
    given: date
    until: date

    def holds(self, table: str, day: date) -> bool:
        """Whether it has an effect on a table on a day."""
        return self.table == table and self.given <= day <= self.until

    @property
    def fits(self) -> pl.Expr:
        """Whether a row is the one that is meant."""
        return pl.all_horizontal(
            pl.col(column).cast(pl.String).eq_missing(pl.lit(value, pl.String))
            for column, value in self.where.items()
        )


def version(waivers: Sequence[Waiver]) -> str:
    """Changes with what some waivers accept; empty where there is none."""
    acts = sorted(waiver.model_dump_json(include={"rule", "where"}) for waiver in waivers)
    return hashlib.sha256("\n".join(acts).encode()).hexdigest()[:16] if acts else ""
