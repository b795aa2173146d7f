"""Joins of all kinds: which side each column comes from, and what decides the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from jobforge_dagster.medallion.lineage.frame import Frame, beside, hidden, settled, values_of
from jobforge_dagster.medallion.lineage.sources import Value, merged
from jobforge_dagster.medallion.lineage.traverser import Plan, Step


class _Options(NamedTuple):
    """What the plan says of a join, in its order."""

    how: Any
    nulls_equal: bool
    slice: Any
    suffix: str
    coalesce: bool
    maintain_order: str


_ASOF_BY = (4, 5)
"""Where an as-of join says by which columns rows must agree, left and right."""


def joined(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    """Two frames joined: keys of both sides decide the rows, and so what stands beside each."""
    left, right = inputs
    options = _Options(*step.view.options)
    how = options.how if isinstance(options.how, str) else str(options.how[0])
    on = (
        [_key(plan, each, left, step.inputs[0]) for each in step.view.left_on],
        [_key(plan, each, right, step.inputs[1]) for each in step.view.right_on],
    )
    deciding = [value for side in on for _, value in side]
    gone_left, gone_right = ({name for name, _ in side} for side in on)
    if how == "AsOf":
        by_left, by_right = (list(options.how[place] or ()) for place in _ASOF_BY)
        deciding += [left.columns[name] for name in by_left]
        deciding += [right.columns[name] for name in by_right]
        gone_right |= set(by_right)
    names = plan.columns(step.id)
    columns: dict[str, Value] | None
    if how in {"Semi", "Anti"}:
        columns = {name: left.columns[name] for name in names}
    else:
        columns = _told_apart(
            names,
            (left, gone_left if how == "Right" else frozenset()),
            (right, frozenset() if how == "Right" else gone_right),
            options.suffix,
        )
    if columns is None or step.view.predicate is not None:
        return hidden(plan, step, inputs, f"{how} join")
    if how == "Full" and options.coalesce:
        for (name, value), (_, other) in zip(*on, strict=True):
            columns[name] = merged([value, other])
    return beside(inputs, columns).ruled_by("join", deciding)


def _key(plan: Plan, expression: Any, frame: Frame, of: int) -> tuple[str, Value]:
    [(name, value)] = values_of(plan, [expression], frame, of).items()
    return name, settled(value)


def _told_apart(
    names: Sequence[str],
    left: tuple[Frame, Collection[str]],
    right: tuple[Frame, Collection[str]],
    suffix: str,
) -> dict[str, Value] | None:
    """The columns of a join: those of the left in their order, then those of the right.

    Args:
        names: of the columns that come out.
        left: its columns, and those that may be left out.
        right: its columns, and those that may be left out.
        suffix: of columns of the right whose name the left has too.

    Returns:
        ``None`` if the names do not follow from the two sides.
    """
    found: dict[str, Value] = {}
    waiting: Iterator[str] = iter(names)
    name = next(waiting, None)
    for (frame, gone), endings in ((left, ("",)), (right, ("", suffix))):
        for own, value in frame.columns.items():
            if name is not None and name in {f"{own}{ending}" for ending in endings}:
                found[name] = value
                name = next(waiting, None)
            elif own not in gone:
                return None
    return found if name is None else None
