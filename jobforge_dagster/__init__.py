"""JobForge: a governed, auditable medallion data platform on Dagster.

In a notebook, ``import jobforge_dagster as jf`` gives what the command line asks: see
``docs/asking.md``.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

# Polars and its allocator read these when they are imported; who knows better has set them.
# It works on a third of a row group at a time (131,072 rows: `storage/parquet.py`).
os.environ.setdefault("POLARS_IDEAL_MORSEL_SIZE", str(131_072 // 3))
if sys.platform == "linux":
    # As many arenas as cores, not four times as many, so that memory which one thread gives back is
    # there for the next, and large pages. Both together take a fifth less memory and no more CPU
    # (ten million rows of benchmarks/speed, 2 cores).
    _arenas = len(os.sched_getaffinity(0))
    os.environ.setdefault("_RJEM_MALLOC_CONF", f"narenas:{_arenas},thp:always")

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
