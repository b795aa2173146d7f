"""What the rows that come out of one step of a plan come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobforge_dagster.medallion.lineage.expressions import Expressions
from jobforge_dagster.medallion.lineage.model import Indirect
from jobforge_dagster.medallion.lineage.sources import (
    NOBODY,
    Deciding,
    Value,
    merged,
    reasons,
    together,
)
from jobforge_dagster.medallion.lineage.traverser import Plan, Step


@dataclass(frozen=True, slots=True)
class Frame:
    """The rows that come out of a step.

    Attributes:
        columns: by name, in order.
        rows: what decides which rows there are, and their order.
        tables: all that were read.
        opaque: what decides the rows and could not be looked into.
    """

    columns: Mapping[str, Value]
    rows: Deciding = field(default_factory=lambda: NOBODY)
    tables: frozenset[str] = field(default_factory=frozenset)
    opaque: tuple[str, ...] = ()

    def ruled_by(self, kind: Indirect, values: Iterable[Value]) -> Frame:
        """The same columns, of rows that these values decide besides."""
        given = list(values)
        return replace(
            self,
            rows=together(self.rows, *(value.deciding(kind) for value in given)),
            opaque=reasons([self.opaque, *(value.opaque for value in given)]),
        )

    def counted_by(self, values: Iterable[Value]) -> Frame:
        """The same columns, of as many rows as there are values of some expressions."""
        counting = [value for value in values if value.length]
        return replace(
            self,
            rows=together(self.rows, *(value.length for value in counting)),
            opaque=reasons([self.opaque, *(value.opaque for value in counting)]),
        )


def values_of(plan: Plan, expressions: Sequence[Any], frame: Frame, of: int) -> dict[str, Value]:
    """What expressions over a frame come from, by the names of their results."""
    plan.tell_apart(each.node for each in expressions)
    inside = Expressions(plan, frame.columns, of)
    return {each.output_name: inside.value(each.node) for each in expressions}


def settled(value: Value) -> Value:
    """A value that has become a column: there are as many as rows."""
    return value.counted_by(NOBODY)


def beside(inputs: Sequence[Frame], columns: Mapping[str, Value]) -> Frame:
    """Columns over rows that all the inputs decide."""
    return Frame(
        columns,
        together(*(each.rows for each in inputs)),
        frozenset().union(*(each.tables for each in inputs)),
        reasons(each.opaque for each in inputs),
    )


def hidden(plan: Plan, step: Step, inputs: Sequence[Frame], what: str) -> Frame:
    """A step that cannot be looked into: each column may be made of, and each row decided by, all.

    Args:
        plan: holds the step.
        step: the step.
        inputs: what it takes.
        what: it is.
    """
    everything = merged(
        (value for each in inputs for value in each.columns.values()), "transformation"
    )
    value = Value(everything.direct, everything.indirect, (*everything.opaque, what))
    made = beside(inputs, dict.fromkeys(plan.columns(step.id), value))
    return made.ruled_by("filter", [value])
