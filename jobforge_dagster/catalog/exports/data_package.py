"""The gold tables as a Data Package 2.0 (https://datapackage.org/standard/data-package/).

Paths are those below the data root: the descriptor belongs there, beside the folder of gold.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from jobforge_dagster.catalog.documents import GlossaryDocument, TableMetadata
from jobforge_dagster.catalog.documents.base import Words, canonical, text_of
from jobforge_dagster.catalog.documents.table import ColumnMetadata, ForeignKey, SourceFacts
from jobforge_dagster.catalog.snapshot import Files, Snapshot

Json = dict[str, Any]

_PROFILES = "https://datapackage.org/profiles/2.0"
_TYPES = {
    "String": "string",
    "Categorical": "string",
    "Enum": "string",
    "Float": "number",
    "Decimal": "number",
    "Int": "integer",
    "UInt": "integer",
    "Boolean": "boolean",
    "Date": "date",
    "Time": "time",
    "Datetime": "datetime",
    "Duration": "duration",
    "List": "array",
    "Array": "array",
    "Struct": "object",
}
"""Field types by the name of a Polars type without its size; all others are ``any``."""

_OPEN_DEFINITION = frozenset(
    "Apache-2.0 CC-BY-4.0 CC-BY-SA-4.0 CC0-1.0 MIT OGL-Canada-2.0 OGL-UK-3.0 ODC-BY-1.0 ODbL-1.0 "
    "ODC-PDDL-1.0".split()
)
"""Licences that may go by their codes: the standard wants those of licenses.opendefinition.org."""


def export(snapshot: Snapshot) -> Files:
    """Describe the gold tables as one package.

    Args:
        snapshot: the documents.

    Yields:
        ``datapackage/datapackage.json``; nothing without a gold table, because a package has at
        least one resource.
    """
    tables = [table for table in snapshot.tables if table.layer == "gold"]
    if tables:
        yield "datapackage/datapackage.json", text_of(_package(tables, snapshot.glossary))


def _package(tables: list[TableMetadata], glossary: GlossaryDocument | None) -> Json:
    names = {table.table: table.name for table in tables}
    newest = max(table.technical.updated for table in tables)
    return _known(
        {
            "$schema": f"{_PROFILES}/datapackage.json",
            "name": "gold",
            "id": str(uuid5(NAMESPACE_URL, canonical(sorted(names)).decode())),
            "title": "Gold tables",
            "version": _version(tables, newest),
            "created": _moment(newest),
            "keywords": list(_keywords(tables, glossary)),
            "contributors": list(_contributors(tables)),
            "licenses": _common_licences(tables),
            "resources": [_resource(table, names) for table in tables],
        }
    )


def _version(tables: list[TableMetadata], newest: datetime) -> str:
    """The day of the newest table, and what the tables hold, as a semantic version."""
    held = [(each.table, each.technical.schema_version, each.technical.sha256) for each in tables]
    day = newest.astimezone(UTC)
    return f"{day.year}.{day.month}.{day.day}+{sha256(canonical(held)).hexdigest()[:12]}"


def _keywords(tables: Iterable[TableMetadata], glossary: GlossaryDocument | None) -> Iterator[str]:
    """The labels of the terms that the tables hold, each once."""
    held = {column.term for table in tables for column in table.columns}
    terms = [term for term in (glossary.terms if glossary else ()) if term.id in held]
    words = [word for term in terms for word in (term.label.en, term.label.fr) if word]
    yield from dict.fromkeys(words)


def _contributors(tables: Iterable[TableMetadata]) -> Iterator[Json]:
    """Owners and stewards; the roles are those that the standard suggests."""
    roles: dict[str, set[str]] = {}
    for table in tables:
        roles.setdefault(table.governance.owner, set()).update(("creator", "contact"))
        if table.governance.steward is not None:
            roles.setdefault(table.governance.steward, set()).add("dataCurator")
    for name in sorted(roles):
        yield {"title": name, "roles": sorted(roles[name])}


def _common_licences(tables: list[TableMetadata]) -> list[Json]:
    """The licences of the package: those of its tables, if all have the same.

    A resource without licences inherits those of the package (Data Resource, ``licenses``), so
    what holds for some tables only must not be said of all.
    """
    found = [_licences(table.governance.sources) for table in tables]
    return found[0] if all(licences == found[0] for licences in found) else []


def _resource(table: TableMetadata, names: dict[str, str]) -> Json:
    facts = table.technical
    # The hash of several files is one of their names and hashes, not of a resource.
    single = facts.sha256 is not None and facts.files == 1
    return _known(
        {
            "$schema": f"{_PROFILES}/dataresource.json",
            "name": table.name,
            "type": "table",
            "path": facts.path,
            "title": table.business.title,
            "description": _paragraphs(table.business.description, table.business.purpose),
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            "bytes": facts.bytes,
            "hash": f"sha256:{facts.sha256}" if single else None,
            "sources": [_source(source) for source in table.governance.sources],
            "licenses": _licences(table.governance.sources),
            "schema": _schema(table, names),
        }
    )


def _schema(table: TableMetadata, names: dict[str, str]) -> Json:
    keys = table.technical.foreign_keys
    primary = list(table.technical.primary_key)
    schema = _known(
        {
            "$schema": f"{_PROFILES}/tableschema.json",
            "fields": [_field(column, primary) for column in table.columns],
            "primaryKey": primary,
            "foreignKeys": [
                _foreign_key(key, table.table, names) for key in keys if key.table in names
            ],
        }
    )
    # Parquet has nulls of its own; by default an empty text would count as one.
    return schema | {"missingValues": []}


def _foreign_key(key: ForeignKey, own: str, names: dict[str, str]) -> Json:
    """A reference; one to the table itself names no resource (Table Schema 2.0, foreignKeys)."""
    resource = None if key.table == own else names[key.table]
    reference = _known({"resource": resource, "fields": list(key.refers_to)})
    return {"fields": list(key.columns), "reference": reference}


def _field(column: ColumnMetadata, primary: list[str]) -> Json:
    kind, _, arguments = column.type.partition("(")
    constraints = {
        "required": not column.nullable or None,
        "unique": primary == [column.name] or None,
        "enum": _categories(arguments) if kind == "Enum" else None,
    }
    return _known(
        {
            "name": column.name,
            "type": _TYPES.get(kind.rstrip("0123456789"), "any"),
            "description": _paragraphs(*_languages(column.description)),
            "example": _example(column),
            "constraints": _known(constraints),
        }
    )


def _categories(arguments: str) -> list[str]:
    """The categories of an enumeration, as in ``categories=['a', 'b'])``."""
    found = re.fullmatch(r"categories=(\[.*\])\)", arguments, re.DOTALL)
    return list(ast.literal_eval(found[1])) if found else []


def _example(column: ColumnMetadata) -> str | None:
    """The first example as text, which is what the profile wants of all types."""
    known = [example for example in column.examples if example is not None]
    if not known:
        return None
    return known[0] if isinstance(known[0], str) else json.dumps(known[0])


def _source(source: SourceFacts) -> Json:
    published = source.published.isoformat() if source.published else None
    title = f"{source.publisher}: {source.dataset or source.source}"
    return _known({"title": title, "path": _address(source.url), "version": published})


def _licences(sources: Iterable[SourceFacts]) -> list[Json]:
    """The licences of the sources, each once, sorted by code."""
    facts = {(each.licence, each.licence_name, each.licence_url or "") for each in sources}
    return [_licence(*each) for each in sorted(facts)]


def _licence(code: str, name: str, url: str) -> Json:
    """A licence; it goes by its code where that is an Open Definition one, or all there is."""
    path = _address(url)
    named = code if code in _OPEN_DEFINITION or path is None else None
    return _known({"name": named, "path": path, "title": name})


def _address(url: str | None) -> str | None:
    """A web address; anything else would be taken for a path (Data Package 2.0, url-or-path)."""
    return url if url and re.match(r"https?://", url) else None


def _languages(words: Words) -> tuple[str | None, str | None]:
    return words.en, words.fr


def _paragraphs(*texts: str | None) -> str | None:
    """Texts as paragraphs: the profile knows no languages, and the first is the summary."""
    return "\n\n".join(text for text in texts if text) or None


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _known(facts: Json) -> Json:
    """The facts without those that are not known; an empty list of sources is a fact."""
    return {
        key: value
        for key, value in facts.items()
        if value is not None and (key == "sources" or value not in ([], {}))
    }
