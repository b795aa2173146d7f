"""How each kind of expression is made of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobforge_dagster.medallion.lineage.model import Indirect
from jobforge_dagster.medallion.lineage.sources import (
    NOBODY,
    Value,
    merged,
    reasons,
    together,
)


def as_struct(whole: Value, fields: Mapping[str, Value]) -> Value:
    """A value whose fields are known one by one, if there are any."""
    if not fields:
        return whole
    return Value(whole.direct, whole.indirect, whole.opaque, whole.length, dict(fields))


def decided(value: Value, by: Sequence[Value], kind: Indirect) -> Value:
    """A value that others decide, with what could not be looked into of them."""
    opaque = reasons([value.opaque, *(each.opaque for each in by)])
    deciding = together(value.indirect, *(each.deciding(kind) for each in by))
    return Value(value.direct, deciding, opaque, value.length)


def _filtered(_view: Any, parts: list[Value]) -> Value:
    value, by = parts
    made = decided(value, [by], "filter")
    return made.counted_by(together(value.length, by.deciding("filter")))


def _gathered(view: Any, parts: list[Value]) -> Value:
    value, places = parts
    made = decided(value.at_least("aggregation" if view.scalar else "identity"), [places], "filter")
    return made.counted_by(NOBODY if view.scalar else places.length)


def _sliced(_view: Any, parts: list[Value]) -> Value:
    value, *bounds = parts
    made = decided(value, bounds, "filter")
    return made.counted_by(together(value.length, *(each.deciding("filter") for each in bounds)))


def _window(view: Any, parts: list[Value]) -> Value:
    value, *deciding = parts
    mapping = view.options.kind
    if mapping == "join":
        value = value.at_least("aggregation")
    made = decided(value, deciding, "window")
    return made.counted_by(made.deciding("filter") if mapping == "explode" else NOBODY)


def _chosen(_view: Any, parts: list[Value]) -> Value:
    predicate, *branches = parts
    made = decided(merged(branches), [predicate], "conditional")
    return made.counted_by(together(made.length, predicate.length))


def _exploded(_view: Any, parts: list[Value]) -> Value:
    value = parts[0].at_least("transformation")
    return value.counted_by(value.deciding("filter"))


def _rolled(_view: Any, parts: list[Value]) -> Value:
    return decided(parts[0].at_least("aggregation"), parts[1:], "window").counted_by(NOBODY)


def _listed(numbers: Any) -> list[int]:
    return list(numbers) if isinstance(numbers, list | tuple) else [numbers]


PARTS: dict[str, Callable[[Any], list[int]]] = {
    "Agg": lambda view: _listed(view.arguments),
    "Alias": lambda view: [view.expr],
    "Cast": lambda view: [view.expr],
    "Explode": lambda view: [view.expr],
    "Filter": lambda view: [view.input, view.by],
    "Function": lambda view: list(view.input),
    "Gather": lambda view: [view.expr, view.idx],
    "Rolling": lambda view: [view.function, view.index_column],
    "Slice": lambda view: [view.input, view.offset, view.length],
    "Sort": lambda view: [view.expr],
    "SortBy": lambda view: [view.expr, *view.by],
    "StructEval": lambda view: [view.expr],
    "Ternary": lambda view: [view.predicate, view.truthy, view.falsy],
    "Window": lambda view: [
        view.function,
        *view.partition_by,
        *([] if view.order_by is None else [view.order_by]),
    ],
}
"""The expressions that each kind of expression is made of."""

MADE: dict[str, Callable[[Any, list[Value]], Value]] = {
    "Agg": lambda _, parts: merged(parts, "aggregation").counted_by(NOBODY),
    "Alias": lambda _, parts: parts[0],
    "BinaryExpr": lambda _, parts: merged(parts, "transformation"),
    "Cast": lambda _, parts: parts[0].at_least("transformation"),
    "Explode": _exploded,
    "Filter": _filtered,
    "Gather": _gathered,
    "Rolling": _rolled,
    "Slice": _sliced,
    "Sort": lambda _, parts: parts[0].at_least("identity"),
    "SortBy": lambda _, parts: decided(parts[0], parts[1:], "sort"),
    "Ternary": _chosen,
    "Window": _window,
}
"""How each kind of expression is made of them."""
