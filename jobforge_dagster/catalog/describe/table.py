"""The document of a table: what is declared of it, and what was measured when it was published."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jobforge_dagster.catalog.describe.columns import File, Said, described
from jobforge_dagster.catalog.describe.gaps import gaps_of
from jobforge_dagster.catalog.describe.known import Known, highest
from jobforge_dagster.catalog.describe.rules import ToldRule, rules_of
from jobforge_dagster.catalog.documents.base import Words
from jobforge_dagster.catalog.documents.table import (
    Business,
    Code,
    ColumnMetadata,
    ForeignKey,
    Governance,
    Measure,
    PowerBI,
    Purview,
    Quality,
    RuleFacts,
    SourceFacts,
    TableLineage,
    TableMetadata,
    Technical,
)
from jobforge_dagster.medallion.declare import Source, Table, meaning_of
from jobforge_dagster.medallion.fingerprint import platform_version
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.layers.staged import Staging, expected
from jobforge_dagster.medallion.lineage.promoted import staged_sources
from jobforge_dagster.medallion.marts import questions_of
from jobforge_dagster.medallion.provenance import UNREAD
from jobforge_dagster.medallion.storage import parquet, publications
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.publish import staged_sha256
from jobforge_dagster.medallion.storage.remembered import facts_of

SOURCE_SYSTEM = Words(
    en="The publisher's name of what the file is part of.",
    fr="Le nom que l'éditeur donne à l'ensemble dont le fichier fait partie.",
)
"""What the column means that bronze adds."""


def described_table(
    known: Known,
    declared: Source | Table,
    publication: Publication,
    facts: parquet.FileFacts,
    file: Path,
) -> TableMetadata:
    """The document of a bronze, silver or gold table.

    Args:
        known: everything that is declared.
        declared: the table.
        publication: the one that stands, or is about to.
        facts: what its file says of itself.
        file: the table: in its place or still beside it.
    """
    said = _said_of_source(declared, facts) if isinstance(declared, Source) else _said_of(declared)
    classified = known.classified(declared, facts.columns, publication.lineage)
    if UNREAD in classified:
        classified[UNREAD] = highest(classified.values())
    of = File(known.root, declared.key, file)
    columns = described(of, facts, said, classified, publication.lineage)
    made_of = publication.lineage
    first = publications.first(known.root, publication.table)
    schema = publication.table_schema
    keys = declared.foreign_keys if isinstance(declared, Table) else ()
    technical = Technical(
        path=known.root.relative(known.root.table(publication.table)),
        format="parquet",
        files=1,
        rows=facts.rows,
        columns=len(facts.columns),
        bytes=facts.size,
        sha256=publication.sha256,
        schema_version=schema.version,
        schema_change=schema.change,
        primary_key=schema.primary_key,
        foreign_keys=tuple(
            ForeignKey(
                columns=key.columns,
                table=(key.table or declared).key,
                refers_to=tuple((key.table or declared).schema.primary_key()),
            )
            for key in keys
        ),
        created=min(first, publication.written_at) if first else publication.written_at,
        updated=publication.written_at,
        updated_by_run=publication.run_id,
        code_version=publication.code_version,
    )
    upstream: Sequence[str] = list(publication.inputs)
    parents: Sequence[str] = []
    if isinstance(declared, Table):
        inputs = {each.key for each in declared.inputs}
        parents = sorted({each.key for each in declared.parents} - inputs)
    lineage = TableLineage(
        upstream=tuple(sorted(upstream)),
        parents=tuple(parents),
        downstream=known.downstream.get(declared.key, ()),
        code=code_of(declared),
        grain=publication.conservation.grain,
        source_files=publication.source_files,
        batch_ids=publication.batches,
        rows=made_of.rows if made_of else (),
        row_origins=made_of.origins if made_of else (),
        opaque=made_of.opaque if made_of else (),
    )
    quality = _quality(publication, rules_of(declared))
    return _document(known, declared, declared.key, technical, lineage, quality, columns)


def described_staged(known: Known, source: Source, staging: Staging) -> TableMetadata:
    """The document of a staged table: the deliveries that are in force."""
    newest = known.root.path / staging.manifest.staged_file
    facts = facts_of(known.root, source.staged_key, newest, by=platform_version())
    lineage = staged_sources(source, staging.standing)
    names = bronze.names_in(source, facts.columns)
    own = _said_of_source(source, facts)
    made = [name for several in names.values() for name in several]
    classified = known.classified(source, made, None)
    columns = described(
        File(known.root, source.staged_key, newest),
        facts,
        {
            staged: own.get(several[0], Said(None)) if len(several) == 1 else Said(None)
            for staged, several in names.items()
        },
        {
            staged: highest(classified[name] for name in several)
            for staged, several in names.items()
        },
        lineage,
    )
    standing = staging.standing
    rejected = sum(each.malformed for each in standing)
    rows = sum(each.rows for each in standing)
    technical = Technical(
        path=f"staged/{source.name}",
        format="parquet",
        files=len(standing),
        rows=rows,
        columns=len(facts.columns),
        bytes=sum((known.root.path / each.staged_file).stat().st_size for each in standing),
        sha256=staged_sha256(standing),
        schema_version=None,
        schema_change=None,
        primary_key=(),
        foreign_keys=(),
        created=min(
            [each.received_at for each in staging.arrived], default=standing[0].received_at
        ),
        updated=staging.manifest.received_at,
        updated_by_run=None,
        code_version=None,
    )
    files = tuple(dict.fromkeys(each.file for each in standing))
    told = TableLineage(
        upstream=(expected(source),),
        parents=(),
        downstream=known.downstream.get(source.staged_key, ()),
        code=code_of(source),
        grain="one row of each record",
        source_files=files,
        batch_ids=tuple(each.batch_id for each in standing),
        rows=(),
        row_origins=(),
        opaque=(),
    )
    quality = Quality(
        completeness=None,
        uniqueness=None,
        validity=rows / (rows + rejected) if rows + rejected else None,
        integrity=None,
        quarantined=rejected,
        deduplicated=0,
        warned=0,
        rules=(),
    )
    return _document(known, source, source.staged_key, technical, told, quality, columns)


def _document(
    known: Known,
    declared: Source | Table,
    key: str,
    technical: Technical,
    lineage: TableLineage,
    quality: Quality,
    columns: tuple[ColumnMetadata, ...],
) -> TableMetadata:
    classification = highest([declared.classification, *(each.classification for each in columns)])
    name = key.rpartition("/")[2]
    layer = declared.layer if key == declared.key else "staged"
    is_gold = isinstance(declared, Table) and layer == "gold"
    measures = declared.measures if isinstance(declared, Table) else ()
    document = TableMetadata(
        table=key,
        layer=layer,
        name=name,
        domain=declared.domain,
        technical=technical,
        business=Business(
            title=_title(name),
            description=declared.description,
            purpose=declared.purpose,
            business_questions=questions_of(declared, known.declared.marts)
            if isinstance(declared, Table)
            else (),
            measures=tuple(
                Measure(
                    name=each.name,
                    expression=each.expression,
                    description=each.description,
                    format=each.format,
                )
                for each in measures
            ),
        ),
        lineage=lineage,
        governance=Governance(
            owner=declared.owner,
            steward=declared.steward,
            classification=classification,
            retention=declared.retention,
            sources=tuple(_source_facts(each) for each in known.sources_of(declared)),
        ),
        quality=quality,
        power_bi=PowerBI(table=name, storage_mode="import", description=declared.purpose)
        if is_gold
        else None,
        purview=Purview(
            qualified_name=f"jobforge://{key}",
            type_name="jobforge_table",
            classifications=() if classification == "public" else (classification,),
        ),
        columns=columns,
        gaps=(),
    )
    return document.model_copy(update={"gaps": gaps_of(document)})


def code_of(declared: Source | Table) -> Code:
    """Where the code stands that makes a table; of a source, what is declared of its columns."""
    made = declared.schema if isinstance(declared, Source) else declared.function
    module = sys.modules[made.__module__]
    ending = "/__init__.py" if hasattr(module, "__path__") else ".py"
    return Code(file=made.__module__.replace(".", "/") + ending, symbol=made.__qualname__)


def _title(name: str) -> str:
    return re.sub(r"[_\W]+", " ", name).strip().capitalize()


def _said_of(table: Table) -> dict[str, Said]:
    found: dict[str, Said] = {}
    for name, column in table.schema.columns().items():
        told = meaning_of(column)
        found[name] = Said(
            text=told.text if told else column.description,
            french=told.french if told else None,
            term=told.term if told else None,
            declassified=told.declassified if told else None,
            nullable=column.nullable,
            primary_key=column.primary_key,
        )
    return found


def _said_of_source(source: Source, facts: parquet.FileFacts) -> dict[str, Said]:
    """What is declared of bronze: its schema, and the columns whose headers are values."""
    found = {
        name: Said(
            text=told.text if (told := meaning_of(column)) else column.description,
            french=told.french if told else None,
            term=told.term if told else None,
        )
        for name, column in source.schema.columns().items()
    }
    found[bronze.SOURCE_SYSTEM] = Said(SOURCE_SYSTEM.en, SOURCE_SYSTEM.fr, nullable=False)
    wide = source.remaining
    if wide is not None:
        for name in facts.columns:
            if name not in found and not name.startswith("_") and re.fullmatch(wide.headers, name):
                found[name] = Said(wide.text)
    return found


def _source_facts(source: Source) -> SourceFacts:
    origin = source.origin
    return SourceFacts(
        source=source.name,
        publisher=origin.publisher,
        system=origin.system,
        licence=origin.licence.code,
        licence_name=origin.licence.name,
        licence_url=origin.licence.url,
        dataset=origin.dataset,
        published=origin.published,
        url=origin.url,
    )


def _quality(publication: Publication, rules: Sequence[ToldRule]) -> Quality:
    metrics, counts = publication.metrics, publication.conservation
    broken: Mapping[str, int] = {
        rule.partition(":")[2]: tally.rows
        for tallies in (publication.rejected, publication.warned)
        for rule, tally in tallies.items()
    }
    return Quality(
        completeness=metrics.completeness,
        uniqueness=metrics.uniqueness,
        validity=metrics.validity,
        integrity=metrics.integrity,
        quarantined=counts.rejected,
        deduplicated=counts.deduplicated,
        warned=sum(tally.rows for tally in publication.warned.values()),
        rules=tuple(
            RuleFacts(
                rule=each.name,
                text=each.text,
                severity=each.severity,
                columns=each.columns,
                rows=broken.get(each.name, 0),
            )
            for each in rules
        ),
    )
