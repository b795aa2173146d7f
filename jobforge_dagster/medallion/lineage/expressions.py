"""Looks into the expressions of one step of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobforge_dagster.medallion.lineage.functions import kind_of, length_of, only_deciding
from jobforge_dagster.medallion.lineage.operations import MADE, PARTS, as_struct, decided
from jobforge_dagster.medallion.lineage.sources import (
    NOBODY,
    NOTHING,
    Value,
    merged,
    together,
)
from jobforge_dagster.medallion.lineage.traverser import WITHIN_ONE_ROW, Hidden, Plan

_FIELD = "field"
"""How Polars calls a field of the struct at hand, whose name it does not show."""


class Expressions:
    """The expressions of a step, over the columns that it takes.

    Deep expressions are walked without recursion, and each part once.
    """

    def __init__(
        self, plan: Plan, columns: Mapping[str, Value], of: int, struct: Value | None = None
    ) -> None:
        """Look at expressions over some columns.

        Args:
            plan: holds the expressions.
            columns: those that they may name.
            of: the step that gives the columns.
            struct: what ``pl.field`` takes a field of, inside of it.
        """
        self._plan = plan
        self._columns = columns
        self._of = of
        self._struct = struct
        self._known: dict[int, Value] = {}
        self._everything: Value | None = None

    def value(self, number: int) -> Value:
        """What an expression comes from."""
        known = self._known
        pending: list[tuple[int, Any, list[int] | None]] = [(number, None, None)]
        while pending:
            current, view, parts = pending.pop()
            if current in known:
                continue
            if parts is None:
                try:
                    view = self._plan.expression(current)
                except Hidden as hidden:
                    known[current] = self._hidden(current, str(hidden))
                    continue
                parts = self._parts(view)
                if parts:
                    self._plan.tell_apart(parts)
                    pending.append((current, view, parts))
                    pending.extend((part, None, None) for part in parts if part not in known)
                    continue
            known[current] = self._made(current, view, [known[part] for part in parts])
        return known[number]

    def everything(self, reason: str) -> Value:
        """The value of what cannot be looked into: all that it could have seen."""
        if self._everything is None:
            self._everything = merged(self._columns.values(), "transformation")
        value = self._everything
        return Value(
            value.direct, value.indirect, (*value.opaque, reason), value.deciding("filter")
        )

    def _hidden(self, number: int, what: str) -> Value:
        if what == _FIELD and self._struct is not None:
            return self._struct.at_least("transformation")
        if what not in WITHIN_ONE_ROW:
            return self.everything(what)
        names = self._plan.columns_within(number)
        if names is None or any(name not in self._columns for name in names):
            return self.everything(what).counted_by(NOBODY)
        return merged((self._columns[name] for name in names), "transformation")

    def _parts(self, view: Any) -> list[int]:
        """The expressions that one is made of."""
        kind = type(view).__name__
        if kind == "BinaryExpr":
            return self._operands(view)
        parts = PARTS.get(kind)
        return parts(view) if parts else []

    def _operands(self, view: Any) -> list[int]:
        """All operands of a chain of operators, which may be hundreds long."""
        found: list[int] = []
        waiting = [view.right, view.left]
        while waiting:
            number = waiting.pop()
            try:
                inner = self._plan.expression(number)
            except Hidden:
                found.append(number)
                continue
            if type(inner).__name__ == "BinaryExpr":
                waiting += (inner.right, inner.left)
            else:
                found.append(number)
        return found

    def _made(self, number: int, view: Any, parts: list[Value]) -> Value:
        kind = type(view).__name__
        match kind:
            case "Column":
                return self._columns.get(view.name) or self.everything(f"column {view.name}")
            case "Literal" | "Len":
                return NOTHING
            case "Function":
                return self._function(number, view, parts)
            case "StructEval":
                return self._within_struct(view, parts[0])
        made = MADE.get(kind)
        return made(view, parts) if made else self.everything(kind)

    def _function(self, number: int, view: Any, parts: list[Value]) -> Value:
        shown: tuple[Any, ...] = tuple(view.function_data or ("",))
        name = str(shown[0])
        if name == "StructFunction.FieldByName":
            fields = parts[0].fields or {}
            return fields.get(shown[1]) or parts[0].at_least("transformation")
        counted = together(*(part.length for part in parts))
        cut = only_deciding(name)
        made = merged(parts[: cut[0]] if cut else parts, kind_of(name, len(shown)))
        if cut:
            made = decided(made, parts[cut[0] :], cut[1])
        length = length_of(name, len(shown))
        if length == "free":
            counted = together(counted, *(part.deciding("filter") for part in parts))
        made = made.counted_by(NOBODY if length == "one" else counted)
        names: list[str] = []
        if name == "as_struct":
            names = self._plan.fields(number, self._of)
        elif name == "StructFunction.RenameFields" and parts[0].fields:
            names, parts = list(shown[1]), list(parts[0].fields.values())
        return as_struct(made, dict(zip(names, parts, strict=False)))

    def _within_struct(self, view: Any, struct: Value) -> Value:
        inside = Expressions(self._plan, self._columns, self._of, struct)
        made = {each.output_name: inside.value(each.node) for each in view.evaluation}
        whole = merged([struct, *made.values()], "transformation")
        return as_struct(whole, {**struct.fields, **made} if struct.fields else {})
