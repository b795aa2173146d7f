"""The schema of a contract: the table, its columns, its keys and its rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from open_data_contract_standard.model import (
    AuthoritativeDefinition,
    CustomProperty,
    DataQuality,
    Relationship,
    SchemaObject,
    SchemaProperty,
)

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.documents.glossary import TermEntry
from jobforge_dagster.catalog.documents.table import ColumnMetadata, ForeignKey, RuleFacts
from jobforge_dagster.catalog.exports.data_contract.names import (
    outside,
    property_path,
    stable_id,
)
from jobforge_dagster.catalog.exports.data_contract.types import logical_type, type_options


def schema_of(
    table: TableMetadata, contracted: frozenset[str], terms: Mapping[str, TermEntry]
) -> SchemaObject:
    """The table as an object of the standard; parameters as in ``contract_of``."""
    rules = table.quality.rules if table.quality else ()
    names = {column.name for column in table.columns}
    whole = [_rule(rule) for rule in rules if _column_of(rule, names) is None]
    relationships = [
        _relationship(table, key) for key in table.technical.foreign_keys if key.table in contracted
    ]
    return SchemaObject(
        id=stable_id(table.name),
        name=table.name,
        physicalName=table.technical.path,
        physicalType="table",
        logicalType="object",
        businessName=table.business.title,
        description=table.business.description,
        dataGranularityDescription=table.lineage.grain,
        properties=[_property(table, column, terms) for column in table.columns],
        relationships=relationships or None,
        quality=whole or None,
        customProperties=list(_others_of_table(table, contracted)) or None,
    )


def _relationship(table: TableMetadata, key: ForeignKey) -> Relationship:
    """A foreign key, to a column of this contract or of one in the same folder."""
    other = key.table.rpartition("/")[2]
    own = [property_path(table.name, column) for column in key.columns]
    refer = property_path if key.table == table.table else outside
    found = [refer(other, column) for column in key.refers_to]
    single = len(own) == 1 and len(found) == 1
    return Relationship.model_validate(
        {
            "type": "foreignKey",
            "from": own[0] if single else own,
            "to": found[0] if single else found,
        }
    )


def _others_of_table(table: TableMetadata, contracted: frozenset[str]) -> Iterator[CustomProperty]:
    measures = [each.model_dump(exclude_none=True) for each in table.business.measures]
    if measures:
        yield CustomProperty(property="measures", value=measures, description="As DAX.")
    keys = [
        key.model_dump(mode="json")
        for key in table.technical.foreign_keys
        if key.table not in contracted
    ]
    if keys:
        text = "To tables that have no contract."
        yield CustomProperty(property="foreignKeys", value=keys, description=text)


def _property(
    table: TableMetadata, column: ColumnMetadata, terms: Mapping[str, TermEntry]
) -> SchemaProperty:
    key = table.technical.primary_key
    names = {each.name for each in table.columns}
    rules = table.quality.rules if table.quality else ()
    term = terms.get(column.term) if column.term is not None else None
    return SchemaProperty(
        id=stable_id(column.name),
        name=column.name,
        businessName=term.label.en if term else None,
        description=column.description.en,
        logicalType=logical_type(column.type),
        logicalTypeOptions=type_options(column.type),
        physicalType=column.type,
        required=not column.nullable,
        unique=True if key == (column.name,) else None,
        primaryKey=True if column.name in key else None,
        primaryKeyPosition=key.index(column.name) + 1 if column.name in key else None,
        classification=column.classification,
        examples=[each for each in column.examples if each is not None] or None,
        transformSourceObjects=_sources(column) or None,
        transformLogic=_logic(column),
        quality=[_rule(rule) for rule in rules if _column_of(rule, names) == column.name] or None,
        authoritativeDefinitions=_definition(term),
        customProperties=list(_others_of_column(column, term)) or None,
    )


def _sources(column: ColumnMetadata) -> list[str]:
    """Keys of the tables that a column is made of or decided by, each once."""
    if column.lineage is None:
        return []
    making = [each.table for each in column.lineage.direct]
    deciding = [each.table for each in column.lineage.indirect]
    return list(dict.fromkeys([*making, *deciding]))


def _logic(column: ColumnMetadata) -> str | None:
    """How a column is made, in words: what it is made of, and what decides its values."""
    lineage = column.lineage
    if lineage is None:
        return None
    told = [f"{each.kind} of {each.table}.{each.column}" for each in lineage.direct]
    told += [
        f"decided by {each.table}.{each.column} ({', '.join(each.kinds)})"
        for each in lineage.indirect
    ]
    return "; ".join(told) or None


def _definition(term: TermEntry | None) -> list[AuthoritativeDefinition] | None:
    if term is None or term.url is None:
        return None
    text = term.definition.en
    return [AuthoritativeDefinition(url=term.url, type="businessDefinition", description=text)]


def _others_of_column(column: ColumnMetadata, term: TermEntry | None) -> Iterator[CustomProperty]:
    known: dict[str, Any] = {
        "descriptionFr": column.description.fr,
        "businessNameFr": term.label.fr if term else None,
        "glossaryTerm": column.term,
        "declassified": column.declassified,
        "provenance": True if column.provenance else None,
    }
    for name, value in known.items():
        if value is not None:
            yield CustomProperty(property=name, value=value)


def _column_of(rule: RuleFacts, names: set[str]) -> str | None:
    """The column that a rule is about; ``None`` if it is about rows or several columns."""
    only = rule.columns[0] if len(rule.columns) == 1 else None
    return only if only in names and rule.rule != "primary_key" else None


def _rule(rule: RuleFacts) -> DataQuality:
    """A rule: as a metric of the standard's library where it has one, else in words.

    "Data Quality" of the standard: ``nullValues`` and ``duplicateValues`` are the metrics that say
    exactly what a rule of ours says; the others count what a pattern or a list allows.
    """
    said: dict[str, Any] = {
        "name": rule.rule,
        "description": rule.text,
        "severity": "error" if rule.severity == "reject" else "warning",
    }
    if rule.rule == "primary_key":
        said |= {"type": "library", "dimension": "uniqueness", "metric": "duplicateValues"}
        said |= {"arguments": {"properties": list(rule.columns)}, "mustBe": 0}
    elif rule.rule.endswith(".nullability"):
        said |= {"type": "library", "dimension": "completeness", "metric": "nullValues"}
        said |= {"mustBe": 0}
    else:
        said |= {"type": "text"}
        if len(rule.columns) > 1:
            columns = CustomProperty(property="columns", value=list(rule.columns))
            said |= {"customProperties": [columns]}
    return DataQuality.model_validate(said)
