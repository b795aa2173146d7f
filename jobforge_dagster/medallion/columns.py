"""Columns by their exact names: what a publisher calls a column is never taken for a pattern."""

from __future__ import annotations

import polars as pl
import polars.selectors as cs


def exactly(*names: str) -> pl.Expr:
    """These columns, in this order.

    ``pl.col`` reads ``*`` and ``^...$`` as patterns, and so does every method that takes a name.
    """
    return cs.by_name(*names).as_expr()
