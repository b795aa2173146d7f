"""``jobforge``: what people ask of the platform beside running it, which Dagster does."""

from __future__ import annotations

from jobforge_dagster.cli import (
    audit,
    catalog,
    deliver,
    diff,
    lineage,
    quarantine,
    query,
    questions,
    rebuild,
    sources,
    trace,
    why,
)
from jobforge_dagster.cli.app import app as main

__all__ = [
    "audit",
    "catalog",
    "deliver",
    "diff",
    "lineage",
    "main",
    "quarantine",
    "query",
    "questions",
    "rebuild",
    "sources",
    "trace",
    "why",
]
