"""The tables on the way: the code that made them, and what rules and corrections did there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Literal

import polars as pl

from jobforge_dagster.asking.lookups import numbered
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.why import model
from jobforge_dagster.asking.why.columns import MADE, Needed, counts
from jobforge_dagster.catalog.describe.rules import rules_of
from jobforge_dagster.catalog.describe.table import code_of
from jobforge_dagster.medallion.corrections import applied_corrections
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.layers import table as promoted
from jobforge_dagster.medallion.lineage import ColumnLineage, FrameLineage, Upstream
from jobforge_dagster.medallion.provenance import CORRECTIONS, SEPARATOR
from jobforge_dagster.medallion.quality.judge import Judgement
from jobforge_dagster.medallion.storage import publications
from jobforge_dagster.medallion.storage.deliveries import Manifest

_ROWS = 1_000
"""Rows of a table whose rules are told one by one."""

_NAMED = 6
"""Columns that are named of those that a column is made of."""


def hop(
    tables: Tables, key: str, rows: Mapping[int, Needed], lineage: FrameLineage | None
) -> model.Hop:
    """What is to be told of a bronze, silver or gold table.

    Args:
        tables: what is declared, and what lies on disk.
        key: of the table.
        rows: those that are needed, by number, with the columns of each.
        lineage: of what the function of the table makes; none of a bronze table.
    """
    declared = tables.declaration(key)
    columns: dict[str, str] = {}
    for needed in rows.values():
        columns |= {
            name: ", ".join(sorted(kinds))
            for name, kinds in needed.deciding.items()
            if name not in columns
        }
    made: dict[str, str] = {}
    for needed in rows.values():
        made |= needed.made
    columns |= made
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
        how=_as_typed(declared, columns)
        if isinstance(declared, Source)
        else _as_made(lineage, sorted(columns, key=lambda name: name not in made)),
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
    some = numbered(NUMBER, islice(numbers, _ROWS))
    frame = tables.frame(key, numbered=True).filter(some).drop(NUMBER)
    return frame.collect(engine="streaming")


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


def _as_made(lineage: FrameLineage | None, columns: Iterable[str]) -> str:
    """Of which columns some columns are made, and how: as ``gap transformation of a, b``."""
    made = lineage.columns if lineage else {}
    return "; ".join(_of_column(name, made[name]) for name in columns if name in made)


def _of_column(name: str, made: ColumnLineage) -> str:
    direct = {each: kind for each, kind in made.direct.items() if counts(each.column)}
    if not direct:
        deciding = {each: kinds for each, kinds in made.indirect.items() if counts(each.column)}
        told = sorted({kind for kinds in deciding.values() for kind in kinds})
        return f"{name} {', '.join(told)} of {_names(deciding)}" if told else f"{name} by the code"
    kind = max(direct.values(), key=MADE.index)
    names = _names(direct)
    return f"{name} {kind}" if (kind, names) == ("identity", name) else f"{name} {kind} of {names}"


def _names(columns: Iterable[Upstream]) -> str:
    names = list(dict.fromkeys(each.column for each in columns))
    more = f" and {len(names) - _NAMED} more columns" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _corrections(
    tables: Tables, declared: Source | Table, rows: pl.DataFrame
) -> tuple[model.Correction, ...]:
    """Those that changed one of the rows in this table; those of tables before told there."""
    ids = {each for told in rows[CORRECTIONS].drop_nulls() for each in told.split(SEPARATOR)}
    if not ids or isinstance(declared, Source):
        return ()
    with applied_corrections() as applied:
        tables.planned(
            declared.key, {key: tables.frame(key) for key in tables.inputs(declared.key)}
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
    noted: dict[str, tuple[str | None, str]] = {}
    standing = publications.standing(tables.root, table.key)
    if standing is None or standing[1].warned or standing[1].waivers:
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
    upstream = {each.key: tables.frame(each.key) for each in (*judged.upstream, table)}
    candidate = promoted.build(judged, upstream).candidate
    noted = Judgement(candidate, tables.waivers(table.key)).noted
    told = noted.select(pl.col("notes").explode()).unnest("notes")
    return {
        rule.partition(":")[2]: (waiver, message)
        for rule, waiver, message in told.select("rule", "waiver", "message").iter_rows()
    }
