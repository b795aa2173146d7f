"""One row on the way back: which rows and cells of the inputs it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from jobforge_dagster.asking.why.columns import Needed, upstream
from jobforge_dagster.asking.why.nulls import Changes, behind
from jobforge_dagster.asking.why.trial import Block, CellAt, Trial
from jobforge_dagster.medallion.lineage import FrameLineage

if TYPE_CHECKING:
    from jobforge_dagster.asking.why.walk import Walk

_ONE_BY_ONE = 64
"""Rows, or cells, that are tried one by one before they are tried together."""

_BLOCKS = 32


@dataclass(frozen=True)
class Absent:
    """An input that holds no row for a row of a table, though its values would come from it."""

    table: str
    input: str
    columns: tuple[str, ...]


@dataclass
class Step:
    """One row of a table, and what is needed of its inputs.

    Attributes:
        walk: of which it is a step; it counts the trials.
        key: of the table.
        needed: the columns that are needed of the row.
        lineage: of what the function of the table makes.
        row: as it lies on disk.
        made_of: numbers of the rows that it was traced to, by the key of their table.
        lost: once taken, whether it would be made of columns of which no cell was found.
    """

    walk: Walk
    key: str
    needed: Needed
    lineage: FrameLineage
    row: Mapping[str, Any]
    made_of: dict[str, list[int]]
    lost: bool = False

    def __post_init__(self) -> None:
        self.columns = upstream(self.lineage, self.needed)

    def taken(self) -> list[tuple[str, int, Needed]]:
        """The rows of the inputs that are needed, each with its columns."""
        numbers = self.made_of
        cells = self._cells(numbers)
        names = self.needed.names
        kinds = {
            kind
            for name in names
            for how in self.lineage.columns[name].indirect.values()
            for kind in how
        }
        several = sum(map(len, numbers.values())) > 1
        nulls: list[CellAt] = []
        if not (
            several or len(cells) > 1 or "window" in kinds or self.walk.thorough or self._empty
        ):
            pass
        elif self.walk.spent:
            self.walk.complete = False
        else:
            trial = Trial(self.walk.tables, self.key, self.row, numbers)
            numbers, nulls = self._by_nulls(trial, numbers)
            several = sum(map(len, numbers.values())) > 1
            if several or "window" in kinds or self.walk.thorough:
                kept_rows = [(each.table, each.number) for each in nulls]
                numbers = self._fewer(trial, numbers, names, kept_rows)
                trial.take(numbers)
            cells = self._decisive(trial, self._cells(numbers))
        kept = {*cells, *nulls}
        self.lost = not kept and any(each.made for each in self.columns.values())
        return [
            (table, number, self._of(table, number, kept))
            for table, rows in numbers.items()
            for number in rows
        ]

    def absent(self) -> list[Absent]:
        """The inputs that values would come from, but that hold no row for this one."""
        if not self.needed.made or any(self.row[name] is not None for name in self.needed.made):
            return []
        found = []
        for table, columns in self.columns.items():
            joined = sorted(name for name, kinds in columns.deciding.items() if "join" in kinds)
            if columns.made and joined and table not in self.made_of:
                found.append(Absent(self.key, table, tuple(joined)))
        return found

    @property
    def _empty(self) -> list[str]:
        """The columns made that are null."""
        return [name for name in self.needed.made if self.row[name] is None]

    def _by_nulls(
        self, trial: Trial, numbers: dict[str, list[int]]
    ) -> tuple[dict[str, list[int]], list[CellAt]]:
        """The cells that hold nothing and by that make values, with the rows they stand in."""
        found: list[CellAt] = []
        if self._empty:
            filled = {key: [*of.made] for key, of in self._made_of(self._empty).items()}
            empty = trial.empty(filled)
            found = behind(self._changes(trial, self._empty), empty)
            if not found and not self.absent():
                looked_at = self._looked_at(trial, numbers, filled)
                if looked_at:
                    numbers = looked_at
                    trial.take(numbers)
                    found = behind(self._changes(trial, self._empty), trial.empty(filled))
                elif not empty:
                    self.walk.unfound.append(self.key)
                found = found or empty
        others = [name for name in self.needed.made if name not in self._empty]
        for table, columns in self._made_of(others).items() if others else ():
            empty = trial.empty({table: [*columns.made]})
            without = {key: rows for key, rows in numbers.items() if key != table}
            if empty and without and self._tried(partial(trial.of_rows, without, others)):
                found += behind(self._changes(trial, others), empty, together=False)
        return numbers, list(dict.fromkeys(found))

    def _made_of(self, names: Iterable[str]) -> dict[str, Needed]:
        return upstream(self.lineage, Needed({name: self.needed.made[name] for name in names}))

    def _tried(self, ask: Callable[[], bool]) -> bool:
        if self.walk.spent:
            self.walk.complete = False
            return False
        self.walk.trials -= 1
        return ask()

    def _changes(self, trial: Trial, names: Sequence[str]) -> Changes:
        return lambda cells: self._tried(lambda: trial.changes(cells, names))

    def _looked_at(
        self, trial: Trial, numbers: dict[str, list[int]], filled: Mapping[str, Sequence[str]]
    ) -> dict[str, list[int]]:
        """The rows besides that hold nothing where a function looks: the one before, say."""

        def changes(some: Sequence[Block]) -> bool:
            return trial.changes_by_blocks(some, filled, self._empty)

        blocks = [Block(table, 0, size) for table, size in trial.sizes().items() if size]
        blocks = self._narrowed(changes, blocks) if self._tried(lambda: changes(blocks)) else []
        if not blocks or any(block.stop - block.start > 1 for block in blocks):
            return {}
        return _with(numbers, blocks)

    def _cells(self, numbers: Mapping[str, Sequence[int]]) -> list[CellAt]:
        return [
            CellAt(table, number, column)
            for table, rows in numbers.items()
            for number in rows
            for column in self.columns[table].made
        ]

    def _of(self, table: str, number: int, kept: set[CellAt]) -> Needed:
        columns = self.columns[table]
        return Needed(
            {
                name: kind
                for name, kind in columns.made.items()
                if CellAt(table, number, name) in kept
            },
            {name: set(kinds) for name, kinds in columns.deciding.items()},
        )

    def _fewer(
        self,
        trial: Trial,
        numbers: dict[str, list[int]],
        names: Sequence[str],
        besides: Iterable[tuple[str, int]],
    ) -> dict[str, list[int]]:
        """As few rows as make the same values; more than those traced, if these do not.

        Besides these, some rows are kept in any case.
        """
        if not trial.of_rows(numbers, names):
            numbers = self._more(trial, numbers, names)
            trial.take(numbers)
            if not trial.of_rows(numbers, names):
                self.walk.complete = False
                return numbers
        every = [(table, number) for table, rows in numbers.items() for number in rows]
        apart = {*besides}
        core = {each for each in every if each in apart}
        if len(every) <= _ONE_BY_ONE:
            for place, each in enumerate(every):
                if self.walk.spent:
                    break
                if each in core:
                    continue
                rest = [*every[:place], *every[place + 1 :]]
                self.walk.trials -= 1
                if not trial.of_rows(_by_table(rest), names):
                    core.add(each)
        others = [each for each in every if each not in core]
        kept = self.walk.least(lambda some: trial.of_rows(_by_table([*core, *some]), names), others)
        chosen = core.union(kept)
        return _by_table([each for each in every if each in chosen])

    def _more(
        self, trial: Trial, numbers: dict[str, list[int]], names: Sequence[str]
    ) -> dict[str, list[int]]:
        """Rows that a function only looks at: those besides which it makes the same values."""
        blocks = [Block(table, 0, size) for table, size in trial.sizes().items() if size]
        if not trial.with_blocks(blocks, names):
            return numbers
        return _with(numbers, self._narrowed(lambda some: trial.with_blocks(some, names), blocks))

    def _narrowed(
        self, enough: Callable[[Sequence[Block]], bool], blocks: list[Block]
    ) -> list[Block]:
        """Blocks of one row each that are still enough, as far as trying goes."""
        while blocks:
            parts = [part for block in blocks for part in _parts(block)]
            blocks = self.walk.least(enough, parts)
            if self.walk.spent or all(each.stop - each.start == 1 for each in blocks):
                break
        return blocks

    def _decisive(self, trial: Trial, cells: list[CellAt]) -> list[CellAt]:
        """Of the cells that a value may be made of, those that it is made of."""
        made = list(self.needed.made)
        if not made or len(cells) < 2 or self.walk.spent:
            return cells
        values = {value for value in self.row.values() if isinstance(value, str | int)}
        named = [cell for cell in cells if cell.column in map(str, values)]

        def enough(some: Sequence[CellAt]) -> bool:
            kept = set(some)
            return trial.despite([cell for cell in cells if cell not in kept], made)

        if len(named) == 1:  # a header that became a value: the cell below it
            self.walk.trials -= 2
            if enough(named) and not enough([]):
                return named
        found = self.walk.least(enough, cells)
        return found or cells


def _by_table(rows: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for table, some in groupby(rows, itemgetter(0)):
        found.setdefault(table, []).extend([number for _, number in some])
    return found


def _with(numbers: Mapping[str, Sequence[int]], blocks: Iterable[Block]) -> dict[str, list[int]]:
    found = {table: set(rows) for table, rows in numbers.items()}
    for block in blocks:
        found.setdefault(block.table, set()).update(range(block.start, block.stop))
    return {table: sorted(rows) for table, rows in found.items()}


def _parts(block: Block) -> list[Block]:
    size = max(1, -(-(block.stop - block.start) // _BLOCKS))
    return [
        Block(block.table, start, min(start + size, block.stop))
        for start in range(block.start, block.stop, size)
    ]
