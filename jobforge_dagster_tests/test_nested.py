"""What is nested in a delivered value: kept as it stands in staged, taken out of it in bronze."""

from __future__ import annotations

import json
from datetime import date, time, timedelta
from decimal import Decimal

import polars as pl
import pytest

from jobforge_dagster.medallion.readers.json_values import value_at
from jobforge_dagster_tests.conftest import Domains, Lake

PEOPLE = """
import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning

PEOPLE = Domain("people", title="People", owner="team:people")
ORIGIN = Origin(publisher="A registry", system="Registry", licence=Licence("CC0-1.0", "CC0"))


class Person(dy.Schema):
    \"\"\"One person.\"\"\"

    id = dy.Int64(primary_key=True, metadata=meaning("The number."))
    city = dy.String(nullable=True, metadata=meaning("Where.", header="home", path="address.city"))
    first_tag = dy.String(nullable=True, metadata=meaning("A tag.", header="home", path="tags.0"))
    rate = dy.Float64(nullable=True, metadata=meaning("A rate.", header="home", path="rate"))


people = PEOPLE.source(
    "people", files="people/people.json", schema=Person, origin=ORIGIN, max_rejected=1.0)


@PEOPLE.silver(schema=Person, inputs=[people])
def person(people: pl.LazyFrame) -> pl.LazyFrame:
    return people
"""

HOMES = [
    '{"address": {"city": "Zürich"}, "tags": ["a", "b"], "rate": 1e5}',
    '{"address": null, "tags": [], "rate": 0.10}',
    "{}",
    "null",
]


def deliver(lake: Lake, *homes: str) -> None:
    rows = (f'{{"id": {place}, "home": {home}}}' for place, home in enumerate(homes, start=1))
    lake.drop("people/people.json", f"[{','.join(rows)}]")


def test_values_are_taken_out_of_nested_ones_by_their_paths(domains: Domains) -> None:
    lake = domains(people=PEOPLE)
    deliver(lake, *HOMES)

    assert lake.run().success

    assert lake.staged("people")["home"].to_list() == [*HOMES[:3], None]
    table = lake.table("silver/people/person").select("id", "city", "first_tag", "rate")
    assert table.rows() == [
        (1, "Zürich", "a", 100000.0),
        (2, None, None, 0.1),
        (3, None, None, None),
        (4, None, None, None),
    ]


@pytest.mark.parametrize(
    ("home", "rules"),
    [
        ('"nowhere"', {"text.city", "text.first_tag", "cast.rate"}),
        ("[1]", set()),
        ('{"address": "Main Street"}', {"text.city"}),
        ('{"rate": "fast"}', {"cast.rate"}),
    ],
)
def test_a_value_that_a_path_cannot_be_followed_into_is_quarantined(
    domains: Domains, home: str, rules: set[str]
) -> None:
    lake = domains(people=PEOPLE)
    deliver(lake, HOMES[0], home)

    assert lake.run().success

    broken = {rule["rule"].partition(":")[2] for row in lake.quarantine() for rule in row["broken"]}
    assert broken == rules
    assert lake.table("silver/people/person").height == (1 if rules else 2)
    for row in lake.quarantine():
        assert json.loads(row["original"])["home"] == home.strip('"')


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ('{"a": {"b": [1, {"c": "x"}]}}', "a.b.1.c", ("x", True)),
        ('{"a": {"b": 007}}', "a.b", ('{"a": {"b": 007}}', False)),
        ('{"a": [1, [2, 3]]}', "a.1", ("[2, 3]", True)),
        ("no json", "a", ("no json", False)),
        ('{"a": "1"}', "a.b", ("1", False)),
        ('{"a": null}', "a.b.c", (None, True)),
        ("[1, 2", "5", ("[1, 2", False)),
    ],
)
def test_a_path_leads_where_it_says(text: str, path: str, found: tuple[str | None, bool]) -> None:
    assert value_at(text, path.split(".")) == found


def _parquet(lake: Lake, scores: pl.Series) -> None:
    path = lake.root.landing / "people" / "people.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"id": [1, 2], "scores": scores, "raw": [b"\x00\xff", None]}).write_parquet(path)


NESTED = (
    PEOPLE.replace("people.json", "people.parquet")
    .replace(', header="home", path="address.city"', "")
    .split("    city =")[0]
    + '    scores = dy.List(dy.Int64(nullable=True), metadata=meaning("Scores."))\n\n\n'
    + "people = PEOPLE"
    + PEOPLE.replace("people.json", "people.parquet").split("people = PEOPLE")[1]
)


def test_nested_values_of_a_parquet_file_keep_their_type_up_to_silver(domains: Domains) -> None:
    lake = domains(people=NESTED)
    _parquet(lake, pl.Series([[1, 2], []], dtype=pl.List(pl.Int64)))

    run = lake.run()

    assert run.success, run.failures
    assert lake.table("silver/people/person")["scores"].to_list() == [[1, 2], []]
    assert lake.staged("people")["raw"].to_list() == [b"\x00\xff", None]
    assert lake.table("bronze/people/people")["raw"].to_list() == ["00ff", None]


def test_every_type_of_a_parquet_file_has_a_text(domains: Domains) -> None:
    lake = domains(people=NESTED)
    path = lake.root.landing / "people" / "people.parquet"
    path.parent.mkdir(parents=True)
    frame = pl.DataFrame(
        {
            "id": [1],
            "scores": pl.Series([[1]], dtype=pl.List(pl.Int64)),
            "at": pl.Series([time(1, 2, 3, 4)]),
            "length": pl.Series([timedelta(days=1, microseconds=5)]),
            "mixed": [{"raw": b"\x00\xff", "when": [date(2024, 1, 31)], "n": Decimal("1.50")}],
            "day": [date(2024, 1, 31)],
        }
    )
    frame.write_parquet(path)

    assert lake.run().success

    bronze = lake.table("bronze/people/people").to_dicts()[0]
    assert {name: bronze[name] for name in ("at", "length", "mixed", "day")} == {
        "at": "01:02:03.000004",
        "length": "P1DT0.000005S",
        "mixed": '{"raw": "00ff", "when": ["2024-01-31"], "n": "1.50"}',
        "day": "2024-01-31",
    }


def test_a_path_leads_into_a_nested_value_of_a_parquet_file_too(domains: Domains) -> None:
    lake = domains(people=PEOPLE.replace("people.json", "people.parquet"))
    path = lake.root.landing / "people" / "people.parquet"
    path.parent.mkdir(parents=True)
    home = {"address": {"city": "Bern"}, "tags": ["a"], "rate": 0.5}
    pl.DataFrame({"id": [1, 2], "home": [home, None]}).write_parquet(path)

    assert lake.run().success

    table = lake.table("silver/people/person").select("id", "city", "first_tag", "rate")
    assert table.rows() == [(1, "Bern", "a", 0.5), (2, None, None, None)]


def test_a_nested_type_that_is_declared_otherwise_is_told(domains: Domains) -> None:
    lake = domains(people=NESTED)
    _parquet(lake, pl.Series([["a"], []], dtype=pl.List(pl.String)))

    run = lake.run()

    assert "scores is declared as List(Int64), but delivered as List(String)" in run.only_failure()
