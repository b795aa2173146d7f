"""Each rule of each shipped table: one deliberately bad row is refused for that reason alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import polars as pl
import pytest

from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster.medallion.grain import EXPECTED, Frames
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.layers.table import build
from jobforge_dagster.medallion.provenance import INGESTED_AT, LAYER, UNREAD, unread
from jobforge_dagster.medallion.quality.judge import Made
from jobforge_dagster.medallion.quality.rules import rule_names
from jobforge_dagster.medallion.storage import deliveries
from jobforge_dagster.medallion.storage.audit import Audited, Promotion, audit
from jobforge_dagster_tests.conftest import DOMAINS, Lake
from jobforge_dagster_tests.made import made_sample

FOUND = discover([DOMAINS])

NOWHERE = {
    "noc_code": "99999",
    "noc_2021_code": "99999",
    "excluded_noc_code": "99999",
    "parent_code": "98765",
    "profile_code": "99999.99",
    "excluded_profile_code": "99999.99",
    "descriptor_code": "Z99z99",
    "function_id": "no-such-function",
    "family_id": "no-such-family",
}
"""Values of the right form that refer to nothing."""

WRONG: dict[str, dict[str, Any]] = {
    "silver/noc/noc_node:code_length_is_level": {"level": 4, "noc_code": "9"},
    "gold/dim_noc_node:code_length_is_level": {"level": 4, "noc_code": "9"},
    "silver/oasis/rating:score_within_scale": {"score": 4, "scale_max": 3},
    "gold/fact_cops_projection:figure_is_given": {"suppressed": True},
    "gold/dim_job_title:has_an_occupation": {"noc_2021_code": None},
    "gold/fact_cops_outlook:totals_are_given": {"retirements": None},
    "gold/fact_cops_outlook:totals_are_the_sums_of_the_projection": {"retirements": 10**7},
}
"""Rows that break a rule over several columns: what to change in a good row."""

WARNS = {
    "figure_is_given",
    "has_an_occupation",
    "totals_are_given",
    "totals_are_the_sums_of_the_projection",
}

TOGETHER = {
    # Six levels would need a code of six digits, which the code's own rule refuses.
    "noc_node:level.max": {"code_length_is_level"},
    "noc_node:level.min": {"code_length_is_level"},
    "noc_node:noc_code.regex": {"code_length_is_level"},
}
"""Rules that no row can break alone, by the end of their id, and what it breaks besides."""


@dataclass(frozen=True)
class Given:
    """The grain of a test: as many rows as it gives."""

    rows: int
    one_to_one: ClassVar[bool] = True

    def expected(self, _: Frames) -> pl.LazyFrame:
        return pl.LazyFrame({EXPECTED: [self.rows]})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return made_sample(tmp_path_factory, tmp_path_factory.mktemp("rules"))


def _audited(lake: Lake, key: str, made: Made) -> Audited:
    promotion = Promotion(key, "test", {}, lambda _: made, max_rejected=1.0)
    at = datetime.now(UTC)
    with audit(lake.root, promotion, run_id="test", at=at) as audited:
        return audited


def _good(lake: Lake, table: Table) -> pl.DataFrame:
    return (
        pl.read_parquet(lake.root.table(table.key), glob=False)
        .drop(INGESTED_AT, LAYER)
        .with_columns(pl.lit(None, pl.String).alias(UNREAD))
    )


def _judged(lake: Lake, table: Table, rows: pl.DataFrame, parents: dict[str, Any]) -> Audited:
    """Judge rows as if the table's function had made them, with ``parents`` present."""
    upstream = {}
    for other in table.upstream:
        frame = pl.read_parquet(lake.root.table(other.key), glob=False).drop(INGESTED_AT, LAYER)
        if other in table.parents:
            key = other.schema.primary_key()
            extra = frame.head(1).with_columns(
                pl.lit(parents[name]).cast(frame.schema[name]).alias(name)
                for name in key
                if name in parents
            )
            frame = pl.concat([frame, extra])
        upstream[other.key] = frame.lazy()
    doctored = replace(table, function=lambda *_: rows.lazy(), grain=Given(rows.height))
    return _audited(lake, table.key, build(doctored, upstream))


def _bad_value(table: Table, column: str, constraint: str) -> Any:
    declared = table.schema.columns()[column]
    if constraint == "nullability":
        return None
    if constraint in ("min", "max"):
        limit = getattr(declared, constraint)
        return limit - 1 if constraint == "min" else limit + 1
    return {"inf": float("inf"), "nan": float("nan")}.get(constraint, "?")


def _cases() -> Iterator[Any]:
    for table in FOUND.tables:
        names = [
            *rule_names(table.schema),
            *(each.rule for each in table.foreign_keys),
            *(["cells_read"] if table.layer == "silver" else []),
        ]
        for name in names:
            yield pytest.param(table, name, id=f"{table.key}:{name}")


@pytest.mark.parametrize(("table", "name"), _cases())
def test_a_bad_row_is_refused_for_that_reason_and_no_other(
    lake: Lake, table: Table, name: str
) -> None:
    rule = f"{table.key}:{name}"
    good = _good(lake, table)
    changed: dict[str, Any] = {}
    column, _, constraint = name.rpartition(".")
    foreign = {fk.rule: fk.columns for fk in table.foreign_keys}
    if rule in WRONG:
        changed = WRONG[rule]
    elif name in foreign:
        changed = {foreign[name][0]: NOWHERE[foreign[name][0]]}
    elif name == "cells_read":
        changed = {UNREAD: "\x1escore\x1f#REF!"}
    elif column:
        changed = {column: _bad_value(table, column, constraint)}
    for column in WRONG.get(rule, {}):  # a row that obeys stands last
        good = good.sort(column, nulls_last=False, descending=good.schema[column] == pl.Boolean)
    bad = good.tail(1).with_columns(
        pl.lit(value).cast(good.schema[name]).alias(name) for name, value in changed.items()
    )
    rows = pl.concat([good.head(good.height - 1), bad])
    if name == "primary_key":
        rows = pl.concat([good, good.tail(1)])
    parents = {} if name in foreign else {**NOWHERE, **changed}

    found = _judged(lake, table, rows, parents).publication

    if name in WARNS:
        before = _judged(lake, table, good, parents).publication.warned
        assert not found.rejected
        assert found.warned[rule].rows - (before[rule].rows if rule in before else 0) == 1
        return
    if name == "primary_key" and table.deduplicate:
        assert not found.rejected
        assert found.deduplicated[f"{table.key}:duplicate"].rows == 1
        return
    expected = {name} | TOGETHER.get(rule.rpartition("/")[2].removeprefix("dim_"), set())
    assert {broken.rpartition(":")[2] for broken in found.rejected} == expected
    assert found.rejected[rule].rows == (2 if name == "primary_key" else 1)
    message = found.rejected[rule].examples[-1].message
    assert "{" not in message.replace("\\d{", ""), message


def _text_cases() -> Iterator[Any]:
    for source in FOUND.sources:
        for name, column in source.schema.columns().items():
            kind = bronze.TEXT if column.dtype == pl.String else bronze.CAST
            yield pytest.param(source, name, kind, id=f"{source.key}:{kind}.{name}")
        if source.remaining and source.remaining.dtype != pl.String:
            yield pytest.param(source, None, "cells_read", id=f"{source.key}:cells_read")


@pytest.mark.parametrize(("source", "name", "kind"), _text_cases())
def test_a_bad_cell_of_a_file_is_refused_or_set_aside_in_bronze(
    lake: Lake, source: Source, name: str | None, kind: str
) -> None:
    [manifest] = deliveries.standing(lake.root, source)
    staged = pl.read_parquet(lake.path / manifest.staged_file, glob=False)
    columns = bronze.columns_of(source, list(manifest.header), manifest.file)
    [cell, *_] = [each.staged for each in columns if (each.name == name if name else each.wide)]
    values = staged[cell].to_list()
    values[0] = "\x00" if kind == bronze.TEXT else "#REF!"
    doctored = staged.with_columns(pl.Series(cell, values, dtype=pl.String))

    delivered = bronze.Delivered(doctored.lazy(), tuple(columns))
    found = _audited(lake, source.key, bronze.build(source, [delivered])).publication

    rule = f"{source.key}:{kind}.{name}" if name else f"{source.key}:cells_read"
    if name:
        assert set(found.rejected) == {rule}
        assert found.rejected[rule].rows == 1
    else:
        assert not found.rejected
        assert found.warned[rule].rows == 1
        assert "holds #REF!" in found.warned[rule].examples[0].message


def test_an_identity_of_the_projections_that_does_not_hold_is_told(lake: Lake) -> None:
    [table] = [table for table in FOUND.tables if table.key == "silver/cops/projection"]
    good = _good(lake, table)
    assert not _judged(lake, table, good, {}).publication.warned
    for measure, code, rule in [
        ("employment_growth", "21231", "employment_growth_is_the_sum_of_its_parts"),
        ("job_openings", "21231", "job_openings_is_the_sum_of_its_parts"),
        ("job_seekers", "21231", "job_seekers_is_the_sum_of_its_parts"),
        ("retirements", "00000", "whole_is_the_sum_of_its_categories"),
    ]:
        cell = (pl.col("measure") == measure) & (pl.col("code") == code) & (pl.col("year") == 2030)
        rows = good.with_columns(
            value=pl.when(cell).then(pl.col("value") + 5000).otherwise(pl.col("value"))
        )

        found = _judged(lake, table, rows, {}).publication

        assert not found.rejected
        tally = found.warned[f"{table.key}:{rule}"]
        assert tally.rows == 1
        assert code.replace("00000", "all occupations") in tally.examples[0].message
        assert "2030" in tally.examples[0].message


def test_unread_cells_are_told_to_people() -> None:
    frame = pl.LazyFrame({"a": ["x\x1e"], "b": ["1"]}).select(
        unread({"a": pl.col("a"), "b": pl.when(pl.lit(value=False)).then(pl.col("b"))})
    )
    assert frame.collect().item() == "\x1ea\x1fx "
