"""The business questions: they are listed, answered from the warehouse, and told why not."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest

from jobforge_dagster_tests.conftest import SAMPLE, Domains, Lake
from jobforge_dagster_tests.question_checks import (
    answered,
    check_likeness,
    check_placement,
    check_shortages,
    check_skills,
    check_title,
)
from jobforge_dagster_tests.shop import ORDERS, SHOP
from jobforge_dagster_tests.test_warehouse import MART

ENGINEERS = "21231"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The sample with its marts, which no test changes."""
    lake = Lake(tmp_path_factory.mktemp("sample") / "data")
    shutil.copytree(SAMPLE, lake.root.landing)
    run = lake.run()
    assert run.success, run.failures
    return lake


@pytest.fixture
def shop_lake(domains: Domains) -> Lake:
    """The shop, whose mart is not made yet."""
    lake = domains(shop=SHOP + MART)
    lake.drop("shop/orders.csv", ORDERS)
    return lake


def test_every_question_is_listed_and_its_example_is_answered(sample: Lake) -> None:
    listed = json.loads(sample.command("questions", "--json").stdout)

    assert [question["number"] for question in listed] == [1, 2, 3, 4, 5]
    for question in listed:
        values = [f"{name}={value}" for name, value in question["example"].items()]
        assert answered(sample, question["number"], *values)
        sql = sample.command("questions", "answer", str(question["number"]), "--sql").stdout
        assert sql.strip() == question["sql"]


def test_the_list_for_people_says_how_to_ask(sample: Lake) -> None:
    told = sample.command("questions").output

    assert "Which occupation does this job title belong to?" in told
    assert "jobforge questions answer 5 'title=software engineer'" in told
    assert "known_title" in told


def test_an_occupation_is_placed_and_its_training_told(sample: Lake) -> None:
    check_placement(sample, ENGINEERS)

    told = sample.command("questions", "answer", "1", "21231.00").output

    assert "sub-major group   212" in told
    assert "A university degree" in told


def test_shortages_are_told_in_total_by_category_and_by_occupation(sample: Lake) -> None:
    total, *_, last = check_shortages(sample)

    assert (total["openings_2033"], total["seekers_2033"]) == (189_100, 211_400)
    assert (total["short_of_people"], total["withheld"]) == (11, 5)
    assert (last["title"], last["shortage_2033"]) == ("Supervisors, logging and forestry", 100)


def test_the_occupations_most_like_another_are_told(sample: Lake) -> None:
    first, *_ = check_likeness(sample, f"{ENGINEERS}.00")

    assert (first["similar_name"], first["similarity"]) == (
        "Software developers and programmers",
        0.8923,
    )


def test_the_best_skills_are_told_and_where_else_they_matter(sample: Lake) -> None:
    first, *_ = check_skills(sample, f"{ENGINEERS}.00")

    assert (first["skill"], first["score"], first["also_in"]) == (
        "Digital Production",
        5,
        "Software developers and programmers",
    )


@pytest.mark.parametrize(
    "title", ["software engineer", "Software  ENGINEER!", "ingenieur", "INGÉNIEUR"]
)
def test_the_occupation_of_a_title_is_found_however_it_is_written(sample: Lake, title: str) -> None:
    first, *_ = check_title(sample, title)

    assert first["occupation"] == "Software engineers and designers"


def test_a_title_that_is_mistyped_is_found_too(sample: Lake) -> None:
    first, *_ = answered(sample, 5, "sofware enginer")

    assert (first["match"], first["title"].lower()) == ("resembles it", "software engineer")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["1"],
            "Question 1 needs a value. noc_code: code of a unit group of NOC 2021, or of an OaSIS "
            "profile in it. For example: jobforge questions answer 1 noc_code=21231",
        ),
        (["1", "noc_cod=1"], "Question 1 has no parameter 'noc_cod'. Did you mean noc_code?"),
        (["2", "21231"], "Question 2 has no parameter '21231'. It has none: jobforge questions"),
        (["3", "1", "2"], "code is given twice."),
        (["9"], "There is no question 9; there are: 1, 2, 3, 4, 5. See: jobforge questions"),
    ],
)
def test_a_mistake_is_told_in_words(sample: Lake, arguments: list[str], words: str) -> None:
    told = sample.command("questions", "answer", *arguments)

    assert told.exit_code == 1
    assert words in told.output
    assert "Traceback" not in told.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["1", "99999"], "There is no occupation with the code 99999."),
        (["3", "code=99999.00"], "There is no rated occupation with the code 99999.00."),
        (["4", ""], "There is no rated occupation with the code ."),
        (["5", "xyzzy"], "No job title is like xyzzy."),
        (["5", "%"], "No job title is like %."),
        (["5", "'; DROP TABLE mart.known_title; --"], "No job title is like '; DROP TABLE"),
    ],
)
def test_an_answer_without_rows_is_no_mistake(
    sample: Lake, arguments: list[str], words: str
) -> None:
    told = sample.command("questions", "answer", *arguments)
    assert (told.exit_code, words in told.stdout) == (0, True)

    told = sample.command("questions", "answer", *arguments, "--json")
    assert (told.exit_code, told.stdout) == (0, "[]\n")


def test_an_answer_writes_nothing(sample: Lake) -> None:
    before = sample.files()

    for number, values in ((1, ["21231"]), (2, []), (5, ["nurse"])):
        answered(sample, number, *values)

    assert sample.files() == before


def test_all_gold_tables_are_views_after_the_first_run(sample: Lake) -> None:
    with duckdb.connect(sample.path / "warehouse.duckdb", read_only=True) as connection:
        for path in sorted(sample.root.path.glob("gold/*.parquet")):
            rows = connection.execute(f'SELECT count(*) FROM gold."{path.stem}"').fetchall()
            assert rows == [(sample.table(f"gold/{path.stem}").height,)]


def test_marts_that_are_not_made_yet_are_told_with_the_command(shop_lake: Lake) -> None:
    command = "dagster asset materialize --select 'key:\"mart/*\"'"

    told = shop_lake.command("questions", "answer", "7", "1")
    assert told.exit_code == 1
    assert f"There is no warehouse.duckdb yet. Make it: {command}" in told.output

    assert shop_lake.command("questions", "refresh").exit_code == 0
    told = shop_lake.command("questions", "answer", "7", "1")
    assert f"mart.spender is not made yet. Make what there is to make by: {command}" in told.output


def test_a_number_is_asked_for_where_one_is_meant(shop_lake: Lake) -> None:
    assert shop_lake.run().success

    told = shop_lake.command("questions", "answer", "7", "least=much")
    assert "Error: least is a number, which 'much' is not." in told.output
    told = shop_lake.command("questions", "answer", "7", "least=9999")
    assert (told.exit_code, told.stdout) == (0, "Nobody spends 9999.\n")
    assert answered(shop_lake, 7, "200") == [{"customer": "Bob", "amount": 250}]


def test_domains_without_questions_say_so(shop: Lake) -> None:
    assert shop.command("questions").output == "No domain declares a question.\n"
    told = shop.command("questions", "answer", "1")
    assert "There is no question 1; there are: none." in told.output
