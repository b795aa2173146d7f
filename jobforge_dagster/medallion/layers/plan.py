"""Looks into a query plan for what silver must not do.

Polars shows its resolved plan through ``NodeTraverser``, which is private; its version is pinned
here so that another Polars says so instead of letting a contract lapse.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from jobforge_dagster.medallion.errors import ContractError

PLAN_VERSION = (16, 0)
"""Version of the plan's shape that this module knows (Polars 2.1)."""

_REDUCING = frozenset(
    """
    approx_n_unique arg_max arg_min corr entropy kurtosis max_by min_by mode null_count product
    quantile search_sorted skew unique unique_counts value_counts hist
    BooleanFunction.All BooleanFunction.Any BooleanFunction.HasNulls
    BitwiseFunction.And BitwiseFunction.Or BitwiseFunction.Xor StringFunction.ConcatVertical
    """.split()
)
"""Functions, as the plan names them, that make one value of many rows without being ``Agg``."""

_WITHIN_ONE_ROW = frozenset({"list.eval", "array.eval"})
"""What the traverser does not show, but cannot reach beyond its row."""


def refuse_aggregation(key: str, frame: pl.LazyFrame) -> None:
    """Refuse a plan that makes one row or value out of many.

    Windows that number or compare rows (rank, cumulative count, shift) are no aggregation.

    Raises:
        ContractError: the plan groups, aggregates, drops duplicates, or cannot be looked into.
    """
    nodes = frame._ldf.visit()
    if nodes.version() != PLAN_VERSION:
        raise ContractError(
            f"{key}: this Polars has plans of version {nodes.version()}; the silver contract is "
            f"checked on {PLAN_VERSION}. Install the locked versions (uv sync)."
        )
    _look(key, nodes)


_ROW_BY_ROW = frozenset({"Filter", "HStack", "Scan", "Select", "SimpleProjection"})
"""Steps that make a row of each row or of none, if their expressions do."""

_OF_ONE_VALUE = frozenset(
    """
    BooleanFunction.IsBetween BooleanFunction.IsFinite BooleanFunction.IsIn
    BooleanFunction.IsInfinite BooleanFunction.IsNan BooleanFunction.IsNotNan
    BooleanFunction.IsNotNull BooleanFunction.IsNull BooleanFunction.Not
    abs as_struct clip coalesce fill_null hash replace replace_strict round
    """.split()
)
"""Functions, as the plan names them, that make a value of the values of one row."""

_OF_ONE_VALUE_TOO = ("ListFunction.", "StringFunction.", "StructFunction.", "TemporalFunction.")
"""So do those whose names begin so, unless they are among the reducing ones."""


def is_row_by_row(frame: pl.LazyFrame) -> bool:
    """Whether each row is made of one row of one file, and they keep its order.

    What cannot be looked into is taken to be not.
    """
    nodes = frame._ldf.visit()
    return nodes.version() == PLAN_VERSION and _is_row_by_row(nodes)


def _is_row_by_row(nodes: Any) -> bool:
    try:
        kind = type(nodes.view_current_node()).__name__
        if kind not in _ROW_BY_ROW:
            return False
        if any(_looks_around(nodes, each.node) for each in nodes.get_exprs()):
            return False
    except NotImplementedError:
        return False
    here = nodes.get_node()
    below = []
    for child in nodes.get_inputs():
        nodes.set_node(child)
        below.append(_is_row_by_row(nodes))
        nodes.set_node(here)
    return all(below)


def _looks_around(nodes: Any, expression: int) -> bool:
    node = nodes.view_expression(expression)
    kind = type(node).__name__
    if kind == "Function":
        name = str(node.function_data[0]) if node.function_data else ""
        alone = name in _OF_ONE_VALUE or name.startswith(_OF_ONE_VALUE_TOO)
        if not alone or name in _REDUCING or name == "ListFunction.Sample":
            return True
        # Without a format, one is told by the first values that there are.
        if name == "StringFunction.Strptime" and node.function_data[1] is None:
            return True
    elif kind == "Cast":
        return bool(node.dtype.is_temporal()) or _looks_around(nodes, node.expr)
    elif kind not in {"BinaryExpr", "Column", "Literal", "Ternary"}:
        return True
    return any(_looks_around(nodes, child) for child in _children(node, kind))


def _look(key: str, nodes: Any) -> None:
    try:
        kind = type(nodes.view_current_node()).__name__
        if kind == "GroupBy":
            raise _aggregates(key, "it groups rows")
        if kind == "Distinct":
            raise ContractError(
                f"{key}: silver drops duplicates by declaration, so that they are recorded. "
                f"Declare deduplicate=Deduplicate(by=..., order=...) instead of unique()."
            )
    except NotImplementedError as error:
        raise _opaque(key, error) from error
    for expression in nodes.get_exprs():
        _look_into(key, nodes, expression.node)
    here = nodes.get_node()
    for child in nodes.get_inputs():
        nodes.set_node(child)
        _look(key, nodes)
    nodes.set_node(here)


def _look_into(key: str, nodes: Any, expression: int) -> None:
    try:
        node = nodes.view_expression(expression)
    except NotImplementedError as error:
        if str(error) in _WITHIN_ONE_ROW:
            return
        raise _opaque(key, error) from error
    kind = type(node).__name__
    if kind in {"Agg", "Len"}:
        raise _aggregates(key, f"it uses {getattr(node, 'name', None) or 'len'}()")
    if kind == "Function":
        name = str(node.function_data[0]) if node.function_data else ""
        if name in _REDUCING or name.startswith("RollingFunction."):
            raise _aggregates(key, f"it uses {name}()")
    for child in _children(node, kind):
        _look_into(key, nodes, child)


def _children(node: Any, kind: str) -> list[int]:
    if kind in {"Column", "Literal"}:
        return []
    if kind == "Window":
        return [node.function]
    if kind == "BinaryExpr":
        return [node.left, node.right]
    if kind == "Ternary":
        return [node.predicate, node.truthy, node.falsy]
    if kind == "Function":
        return list(node.input)
    if kind == "Filter":
        return [node.input, node.by]
    if kind == "SortBy":
        return [node.expr, *node.by]
    if kind == "Gather":
        return [node.expr, node.idx]
    return [node.expr] if hasattr(node, "expr") else []


def _opaque(key: str, error: NotImplementedError) -> ContractError:
    return ContractError(
        f"{key}: the plan holds what cannot be looked into ({error}), so it cannot be shown that "
        f"silver does not aggregate. Write it with Polars expressions instead of Python functions."
    )


def _aggregates(key: str, how: str) -> ContractError:
    return ContractError(
        f"{key}: a silver table must not aggregate, and its plan shows that {how}. Keep the rows "
        f"in silver and aggregate in gold."
    )
