"""What each kind of step of a plan does to columns and rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from jobforge_dagster.medallion.lineage.frame import Frame, beside, hidden, settled, values_of
from jobforge_dagster.medallion.lineage.groups import grouped
from jobforge_dagster.medallion.lineage.joins import joined
from jobforge_dagster.medallion.lineage.reshaping import reshaped
from jobforge_dagster.medallion.lineage.sources import Value, merged
from jobforge_dagster.medallion.lineage.traverser import Plan, Step
from jobforge_dagster.medallion.provenance import CARRIED

Taking: TypeAlias = Callable[[Plan, Step, Sequence[Frame]], Frame]
"""What a step does to the frames that it takes."""


def after(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    """The frame that comes out of a step that reads no file."""
    if step.hidden:
        return hidden(plan, step, inputs, step.hidden)
    taking = _STEPS.get(step.kind)
    return taking(plan, step, inputs) if taking else hidden(plan, step, inputs, step.kind)


def _same(_plan: Plan, _step: Step, inputs: Sequence[Frame]) -> Frame:
    return inputs[0]


def _selected(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    [frame] = inputs
    made = values_of(plan, plan.expressions(step.id), frame, step.inputs[0])
    columns = {name: settled(value) for name, value in made.items()}
    return replace(frame, columns=columns).counted_by(made.values())


def _added(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    [frame] = inputs
    made = values_of(plan, plan.expressions(step.id), frame, step.inputs[0])
    columns = {**frame.columns, **{name: settled(value) for name, value in made.items()}}
    # Beside other columns there must be as many values as rows; alone they make the rows.
    wider = replace(frame, columns=columns)
    return wider if frame.columns else wider.counted_by(made.values())


def _projected(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    [frame] = inputs
    return replace(frame, columns={name: frame.columns[name] for name in plan.columns(step.id)})


def _filtered(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    [frame] = inputs
    met = values_of(plan, [step.view.predicate], frame, step.inputs[0])
    return frame.ruled_by("filter", met.values())


def _sorted(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    [frame] = inputs
    # Two keys may have one name, so each is looked at alone.
    keys = [
        value
        for each in step.view.by_column
        for value in values_of(plan, [each], frame, step.inputs[0]).values()
    ]
    return frame.ruled_by("sort", keys)


def _distinct(_plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    [frame] = inputs
    subset = step.view.options[1]
    values = [frame.columns[name] for name in (frame.columns if subset is None else subset)]
    # What rows carry along says whose they are: it is gathered of each group, and makes no group.
    return frame.ruled_by("group_by", [each for each in values if not _is_carried(each)])


def _is_carried(value: Value) -> bool:
    return bool(value.direct) and all(source.column in CARRIED for source in value.direct)


def _below_each_other(_plan: Plan, _step: Step, inputs: Sequence[Frame]) -> Frame:
    parts = zip(*(each.columns.values() for each in inputs), strict=True)
    columns = dict(zip(inputs[0].columns, map(merged, parts), strict=True))
    return beside(inputs, columns)


def _merged_in_order(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    keys = step.view.key
    names = [keys] if isinstance(keys, str) else list(keys)
    below = _below_each_other(plan, step, inputs)
    return below.ruled_by("sort", [below.columns[name] for name in names])


def _side_by_side(_plan: Plan, _step: Step, inputs: Sequence[Frame]) -> Frame:
    return beside(inputs, {name: value for each in inputs for name, value in each.columns.items()})


_STEPS: dict[str, Taking] = {
    "Cache": _same,
    "Distinct": _distinct,
    "Filter": _filtered,
    "GroupBy": grouped,
    "HConcat": _side_by_side,
    "HStack": _added,
    "Join": joined,
    "MapFunction": reshaped,
    "MergeSorted": _merged_in_order,
    "Reduce": _selected,
    "Select": _selected,
    "SimpleProjection": _projected,
    "Sink": _same,
    "Slice": _same,
    "Sort": _sorted,
    "Union": _below_each_other,
}
