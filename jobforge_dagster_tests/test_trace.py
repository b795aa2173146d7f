"""Where a row comes from and what was made of a record, asked as people ask."""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.trace import forward, trace
from jobforge_dagster.asking.trace.model import Step
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster.medallion.provenance import CARRIED
from jobforge_dagster_tests.conftest import DOMAINS, SAMPLE, Lake
from jobforge_dagster_tests.traced import delivered, steps, told

Records = set[tuple[str, str, int]]
"""Staged key, batch and number of some delivered records."""

LOOKED_AT = {"is_split", "suppressed", "ordinal"}
"""Columns that depend on rows which do not stand behind the row: they are counted in a window."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The shipped sample after a run; not to be altered."""
    path = tmp_path_factory.mktemp("sample") / "data"
    shutil.copytree(SAMPLE, path / "source")
    lake, declared = Lake(path), discover((DOMAINS,))
    keys = [source.staged_key for source in declared.sources]
    assert lake.run(*keys, *(each.key for each in declared.declared)).success
    return lake


@pytest.fixture(scope="module")
def tables(sample: Lake) -> Tables:
    return Tables(sample.root, discover((DOMAINS,)))


def in_file(lake: Lake, file: str, number: int) -> dict[str, str]:
    """A record as it stands in the landing folder."""
    with (lake.root.landing / file).open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.reader(lines))
    return dict(zip(rows[0], rows[number], strict=True))


@pytest.mark.parametrize(
    ("table", "conditions", "files"),
    [
        (
            "gold.dim_oasis_profile",
            ["profile_code=10011.00"],
            {"oasis/labels": 1, "oasis/lead-statement": 1, "oasis/interests": 1},
        ),
        (
            "fact_cops_outlook",
            ["noc_code=21231"],
            {"cops/summary": 1, "cops/rlmc": 1, "cops/flmc": 1},
        ),
        (
            "gold/fact_oasis_rating",
            ["profile_code=10011.00", "descriptor_code=F01a01", "scale_no=1"],
            {"oasis/skills": 1, "oasis/guide": 1},
        ),
        ("gold.dim_noc", ["noc_code=21231"], {"noc/noc_structure": 5}),
        ("gold.dim_job_function", ["function_id=administration-and-services"], {"job_titles/": 6}),
    ],
)
def test_a_row_is_followed_to_the_records_as_they_stand_in_the_files(
    sample: Lake, table: str, conditions: list[str], files: dict[str, int]
) -> None:
    found = told(sample, table, *conditions)

    records = delivered(found)
    for file, count in files.items():
        assert sum(name.startswith(file) for name, _ in records) == count
    assert len(records) == sum(files.values())
    for (file, number), cells in records.items():
        assert {name: cell or "" for name, cell in cells.items()} == in_file(sample, file, number)
    for condition in conditions:
        column, _, value = condition.partition("=")
        assert str(found["values"][column]) == value


def test_each_step_tells_how_its_table_was_made_and_each_file_how_it_came(sample: Lake) -> None:
    found = told(sample, "gold.fact_cops_outlook", "noc_code=21231")

    assert [step["table"] for step in steps(found["step"])] == [
        "gold/fact_cops_outlook",
        "silver/cops/outlook_total",
        "bronze/cops/cops_summary",
        "staged/cops_summary",
        "silver/cops/recent_condition",
        "bronze/cops/cops_rlmc",
        "staged/cops_rlmc",
        "silver/cops/future_condition",
        "bronze/cops/cops_flmc",
        "staged/cops_flmc",
    ]
    for step in steps(found["step"]):
        if not step["table"].startswith("staged/"):
            made, [last] = step["transition"], sample.publications(step["table"])
            assert (made["sha256"], made["run_id"]) == (last.sha256, last.run_id)
            assert made["rows_out"] == len(sample.table(step["table"]))
            assert made["changed_inputs"] == []
            continue
        [delivery], [manifest] = step["deliveries"], sample.manifests(step["table"].split("/")[1])
        for name in ("batch_id", "sha256", "file", "publisher"):
            assert delivery[name] == manifest[name]
        assert delivery["in_force"]
        assert delivery["lies_in_landing"]


def test_corrections_on_the_way_are_named(sample: Lake) -> None:
    rows = sample.table("silver/oasis/rating").filter(pl.col("_corrections").is_not_null())
    row = rows.sample(1, seed=1).row(0, named=True)

    found = told(
        sample,
        "silver.rating",
        *(f"{name}={row[name]}" for name in ("profile_code", "descriptor_code", "scale_no")),
    )

    assert "|".join(found["step"]["rows"][0]["corrections"]) == row["_corrections"]


def behind(step: Step) -> Records:
    """The delivered records at the ends of a trace."""
    if step.table.startswith("staged/"):
        return {(step.table, row.batch_id, row.source_row or 0) for row in step.rows}
    return set().union(*(behind(each) for each in step.inputs))


def remade(
    tables: Tables, key: str, records: Records, *, without: bool, known: dict[str, pl.LazyFrame]
) -> pl.LazyFrame:
    """A table made again of some delivered records alone, or of all the others."""
    if key in known:
        return known[key]
    if key.startswith("staged/"):
        mine = pl.any_horizontal(
            pl.lit(value=False),
            *(
                (pl.col("_batch_id") == batch) & (pl.col("_source_row") == number)
                for staged, batch, number in records
                if staged == key
            ),
        )
        known[key] = tables.frame(key).filter(~mine if without else mine)
    else:
        frames = {
            each: remade(tables, each, records, without=without, known=known)
            for each in tables.inputs(key)
        }
        known[key] = tables.planned(key, frames).collect().lazy()
    return known[key]


def values_of(frame: pl.LazyFrame, row: dict[str, Any]) -> pl.DataFrame:
    """Those rows of a table that are like one in all that does not depend on a window."""
    same = [pl.col(name).eq_missing(value) for name, value in row.items() if name not in LOOKED_AT]
    return frame.filter(same).collect()


def gold_rows(tables: Tables, chance: random.Random) -> Iterator[tuple[str, dict[str, str]]]:
    """A random row of each gold table, told by its key."""
    for table in tables.declared.tables:
        if table.layer == "gold" and tables.exists(table.key):
            frame = tables.frame(table.key).select(table.schema.primary_key()).collect()
            if len(frame):
                yield table.key, frame.row(chance.randrange(len(frame)), named=True)


def test_without_its_records_a_row_is_gone_or_changed_and_of_them_alone_it_is_made_again(
    tables: Tables,
) -> None:
    for key, conditions in gold_rows(tables, random.Random(7)):
        found = trace(key, conditions, tables=tables, limit=None)
        assert found.step is not None
        assert found.values is not None
        records = behind(found.step)
        assert records, key

        alone = remade(tables, key, records, without=False, known={})
        others = remade(tables, key, records, without=True, known={})

        assert len(values_of(alone, dict(found.values))) >= 1, key
        assert len(values_of(others, dict(found.values))) == 0, key


def test_the_way_forward_leads_to_the_rows_whose_way_back_leads_to_the_record(
    tables: Tables,
) -> None:
    chance = random.Random(3)
    for key, conditions in chance.sample([*gold_rows(tables, chance)], 8):
        found = trace(key, conditions, tables=tables)
        assert found.step is not None
        staged, _, record = chance.choice(sorted(behind(found.step)))
        made = forward(staged, record, tables=tables, limit=None)
        numbers = {each.table: {row.number for row in each.rows} for each in made.products}
        assert found.step.rows[0].number in numbers[key]


def test_what_was_made_of_a_random_record_traces_back_to_it(tables: Tables) -> None:
    chance = random.Random(5)
    for source in chance.sample(tables.declared.sources, 3):
        [manifest] = tables.standing(source.staged_key)
        record = chance.randint(1, manifest.records)
        made = forward(manifest.file, record, tables=tables, limit=None)
        assert made.products, source
        for each in made.products:
            row = chance.choice(each.rows) if each.rows else None
            key = tables.primary_key(each.table)
            if row is None or not key:
                continue
            back = trace(each.table, row.values, tables=tables, limit=None)
            assert back.step is not None
            assert (source.staged_key, manifest.batch_id, record) in behind(back.step)


def test_a_row_that_was_refused_on_the_way_is_told_with_its_reason(sample: Lake) -> None:
    result = sample.command("trace", "gold.dim_oasis_profile", "profile_code=14404.01")

    assert result.exit_code == 0
    [row] = [row for row in sample.quarantine("silver") if "14404.01" in (row["row"] or "")]
    assert "gold.dim_oasis_profile has no row with profile_code=14404.01" in result.output
    assert f"silver.interest: record {row['source_row']} of {row['source_file']}" in result.output
    assert "profile_code_exists: profile_code 14404.01 is not in" in result.output

    made = told(sample, "--forward", row["source_file"], str(row["source_row"]))
    [refused] = [each for each in made["products"] if each["refused"]]
    assert refused["table"] == "silver/oasis/interest"
    assert refused["refused"][0]["record_id"] == row["record_id"]
    assert refused["count"] == refused["missing"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gold.dim_nok", "a=1"], "Did you mean gold.dim_noc?"),
        (["gold.dim_noc", "nocc_code=1"], "no column 'nocc_code'. Did you mean noc_code?"),
        (["gold.dim_noc", "noc_code=21239"], "The nearest: 2123"),
        (["gold.dim_noc", "teer=9"], "The nearest: 5, 4, 3"),
        (["gold.dim_noc", "teer=high"], "'high' does not read as Int8"),
        (["gold.dim_noc", "broad_category_code=2"], "Say more"),
        (["gold.dim_noc"], "as in: jobforge trace gold.dim_noc noc_code="),
        (["staged.noc_structure", "a=1"], "nothing is before it"),
        (["--forward", "noc/noc_structure.csv:1"], "Did you mean noc/noc_structure_en.csv?"),
        (["--forward", "noc/noc_structure_en.csv:100000"], "has 211 records"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_with_what_was_nearly_right(
    sample: Lake, arguments: list[str], words: str
) -> None:
    result = sample.command("trace", *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["gold.dim_noc", "21231"], ["--forward", "noc_structure"]])
def test_what_cannot_be_understood_shows_how_it_is_asked(
    sample: Lake, arguments: list[str]
) -> None:
    assert sample.command("trace", *arguments).exit_code == 2


def test_values_are_compared_by_their_type_and_booleans_are_words(
    sample: Lake, tables: Tables
) -> None:
    one = told(sample, "silver.projection", "code=21231", "year=+2030", "measure=employment")
    assert one["values"]["year"] == 2030
    result = sample.command("trace", "gold.dim_oasis_profile", "is_split=true")
    frame = tables.frame("gold/dim_oasis_profile")
    count = frame.filter("is_split").select(pl.len()).collect().item()
    assert f"{count} rows of gold.dim_oasis_profile have is_split=true" in result.stderr


def test_people_see_the_first_rows_of_many_and_all_if_they_want(sample: Lake) -> None:
    arguments = ["trace", "gold.dim_job_function", "function_id=administration-and-services"]

    some = sample.command(*arguments, "--limit", "2").stdout
    everything = sample.command(*arguments, "--all").stdout

    assert "silver.job_title: 6 rows" in some
    assert some.count("and 4 more: see --limit or --all") == 3
    assert some.count("  record ") == 2
    assert everything.count("  record ") == 6
    assert "more: see" not in everything


def test_the_tree_reads_from_the_row_to_the_records(sample: Lake) -> None:
    shown = sample.command("trace", "gold.dim_noc_node", "noc_code=21231").stdout.splitlines()

    assert shown[0] == "gold.dim_noc_node"
    heads = ["gold.dim_noc_node: 1 row", "└─ silver.noc_node: 1 row"]
    heads += ["   └─ bronze.noc_structure: 1 row", "      └─ staged.noc_structure: 1 record"]
    assert [line for line in heads if line in shown] == heads
    [record] = [line for line in shown if line.strip().startswith("record ")]
    assert record.endswith("of noc/noc_structure_en.csv")
    assert "             Code - NOC 2021 V1.0: 21231" in shown


def test_the_numbers_of_rows_are_their_places_in_the_file(tables: Tables) -> None:
    found = trace("silver.noc_node", {"noc_code": "21231"}, tables=tables)
    assert found.step is not None
    number = found.step.rows[0].number
    row = tables.frame("silver/noc/noc_node", numbered=True).filter(pl.col(NUMBER) == number)
    assert row.drop(NUMBER, *CARRIED).collect().row(0, named=True) == found.values
