"""What is known of the functions of a plan, by the names that the plan gives them.

A function that is not known here is no gap: it counts as one that may change the number of rows.
"""

from __future__ import annotations

from typing import Literal

from jobforge_dagster.medallion.lineage.model import Direct, Indirect

Length = Literal["kept", "one", "free"]
"""How many values come out: as many as went in, one, or any number."""

_ONE = frozenset(
    """
    approx_n_unique arg_max arg_min corr cov entropy index_of kurtosis max_by min_by
    null_count product quantile skew
    BitwiseFunction.And BitwiseFunction.Or BitwiseFunction.Xor
    BooleanFunction.All BooleanFunction.Any BooleanFunction.HasNulls BooleanFunction.IsEmpty
    BooleanFunction.IsSorted StringFunction.ConcatVertical
    """.split()
)
"""Make one value of many."""

_SEVERAL = frozenset("hist mode unique_counts value_counts".split())
"""Make some values, each of many."""

_KEPT = frozenset(
    """
    abs as_struct cbrt ceil clip coalesce concat cos cosh cum_count cum_max cum_min cum_prod cum_sum
    cut degrees diff exp expm1 fill_nan fill_null fill_null_with_strategy floor gather_every hash
    interpolate interpolate_by log log1p max_horizontal mean_horizontal min_horizontal negate
    peak_max peak_min pct_change pow qcut radians rank reinterpret repeat_by replace replace_strict
    reverse rle_id round round_sig_figs set_sorted shift sign sin sinh sqrt sum_horizontal tan tanh
    to_physical backward_fill forward_fill
    """.split()
)

_KEPT_FAMILIES = (
    "ArrayFunction.",
    "BinaryFunction.",
    "BitwiseFunction.",
    "BooleanFunction.",
    "CategoricalFunction.",
    "EwmFunction.",
    "ListFunction.",
    "RollingFunction.",
    "RollingFunctionBy.",
    "StringFunction.",
    "StructFunction.",
    "TemporalFunction.",
)

_BY: dict[str, tuple[int, Indirect]] = {
    "bottom_k_by": (2, "sort"),
    "max_by": (1, "sort"),
    "min_by": (1, "sort"),
    "top_k_by": (2, "sort"),
}
"""Functions whose inputs from some place on only decide which values are taken."""

_SORTED_PLACES = 3
"""What the plan shows of ``arg_sort``, under the name of ``arg_max``: two options besides."""


def kind_of(name: str, shown: int) -> Direct:
    """How the result of a function is made of its inputs.

    Args:
        name: as the plan has it.
        shown: how many things the plan shows of it, its name included.
    """
    if name in _SEVERAL or name.startswith(("RollingFunction.", "RollingFunctionBy.")):
        return "aggregation"
    return "aggregation" if length_of(name, shown) == "one" else "transformation"


def length_of(name: str, shown: int) -> Length:
    """How many values come out of a function.

    Args:
        name: as the plan has it.
        shown: how many things the plan shows of it, its name included.
    """
    if name == "arg_max" and shown == _SORTED_PLACES:
        return "kept"
    if name in _ONE:
        return "one"
    if name in _KEPT:
        return "kept"
    if name == "ArrayFunction.Explode":
        return "free"
    return "kept" if name.startswith(_KEPT_FAMILIES) else "free"


def only_deciding(name: str) -> tuple[int, Indirect] | None:
    """From which input on the inputs of a function only decide, and how; ``None`` for no such."""
    if name.startswith("RollingFunctionBy."):
        return 1, "window"
    return _BY.get(name)
