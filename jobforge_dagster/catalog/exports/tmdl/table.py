"""The file of a table: its measures, its columns, and the partition that loads it."""

from __future__ import annotations

from collections.abc import Iterator

from jobforge_dagster.catalog.documents.table import Measure
from jobforge_dagster.catalog.exports.tmdl.model import GoldColumn, GoldTable
from jobforge_dagster.catalog.exports.tmdl.relationships import Relationship, unrelated
from jobforge_dagster.catalog.exports.tmdl.text import (
    description,
    expression,
    facts_kept,
    lineage_tag,
    lines_of,
    quoted,
    value,
)

NUMERIC = frozenset({"int64", "decimal", "double"})

NOT_SUMMED = frozenset({"id", "code", "key", "no", "number", "year", "level", "rank", "ordinal"})
"""Words in the names of numbers whose sum means nothing."""


def table_text(table: GoldTable, related: tuple[Relationship, ...]) -> str:
    """The text of the file.

    Args:
        table: what to write.
        related: all relationships of the model.
    """
    document = table.document
    shown = document.power_bi
    text = (shown and shown.description) or document.business.description
    return lines_of(
        *description(text, 0),
        f"table {quoted(table.name)}",
        f"\tlineageTag: {lineage_tag('table', table.key)}",
        "",
        *(line for each in table.measures for line in (*_measure(table, *each), "")),
        *(line for each in table.columns for line in (*_column(table, each, related), "")),
        *_partition(table),
        "",
        *_annotations(table, related),
    )


def _measure(table: GoldTable, name: str, measure: Measure) -> Iterator[str]:
    yield from description(measure.description, 1)
    yield from expression(f"measure {quoted(name)}", measure.expression, 1)
    if measure.format:
        yield f"\t\tformatString: {value(measure.format)}"
    yield f"\t\tlineageTag: {lineage_tag('measure', table.key, measure.name)}"


def _column(
    table: GoldTable, column: GoldColumn, related: tuple[Relationship, ...]
) -> Iterator[str]:
    document = column.document
    refers = column.source in {
        name for key in table.document.technical.foreign_keys for name in key.columns
    }
    summed = _is_summed(table, column, refers, related)
    yield from description(document.description.en, 1)
    yield f"\tcolumn {quoted(column.name)}"
    yield f"\t\tdataType: {column.data_type}"
    if document.provenance or refers:
        yield "\t\tisHidden"
    if table.document.technical.primary_key == (column.source,):
        yield "\t\tisKey"
    if not document.nullable:
        yield "\t\tisNullable: false"
    form = _format(column, summed)
    if form is not None:
        yield f"\t\tformatString: {form}"
    yield f"\t\tlineageTag: {lineage_tag('column', table.key, column.source)}"
    yield f"\t\tsummarizeBy: {'sum' if summed else 'none'}"
    yield f"\t\tsourceColumn: {value(column.source)}"
    yield ""
    yield from facts_kept({"Classification": document.classification, "Term": document.term}, 2)


def _is_summed(
    table: GoldTable, column: GoldColumn, refers: bool, related: tuple[Relationship, ...]
) -> bool:
    """Whether a report adds the column up unless told otherwise.

    The documents do not say what may be added up. A number is taken to be a quantity where its
    table refers to others and none refers to it, and its name is not that of a code or a year.
    """
    is_fact = any(each.many.key == table.key for each in related) and not any(
        each.one.key == table.key for each in related
    )
    is_key = column.document.primary_key or column.document.provenance or refers
    named = set(column.source.casefold().split("_")) & NOT_SUMMED
    return is_fact and column.data_type in NUMERIC and not is_key and not named


def _format(column: GoldColumn, summed: bool) -> str | None:
    """How numbers and days look: separators only in what is added up, so never in a year."""
    whole = "#,0" if summed else "0"
    if column.data_type == "int64":
        return whole
    if column.data_type == "decimal":
        scale = int(column.document.type.rpartition("=")[2].rstrip(")") or 0)
        return f"{whole}.{'0' * scale}" if scale else whole
    if column.data_type == "double":
        return f"{whole}.00"
    return "yyyy-mm-dd" if column.document.type == "Date" else None


def _partition(table: GoldTable) -> Iterator[str]:
    """Where the rows come from: the declared columns of the file below ``DataRoot``."""
    columns = ", ".join(_m_text(column.source) for column in table.columns)
    path = _m_text(f"/{table.document.technical.path}")
    shown = table.document.power_bi
    query = (
        f"let\n"
        f"\tSource = Parquet.Document(File.Contents(DataRoot & {path})),\n"
        f"\tColumns = Table.SelectColumns(Source, {{{columns}}})\n"
        f"in\n"
        f"\tColumns"
    )
    yield f"\tpartition {quoted(table.name)} = m"
    yield f"\t\tmode: {shown.storage_mode if shown else 'import'}"
    yield from expression("source", query, 2)


def _m_text(text: str) -> str:
    """A text literal of M: quotes are doubled, and ``#(`` would begin an escape."""
    escaped = text.replace("#(", "#(#)(").replace('"', '""')
    return f'"{escaped}"'


def _annotations(table: GoldTable, related: tuple[Relationship, ...]) -> Iterator[str]:
    governance = table.document.governance
    keys = [
        f"({', '.join(key.columns)}) -> {key.table} ({', '.join(key.refers_to)})"
        for key in unrelated(table, related)
    ]
    facts: dict[str, str | None] = {
        "Table": table.key,
        "Classification": governance.classification,
        "Owner": governance.owner,
        "ColumnsLeftOut": ", ".join(f"{column.name}: {column.type}" for column in table.left_out),
        "ForeignKeysLeftOut": "; ".join(keys),
    }
    yield from facts_kept(facts, 1)
