"""The one door to the plan that Polars resolves and does not show in public.

The plan is taken as it was written, before anything is optimised: what an optimiser finds out to be
unneeded is part of the lineage all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.layers.plan import PLAN_VERSION

WITHIN_ONE_ROW = frozenset({"array.eval", "element", "list.eval", "row_encode"})
"""What Polars does not show, but is known to make one value of each row without foreign code."""


class Hidden(Exception):  # noqa: N818 - it is no error: it is caught where it is raised
    """A part of a plan cannot be looked into; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan.

    Attributes:
        id: its number in the plan.
        kind: what Polars calls it; empty if it cannot be looked into.
        view: what Polars shows of it; ``None`` if nothing.
        inputs: numbers of the steps that it takes rows from.
        hidden: what it is, where it cannot be looked into.
    """

    id: int
    kind: str
    view: Any
    inputs: tuple[int, ...]
    hidden: str = ""


class Plan:
    """The resolved plan of a frame."""

    def __init__(self, frame: pl.LazyFrame) -> None:
        """Resolve the plan of a frame; no data is read.

        Raises:
            ContractError: this Polars has plans of another version.
        """
        as_written = frame._ldf.with_optimizations(pl.QueryOptFlags.none()._pyoptflags)
        self._nodes: Any = as_written.visit()
        if self._nodes.version() != PLAN_VERSION:
            raise ContractError(
                f"This Polars has plans of version {self._nodes.version()}; column lineage is read "
                f"off version {PLAN_VERSION}. Install the locked versions (uv sync)."
            )
        self.last: int = self._nodes.get_node()
        self._told_apart: set[int] = set()

    def step(self, number: int) -> Step:
        """The step of this number."""
        self._nodes.set_node(number)
        inputs = tuple(self._nodes.get_inputs())
        try:
            view = self._nodes.view_current_node()
        except NotImplementedError as error:
            return Step(number, "", None, inputs, _short(error))
        return Step(number, type(view).__name__, view, inputs)

    def columns(self, number: int) -> list[str]:
        """Names of the columns that come out of a step."""
        self._nodes.set_node(number)
        return list(self._nodes.get_schema())

    def types(self, number: int) -> dict[str, pl.DataType]:
        """Types of the columns that come out of a step."""
        self._nodes.set_node(number)
        return dict(self._nodes.get_schema())

    def expressions(self, number: int) -> list[Any]:
        """The expressions of a step, each with ``output_name`` and ``node``."""
        self._nodes.set_node(number)
        return list(self._nodes.get_exprs())

    def expression(self, number: int) -> Any:
        """What Polars shows of an expression.

        Raises:
            Hidden: it shows nothing of it.
        """
        try:
            return self._nodes.view_expression(number)
        except NotImplementedError as error:
            raise Hidden(_short(error)) from None

    def tell_apart(self, numbers: Iterable[int]) -> None:
        """Note expressions that are no part of one that is hidden, for :meth:`columns_within`."""
        self._told_apart.update(numbers)

    def columns_within(self, number: int) -> list[str] | None:
        """Names of the columns in a hidden expression that holds nothing but Polars' own.

        Polars numbers the parts of an expression without a gap and before the expression itself,
        so they are what stands between it and the nearest expression that is known to be none of
        them. If one is missing among those, too many are found and never too few.

        Returns:
            ``None`` if a part of it is hidden too.
        """
        first = max((known for known in self._told_apart if known < number), default=-1) + 1
        found: dict[str, None] = {}
        for part in range(first, number):
            try:
                view = self.expression(part)
            except Hidden as hidden:
                if str(hidden) not in WITHIN_ONE_ROW:
                    return None
                continue
            if type(view).__name__ == "Column":
                found[view.name] = None
        return list(found)

    def fields(self, expression: int, of: int) -> list[str]:
        """Names of the fields of a struct that is made of the columns of the step ``of``.

        Empty where they cannot be told.
        """
        self._nodes.set_node(of)
        try:
            dtype = self._nodes.get_dtype(expression)
        except pl.exceptions.PolarsError:
            return []
        return [field.name for field in dtype.fields] if isinstance(dtype, pl.Struct) else []


def _short(error: NotImplementedError) -> str:
    return str(error).partition(" {")[0][:80] or "part of the plan"
