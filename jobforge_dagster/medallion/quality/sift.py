"""Sifting: one pass over the rows of a table lets the accepted ones by and sets the others aside.

What a row must obey by itself is computed in the plan. What is refused is rare, so only then are
its words put together, batch by batch as the rows pass. What rows must be together is known before
they pass (see ``keys``): the numbers of those that are to be set aside.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import CARRIED
from jobforge_dagster.medallion.quality.judge import NOTED, REFUSED, Fate, Judgement, refused
from jobforge_dagster.medallion.quality.keys import NUMBER, SetAside

_AT_ONCE = 25_000
"""Rows set aside that are held in memory; what is more goes to a file."""


_STAYS = "__stays"


class Aside:
    """Rows of one kind that were set aside, in no order.

    Args:
        folder: where to put what is too much to hold; made when it is needed.
        name: begins the names of the files.
        schema: of the rows.
    """

    def __init__(self, folder: Path, name: str, schema: Mapping[str, pl.DataType]) -> None:
        self._folder, self._name, self._schema = folder, name, schema
        self._held: list[pl.DataFrame] = []
        self._files: list[Path] = []
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """Rows by their fate, where they have one."""

    def add(self, rows: pl.DataFrame, fate: Fate | None = None) -> None:
        """Set rows aside, of one fate if they have one; batches may come from several threads."""
        with self._lock:
            self._held.append(rows)
            if fate is not None:
                self.counts[fate] += rows.height
            if sum(each.height for each in self._held) >= _AT_ONCE:
                self._keep()

    def _keep(self) -> None:
        # By PyArrow: Polars writes with threads that wait here for each other's batches.
        import pyarrow.parquet as pq

        self._folder.mkdir(exist_ok=True)
        self._files.append(self._folder / f"{self._name}-{len(self._files):05}.parquet")
        # In one chunk: what is nested takes a hundred times as long to convert from many.
        rows = pl.concat(self._held, rechunk=True).to_arrow()
        pq.write_table(rows, self._files[-1], compression="lz4")
        self._held = []

    def frame(self) -> pl.LazyFrame:
        """All of them."""
        held = pl.concat([pl.DataFrame(schema=self._schema), *self._held]).lazy()
        if not self._files:
            return held
        kept = pl.scan_parquet(self._files, glob=False, hive_partitioning=False)
        return pl.concat([kept, held])


class Sieve:
    """Sifts the rows of a candidate. The plan that it gives is to be executed once.

    Args:
        judgement: the verdict on each row.
        rows: the rows with their verdicts, numbered if any are set aside.
        aside: rows that cannot stand together with others.
        folder: see :class:`Aside`.
    """

    def __init__(
        self, judgement: Judgement, rows: pl.LazyFrame, aside: Sequence[SetAside], folder: Path
    ) -> None:
        self._judgement, self._rows, self._aside = judgement, rows, aside
        self._candidate = judgement.candidate
        self._kept = [*self._candidate.columns, *CARRIED]
        self.refused = Aside(folder, "refused", REFUSED)
        self.noted = Aside(folder, "noted", NOTED)

    def accepted(self) -> pl.LazyFrame:
        """The rows that pass: the columns to keep and those carried along, in the plan's order."""
        known = self._rows.collect_schema()
        schema = pl.Schema({name: known[name] for name in self._kept} | {_STAYS: pl.Boolean()})
        looked_at = self._rows.map_batches(self._look_at, streamable=True, schema=schema)
        # Dropped by the plan: a frame's own filter copies what passes once more.
        return looked_at.filter(_STAYS).drop(_STAYS)

    def _look_at(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Set rows aside, and say of each whether it stays."""
        judgement = self._judgement
        stays = rows.select(judgement.passes).to_series()
        if not stays.all():
            bad = rows.filter(~stays).rechunk()
            self._refuse(bad, "rejected", judgement.broken_by(bad))
        for each in self._aside:
            some = each.among(rows[NUMBER])
            if some.height:
                lost = rows[NUMBER].is_in(some[NUMBER].implode()) & stays
                whole = rows.filter(lost).join(some, on=NUMBER, maintain_order="left").rechunk()
                self._refuse(whole, each.fate, each.broken_by(whole), each.survivor)
                stays = stays & ~lost
        if judgement.noting:
            noted = rows.filter(stays & rows.select(judgement.notes).to_series()).rechunk()
            if noted.height:
                self.noted.add(judgement.notes_of(noted))
        return rows.select(exactly(*self._kept), stays.alias(_STAYS))

    def _refuse(
        self, rows: pl.DataFrame, fate: Fate, broken: pl.Series, survivor: pl.Expr | None = None
    ) -> None:
        self.refused.add(refused(self._candidate, rows, fate, broken, survivor), fate)
