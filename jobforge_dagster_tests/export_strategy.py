"""Catalogs as of ``catalog_strategy``, with lineage and rules that have awkward names too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from hypothesis import strategies as st

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.documents.table import ColumnMetadata
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster.medallion.lineage import ColumnSources, Direct, Indirect
from jobforge_dagster_tests.catalog_strategy import counts, names, prose, snapshots

_kinds = st.lists(st.sampled_from(get_args(Indirect)), min_size=1, max_size=3, unique=True)
_direct = st.fixed_dictionaries(
    {"table": names, "column": names, "kind": st.sampled_from(get_args(Direct))}
)
_indirect = st.fixed_dictionaries({"table": names, "column": names, "kinds": _kinds})
_origin = st.fixed_dictionaries(
    {"source": names, "header": names, "kind": st.sampled_from(get_args(Direct))}
)


@st.composite
def told_snapshots(draw: Callable[[Any], Any]) -> Snapshot:
    """Catalogs whose tables tell of their lineage, their rules and how long they are kept."""
    known: Snapshot = draw(snapshots())
    tables = tuple(_told(draw, table) for table in known.tables)
    return Snapshot(tables, known.transitions, known.runs, known.glossary)


def _told(draw: Callable[[Any], Any], table: TableMetadata) -> TableMetadata:
    document = table.model_dump() | {
        "quality": {
            **dict.fromkeys(("completeness", "uniqueness", "validity", "integrity")),
            **dict.fromkeys(("quarantined", "deduplicated", "warned"), 0),
            "rules": [_rule(draw, table) for _ in range(draw(st.integers(0, 3)))],
        },
    }
    document["lineage"] |= {
        "rows": draw(st.lists(_indirect, max_size=2)),
        "opaque": draw(st.lists(names, max_size=1)),
    }
    document["governance"]["retention"] = draw(st.sampled_from((None, "7 years", "for ever")))
    document["columns"] = [_made(draw, column) for column in table.columns]
    return TableMetadata.model_validate(document)


def _rule(draw: Callable[[Any], Any], table: TableMetadata) -> dict[str, Any]:
    held = [column.name for column in table.columns]
    columns = draw(st.lists(st.sampled_from(held), max_size=2, unique=True))
    nullability = [f"{name}.nullability" for name in columns[:1]]
    return {
        "rule": draw(names | st.sampled_from(("primary_key", *nullability))),
        "text": draw(prose),
        "severity": draw(st.sampled_from(("reject", "warn"))),
        "columns": columns,
        "rows": draw(st.just(0) | counts),
    }


def _made(draw: Callable[[Any], Any], column: ColumnMetadata) -> ColumnMetadata:
    sources = {
        "name": column.name,
        "direct": draw(st.lists(_direct, max_size=2)),
        "indirect": draw(st.lists(_indirect, max_size=2)),
        "origins": draw(st.lists(_origin, max_size=2)),
        "opaque": draw(st.lists(names, max_size=1)),
    }
    lineage = draw(st.none() | st.just(ColumnSources.model_validate(sources)))
    return column.model_copy(update={"lineage": lineage})
