"""The answers of the business questions, worked out without SQL: in Python, from other tables.

The same checks hold for the sample and for the publishers' files.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import polars as pl

from jobforge_dagster_tests.conftest import Lake

Rows = list[dict[str, Any]]


def answered(lake: Lake, number: int, *values: str) -> Rows:
    """What the command answers."""
    told = lake.command("questions", "answer", str(number), *values, "--json")
    assert told.exit_code == 0, told.output
    rows: Rows = json.loads(told.stdout)
    return rows


def check_placement(lake: Lake, code: str) -> None:
    """The way up in the tree, by the parents of ``dim_noc_node``."""
    nodes = {node["noc_code"]: node for node in lake.table("gold/dim_noc_node").to_dicts()}
    way = [nodes[code]]
    while way[0]["parent_code"]:
        way.insert(0, nodes[way[0]["parent_code"]])
    *levels, teer = answered(lake, 1, f"noc_code={code}")

    assert [(level["code"], level["title"]) for level in levels] == [
        (node["noc_code"], node["title"]) for node in way
    ]
    assert (teer["what"], teer["code"]) == ("TEER", code[1])


def check_shortages(lake: Lake) -> Rows:
    """Openings minus seekers of 2033, one occupation at a time."""
    figures: dict[str, dict[str, float]] = defaultdict(dict)
    for row in lake.table("gold/fact_cops_projection").filter(year=2033).to_dicts():
        figures[row["noc_code"]][row["measure"]] = row["value"]
    gaps: dict[str, int | None] = {}
    for code, told in figures.items():
        openings, seekers = told["job_openings"], told["job_seekers"]
        given = openings is not None and seekers is not None
        gaps[code] = round(openings - seekers) if given else None
    ten_years = {
        row["noc_code"]: row["gap"] for row in lake.table("gold/fact_cops_outlook").to_dicts()
    }
    found = answered(lake, 2)
    total, *rest = found
    categories = [row for row in rest if row["of_what"] == "broad category"]
    occupations = [row for row in rest if row["of_what"] == "occupation"]

    assert [(row["code"], row["shortage_2033"]) for row in occupations] == sorted(
        ((code, gap) for code, gap in gaps.items() if gap and gap > 0),
        key=lambda each: (-each[1], each[0]),
    )
    for row in [total, *categories]:
        of_it = [gap for code, gap in gaps.items() if code.startswith(row["code"] or "")]
        assert row["shortage_2033"] == sum(gap or 0 for gap in of_it)
        assert row["shortage_2033"] == row["openings_2033"] - row["seekers_2033"]
        assert row["withheld"] == of_it.count(None)
        assert row["short_of_people"] == sum(1 for gap in of_it if gap and gap > 0)
        assert row["shortage_2024_2033"] == sum(
            gap or 0 for code, gap in ten_years.items() if code.startswith(row["code"] or "")
        )
    assert total["of_what"] == "all occupations"
    assert {row["code"] for row in categories} == {code[0] for code in gaps}
    return found


def check_likeness(lake: Lake, code: str) -> Rows:
    """The distance of one profile from each other, over a table with a column for each rating."""
    scales = lake.table("gold/dim_descriptor").select("descriptor_code", "scale_no", "scale_max")
    wide = (
        lake.table("gold/fact_oasis_rating")
        .join(scales, on=["descriptor_code", "scale_no"])
        .with_columns(share=pl.col("score") / pl.col("scale_max"))
        .pivot(["descriptor_code", "scale_no"], index="profile_code", values="share")
    )
    own = wide.row(by_predicate=pl.col("profile_code") == code)[1:]
    assert len(own) == 245
    likeness = {}
    for other, *ratings in wide.iter_rows():
        squares = [(one - two) ** 2 for one, two in zip(own, ratings, strict=True)]
        likeness[other] = 1 - (sum(squares) / len(squares)) ** 0.5
    assert likeness.pop(code) == 1.0
    best = sorted(likeness, key=lambda other: (-round(likeness[other], 4), other))[:10]
    found = answered(lake, 3, f"code={code}")

    assert [row["similar_code"] for row in found] == best
    for row in found:
        assert abs(row["similarity"] - likeness[row["similar_code"]]) < 0.0001
    return found


def check_skills(lake: Lake, code: str) -> Rows:
    """The skills of a profile by their scores, and how many others rate each as high."""
    skills = lake.table("gold/dim_descriptor").filter(category="Skills").to_dicts()
    names = {skill["descriptor_code"]: skill["name"] for skill in skills}
    scores: dict[str, dict[str, int]] = defaultdict(dict)
    for row in lake.table("gold/fact_oasis_rating").to_dicts():
        if row["descriptor_code"] in names:
            scores[row["profile_code"]][row["descriptor_code"]] = row["score"]

    def others(skill: str) -> int:
        return sum(other[skill] >= scores[code][skill] for other in scores.values()) - 1

    def stands_out(other: str, skill: str) -> float:
        return round(scores[other][skill] - sum(scores[other].values()) / len(names), 2)

    best = sorted(names, key=lambda skill: (-scores[code][skill], others(skill), skill))[:5]
    expected = []
    for skill in best:
        places: Callable[[str], Any] = lambda other, skill=skill: (  # noqa: E731
            -scores[other][skill],
            -stands_out(other, skill),
            other,
        )
        elsewhere = sorted((each for each in scores if each[:5] != code[:5]), key=places)
        expected += [(names[skill], others(skill), other) for other in elsewhere[:3]]
    found = answered(lake, 4, f"code={code}")

    told = [(row["skill"], row["occupations_as_high"], row["also_code"]) for row in found]
    assert told == expected
    return found


def check_title(lake: Lake, title: str) -> Rows:
    """Every title that is this one, begins with it or has it among its words."""
    wanted = _plain(title)
    titles = lake.table("gold/dim_job_title").to_dicts()
    known = {
        (row[name], row["noc_2021_code"]) for row in titles for name in ("title_en", "title_fr")
    }
    profiles = lake.table("gold/dim_oasis_profile").to_dicts()
    of_profile = {row["profile_code"]: row["noc_code"] for row in profiles}
    known |= {(row["name"], row["noc_code"]) for row in profiles}
    known |= {(row["title"], row["noc_code"]) for row in lake.table("gold/dim_noc").to_dicts()}
    known |= {
        (row["title"], of_profile[row["profile_code"]])
        for row in lake.table("gold/attr_example_title").to_dicts()
    }
    expected = {
        (text, noc_code) for text, noc_code in known if f" {wanted} " in f" {_plain(text or '')} "
    }
    found = answered(lake, 5, f"title={title}")
    sure = {(row["title"], row["noc_code"]) for row in found if row["match"] != "resembles it"}

    assert 0 < len(found) < 20, "a test of the whole answer"
    assert sure == expected
    places = ["the same", "begins with it", "contains it", "resembles it"]
    order = [places.index(row["match"]) for row in found]
    assert order == sorted(order)
    return found


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", " ", letters).strip()
