"""The tables on the way: the code that made them, and what rules and corrections did there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import polars as pl

from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.why import model
from jobforge_dagster.asking.why.columns import Needed
from jobforge_dagster.asking.why.replay import given
from jobforge_dagster.catalog.describe.rules import rules_of
from jobforge_dagster.catalog.describe.table import code_of
from jobforge_dagster.medallion.corrections import applied_corrections
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.layers import table as promoted
from jobforge_dagster.medallion.provenance import CORRECTIONS, INGESTED_AT, LAYER, SEPARATOR
from jobforge_dagster.medallion.quality.judge import judge
from jobforge_dagster.medallion.storage import publications
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.waivers import waivers_in_force

_ROWS = 1_000
"""Rows of a table whose rules are told one by one."""


def hop(tables: Tables, key: str, rows: Mapping[int, Needed]) -> model.Hop:
    """What is to be told of a bronze, silver or gold table.

    Args:
        tables: what is declared, and what lies on disk.
        key: of the table.
        rows: those that are needed, by number, with the columns of each.
    """
    declared = tables.declaration(key)
    columns: dict[str, str] = {}
    for needed in rows.values():
        columns |= {
            name: ", ".join(sorted(kinds))
            for name, kinds in needed.deciding.items()
            if name not in columns
        }
    for needed in rows.values():
        columns |= needed.made
    standing = publications.standing(tables.root, key)
    code = code_of(declared)
    some = _rows(tables, key, rows)
    return model.Hop(
        table=key,
        run_id=standing[1].run_id if standing else None,
        written_at=standing[1].written_at if standing else None,
        file=code.file,
        symbol=code.symbol,
        columns=columns,
        how=_as_typed(declared, columns) if isinstance(declared, Source) else "",
        rows=len(rows),
        corrections=_corrections(tables, declared, some),
        rules=_rules(tables, declared, some, columns) if isinstance(declared, Table) else (),
    )


def delivered(manifest: Manifest) -> model.Hop:
    """What is to be told of a delivery: the first table on the way."""
    return model.Hop(
        table=f"staged/{manifest.source}",
        run_id=manifest.run_id,
        written_at=manifest.received_at,
        file=None,
        symbol=None,
        columns={},
        how=f"{manifest.file}, as it was delivered",
        rows=0,
    )


def _rows(tables: Tables, key: str, numbers: Iterable[int]) -> pl.DataFrame:
    wanted = pl.Series(list(numbers)[:_ROWS], dtype=pl.UInt32)
    frame = tables.frame(key, numbered=True).drop(INGESTED_AT, LAYER, strict=False)
    return (
        frame.filter(pl.col(NUMBER).is_in(wanted.implode()))
        .drop(NUMBER)
        .collect(engine="streaming")
    )


def _as_typed(source: Source, columns: Mapping[str, str]) -> str:
    types = source.schema.columns()
    told = []
    for name in columns:
        dtype = types[name].dtype if name in types else source.remaining and source.remaining.dtype
        if dtype is not None:
            told.append(f"{name} as {dtype}")
    besides = [f"nulls {', '.join(map(repr, source.nulls))}"] if source.nulls else []
    if source.thousands:
        besides.append(f"digits grouped by {source.thousands!r}")
    return "; ".join([", ".join(told), *besides])


def _corrections(
    tables: Tables, declared: Source | Table, rows: pl.DataFrame
) -> tuple[model.Correction, ...]:
    """Those that changed one of the rows in this table; those of tables before told there."""
    ids = {each for told in rows[CORRECTIONS].drop_nulls() for each in told.split(SEPARATOR)}
    if not ids or isinstance(declared, Source):
        return ()
    with applied_corrections() as applied:
        tables.planned(
            declared.key, {key: given(tables, key) for key in tables.inputs(declared.key)}
        )
    return tuple(
        model.Correction(
            id=each.id,
            column=each.column,
            expected=each.expect.value or each.expect.pattern or "",
            replacement=each.replace,
            reason=" ".join(each.reason.split()),
        )
        for each in {entry.id: entry for entry in applied}.values()
        if each.id in ids
    )


def _rules(
    tables: Tables, table: Table, rows: pl.DataFrame, columns: Mapping[str, str]
) -> tuple[model.Rule, ...]:
    """The rules that look at some columns, and what each said of the rows, which were accepted."""
    looking = [rule for rule in rules_of(table) if not {*columns}.isdisjoint(rule.columns)]
    waivers = waivers_in_force(tables.root, table, datetime.now(UTC))
    noted: dict[str, tuple[str | None, str]] = {}
    if waivers or any(rule.severity == "warn" for rule in looking):
        noted = _noted(tables, table, rows, {rule.name for rule in looking})
    found = []
    for rule in looking:
        told = model.Rule(rule.name, rule.text, rule.severity, "passed")
        if rule.name in noted:
            waiver, message = noted[rule.name]
            outcome: Literal["warned", "waived"] = "waived" if waiver else "warned"
            told = replace(told, outcome=outcome, waiver=waiver, text=message)
        found.append(told)
    return tuple(found)


def _noted(
    tables: Tables, table: Table, rows: pl.DataFrame, names: Iterable[str]
) -> dict[str, tuple[str | None, str]]:
    """The rules that some accepted rows break: the waiver that lets them in, and what is wrong."""
    compared = tuple(
        replace(each, table=each.table or table) for each in table.agreements if each.name in names
    )
    judged = replace(table, function=lambda *_: rows.lazy(), agreements=compared)
    upstream = {each.key: given(tables, each.key) for each in (*judged.upstream, table)}
    candidate = promoted.build(judged, upstream).candidate
    waivers = waivers_in_force(tables.root, table, datetime.now(UTC))
    noted = judge(candidate, waivers).noted
    if noted is None:
        return {}
    told = noted.select(pl.col("notes").explode()).unnest("notes").collect()
    return {
        rule.partition(":")[2]: (waiver, message)
        for rule, waiver, message in told.select("rule", "waiver", "message").iter_rows()
    }
