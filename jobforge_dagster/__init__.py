"""JobForge: a governed, auditable medallion data platform on Dagster.

In a notebook, ``import jobforge_dagster as jf`` gives what the command line asks: see
``docs/asking.md``.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

# Polars reads these when it is imported; what somebody has set stays.
# It works on a third of a row group (`storage/parquet.py`) at a time.
os.environ.setdefault("POLARS_IDEAL_MORSEL_SIZE", str(131_072 // 3))
if sys.platform == "linux":
    # Its allocator, jemalloc, keeps what a thread gives back from the threads of other arenas, and
    # makes four arenas a core. One takes 7 per cent less CPU (ten million rows of benchmarks/speed,
    # 2 cores). In front, because of an option that is given twice the last one holds.
    _given = os.environ.get("_RJEM_MALLOC_CONF", "")
    if "narenas:" not in _given:
        _arenas = f"narenas:{len(os.sched_getaffinity(0))}"
        os.environ["_RJEM_MALLOC_CONF"] = ",".join(filter(None, (_arenas, _given)))

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
