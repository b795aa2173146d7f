"""Why a value is what it is: from the question to the whole answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any

import polars as pl

from jobforge_dagster.asking.matching import same
from jobforge_dagster.asking.names import UnknownNameError, closest, sql_name
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.trace.finding import row_meant, table_meant
from jobforge_dagster.asking.why import model
from jobforge_dagster.asking.why.cells import Delivered, Found
from jobforge_dagster.asking.why.columns import Needed
from jobforge_dagster.asking.why.model import Cell, Why
from jobforge_dagster.asking.why.necessity import Experiments
from jobforge_dagster.asking.why.replay import Planned, Record
from jobforge_dagster.asking.why.trial import is_row
from jobforge_dagster.asking.why.walk import Walk
from jobforge_dagster.asking.why.way import delivered, hop
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.layers.bronze import SOURCE_SYSTEM
from jobforge_dagster.medallion.provenance import BATCH_ID, SOURCE_ROW
from jobforge_dagster.medallion.storage.root import DataRoot

BUDGET = 10.0
"""Seconds that are spent on trying whether cells are needed, unless the caller says otherwise."""

NARROWING = 20.0
"""Seconds after which no more is tried to find fewer rows; more, if the budget is larger."""

KEY = "key"
"""How a column decides that tells the row."""


def why(
    table: str,
    conditions: Mapping[str, Any],
    column: str,
    root: DataRoot | None = None,
    *,
    budget: float = BUDGET,
    tables: Tables | None = None,
) -> Why:
    """Name the cells of delivered files that one value is made of, and prove it.

    Args:
        table: a bronze, silver or gold table, as people name it.
        conditions: column to value, that tell one row.
        column: of the value.
        root: the data root; by default the one that the environment names.
        budget: seconds to spend on trying whether each cell is needed; 0: none is tried. What was
            begun is finished, and the rows are found before.
        tables: instead of ``root``, what is declared and what lies on disk.

    Raises:
        UnknownNameError: there is no such table or column; tells the closest.
        NoSuchRowError: no row fulfils the conditions, or several do.
    """
    tables = tables or Tables(root)
    key = table_meant(tables, table)
    _check(tables, key, column)
    meant = row_meant(tables, key, conditions, f"jobforge why {sql_name(key)} {{row}} {column}")
    if meant.number is None:
        refused = meant.refused
        return Why(key, meant.conditions, column, None, found=False, refused=refused)
    return _answered(tables, key, meant.number, column, budget)


def _check(tables: Tables, key: str, column: str) -> None:
    known = [name for name in tables.frame(key).collect_schema() if not name.startswith("_")]
    if column.startswith("_"):
        raise UnknownNameError(
            f"{column} is written by the platform: it says where the row comes from. See: "
            f"jobforge trace {sql_name(key)}"
        )
    if column not in known:
        hint = closest(column, known) or f" It has {', '.join(known)}."
        raise UnknownNameError(f"{sql_name(key)} has no column {column!r}.{hint}")


def _answered(tables: Tables, key: str, number: int, column: str, budget: float) -> Why:
    row = _row(tables, key, number)
    told = _telling(tables, key, row)
    needed = Needed({column: "identity"}, {name: {KEY} for name in told if name != column})
    end = monotonic() + max(budget, NARROWING)
    walk, found, records, recomputed = _found(tables, key, number, needed, told, row, column, end)
    experiments = Experiments(tables, key, told, column, row[column])
    made = [each for each in found if each.cell.role == "made"]
    deciding = [each for each in found if each.cell.role == "decides"]
    cells = experiments.checked([*made, *deciding], budget)
    return Why(
        table=key,
        row=told,
        column=column,
        value=row[column],
        found=True,
        cells=tuple(cells),
        witnesses=_witnesses(tables, records, found),
        least=walk.complete,
        recomputed=recomputed,
        hops=tuple(_hops(tables, key, walk, records)),
        missing=tuple(model.Missing(each.input, each.columns, each.table) for each in walk.absent),
        notes=tuple(_notes(tables, key, column, walk, cells)),
    )


def _row(tables: Tables, key: str, number: int) -> dict[str, Any]:
    frame = tables.frame(key, numbered=True).filter(pl.col(NUMBER) == number)
    return frame.collect(engine="streaming").row(0, named=True)


def _telling(tables: Tables, key: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What tells a row: its key; of bronze its record; else all its values."""
    names = tables.primary_key(key)
    if isinstance(tables.declaration(key), Source):
        names = (BATCH_ID, SOURCE_ROW)
    return {
        name: value
        for name, value in row.items()
        if (name in names if names else not name.startswith("_"))
    }


def _found(
    tables: Tables,
    key: str,
    number: int,
    needed: Needed,
    told: Mapping[str, Any],
    row: Mapping[str, Any],
    column: str,
    end: float,
) -> tuple[Walk, list[Found], set[Record], model.Recomputed]:
    """Walk back until the witnesses alone make the value, ever more thoroughly."""
    for thorough in (False, True):
        walk = Walk(tables, thorough=thorough, end=end)
        walk.back(key, number, needed)
        found, records = _cells(tables, walk, row[column])
        recomputed = _recomputed(tables, key, records, told, column, row[column])
        if recomputed.same or walk.spent:
            break
    return walk, found, records, recomputed


def _cells(tables: Tables, walk: Walk, value: Any) -> tuple[list[Found], set[Record]]:
    found: list[Found] = []
    records: dict[Record, Delivered] = {}
    for key, rows in walk.rows.items():
        declared = tables.declaration(key)
        if not isinstance(declared, Source):
            continue
        delivered = Delivered(tables, declared)
        of = delivered.records(rows)
        found += delivered.cells({of[number]: rows[number] for number in rows})
        records |= dict.fromkeys(of.values(), delivered)
    if not any(each.cell.role == "made" for each in found):
        headers = (delivered.header(record, value) for record, delivered in records.items())
        found += {header.cell: header for header in headers if header}.values()
    return sorted(found, key=_place), {*records}


def _place(found: Found) -> tuple[Any, ...]:
    cell = found.cell
    return cell.role != "made", cell.source, cell.batch_id, cell.record or 0, cell.header or ""


def _recomputed(
    tables: Tables,
    key: str,
    records: set[Record],
    told: Mapping[str, Any],
    column: str,
    value: Any,
) -> model.Recomputed:
    kept: dict[str, list[Record]] = {}
    for record in records:
        kept.setdefault(record.source, []).append(record)
    columns = exactly(*dict.fromkeys([*told, column]))
    planned = Planned(tables, kept).frame(key).filter(is_row(told, told)).select(columns)
    try:
        values = planned.collect()[column].to_list()
    except pl.exceptions.PolarsError:
        values = []
    right = [each for each in values if same(each, value)]
    holds = bool(right) and len(right) == len(values)
    return model.Recomputed(holds, len(records), value if holds else next(iter(values), None))


def _witnesses(
    tables: Tables, records: set[Record], found: list[Found]
) -> tuple[model.Witness, ...]:
    cells = Counter(each.record for each in found if each.cell.record is not None)
    delivered: dict[str, Delivered] = {}
    witnesses = []
    for record in sorted(records, key=lambda each: (each.source, each.batch_id, each.number)):
        source = tables.declaration(record.source)
        assert isinstance(source, Source)
        if record.source not in delivered:
            delivered[record.source] = Delivered(tables, source)
        witnesses.append(
            model.Witness(
                source=source.name,
                file=delivered[record.source].file(record),
                batch_id=record.batch_id,
                record=record.number,
                cells=cells[record],
            )
        )
    return tuple(witnesses)


def _hops(tables: Tables, key: str, walk: Walk, records: set[Record]) -> Iterator[model.Hop]:
    """The tables from the value's own back to the deliveries."""
    for each in tables.declared.above(key):
        if each in walk.rows:
            yield hop(tables, each, walk.rows[each], walk.lineages.get(each))
        if each.startswith("staged/"):
            batches = {record.batch_id for record in records if record.source == each}
            for manifest in tables.standing(each):
                if manifest.batch_id in batches:
                    yield delivered(manifest)


def _notes(tables: Tables, key: str, column: str, walk: Walk, cells: list[Cell]) -> list[str]:
    notes = []
    made = [cell for cell in cells if cell.role == "made"]
    if not any(cell.verdict == "necessary" for cell in made):
        notes += [
            f"No empty cell was found that {sql_name(each)} has nothing there by: that follows "
            f"from what the cells named hold, or from a row that is not there."
            for each in dict.fromkeys(walk.unfound)
        ]
    for each in walk.rows:
        changed = tables.changed_inputs(each)
        if changed:
            names = ", ".join(map(sql_name, changed))
            notes.append(f"{names} changed since {sql_name(each)} was made.")
    if not made and not walk.absent:
        if column == SOURCE_SYSTEM and key.startswith("bronze/"):
            notes.append("A constant of the source's declaration: no cell makes it.")
        elif walk.lost:
            notes.append("None of the cells that it could be made of was found.")
        else:
            notes.append(
                "No cell makes it: it is a constant, or follows from which rows there are."
            )
    return notes
