"""The contracts of the layers, as far as they are known when definitions load.

===========  =======================================  =========================================
layer        may                                      must not
===========  =======================================  =========================================
staged       add provenance columns, convert to       change, drop, reorder or retype a source
             Parquet                                  value or column
bronze       rename, cast, trim names, add            hold business logic: it is derived from
             ``source_system``                        the declaration alone
silver       deduplicate, validate, harmonise         aggregate; read anything but bronze and
                                                      silver
gold         dimensions, facts, bridges, derived      read staged, bronze or source files
             fields, keys between them
===========  =======================================  =========================================

What a plan or the data must show is enforced where the layer is built: ``staged``, ``bronze`` and
``table`` beside this module.
"""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import dataframely as dy

from jobforge_dagster.medallion.classification import CLASSIFICATIONS
from jobforge_dagster.medallion.declare import (
    Combine,
    Layer,
    Reference,
    Source,
    Table,
    meaning_of,
)
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.formats import Parquet, check_format
from jobforge_dagster.medallion.grain import Groups
from jobforge_dagster.medallion.layers.casting import can_cast
from jobforge_dagster.medallion.layers.names import normal
from jobforge_dagster.medallion.provenance import CARRIED, PROVENANCE
from jobforge_dagster.medallion.quality.rules import CELLS_READ, check_templates, rule_names
from jobforge_dagster.medallion.storage.landing import check_files

MAY_READ: dict[Layer, frozenset[Layer]] = {
    "silver": frozenset({"bronze", "silver"}),
    "gold": frozenset({"silver", "gold"}),
}
"""From which layers a table's inputs may come."""


def check_source(source: Source) -> None:
    """Refuse a source that bronze cannot be derived from.

    Raises:
        DeclarationError: a reserved or repeated name, a type that text cannot be cast to, no
            description, or an unknown classification.
    """
    _check_schema(source.key, source.schema)
    _check_governance(source)
    check_format(source.key, source.read_as)
    mark = source.thousands
    if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "+-"):
        raise DeclarationError(
            f"{source.key}: thousands={mark!r} is not one character that parts digits. It may be "
            f"no letter, digit or sign."
        )
    if source.combine == "upsert" and not source.schema.primary_key():
        raise DeclarationError(
            f"{source.key}: combine='upsert' keeps the newest record of each primary key, but "
            f"{source.schema.__name__} has none. Declare primary_key=True."
        )
    if source.combine not in get_args(Combine):
        raise DeclarationError(
            f"{source.key}: combine={source.combine!r} is none of {', '.join(get_args(Combine))}."
        )
    check_files(source)
    if source.cadence is not None and source.cadence < timedelta(minutes=1):
        raise DeclarationError(f"{source.key}: cadence={source.cadence} is less than a minute.")
    if "source_system" in source.schema.column_names():
        raise DeclarationError(
            f"{source.key}: source_system is added by bronze; name the column otherwise."
        )
    headers: dict[str, str] = {}
    for name, column in source.schema.columns().items():
        said = meaning_of(column)
        header = normal((said.header if said else None) or name)
        if said and said.path:
            header = f"{header}.{'.'.join(said.path)}"
        if header in headers:
            raise DeclarationError(
                f"{source.key}: columns {headers[header]} and {name} are both read from the "
                f"header '{header}'."
            )
        headers[header] = name
        if not can_cast(column.dtype) and not isinstance(source.read_as, Parquet):
            raise DeclarationError(
                f"{source.key}: bronze cannot make {column.dtype} of text (column {name}). "
                f"Declare a text, number, boolean, date or datetime, and derive the rest in silver."
            )


def check_table(table: Table) -> None:
    """Refuse a table whose inputs, keys or schema break the contract of its layer.

    Raises:
        DeclarationError: says which table, what is wrong and how to mend it.
    """
    _check_schema(table.key, table.schema)
    _check_governance(table)
    _check_measures(table)
    allowed = MAY_READ[table.layer]
    for upstream in table.inputs:
        if upstream.layer not in allowed:
            raise DeclarationError(
                f"{table.key}: a {table.layer} table may read {' or '.join(sorted(allowed))}, "
                f"not {upstream.key}. "
                + (
                    "No table skips a layer: put the step between in silver."
                    if table.layer == "gold"
                    else "Declare the table in gold."
                )
            )
    columns = table.schema.columns()
    check_templates(table.key, table.schema)
    for reference in table.foreign_keys:
        _check_reference(table, reference)
    for agreement in table.agreements:
        if agreement.table is not None and agreement.table.layer != table.layer:
            raise DeclarationError(
                f"{table.key}: {agreement.name} compares within a layer, not with "
                f"{agreement.table.key}."
            )
    _refuse_repeated_rules(table)
    if table.layer == "silver" and isinstance(table.grain, Groups):
        raise DeclarationError(f"{table.key}: a silver table must not aggregate. Do it in gold.")
    if table.deduplicate:
        for name in (*table.deduplicate.by, *table.deduplicate.order):
            if name not in columns:
                raise DeclarationError(f"{table.key}: deduplicates by {name}, which is no column.")


def _refuse_repeated_rules(table: Table) -> None:
    own = [*(each.name for each in table.agreements), *(each.rule for each in table.foreign_keys)]
    names = [*rule_names(table.schema), CELLS_READ, *own]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DeclarationError(
            f"{table.key}: several rules are named {', '.join(repeated)}. Rename one of each pair."
        )


def _check_schema(key: str, schema: type[dy.Schema]) -> None:
    if not (schema.__doc__ or "").strip():
        raise DeclarationError(f"{key}: say what a row is in the docstring of {schema.__name__}.")
    for name in schema.column_names():
        if name in {*PROVENANCE, *CARRIED} or name.startswith("__"):
            raise DeclarationError(
                f"{key}: the column name {name} is reserved for the platform. Give the column "
                f"another name; if the publisher's header is called that, declare "
                f'renames={{"{name}": "{name.lstrip("_")}"}} in the source.'
            )


def _check_governance(declared: Source | Table) -> None:
    """Refuse a classification that there is none of, and prose that says nothing."""
    said = [(declared.key, declared.classification)]
    for name, column in declared.schema.columns().items():
        meant = meaning_of(column)
        if meant and meant.classification is not None:
            said.append((f"{declared.key}: column {name}", meant.classification))
    for place, classification in said:
        if classification not in CLASSIFICATIONS:
            raise DeclarationError(
                f"{place}: classification={classification!r} is none of "
                f"{', '.join(CLASSIFICATIONS)}."
            )
    for name in ("purpose", "retention"):
        prose = getattr(declared, name)
        if prose is not None and not prose.strip():
            raise DeclarationError(
                f"{declared.key}: {name} is empty. Write it, or leave it out as long as it is not "
                f"known."
            )


def _check_measures(table: Table) -> None:
    if table.measures and table.layer != "gold":
        raise DeclarationError(
            f"{table.key}: reports work their measures out of gold, not of {table.layer}. Declare "
            f"{table.measures[0].name} with a gold table."
        )
    columns = {name.casefold() for name in table.schema.column_names()}
    for measure in table.measures:
        for part in ("name", "expression", "description"):
            if not getattr(measure, part).strip():
                raise DeclarationError(
                    f"{table.key}: the {part} of the measure '{measure.name}' is empty. Write it."
                )
        if measure.name.casefold() in columns:
            raise DeclarationError(
                f"{table.key}: the measure {measure.name} is called like a column, which Power BI "
                f"does not take. Rename the measure."
            )


def _check_reference(table: Table, reference: Reference) -> None:
    parent = reference.table or table
    if parent.layer != table.layer:
        raise DeclarationError(
            f"{table.key}: a foreign key points within a layer, not to {parent.key}."
        )
    target = parent.schema.primary_key()
    if len(target) != len(reference.columns):
        raise DeclarationError(
            f"{table.key}: the foreign key ({', '.join(reference.columns)}) does not fit the "
            f"primary key of {parent.key} ({', '.join(target) or 'none'})."
        )
    for name, parent_name in zip(reference.columns, target, strict=True):
        own = table.schema.columns().get(name)
        if own is None:
            raise DeclarationError(f"{table.key}: the foreign key {name} is no column.")
        other = parent.schema.columns()[parent_name]
        if own.dtype != other.dtype:
            raise DeclarationError(
                f"{table.key}: {name} is {own.dtype}, but {parent.key}.{parent_name} is "
                f"{other.dtype}."
            )
