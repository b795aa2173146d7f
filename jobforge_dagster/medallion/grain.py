"""Grain: what a row of a table stands for, and so how many rows its inputs must give.

Every transition must balance: the rows that its inputs give, by the declared grain, are the rows
that came out, with those that were refused. The number expected is counted from the inputs alone,
so that a row that a function drops or doubles by mistake is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias

import polars as pl
import polars.selectors as cs

if TYPE_CHECKING:
    from jobforge_dagster.medallion.declare import Source, Table

    Of: TypeAlias = "Source | Table | Sequence[Source | Table] | None"

Frames = Mapping[str, pl.LazyFrame]
"""Inputs by key, in the declared order."""

EXPECTED = "rows"
"""The one column of an expectation."""


class Grain(Protocol):
    """How many rows the inputs must give."""

    one_to_one: ClassVar[bool]
    """Whether a row stands for exactly one row of the input."""

    def expected(self, inputs: Frames) -> pl.LazyFrame:
        """Count the rows that must be made: one row with the column :data:`EXPECTED`."""

    def __str__(self) -> str:
        """What a row stands for, for people."""


@dataclass(frozen=True)
class Rows:
    """A row for each row of an input (by default the first), or of several, one below the other.

    Joins that look something up keep this grain: the other inputs neither add nor drop a row.
    """

    of: Of = None
    one_to_one: ClassVar[bool] = True

    def expected(self, inputs: Frames) -> pl.LazyFrame:
        """Count the rows of the inputs."""
        return _total([inputs[key].select(pl.len()) for key in _keys(self.of, inputs)])

    def __str__(self) -> str:
        return "a row for each row"


@dataclass(frozen=True)
class Where:
    """A row for each row of an input that meets a condition; the others are left out by design."""

    condition: pl.Expr
    of: Of = None
    one_to_one: ClassVar[bool] = True

    def expected(self, inputs: Frames) -> pl.LazyFrame:
        """Count the rows that meet the condition."""
        return _total(
            [inputs[key].select(self.condition.sum()) for key in _keys(self.of, inputs)],
        )

    def __str__(self) -> str:
        return f"a row for each row where {self.condition}"


@dataclass(frozen=True)
class Cells:
    """A row for each cell of some columns of each row: an unpivot."""

    columns: cs.Selector
    of: Of = None
    one_to_one: ClassVar[bool] = False

    def expected(self, inputs: Frames) -> pl.LazyFrame:
        """Count rows times columns, input by input."""
        counts = []
        for key in _keys(self.of, inputs):
            width = len(cs.expand_selector(inputs[key].collect_schema(), self.columns))
            counts.append(inputs[key].select(pl.len() * width))
        return _total(counts)

    def __str__(self) -> str:
        return "a row for each cell of the unpivoted columns"


@dataclass(frozen=True)
class Elements:
    """A row for each element of a list column; one for a null list, none for an empty one.

    That is how Polars explodes.
    """

    column: str
    of: Of = None
    one_to_one: ClassVar[bool] = False

    def expected(self, inputs: Frames) -> pl.LazyFrame:
        """Count the elements."""
        length = pl.col(self.column).list.len().fill_null(1)
        return _total([inputs[key].select(length.sum()) for key in _keys(self.of, inputs)])

    def __str__(self) -> str:
        return f"a row for each element of {self.column}"


@dataclass(frozen=True)
class Groups:
    """A row for each group of rows that share some columns: an aggregation."""

    by: Sequence[str]
    of: Of = None
    one_to_one: ClassVar[bool] = False

    def expected(self, inputs: Frames) -> pl.LazyFrame:
        """Count the groups."""
        keys = _keys(self.of, inputs)
        groups = pl.concat(inputs[key].select(self.by) for key in keys).unique()
        return _total([groups.select(pl.len())])

    def __str__(self) -> str:
        return f"a row for each {' and '.join(self.by)}"


@dataclass(frozen=True)
class Pairs:
    """A row for each pair of rows of the first two inputs that agree on some columns: a join.

    With ``outer`` a row of the first input without a partner stands alone.
    """

    on: Sequence[str]
    outer: bool = False
    one_to_one: ClassVar[bool] = False

    def expected(self, inputs: Frames) -> pl.LazyFrame:
        """Count the pairs: for each key, the rows of one side times those of the other."""
        left, right = (
            frame.drop_nulls(self.on).group_by(self.on).len()
            if not self.outer or place
            else frame.group_by(self.on).len()
            for place, frame in enumerate(list(inputs.values())[:2])
        )
        partners = pl.col("len_right").fill_null(1 if self.outer else 0)
        met = left.join(right, on=list(self.on), how="left")
        return _total([met.select((pl.col("len").cast(pl.Int64) * partners).sum())])

    def __str__(self) -> str:
        return f"a row for each pair that agrees on {' and '.join(self.on)}"


def _keys(of: Of, inputs: Frames) -> list[str]:
    if of is None:
        return list(inputs)[:1]
    return [each.key for each in (of if isinstance(of, Sequence) else [of])]


def _total(counts: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    each = [count.select(pl.first().cast(pl.Int64).alias(EXPECTED)) for count in counts]
    return pl.concat(each).select(pl.col(EXPECTED).sum())
