"""Steps that make one row of a group of rows."""

from __future__ import annotations

from collections.abc import Sequence

from jobforge_dagster.medallion.lineage.frame import Frame, beside, hidden, settled, values_of
from jobforge_dagster.medallion.lineage.sources import Value
from jobforge_dagster.medallion.lineage.traverser import Plan, Step

_BOUNDARIES = ("_lower_boundary", "_upper_boundary")


def grouped(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    """Groups by values, by windows of an index (dynamic), or by a window for each row (rolling)."""
    [frame] = inputs
    options = step.view.options
    keys = values_of(plan, step.view.keys, frame, step.inputs[0])
    made = values_of(plan, step.view.aggs, frame, step.inputs[0])
    values = {**keys, **{name: each.at_least("aggregation") for name, each in made.items()}}
    deciding = list(keys.values())
    windows = options.dynamic or options.rolling
    if windows is not None:
        index = frame.columns[windows.index_column]
        # A dynamic group has the start of its window, a rolling one the index of its row.
        kept: Value = index if options.rolling else index.at_least("transformation")
        values.setdefault(windows.index_column, kept)
        for name in _BOUNDARIES:
            values.setdefault(name, index.at_least("transformation"))
        deciding.append(index)
    names = plan.columns(step.id)
    if any(name not in values for name in names):
        return hidden(plan, step, inputs, step.kind)
    columns = {name: settled(values[name]) for name in names}
    return beside(inputs, columns).ruled_by("group_by", deciding)
