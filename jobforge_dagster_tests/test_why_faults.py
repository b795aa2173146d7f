"""``why`` of values that are null: which cells hold nothing, and whether each is needed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from jobforge_dagster_tests.conftest import Domains, Lake

WEATHER = '''
import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning
from jobforge_dagster.medallion.provenance import join

WEATHER = Domain("weather", title="Weather", owner="team:weather", steward="weather")
ORIGIN = Origin(publisher="A station", system="Log", licence=Licence("CC0-1.0", "CC0"))


class Day(dy.Schema):
    """One day."""

    day = dy.String(primary_key=True, metadata=meaning("Its number."))
    low = dy.Int64(nullable=True, metadata=meaning("Degrees."))
    high = dy.Int64(nullable=True, metadata=meaning("Degrees."))


class Sky(dy.Schema):
    """How the sky was."""

    day = dy.String(primary_key=True, metadata=meaning("Its number."))
    sky = dy.String(nullable=True, regex="^[A-C]$", metadata=meaning("A to C."))
    wind = dy.String(nullable=True, metadata=meaning("N or S."))


days = WEATHER.source("days", files="days.csv", schema=Day, origin=ORIGIN, nulls=("N/A",),
                      max_rejected=1.0)
skies = WEATHER.source("skies", files="skies.csv", schema=Sky, origin=ORIGIN, nulls=("N/A",),
                       max_rejected=1.0)


@WEATHER.silver(schema=Day, inputs=[days], max_rejected=1.0)
def day(days: pl.LazyFrame) -> pl.LazyFrame:
    return days


@WEATHER.silver(schema=Sky, inputs=[skies], max_rejected=1.0)
def sky(skies: pl.LazyFrame) -> pl.LazyFrame:
    return skies


class FactDay(Sky):
    """One day, with the one before."""

    spread = dy.Int64(nullable=True, metadata=meaning("High less low."))
    before = dy.Int64(nullable=True, metadata=meaning("The low of the day before."))
    known = dy.String(metadata=meaning("The sky, or none."))
    degrees = dy.Int64(nullable=True, metadata=meaning("Of the wind."))


@WEATHER.gold(schema=FactDay, inputs=[day, sky], max_rejected=1.0)
def fact_day(days: pl.LazyFrame, skies: pl.LazyFrame) -> pl.LazyFrame:
    return join(days, skies, on="day").sort("day").with_columns(
        spread=pl.col("high") - pl.col("low"),
        before=pl.col("low").shift(1),
        known=pl.col("sky").fill_null("none"),
        degrees=pl.col("wind").replace_strict({"N": 0, "S": 180}, return_dtype=pl.Int64),
    )
'''

DAYS = "day,low,high\n1,3,7\n2,N/A,N/A\n3,5,9\n4,N/A,8\n"
SKIES = "day,sky,wind\n1,B,N\n2,N/A,S\n3,A,N\n"

_made: list[Path] = []


@pytest.fixture
def weather(domains: Domains, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Four days; made once, and copied."""
    lake = domains(weather=WEATHER)
    if not _made:
        lake.drop("days.csv", DAYS)
        lake.drop("skies.csv", SKIES)
        run = lake.run()
        assert run.success, run.failures
        _made.append(tmp_path_factory.mktemp("weather") / "data")
        shutil.copytree(lake.path, _made[0])
    else:
        shutil.copytree(_made[0], lake.path)
    return lake


def asked(lake: Lake, day: str, column: str) -> dict[str, Any]:
    """The answer for programs."""
    result = lake.command("why", "gold.fact_day", f"day={day}", column, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["recomputed"]["same"]
    return found


def made(found: dict[str, Any]) -> set[tuple[str, int, str, str, str]]:
    """The cells that a value is made of."""
    return {
        (cell["file"], cell["record"], cell["header"], cell["text"], cell["verdict"])
        for cell in found["cells"]
        if cell["role"] == "made"
    }


def test_an_empty_cell_of_a_row_that_was_looked_up_is_named(weather: Lake) -> None:
    found = asked(weather, "2", "sky")
    assert found["value"] is None
    assert made(found) == {("skies.csv", 2, "sky", "N/A", "necessary")}
    [cell] = [cell for cell in found["cells"] if cell["role"] == "made"]
    last = cell["experiments"][-1]  # the text of another record, for the rules refuse most
    assert (last["action"], last["text"], last["outcome"], last["value"]) == (
        "edit",
        "B",
        "changes",
        "B",
    )
    assert not any("constant" in note for note in found["notes"])


def test_so_is_one_for_which_something_else_stands(weather: Lake) -> None:
    found = asked(weather, "2", "known")
    assert found["value"] == "none"
    assert made(found) == {("skies.csv", 2, "sky", "N/A", "necessary")}


def test_a_row_that_is_not_there_is_told_as_before(weather: Lake) -> None:
    found = asked(weather, "4", "sky")
    assert made(found) == set()
    assert [each["table"] for each in found["missing"]] == ["silver/weather/sky"]


def test_of_two_empty_cells_either_is_enough(weather: Lake) -> None:
    found = asked(weather, "2", "spread")
    assert made(found) == {
        ("days.csv", 2, "low", "N/A", "sufficient"),
        ("days.csv", 2, "high", "N/A", "sufficient"),
    }
    told = weather.command("why", "gold.fact_day", "day=2", "spread").stdout
    assert (
        "sufficient: no text tried changes the answer, but if record 2 is left out, the row would "
        "go" in told
    )
    assert made(asked(weather, "4", "spread")) == {("days.csv", 4, "low", "N/A", "necessary")}


def test_an_empty_cell_of_the_row_before_is_named(weather: Lake) -> None:
    found = asked(weather, "3", "before")
    assert found["value"] is None
    assert made(found) == {("days.csv", 2, "low", "N/A", "necessary")}


def test_it_is_told_that_no_empty_cell_was_found(weather: Lake) -> None:
    found = asked(weather, "1", "before")
    assert any("No empty cell was found" in note for note in found["notes"])


def test_what_fails_is_told_with_its_error(weather: Lake) -> None:
    found = asked(weather, "1", "degrees")
    [cell] = [cell for cell in found["cells"] if cell["role"] == "made"]
    assert cell["experiments"][-1]["outcome"] == "fails"
    assert "replace_strict" in cell["experiments"][-1]["error"]
    told = weather.command("why", "gold.fact_day", "day=1", "degrees").stdout
    assert "the table could not be made: incomplete mapping" in told
