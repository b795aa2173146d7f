"""Column lineage: which columns of which tables, and which delivered headers, a column is made of.

It is read off the plan of a table, never declared, so it cannot lag behind the code.
"""

from jobforge_dagster.medallion.lineage.delivered import FromStaged, bronze_lineage, staged_lineage
from jobforge_dagster.medallion.lineage.documents import (
    ColumnSources,
    TableSources,
    lineage_from,
    origins_from,
    to_document,
)
from jobforge_dagster.medallion.lineage.model import (
    ColumnLineage,
    Direct,
    FrameLineage,
    Indirect,
    Upstream,
)
from jobforge_dagster.medallion.lineage.origins import ColumnOrigins, Composed, Origin, composed
from jobforge_dagster.medallion.lineage.recording import recorded
from jobforge_dagster.medallion.lineage.tables import of_made
from jobforge_dagster.medallion.lineage.walk import lineage_of

__all__ = [
    "ColumnLineage",
    "ColumnOrigins",
    "ColumnSources",
    "Composed",
    "Direct",
    "FrameLineage",
    "FromStaged",
    "Indirect",
    "Origin",
    "TableSources",
    "Upstream",
    "bronze_lineage",
    "composed",
    "lineage_from",
    "lineage_of",
    "of_made",
    "origins_from",
    "recorded",
    "staged_lineage",
    "to_document",
]
