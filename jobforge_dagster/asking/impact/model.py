"""What a change would reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobforge_dagster.asking.lineage.uses import How, Use
from jobforge_dagster.asking.told import Line, Told


@dataclass(frozen=True)
class ReachedColumn:
    """A column that a change reaches.

    Attributes:
        name: the column.
        how: the closest way.
        kinds: how it is made of what changes, and how it is decided by it.
        steps: how many tables away.
        provenance: whether the platform adds the column.
        opaque: why what makes it could not be looked into, so that this is a guess to be safe.
    """

    name: str
    how: How
    kinds: tuple[str, ...]
    steps: int
    provenance: bool
    opaque: tuple[str, ...]


@dataclass(frozen=True)
class ReachedTable:
    """A table that a change reaches.

    Attributes:
        table: its name in SQL.
        key: its key.
        steps: how many tables away.
        rows: how its rows are decided; empty where they are not, else every column may change.
        columns: those that may change, in their order.
    """

    table: str
    key: str
    steps: int
    rows: tuple[str, ...]
    columns: tuple[ReachedColumn, ...]


@dataclass(frozen=True, repr=False)
class Impact(Told):
    """Everything that a change would reach.

    Attributes:
        of: what is changed.
        tables: nearest first; the one that is changed is left out.
        contracts: of gold tables; ``name`` is the id, ``detail`` the file of the export.
        measures: of Power BI; ``detail`` is the expression.
        rules: that look at a column whose values change.
        foreign_keys: in which there is such a column.
        marts: of the warehouse, with the columns whose values change.
        questions: with the number in ``detail`` where they have one, and an SQL of their own.
    """

    of: str
    tables: tuple[ReachedTable, ...]
    contracts: tuple[Use, ...]
    measures: tuple[Use, ...]
    rules: tuple[Use, ...]
    foreign_keys: tuple[Use, ...]
    marts: tuple[Use, ...]
    questions: tuple[Use, ...]

    def lines(self) -> Iterator[Line]:
        """What people are told."""
        from jobforge_dagster.asking.impact import telling  # tells of these classes

        return telling.lines(self)
