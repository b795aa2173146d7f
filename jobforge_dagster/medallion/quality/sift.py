"""Sifting: one pass over the rows of a table lets the accepted ones by and sets the others aside.

What a row must obey by itself is computed in the plan. What is refused is rare, so only then are
its words put together, for many rows at a time. What rows must be together is known before they
pass (see ``keys``): the numbers of those that are to be set aside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import CARRIED
from jobforge_dagster.medallion.quality.judge import NOTED, REFUSED, Fate, Judgement, refused
from jobforge_dagster.medallion.quality.keys import NUMBER, PLACE, SetAside

_AT_ONCE = 25_000
"""Rows set aside that are held in memory; what is more goes to a file."""

_UNTOLD = 4
"""Batches of rows that are told of together: each by itself takes twice as long. They are few, for
as long as a row is held, Polars keeps the texts of all rows that it passed with."""

_STAYS = "__stays"


class Aside:
    """Rows of one kind that were set aside, in no order.

    Args:
        folder: where to put what is too much to hold; made when it is needed.
        name: begins the names of the files.
        schema: of what is told of the rows.
        tell: makes that of some rows.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        schema: Mapping[str, pl.DataType],
        tell: Callable[[pl.DataFrame], pl.DataFrame],
    ) -> None:
        self._folder, self._name, self._schema, self._tell = folder, name, schema, tell
        self._untold: list[pl.DataFrame] = []
        self._told: list[pl.DataFrame] = []
        self._files: list[Path] = []
        self._lock = threading.Lock()
        self.count = 0
        """How many they are."""

    def add(self, rows: pl.DataFrame) -> None:
        """Set rows aside; batches may come from several threads."""
        if rows.is_empty():
            return
        with self._lock:
            self.count += rows.height
            self._untold.append(rows)
            if len(self._untold) < _UNTOLD:
                return
            some, self._untold = self._untold, []
        told = self._tell(pl.concat(some).rechunk())
        with self._lock:
            self._told.append(told)
            if sum(each.height for each in self._told) < _AT_ONCE:
                return
            some, self._told = self._told, []
            file = self._folder / f"{self._name}-{len(self._files):05}.parquet"
            self._files.append(file)
        self._keep(pl.concat(some), file)

    def _keep(self, told: pl.DataFrame, file: Path) -> None:
        # By PyArrow: Polars writes with threads that wait here for each other's batches.
        import pyarrow.parquet as pq

        self._folder.mkdir(exist_ok=True)
        # In one chunk: what is nested takes a hundred times as long to convert from many.
        pq.write_table(told.rechunk().to_arrow(), file, compression="lz4")

    def frame(self) -> pl.LazyFrame:
        """What is told of all of them, once all have passed."""
        rest = [self._tell(pl.concat(self._untold).rechunk())] if self._untold else []
        held = pl.concat([pl.DataFrame(schema=self._schema), *self._told, *rest]).lazy()
        if not self._files:
            return held
        kept = pl.scan_parquet(self._files, glob=False, hive_partitioning=False)
        return pl.concat([kept, held])


class Sieve:
    """Sifts the rows of a candidate. The plan that it gives is to be executed once.

    Args:
        judgement: the verdict on each row.
        rows: the rows with their verdicts, numbered if any are set aside.
        apart: rows that cannot stand together with others.
        folder: see :class:`Aside`.
    """

    def __init__(
        self, judgement: Judgement, rows: pl.LazyFrame, apart: Sequence[SetAside], folder: Path
    ) -> None:
        self._judgement, self._rows = judgement, rows
        self._kept = [*judgement.candidate.columns, *CARRIED]
        self._broken = Aside(folder, "broken", REFUSED, self._tell_broken)
        self._apart = [
            (each, Aside(folder, f"apart-{place}", REFUSED, partial(self._tell_apart, each)))
            for place, each in enumerate(apart)
        ]
        self.noted = Aside(folder, "noted", NOTED, judgement.notes_of)

    def accepted(self) -> pl.LazyFrame:
        """The rows that pass: the columns to keep and those carried along, in the plan's order."""
        known = self._rows.collect_schema()
        schema = pl.Schema({name: known[name] for name in self._kept} | {_STAYS: pl.Boolean()})
        looked_at = self._rows.map_batches(self._look_at, streamable=True, schema=schema)
        # Dropped by the plan: a frame's own filter copies what passes once more.
        return looked_at.filter(_STAYS).drop(_STAYS)

    def count(self, fate: Fate) -> int:
        """How many rows of one fate were set aside."""
        apart = sum(aside.count for each, aside in self._apart if each.fate == fate)
        return apart + (self._broken.count if fate == "rejected" else 0)

    def refused(self) -> pl.LazyFrame:
        """The rows that were set aside, as :data:`REFUSED`."""
        return pl.concat([self._broken.frame(), *(aside.frame() for _, aside in self._apart)])

    def _look_at(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Set rows aside, and say of each whether it stays."""
        judgement = self._judgement
        stays = rows.select(judgement.passes).to_series()
        if not stays.all():
            self._broken.add(rows.filter(~stays))
        for each, aside in self._apart:
            some = each.among(rows[NUMBER])
            if some.height:
                some = some.filter(stays.gather(some[PLACE]))
                aside.add(rows[some[PLACE]].hstack(some.drop(PLACE)))
                stays = stays.scatter(some[PLACE], values=False)
        if judgement.noting:
            self.noted.add(rows.filter(stays & rows.select(judgement.notes).to_series()))
        return rows.select(exactly(*self._kept), stays.alias(_STAYS))

    def _tell_broken(self, rows: pl.DataFrame) -> pl.DataFrame:
        judgement = self._judgement
        return refused(judgement.candidate, rows, "rejected", judgement.broken_by(rows))

    def _tell_apart(self, apart: SetAside, rows: pl.DataFrame) -> pl.DataFrame:
        broken = apart.broken_by(rows)
        return refused(self._judgement.candidate, rows, apart.fate, broken, apart.survivor)
