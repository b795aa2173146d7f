"""Gold is the single source of each dimension: computed from keys, meanings and the data.

A gold table whose primary key holds no foreign key stands for things of its own: it is a dimension.
Two of them claim the same things if their keys mean the same (the glossary terms of the columns,
or the names of those without a term) and they have the same grain or, in the data, the same keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import polars as pl

from jobforge_dagster.catalog.audit.evidence import Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.documents.table import ForeignKey
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.quality import keys
from jobforge_dagster.medallion.storage import parquet

_HALF = 1 << 32


def single_source(evidence: Evidence) -> Checked:
    """Compare the keys of all gold tables.

    Each foreign key points at one gold table, by its whole primary key; each primary key is unique
    in the data; no two tables whose key holds no foreign key have keys of the same meaning and the
    same grain, or the same keys in the data.
    """
    checked = Checked.of("gold tables", "foreign keys", "dimensions", "keys unique in the data")
    gold = [each for each in evidence.tables.values() if each.layer == "gold"]
    checked.count("gold tables", len(gold))
    referred = {key.table for each in gold for key in each.technical.foreign_keys}
    unique: dict[str, bool] = {}
    for table in gold:
        if table.technical.primary_key and evidence.stands(table.table):
            found = _is_unique(evidence, table)
            if found is not None:
                unique[table.table] = found
                checked.count("keys unique in the data", found)
            if found is False:
                said = ", ".join(table.technical.primary_key)
                what = f"its primary key ({said}) is not unique in the data"
                checked.wrong(f"{table.table}.parquet", what, "Materialise it again")
    for table in gold:
        for key in table.technical.foreign_keys:
            checked.count("foreign keys")
            _points(checked, evidence, table, key)
    for table in gold:
        if table.table in referred and not table.technical.primary_key:
            what = "foreign keys point at it, but it has no primary key"
            checked.wrong(_place(table), what, "Declare primary_key=True")
    dimensions = [each for each in gold if _is_dimension(each) and each.table in unique]
    checked.count("dimensions", len(dimensions))
    for one, other in combinations(dimensions, 2):
        why = _rivals(evidence, one, other)
        if why:
            checked.wrong(
                f"{one.table} and {other.table}",
                f"both are dimensions of the same things: {why}",
                "Keep one, and let the other refer to it by a foreign key",
            )
    return checked


def _points(checked: Checked, evidence: Evidence, table: TableMetadata, key: ForeignKey) -> None:
    said = f"the foreign key ({', '.join(key.columns)})"
    parent = evidence.tables.get(key.table)
    if parent is None or not evidence.stands(key.table):
        checked.wrong(_place(table), f"{said} points at {key.table}, which is not there", _MAKE)
        return
    if parent.layer != "gold":
        checked.wrong(_place(table), f"{said} points at {key.table}, out of gold", _DECLARE)
    if key.refers_to != parent.technical.primary_key:
        own = ", ".join(parent.technical.primary_key) or "none"
        what = f"{said} refers to ({', '.join(key.refers_to)}) of {key.table}, whose key is ({own})"
        checked.wrong(_place(table), what, _DECLARE)
    others = {
        each.table for each in table.technical.foreign_keys if set(each.columns) == {*key.columns}
    }
    if len(others) > 1 and key.table == min(others):
        what = f"{said} points at several tables: {', '.join(sorted(others))}"
        checked.wrong(_place(table), what, _DECLARE)


def _is_dimension(table: TableMetadata) -> bool:
    own = set(table.technical.primary_key)
    foreign = (set(key.columns) for key in table.technical.foreign_keys if key.table != table.table)
    return bool(own) and not any(columns <= own for columns in foreign)


def _rivals(evidence: Evidence, one: TableMetadata, other: TableMetadata) -> str | None:
    meant = sorted(_meaning(one))
    if [said for said, _ in meant] != [said for said, _ in sorted(_meaning(other))]:
        return None
    said = ", ".join(said for said, _ in meant)
    if one.lineage.grain is not None and one.lineage.grain == other.lineage.grain:
        return f"their keys mean {said}, and the grain of both is {one.lineage.grain!r}"
    keys_of_one = _of_keys(evidence, one)
    if keys_of_one[0] and keys_of_one == _of_keys(evidence, other):
        return f"their keys mean {said}, and the data of both has the same keys"
    return None


def _meaning(table: TableMetadata) -> list[tuple[str, str]]:
    """What each column of the primary key means, and its name."""
    terms = {column.name: column.term for column in table.columns}
    return [(terms.get(name) or name, name) for name in table.technical.primary_key]


def _of_keys(evidence: Evidence, table: TableMetadata) -> tuple[int, ...]:
    """What is the same for the same keys, whatever their order; light, for it only adds up."""
    names = [name for _, name in sorted(_meaning(table))]
    texts = [exactly(name).cast(pl.String).alias(str(i)) for i, name in enumerate(names)]
    each = pl.struct(texts).hash()
    path = evidence.root.table(table.table)
    plan = parquet.scan(path).select(pl.len(), low=(each % _HALF).sum(), high=(each // _HALF).sum())
    found = evidence.collected(path, plan)
    return tuple(found.row(0)) if found is not None else (0,)


def _is_unique(evidence: Evidence, table: TableMetadata) -> bool | None:
    """Whether no two rows share their primary key; ``None`` if that cannot be told.

    Tables are written in the order of their keys: where each key is greater than the one before,
    one pass that holds nothing tells. Only of others the hash of each key is held.
    """
    names = table.technical.primary_key
    path = evidence.root.table(table.table)
    rises = _rises(names).fill_null(value=False).slice(1).all()
    found = evidence.collected(path, parquet.scan(path).select(rises.alias("rises")))
    if found is None or found.item():
        return None if found is None else True
    hashed = evidence.collected(path, keys.hashes(parquet.scan(path), names))
    if hashed is None:
        return None
    # Two keys of the same hash among many millions are unlikely; they are compared for certainty.
    again = keys.repeated(hashed[keys.HASH])
    if again.is_empty():
        return True
    same = (
        keys.hashes(parquet.scan(path), names)
        .with_row_index()
        .filter(pl.col(keys.HASH).is_in(again.implode()))
    )
    rows = evidence.collected(path, same)
    if rows is None:
        return None
    some = parquet.scan(path).select(exactly(*names)).with_row_index()
    some = some.join(rows.lazy().select("index"), on="index", how="semi").drop("index")
    together = evidence.collected(path, some)
    return None if together is None else not together.is_duplicated().any()


def _rises(names: Sequence[str]) -> pl.Expr:
    rises: pl.Expr = pl.lit(value=False)
    for name in reversed(names):
        own, before = exactly(name), exactly(name).shift(1)
        rises = (own > before) | ((own == before) & rises)
    return rises


def _place(table: TableMetadata) -> str:
    return f"catalog/tables/gold/{table.name}.json"


_MAKE = "Materialise both"
_DECLARE = "Correct foreign_keys= of its declaration, and materialise it"

CONTROLS = (
    Control(
        "architecture.single-source",
        "Data architecture",
        "Gold is the single source of each dimension.",
        single_source,
        ("tables", "data"),
    ),
)
