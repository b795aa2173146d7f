"""Open Data Contract Standard 3.1: what each gold table promises to those who read it.

A contract holds what was declared and what changes with a declaration. Counts and hashes change
with every publication, so they stay in the catalog.
"""

from __future__ import annotations

from jobforge_dagster.catalog.exports.data_contract.names import path_of
from jobforge_dagster.catalog.snapshot import Files, Snapshot


def export(snapshot: Snapshot) -> Files:
    """One contract for each gold table.

    The standard requires a version, which is that of the table's schema: a table whose schema has
    none yet has no contract.

    Args:
        snapshot: the catalog.

    Yields:
        Contracts as YAML, in the order of the tables.
    """
    # Building the library's models takes a fifth of a second: the command line must start faster.
    from jobforge_dagster.catalog.exports.data_contract.contract import contract_of

    golden = [table for table in snapshot.tables if table.layer == "gold"]
    contracted = [table for table in golden if table.technical.schema_version is not None]
    keys = frozenset(table.table for table in contracted)
    terms = {term.id: term for term in (snapshot.glossary.terms if snapshot.glossary else ())}
    for table in contracted:
        yield path_of(table.name), contract_of(table, keys, terms).to_yaml()
