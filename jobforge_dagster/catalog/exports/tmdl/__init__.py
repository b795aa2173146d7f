"""Power BI: gold as a semantic model, in the Tabular Model Definition Language (TMDL).

The folder is what a Power BI project calls a semantic model: ``definition.pbism`` and the model
below ``definition/``. It holds what the documents say and no more: nested columns, and foreign keys
that Power BI cannot follow, are left out and named in annotations.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobforge_dagster.catalog.documents.base import text_of
from jobforge_dagster.catalog.exports.tmdl.culture import FRENCH, french
from jobforge_dagster.catalog.exports.tmdl.model import GoldTable, gold
from jobforge_dagster.catalog.exports.tmdl.names import file_stem
from jobforge_dagster.catalog.exports.tmdl.relationships import Relationship, relationships
from jobforge_dagster.catalog.exports.tmdl.table import table_text
from jobforge_dagster.catalog.exports.tmdl.text import lineage_tag, lines_of, quoted
from jobforge_dagster.catalog.snapshot import Files, Snapshot

CULTURE = "en-CA"

COMPATIBILITY = 1600
"""The level at which Power BI Desktop began to write lineage tags and projects as text."""


def export(snapshot: Snapshot) -> Files:
    """The semantic model of the gold tables that say how Power BI shows them.

    Args:
        snapshot: all documents.

    Returns:
        The files below ``powerbi/``.
    """
    tables = gold(snapshot.tables)
    related = relationships(tables)
    translated = french(tables)
    folder = "powerbi/definition"
    yield "powerbi/definition.pbism", text_of({"version": "4.0", "settings": {}})
    yield f"{folder}/database.tmdl", lines_of("database", f"\tcompatibilityLevel: {COMPATIBILITY}")
    yield f"{folder}/model.tmdl", lines_of(*_model(tables, translated is not None))
    yield f"{folder}/expressions.tmdl", lines_of(*_data_root())
    if related:
        yield f"{folder}/relationships.tmdl", lines_of(*_relationships(related))
    for stem, table in zip(file_stem([each.name for each in tables]), tables, strict=True):
        yield f"{folder}/tables/{stem}.tmdl", table_text(table, related)
    if translated is not None:
        yield f"{folder}/cultures/{FRENCH}.tmdl", translated


def _model(tables: tuple[GoldTable, ...], translated: bool) -> Iterator[str]:
    """The root: Power BI makes no hidden table of dates for each column of dates."""
    yield "model Model"
    yield f"\tculture: {CULTURE}"
    yield "\tdefaultPowerBIDataSourceVersion: powerBI_V3"
    yield f"\tsourceQueryCulture: {CULTURE}"
    yield "\tdataAccessOptions"
    yield "\t\tlegacyRedirects"
    yield "\t\treturnErrorValuesAsNull"
    yield ""
    yield "annotation __PBI_TimeIntelligenceEnabled = 0"
    if tables:
        yield ""
    for table in tables:
        yield f"ref table {quoted(table.name)}"
    if translated:
        yield ""
        yield f"ref cultureInfo {FRENCH}"


def _data_root() -> Iterator[str]:
    yield "/// The folder that holds gold/: set it to where the data lies."
    meta = 'meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]'
    yield f'expression DataRoot = "data" {meta}'
    yield f"\tlineageTag: {lineage_tag('expression', 'DataRoot')}"


def _relationships(related: tuple[Relationship, ...]) -> Iterator[str]:
    for position, each in enumerate(related):
        if position:
            yield ""
        many, one = each.many.name, each.one.name
        key = (each.many.key, each.from_column.source, each.one.key, each.to_column.source)
        yield f"relationship {lineage_tag('relationship', *key)}"
        if not each.active:
            yield "\tisActive: false"
        yield f"\tfromColumn: {quoted(many)}.{quoted(each.from_column.name)}"
        yield f"\ttoColumn: {quoted(one)}.{quoted(each.to_column.name)}"
