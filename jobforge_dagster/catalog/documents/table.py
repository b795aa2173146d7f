"""Tables: everything known of one, from its declaration and from its last publication."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from jobforge_dagster.catalog.documents.base import Document, Part, Words
from jobforge_dagster.medallion.declare import Classification, Layer, Severity
from jobforge_dagster.medallion.lineage.documents import ColumnSources, DecidedBy, From

Scalar = str | int | float | bool | None


class ForeignKey(Part):
    """Columns that refer to the primary key of a table."""

    columns: tuple[str, ...]
    table: str
    refers_to: tuple[str, ...]


class Technical(Part):
    """What the files are.

    Attributes:
        path: the file below the data root; of a staged table, its folder.
        files: how many make the table.
        sha256: of the file; of several, of the lines ``{sha256}  {path}`` sorted by path.
        schema_version: semantic; ``schema_change`` is how it differs from the version before.
        created: the first publication, ``updated`` the one that stands.
        updated_by_run: the run that made it.
    """

    path: str
    format: Literal["parquet"]
    files: int
    rows: int
    columns: int
    bytes: int
    sha256: str | None
    schema_version: str | None
    schema_change: str | None
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    created: datetime
    updated: datetime
    updated_by_run: str | None
    code_version: str | None


class Measure(Part):
    """A figure that reports compute from a table; ``expression`` is DAX."""

    name: str
    expression: str
    description: str
    format: str | None


class Business(Part):
    """What the table is for."""

    title: str
    description: str
    purpose: str | None
    business_questions: tuple[str, ...]
    measures: tuple[Measure, ...]


class Code(Part):
    """What makes the table: a file below the project (or a module's path), and a name in it."""

    file: str
    symbol: str


class TableLineage(Part):
    """Where the table stands among the others.

    Attributes:
        upstream: keys of the tables (of staged: landing paths) that it reads.
        parents: those of them that it only refers to or is compared with.
        downstream: keys of the tables that read it.
        grain: what a row stands for.
        source_files: the delivered files behind its rows, below the landing folder.
        batch_ids: their deliveries.
        rows: upstream columns that decide which rows there are, and their order; they count for
            every column.
        row_origins: the same as far as the delivered headers.
        opaque: what could not be looked into; then every column of the inputs counts.
    """

    upstream: tuple[str, ...]
    parents: tuple[str, ...]
    downstream: tuple[str, ...]
    code: Code | None
    grain: str | None
    source_files: tuple[str, ...]
    batch_ids: tuple[str, ...]
    rows: tuple[DecidedBy, ...]
    row_origins: tuple[From, ...]
    opaque: tuple[str, ...]


class SourceFacts(Part):
    """What is known of a publisher's data behind a table."""

    source: str
    publisher: str
    system: str
    licence: str
    licence_name: str
    licence_url: str | None
    dataset: str | None
    published: date | None
    url: str | None


class Governance(Part):
    """Who answers for the table, and under which terms."""

    owner: str
    steward: str | None
    classification: Classification
    retention: str | None
    sources: tuple[SourceFacts, ...]


class RuleFacts(Part):
    """A rule of the table, and how many rows broke it when the table was published."""

    rule: str
    text: str
    severity: Severity
    columns: tuple[str, ...]
    rows: int


class Quality(Part):
    """How good the table is: shares from 0 to 1, and rows."""

    completeness: float | None
    uniqueness: float | None
    validity: float | None
    integrity: float | None
    quarantined: int
    deduplicated: int
    warned: int
    rules: tuple[RuleFacts, ...]


class PowerBI(Part):
    """How Power BI shows the table; gold alone."""

    table: str
    storage_mode: Literal["import"]
    description: str | None


class Purview(Part):
    """How Purview (Apache Atlas) names the table."""

    qualified_name: str
    type_name: str
    classifications: tuple[str, ...]


class Statistics(Part):
    """What was counted when the table was published.

    ``minimum`` and ``maximum`` are values, so they are left out above ``public``.
    """

    nulls: int | None
    minimum: Scalar
    maximum: Scalar


class ColumnMetadata(Part):
    """A column.

    Attributes:
        type: as Polars names it.
        provenance: whether the platform adds it.
        term: id of its glossary term.
        declassified: why it may be more public than what it is made of.
        lineage: what it is made of, down to the delivered headers.
        examples: a few distinct, short values; none above ``public``.
    """

    name: str
    type: str
    nullable: bool
    primary_key: bool
    provenance: bool
    description: Words
    term: str | None
    classification: Classification
    declassified: str | None
    lineage: ColumnSources | None
    examples: tuple[Scalar, ...]
    statistics: Statistics


class TableMetadata(Document):
    """Everything known of a table.

    Attributes:
        table: its key.
        gaps: what nobody declared, as paths within this document.
    """

    table: str
    layer: Layer
    name: str
    domain: str
    technical: Technical
    business: Business
    lineage: TableLineage
    governance: Governance
    quality: Quality | None
    power_bi: PowerBI | None
    purview: Purview
    columns: tuple[ColumnMetadata, ...]
    gaps: tuple[str, ...]
