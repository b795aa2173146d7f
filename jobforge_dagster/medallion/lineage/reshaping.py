"""Steps that turn columns into rows, lists into rows or structs into columns, or number rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from jobforge_dagster.medallion.lineage.frame import Frame, hidden
from jobforge_dagster.medallion.lineage.sources import NOTHING, Value, merged
from jobforge_dagster.medallion.lineage.traverser import Plan, Step

_SAME = frozenset({"hint_sorted", "rechunk"})


def reshaped(plan: Plan, step: Step, inputs: Sequence[Frame]) -> Frame:
    """What a step that Polars calls a map function does to a frame."""
    [frame] = inputs
    shown = step.view.function
    name, *options = shown if isinstance(shown, tuple) else (str(shown),)
    names = plan.columns(step.id)
    match name:
        case "explode":
            return _exploded(frame, options[0])
        case "unpivot":
            return _unpivoted(frame, options, names)
        case "unnest":
            made = _unnested(frame, options, plan.types(step.inputs[0]))
            if list(made) == names:
                return replace(frame, columns=made)
        case "row_index":
            columns = {
                each: NOTHING if each == options[0] else frame.columns[each] for each in names
            }
            return replace(frame, columns=columns)
        case "rename":
            new = dict(zip(options[0], options[1], strict=True))
            renamed = {new.get(own, own): value for own, value in frame.columns.items()}
            return replace(frame, columns={each: renamed[each] for each in names})
    return frame if name in _SAME else hidden(plan, step, inputs, str(name))


def _exploded(frame: Frame, lists: Sequence[str]) -> Frame:
    """A row for each element: the lists decide how many rows all columns have."""
    exploded = {name: frame.columns[name].at_least("transformation") for name in lists}
    made = replace(frame, columns={**frame.columns, **exploded})
    return made.ruled_by("filter", exploded.values())


def _unpivoted(frame: Frame, options: Sequence[Any], names: Sequence[str]) -> Frame:
    """A row for each cell. The name of a cell's column comes from no value."""
    index, on, variable, _ = options
    kept = set(index or ())
    melted = on or [name for name in frame.columns if name not in kept]
    cells = merged((frame.columns[name] for name in melted), "transformation")
    made: dict[str, Value] = {}
    for name in names:
        if name in kept:
            made[name] = frame.columns[name]
        else:
            made[name] = NOTHING if name == variable else cells
    return replace(frame, columns=made)


def _unnested(
    frame: Frame, options: Sequence[Any], types: Mapping[str, pl.DataType]
) -> dict[str, Value]:
    """The fields of structs as columns, where the structs stood."""
    structs, separator = options[0], options[1]
    made: dict[str, Value] = {}
    for own, value in frame.columns.items():
        dtype = types[own]
        if own not in structs or not isinstance(dtype, pl.Struct):
            made[own] = value
            continue
        prefix = f"{own}{separator}" if separator else ""
        for each in dtype.fields:
            known = (value.fields or {}).get(each.name)
            made[f"{prefix}{each.name}"] = known or value.at_least("transformation")
    return made
