"""What hangs on tables and columns, as their documents tell: contracts, measures, rules, keys."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jobforge_dagster.asking.lineage.dax import Named, named_in
from jobforge_dagster.asking.lineage.documents import Documents
from jobforge_dagster.asking.names import sql_name

How = Literal["made", "decided", "rows"]
"""How something hangs on what is changed, the closest first: it is made of it, its values are
decided by it, or nothing but which rows there are."""

CLOSENESS: tuple[How, ...] = ("made", "decided", "rows")


@dataclass(frozen=True)
class Use:
    """Something outside the tables that a change reaches.

    Attributes:
        name: what it is called.
        how: the closest way in which a change reaches it.
        table: in SQL, the table or mart that it belongs to.
        columns: those through which it is reached, as far as columns are.
        detail: what else there is to say of it.
    """

    name: str
    how: How
    table: str
    columns: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Changed:
    """What changes: how each table and column of those that are reached does.

    Attributes:
        tables: the closest way of any of its columns.
        columns: by table and name.
        rows: tables of which other rows may come to be.
    """

    tables: Mapping[str, How]
    columns: Mapping[tuple[str, str], How]
    rows: frozenset[str]

    def column(self, table: str, name: str) -> How | None:
        """How a column changes."""
        return self.columns.get((table, name))

    def valued(self, table: str, names: Iterable[str]) -> dict[str, How]:
        """Those of some columns whose own values change, and not only with the rows."""
        told = {name: self.columns.get((table, name)) for name in names}
        return {name: how for name, how in told.items() if how is not None and how != "rows"}


def closest(hows: Iterable[How]) -> How:
    """The closest of several ways."""
    return min(hows, key=CLOSENESS.index)


def contracts(documents: Documents, changed: Changed) -> Iterator[Use]:
    """The contracts of gold tables that change, by the ids that their export gives."""
    from jobforge_dagster.catalog.exports.data_contract.names import contract_id, path_of

    for key, document in _golden(documents):
        if key in changed.tables and document["technical"]["schema_version"] is not None:
            yield Use(
                name=str(contract_id(key)),
                how=changed.tables[key],
                table=sql_name(key),
                columns=tuple(sorted(changed.valued(key, _names(document)))),
                detail=path_of(document["name"]),
            )


def measures(documents: Documents, changed: Changed) -> Iterator[Use]:
    """The measures of Power BI that name a column or a table that changes, or such a measure."""
    keys = {document["name"].casefold(): key for key, document in _golden(documents)}
    told = {
        measure["name"].casefold(): (measure, key, named_in(measure["expression"]))
        for key, document in _golden(documents)
        for measure in document["business"]["measures"]
    }
    for name, (measure, key, _) in told.items():
        ways: set[How] = set()
        through: set[str] = set()
        for own, named in _with_others(name, told):
            for table, column in _columns(named, own, keys, documents):
                how = changed.column(table, column)
                if how is not None:
                    ways.add(how)
                if how in ("made", "decided"):
                    through.add(f"{sql_name(table)}.{column}")
            if any(keys[table] in changed.rows for table in named.tables & keys.keys()):
                ways.add("rows")
        if ways:
            yield Use(
                measure["name"],
                closest(ways),
                sql_name(key),
                tuple(sorted(through)),
                measure["expression"],
            )


def rules(documents: Documents, changed: Changed) -> Iterator[Use]:
    """The rules that look at a column whose values change."""
    for key, document in documents.items():
        for rule in (document["quality"] or {}).get("rules", ()):
            valued = changed.valued(key, rule["columns"])
            if valued:
                yield Use(
                    rule["rule"],
                    closest(valued.values()),
                    sql_name(key),
                    tuple(sorted(valued)),
                    rule["text"],
                )


def foreign_keys(documents: Documents, changed: Changed) -> Iterator[Use]:
    """The foreign keys one side of which has a column whose values change."""
    for key, document in documents.items():
        for each in document["technical"]["foreign_keys"]:
            sides = ((key, each["columns"]), (each["table"], each["refers_to"]))
            valued = {
                f"{sql_name(table)}.{name}": how
                for table, columns in sides
                for name, how in changed.valued(table, columns).items()
            }
            if valued:
                own, other = (", ".join(columns) for _, columns in sides)
                yield Use(
                    f"{own} -> {sql_name(each['table'])} ({other})",
                    closest(valued.values()),
                    sql_name(key),
                    tuple(sorted(valued)),
                )


def questions(documents: Documents, changed: Changed, by_marts: Container[str]) -> Iterator[Use]:
    """The business questions that tables which change answer themselves.

    Args:
        documents: of all tables.
        changed: what changes.
        by_marts: those that marts answer, which say more exactly what they read.
    """
    for key, document in _golden(documents):
        if key in changed.tables:
            for text in document["business"]["business_questions"]:
                if text not in by_marts:
                    yield Use(text, changed.tables[key], sql_name(key))


def _golden(documents: Documents) -> list[tuple[str, dict[str, Any]]]:
    return [item for item in documents.items() if item[1]["layer"] == "gold"]


def _names(document: Mapping[str, Any]) -> list[str]:
    return [each["name"] for each in document["columns"] if not each["provenance"]]


def _with_others(
    name: str, told: Mapping[str, tuple[Any, str, Named]]
) -> Iterator[tuple[str, Named]]:
    """What a measure names, and what the measures name that it is computed of."""
    waiting, seen = [name], {name}
    while waiting:
        _, key, named = told[waiting.pop()]
        yield key, named
        others = (named.bare & told.keys()) - seen
        waiting += others
        seen |= others


def _columns(
    named: Named, own: str, keys: Mapping[str, str], documents: Documents
) -> Iterator[tuple[str, str]]:
    wanted = {(keys[table], column) for table, column in named.columns if table in keys}
    wanted |= {(own, column) for column in named.bare}
    for table, column in wanted:
        for each in documents[table]["columns"]:
            if each["name"].casefold() == column:
                yield table, each["name"]
