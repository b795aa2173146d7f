"""Counts of an audit: how many rows broke each rule, were waived or were corrected."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from jobforge_dagster.medallion.corrections import Correction
from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.provenance import CORRECTIONS, SEPARATOR, SOURCE_FILE, SOURCE_ROW
from jobforge_dagster.medallion.quality.waivers import Waiver
from jobforge_dagster.medallion.storage.publications import Corrected, Example, Tally, Waived
from jobforge_dagster.medallion.storage.quarantine import record_ids

EXAMPLES = 3
"""How many rows a tally shows."""


WITHHELD = "(withheld, because not everybody may see what the table holds)"
"""In place of words that tell a value; the record in quarantine has them."""


def tallies(refused: pl.LazyFrame, *, discreet: bool) -> dict[str, Tally]:
    """Count refused rows (:data:`judge.REFUSED`) by the rules that they broke.

    Args:
        refused: the rows.
        discreet: whether to withhold what the examples say.
    """
    entries = refused.select(SOURCE_FILE, SOURCE_ROW, pl.col("broken").alias("entry"))
    return _tallied(entries.explode("entry").unnest("entry"), discreet)


def warned(noted: pl.LazyFrame, *, discreet: bool) -> dict[str, Tally]:
    """Count accepted rows by the rules that warn of them; what was waived is counted apart."""
    entries = noted.select(SOURCE_FILE, SOURCE_ROW, pl.col("notes").alias("entry"))
    entries = entries.explode("entry").unnest("entry")
    return _tallied(entries.filter(pl.col("waiver").is_null()), discreet)


def _tallied(entries: pl.LazyFrame, discreet: bool) -> dict[str, Tally]:
    example = pl.struct("message", SOURCE_FILE, SOURCE_ROW)
    first = example.sort_by(SOURCE_FILE, SOURCE_ROW, "message", nulls_last=True).head(EXAMPLES)
    tallied = (
        entries.group_by("rule")
        .agg(pl.col("version").first(), pl.len().alias("rows"), first.alias("examples"))
        .sort("rule")
        .collect()
    )
    return {
        row["rule"]: Tally(
            version=row["version"],
            rows=row["rows"],
            examples=tuple(
                Example(
                    message=WITHHELD if discreet else each["message"],
                    source_file=each[SOURCE_FILE],
                    source_row=each[SOURCE_ROW],
                )
                for each in row["examples"]
            ),
        )
        for row in tallied.iter_rows(named=True)
    }


def waived(waivers: Sequence[Waiver], noted: pl.LazyFrame) -> dict[str, Waived]:
    """The records that each waiver let in; none for one that fits no row."""
    records: dict[str, list[str]] = {waiver.id: [] for waiver in waivers}
    if waivers:
        entries = noted.select(record_ids(pl.col("identity")).alias("record"), "notes")
        each = entries.explode("notes").unnest("notes").drop_nulls("waiver")
        for waiver, record in each.select("waiver", "record").collect().iter_rows():
            records[waiver].append(record)
    return {
        waiver.id: Waived(
            rule=waiver.rule,
            by=waiver.by,
            why=waiver.why,
            until=waiver.until.isoformat(),
            records=tuple(sorted(set(records[waiver.id]))),
        )
        for waiver in waivers
    }


def corrected(
    key: str, applied: Sequence[Correction], rows: Sequence[pl.LazyFrame]
) -> dict[str, Corrected]:
    """Count what each correction did to some rows, accepted and refused.

    Raises:
        ContractError: one did nothing.
    """
    if not applied:
        return {}
    columns = [CORRECTIONS, SOURCE_FILE, SOURCE_ROW]
    counted = (
        pl.concat(frame.select(columns) for frame in rows)
        .drop_nulls(CORRECTIONS)
        .with_columns(pl.col(CORRECTIONS).str.split(SEPARATOR))
        .explode(CORRECTIONS)
        .group_by(CORRECTIONS)
        .agg(pl.len(), pl.struct(SOURCE_FILE, SOURCE_ROW).n_unique().alias("records"))
        .collect()
    )
    found = {name: Corrected(rows=rows, records=records) for name, rows, records in counted.rows()}
    idle = [each for each in applied if each.id not in found]
    if idle:
        told = "; ".join(
            f"remove correction {each.id} (column {each.column}, expected "
            f"{each.expect.value or each.expect.pattern!r})"
            for each in idle
        )
        raise ContractError(
            f"{key}: the publisher seems to have fixed this: {told}. Nothing like it was found. "
            f"The previous table stays."
        )
    return {each.id: found[each.id] for each in sorted(applied, key=lambda each: each.id)}
