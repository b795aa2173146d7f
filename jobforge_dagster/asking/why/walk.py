"""From a cell back to the records of the publishers' files, one table after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any

from jobforge_dagster.asking.contributors import INPUT, INPUT_ROW, ROW, contributors
from jobforge_dagster.asking.lookups import numbered
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.why.columns import Needed, planned_lineage
from jobforge_dagster.asking.why.shrink import TooManyTrials, minimal
from jobforge_dagster.asking.why.step import Absent, Step
from jobforge_dagster.medallion.lineage import FrameLineage

TRIALS = 300
"""How often functions are run again, for one answer, to find fewer rows and cells."""

Rows = dict[int, Needed]
"""Rows of a table by their number, with the columns that are needed of each."""


@dataclass
class Walk:
    """What was found on the way back.

    Attributes:
        rows: of each table, the rows that are needed, with the columns of each.
        absent: rows that were looked for in vain.
        unfound: tables in which a value is null, and no cell that holds nothing makes it so.
        lost: whether a value would be made of columns of which no cell was found.
        complete: whether every set of rows was made as small as trying can make it.
        lineages: of what the function of each table on the way makes.
    """

    tables: Tables
    thorough: bool = False
    end: float = inf
    trials: int = TRIALS
    rows: dict[str, Rows] = field(default_factory=dict)
    absent: list[Absent] = field(default_factory=list)
    unfound: list[str] = field(default_factory=list)
    lost: bool = False
    complete: bool = True
    lineages: dict[str, FrameLineage] = field(default_factory=dict)

    @property
    def spent(self) -> bool:
        """Whether no more may be tried: what is known by then is taken, though it be too much."""
        return self.trials <= 0 or monotonic() > self.end

    def back(self, key: str, number: int, needed: Needed) -> None:
        """Walk back from a row."""
        self.rows = {key: {number: needed}}
        for each in self.tables.declared.above(key):
            if each in self.rows and not each.startswith(("staged/", "bronze/")):
                self._step(each, self.rows[each])

    def _step(self, key: str, rows: Rows) -> None:
        lineage = self.lineages[key] = planned_lineage(self.tables, key)
        found = contributors(self.tables, key, list(rows))
        made_of: dict[int, dict[str, list[int]]] = {number: {} for number in rows}
        for number, table, row in found.select(ROW, INPUT, INPUT_ROW).iter_rows():
            made_of[number].setdefault(table, []).append(row)
        values = self._values(key, rows)
        for number, needed in rows.items():
            step = Step(self, key, needed, lineage, values[number], made_of[number])
            for table, row, columns in step.taken():
                self.rows.setdefault(table, {}).setdefault(row, Needed()).add(columns)
            self.absent.extend(step.absent())
            self.lost |= step.lost

    def _values(self, key: str, rows: Iterable[int]) -> dict[int, dict[str, Any]]:
        frame = self.tables.frame(key, numbered=True)
        some = frame.filter(numbered(NUMBER, rows)).collect(engine="streaming")
        return {row[NUMBER]: row for row in some.iter_rows(named=True)}

    def least(self, enough: Any, elements: Sequence[Any]) -> list[Any]:
        """As few of some elements as are still enough, within the trials that are left."""

        def ask(some: Sequence[Any]) -> bool:
            if self.spent:
                raise TooManyTrials
            self.trials -= 1
            return bool(enough(some))

        found, done = minimal(ask, elements)
        self.complete &= done
        return found
