"""The documents of the catalog, one module a kind; their JSON Schemas are in the catalog too."""

from jobforge_dagster.catalog.documents.glossary import GlossaryDocument
from jobforge_dagster.catalog.documents.progress import ProgressDocument
from jobforge_dagster.catalog.documents.run import RunDocument
from jobforge_dagster.catalog.documents.table import TableMetadata
from jobforge_dagster.catalog.documents.transition import IndexLine, LayerTransitionLog

__all__ = [
    "GlossaryDocument",
    "IndexLine",
    "LayerTransitionLog",
    "ProgressDocument",
    "RunDocument",
    "TableMetadata",
]
