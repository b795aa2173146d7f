"""JobForge: a governed, auditable medallion data platform on Dagster.

In a notebook, ``import jobforge_dagster as jf`` gives what the command line asks: see
``docs/asking.md``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Polars reads this when it is imported. Half the rows that it works on at a time take a third less
# memory for some per cent of CPU (benchmarks/results/speed.md); who knows better has set it.
os.environ.setdefault("POLARS_IDEAL_MORSEL_SIZE", "50000")

if TYPE_CHECKING:
    from jobforge_dagster.notebook import (
        answer,
        diff,
        impact,
        lineage,
        questions,
        sql,
        table,
        trace,
        trace_forward,
        why,
    )

__all__ = [
    "answer",
    "diff",
    "impact",
    "lineage",
    "questions",
    "sql",
    "table",
    "trace",
    "trace_forward",
    "why",
]


def __getattr__(name: str) -> Any:
    """Import what a notebook asks for, and nothing else: the command line starts with this."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobforge_dagster import notebook

    return getattr(notebook, name)


def __dir__() -> list[str]:
    return __all__
