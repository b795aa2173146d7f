"""Everything that was made of a delivered record, and everything of it that was refused."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from jobforge_dagster.asking.products import in_bronze, products
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.trace.back import FOLLOWED
from jobforge_dagster.asking.trace.facts import (
    delivery_of,
    records_of,
    refused_where,
    rows_of,
)
from jobforge_dagster.asking.trace.model import Forward, Products, Refused, Row
from jobforge_dagster.asking.trace.records import Meant, check_record, delivery_named, fate_of
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import BATCH_ID, SEPARATOR, SOURCE_ROW
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.root import DataRoot


def forward(
    file: str,
    record: int,
    root: DataRoot | None = None,
    *,
    limit: int | None = FOLLOWED,
    tables: Tables | None = None,
) -> Forward:
    """What was made of a delivered record, table by table.

    Args:
        file: the path of the file below the landing folder; or a staged table, or the start of a
            batch id.
        record: its number below the header, from 1.
        root: the data root; by default the one that the environment names.
        limit: how many rows of a table are told; ``None`` for all. All of them are followed.
        tables: what is declared, where it is known already.

    Raises:
        UnknownNameError: nothing was delivered under that name; tells the closest.
        NoSuchRecordError: several deliveries are meant, or there is no such record.
    """
    tables = tables or Tables(root)
    meant = delivery_named(tables, file)
    check_record(meant.manifest, record)
    known = records_of(tables, meant.manifest, [record])
    fate = fate_of(meant.manifest, record, staged=bool(known))
    made = tuple(_made(tables, meant, record, limit))
    if fate == "staged" and not made and _awaited(tables, meant):
        made = (Products(meant.source.key, 0, (), missing=1),)
    mine = _stands_for(meant.manifest.batch_id, record)
    replaced_by = None
    if fate == "staged" and meant.source.combine == "upsert" and not made:
        replaced_by = _replaced_by(tables, meant, record)
    return Forward(
        delivery=delivery_of(tables, meant.source, meant.manifest),
        record=record,
        fate=fate,
        cells=known[0].values if known else None,
        products=made,
        refused=refused_where(tables, mine, resolved=True),
        replaced_by=replaced_by,
    )


def _made(tables: Tables, meant: Meant, record: int, limit: int | None) -> Iterator[Products]:
    source, batch = meant.source, meant.manifest.batch_id
    mine = _stands_for(batch, record)
    found: dict[str, tuple[int, ...]] = {}
    refused = refused_where(tables, mine & (pl.col("table") == source.staged_key))
    if refused:
        yield Products(source.staged_key, 0, (), refused)
    if not tables.exists(source.key):
        return
    found[source.key] = in_bronze(tables, source.key, batch, record)
    refused = refused_where(tables, mine & (pl.col("table") == source.key))
    if found[source.key] or refused:
        yield _products(tables, source.key, found[source.key], limit, refused)
    for key in tables.declared.below(source.key)[1:]:
        behind = {name: found[name] for name in tables.inputs(key) if found.get(name)}
        if not behind or not tables.exists(key):
            continue
        made = products(tables, key, behind)
        found[key] = made.rows
        refused = ()
        if made.others:
            refused = refused_where(tables, pl.col("record_id").is_in(made.others))
        missing = len(made.others) - len(refused)
        if made.rows or made.others:
            yield _products(tables, key, made.rows, limit, refused, missing)


def _awaited(tables: Tables, meant: Meant) -> bool:
    """Whether a delivery stands that the bronze table was not made of yet."""
    standing = {each.batch_id for each in tables.standing(meant.source.staged_key)}
    story = parquet.story_of(tables.root.table(meant.source.key))
    return meant.manifest.batch_id in standing - {*story.get("batches", ())}


def _products(
    tables: Tables,
    key: str,
    rows: tuple[int, ...],
    limit: int | None,
    refused: tuple[Refused, ...],
    missing: int = 0,
) -> Products:
    told = rows_of(tables, key, rows[:limit])
    return Products(key, len(rows), tuple(told), refused, missing)


def _replaced_by(tables: Tables, meant: Meant, record: int) -> Row | None:
    """The row of bronze that has the key of a record: a newer delivery brought it."""
    source = meant.source
    key = list(source.schema.primary_key())
    staged = tables.frame(source.staged_key).filter(_is(meant.manifest.batch_id, record))
    mine = tables.planned(source.key, {source.staged_key: staged}).select(exactly(*key)).collect()
    if mine.is_empty():
        return None
    same = [exactly(name).eq_missing(pl.lit(mine[name][0], mine[name].dtype)) for name in key]
    rows = tables.frame(source.key, numbered=True).filter(same).select(NUMBER).collect()
    return rows_of(tables, source.key, rows[NUMBER].to_list())[0] if len(rows) else None


def _is(batch_id: str, record: int) -> pl.Expr:
    return (pl.col(BATCH_ID) == batch_id) & (pl.col(SOURCE_ROW) == record)


def _stands_for(batch_id: str, record: int) -> pl.Expr:
    """Whether a record of the quarantine stands for a delivered one."""
    first = pl.col("batch_id").str.split(SEPARATOR).list.first()
    return (first == batch_id) & (pl.col("source_row") == record)
