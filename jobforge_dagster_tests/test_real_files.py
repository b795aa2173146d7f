"""The publishers' own files: the whole graph, its counts, keys and values.

What is expected was read from the files with Python's ``csv``, not with the platform.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster_tests.conftest import DOMAINS, REAL, SAMPLE, Lake, Run
from jobforge_dagster_tests.made import made_real
from jobforge_dagster_tests.question_checks import (
    check_likeness,
    check_placement,
    check_shortages,
    check_skills,
    check_title,
)

pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the publishers' files (../shared/real_sources) are not here"
)

ROWS = {
    "dim_noc_node": 822,
    "dim_noc": 516,
    "dim_oasis_profile": 900,
    "dim_descriptor": 245,
    "fact_oasis_rating": 220_500,
    "attr_main_duty": 4_991,
    "attr_employment_requirement": 2_851,
    "attr_additional_information": 1_158,
    "attr_workplace": 3_418,
    "attr_example_title": 18_654,
    "bridge_exclusion": 3_074,
    "fact_cops_projection": 56_760,
    "agg_cops_projection": 17 * 11 * 10,
    "fact_cops_outlook": 516,
    "dim_job_function": 8,
    "dim_job_family": 16,
    "dim_job_title": 44,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Run]:
    """The graph built from the publishers' files, copied over the sample as the README says."""
    return made_real(tmp_path_factory, tmp_path_factory.mktemp("real"))


def _rows(name: str) -> list[list[str]]:
    path = next(path for path in (REAL / name, SAMPLE / name) if path.exists())
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, strict=True))


def _records(name: str) -> list[dict[str, str]]:
    header, *rows = _rows(name)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _gold(lake: Lake, table: str, **key: Any) -> dict[str, Any]:
    [row] = lake.table(f"gold/{table}").filter(**key).to_dicts()
    return row


def test_every_gold_table_has_exactly_its_rows(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    assert {path.stem for path in lake.path.glob("gold/*.parquet")} == set(ROWS)
    assert {name: lake.table(f"gold/{name}").height for name in ROWS} == ROWS


def test_no_record_is_lost_between_file_and_bronze(built: tuple[Lake, Run]) -> None:
    lake, run = built
    for source in discover([DOMAINS]).sources:
        [manifest] = lake.manifests(source.name)
        rows = len(_rows(manifest["file"])) - 1
        assert manifest["rows"] == manifest["records"] == rows, source.name
        assert lake.table(source.key).height == rows, source.name
        assert run.metadata[source.key]["extra_columns"] == [], source.name


def test_staged_is_the_files_to_the_letter(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    for source in discover([DOMAINS]).sources:
        [manifest] = lake.manifests(source.name)
        header, *rows = _rows(manifest["file"])
        staged = lake.staged(source.name)
        assert staged.columns[: len(header)] == header
        assert [list(row) for row in staged.select(header).rows()] == rows, source.name


def test_exactly_one_row_is_rejected_and_twelve_titles_are_deduplicated(
    built: tuple[Lake, Run],
) -> None:
    lake, _ = built
    records = lake.quarantine()
    assert {record["state"] for record in records} == {"open"}
    assert Counter(record["fate"] for record in records) == {"rejected": 1, "deduplicated": 12}
    [rejected] = [record for record in records if record["fate"] == "rejected"]
    assert rejected["broken"][0]["rule"] == "silver/oasis/interest:profile_code_exists"
    assert (rejected["source_file"], rejected["source_row"]) == (
        "oasis/interests_oasis_2023_v1.0.csv",
        99,
    )
    source = _records("oasis/interests_oasis_2023_v1.0.csv")[98]
    assert json.loads(rejected["original"]) == source
    assert source["OaSIS Code"] == "14404.01"

    titles = _records("oasis/example-titles_oasis_2023_v1.0.csv")
    lowest: dict[tuple[str, str], int] = {}
    for title in titles:
        key = (title["OaSIS profile code"], title["Job title text"])
        number = int(title["Concordance number"])
        lowest[key] = min(number, lowest.get(key, number))
    kept = lake.table("gold/attr_example_title")
    assert {
        (code, title): number
        for code, title, number in kept.select("profile_code", "title", "concordance_no").rows()
    } == lowest


def test_each_known_error_is_corrected_as_often_as_it_stands_in_the_files(
    built: tuple[Lake, Run],
) -> None:
    _, run = built
    counted = {
        key: {name: (each["rows"], each["records"]) for name, each in facts["corrections"].items()}
        for key, facts in run.metadata.items()
        if facts.get("corrections")
    }
    assert set(counted) == {
        "silver/job_titles/job_title",
        "silver/oasis/descriptor",
        "silver/oasis/main_duty",
        "silver/oasis/rating",
    }
    cut = {"main-duties": 0, "workactivities": 0, "knowledges": 0}
    for name in cut:
        [path] = (REAL / "oasis").glob(f"{name}_oasis*")
        cut[name] = sum(
            len(row[0].strip().partition(".")[2]) < 2 for row in _rows(f"oasis/{path.name}")[1:]
        )
    assert cut == {"main-duties": 2_710, "workactivities": 327, "knowledges": 1}
    duties = counted["silver/oasis/main_duty"]
    assert duties == {
        "duties-code-without-decimals": (2_709, 2_709),
        "duties-code-with-one-decimal": (1, 1),
    }
    rating = counted["silver/oasis/rating"]
    codes = {name: rating.pop(name) for name in sorted(rating) if "-code-" in name}
    assert codes == {
        "activities-code-with-one-decimal": (40, 1),
        "activities-code-without-decimals": (326 * 40, 326),
        "knowledges-code-with-one-decimal": (44, 1),
    }
    assert len(rating) == 17
    assert set(rating.values()) == {(900, 900)}
    assert counted["silver/oasis/descriptor"] == {"guide-name-with-a-code": (1, 1)}
    assert counted["silver/job_titles/job_title"] == {"information-technology-apostrophe": (2, 2)}


def test_a_corrected_row_can_be_told_from_an_untouched_one(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    assert lake.table("gold/attr_main_duty")["_corrections"].count() == 2_710
    ratings = lake.table("gold/fact_oasis_rating").filter(profile_code="31100.10")
    marks = [mark.split("|") for mark in ratings["_corrections"].drop_nulls()]
    codes = [mark for each in marks for mark in each if mark.endswith("code-with-one-decimal")]
    names = [mark for each in marks for mark in each if not mark.endswith("-one-decimal")]
    assert (codes.count("activities-code-with-one-decimal"), len(codes)) == (40, 40 + 44)
    assert len(names) == len(set(names)) == 17


def test_what_the_publishers_withhold_is_warned_of_not_refused(built: tuple[Lake, Run]) -> None:
    lake, run = built
    warned = {key: facts["warned"] for key, facts in run.metadata.items() if facts.get("warned")}
    assert warned == {
        # 31 groups in every measure and year that has figures, and 11202's job openings.
        "gold/fact_cops_projection": 31 * (10 * 11 - 4) + 10,
        "gold/fact_cops_outlook": 31,
        "gold/dim_job_title": 4,
    }
    withheld = lake.table("gold/fact_cops_projection").filter("suppressed")
    assert withheld["noc_code"].n_unique() == 31 + 1


def test_primary_keys_are_unique_and_complete(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    for table in discover([DOMAINS]).tables:
        key = table.schema.primary_key()
        assert key, table.key
        frame = lake.table(table.key)
        assert frame.select(key).is_unique().all(), table.key
        assert frame.select(pl.col(key).null_count()).sum_horizontal()[0] == 0, table.key
        assert frame.select(key).equals(frame.select(key).sort(key)), table.key


def test_foreign_keys_resolve(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    checked = set()
    for table in discover([DOMAINS]).tables:
        for reference in table.foreign_keys:
            parent = reference.table or table
            columns = list(reference.columns)
            child = lake.table(table.key).select(columns).drop_nulls()
            orphans = child.join(
                lake.table(parent.key),
                left_on=columns,
                right_on=parent.schema.primary_key(),
                how="anti",
            )
            assert orphans.is_empty(), (table.key, reference)
            if table.layer == "gold":
                checked.add((parent.name, table.name))
    assert {
        ("dim_noc", "dim_oasis_profile"),
        ("dim_noc", "fact_cops_projection"),
        ("dim_noc", "fact_cops_outlook"),
        ("dim_noc", "dim_job_title"),
        ("dim_noc", "bridge_exclusion"),
        ("dim_oasis_profile", "bridge_exclusion"),
        ("dim_oasis_profile", "fact_oasis_rating"),
        ("dim_oasis_profile", "attr_main_duty"),
        ("dim_oasis_profile", "attr_employment_requirement"),
        ("dim_oasis_profile", "attr_additional_information"),
        ("dim_oasis_profile", "attr_workplace"),
        ("dim_oasis_profile", "attr_example_title"),
        ("dim_descriptor", "fact_oasis_rating"),
        ("dim_job_function", "dim_job_family"),
        ("dim_job_function", "dim_job_title"),
        ("dim_job_family", "dim_job_title"),
    } <= checked


def test_codes_keep_their_leading_zeros(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    noc = lake.table("gold/dim_noc")
    assert noc.schema["noc_code"] == pl.String
    assert noc.filter(pl.col("noc_code").str.starts_with("0")).height == sum(
        row["Level"] == "5" and row["Code - NOC 2021 V1.0"].startswith("0")
        for row in _records("noc/noc_structure_en.csv")
    )
    assert "00010.00" in lake.table("gold/dim_oasis_profile")["profile_code"]


def test_dim_noc_node(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    nodes = {row["Code - NOC 2021 V1.0"]: row for row in _records("noc/noc_structure_en.csv")}
    for code, parent in [("0", None), ("212", "21"), ("94141", "9414")]:
        row = _gold(lake, "dim_noc_node", noc_code=code)
        assert row["parent_code"] == parent
        assert row["title"] == nodes[code]["Class title"]
        assert row["level"] == int(nodes[code]["Level"]) == len(code)
    by_level = lake.table("gold/dim_noc_node").group_by("level").len().sort("level")
    assert by_level["len"].to_list() == [10, 45, 89, 162, 516]


def test_dim_noc(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    nodes = {row["Code - NOC 2021 V1.0"]: row for row in _records("noc/noc_structure_en.csv")}
    for code, teer in [("00010", 0), ("21231", 1), ("95104", 5)]:
        row = _gold(lake, "dim_noc", noc_code=code)
        assert row["teer"] == teer
        assert row["broad_category"] == nodes[code[:1]]["Class title"]
        assert row["major_group"] == nodes[code[:2]]["Class title"]
        assert row["sub_major_group"] == nodes[code[:3]]["Class title"]
        assert row["minor_group"] == nodes[code[:4]]["Class title"]
        assert row["title"] == nodes[code]["Class title"]
    definition = _gold(lake, "dim_noc", noc_code="40042")["definition"]
    assert definition == nodes["40042"]["Class definition"].replace("\u00a0", " ").strip()


def test_dim_oasis_profile(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    labels = {r["OaSIS profile code"]: r for r in _records("oasis/labels_oasis_2023_v1.0.csv")}
    leads = {
        r["OaSIS profile code"]: r for r in _records("oasis/lead-statement_oasis_2023_v1.0.csv")
    }
    holland = {r["OaSIS Code"]: r for r in _records("oasis/interests_oasis_2023_v1.0.csv")}
    for code, split in [("00012.00", False), ("31100.10", True), ("94140.02", True)]:
        row = _gold(lake, "dim_oasis_profile", profile_code=code)
        assert row["name"] == labels[code]["Label"].strip()
        assert row["lead_statement"] == leads[code]["Lead statement"].strip()
        assert row["noc_code"] == code[:5]
        assert row["is_split"] is split
        letters = [holland[code][f"Holland Codes - {n}"].upper() or None for n in (1, 2, 3)]
        assert [row["holland_1"], row["holland_2"], row["holland_3"]] == letters
    orphaned = _gold(lake, "dim_oasis_profile", profile_code="14404.00")
    assert orphaned["holland_1"] is None
    groups = lake.table("gold/dim_oasis_profile").group_by("noc_code").agg(pl.col("is_split").any())
    assert Counter(groups["is_split"]) == {False: 332, True: 184}


def test_dim_descriptor(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    guide = {row["Code"]: row for row in _records("oasis/guide_oasis_2023_v1.0.csv")}
    for code, scale, header, top in [
        ("A01a02", 1, "Categorization Flexibility", 5),
        ("G01a02", 1, "Business Administration", 3),
        ("J01c03", 1, "Work Schedule", 3),
    ]:
        row = _gold(lake, "dim_descriptor", descriptor_code=code, scale_no=scale)
        assert (row["header"], row["scale_max"]) == (header, top)
        assert row["name"] == guide[code]["Name"].strip()
        assert row["category"] == guide[code[:1]]["Name"]
        assert row["sub_category"] == guide[code[:3]]["Name"]
        assert row["group"] == guide[code[:4]]["Name"]
    twins = lake.table("gold/dim_descriptor").filter(pl.col("scale_no") == 2)
    assert twins.height == 10
    assert "Time Pressure2" in twins["header"].to_list()
    reading = lake.table("silver/oasis/descriptor").filter(descriptor_code="F01b")
    assert reading["name"].item() == "Reading and Writing Skills"
    tops = lake.table("gold/dim_descriptor").group_by("scale_max").len().sort("scale_max")
    assert tops.rows() == [(3, 44 + 2), (5, 245 - 46)]


def test_fact_oasis_rating(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    ratings = lake.table("gold/fact_oasis_rating")
    descriptors = lake.table("gold/dim_descriptor").select("descriptor_code", "scale_no", "header")
    named = {
        (code, header): score
        for code, header, score in ratings.join(descriptors, on=["descriptor_code", "scale_no"])
        .select("profile_code", "header", "score")
        .rows()
    }
    for file, code, header in [
        ("skills", "00010.00", "Digital Literacy"),
        ("personal-attributes", "31100.10", "Active Learning"),
        ("workcontext", "21231.00", "Sound and Noise 9"),
    ]:
        name, *_ = (path.name for path in (REAL / "oasis").glob(f"{file}_oasis*"))
        [record] = [r for r in _records(f"oasis/{name}") if r["OaSIS Code - Final"] == code]
        [text] = [
            text for delivered, text in record.items() if " ".join(delivered.split()) == header
        ]
        assert named[code, header] == int(text)

    total = 0
    files = ["skills", "abilities", "personal-attributes", "knowledges", "workactivities"]
    for file in [*files, "workcontext"]:
        name, *_ = (path.name for path in (REAL / "oasis").glob(f"{file}_oasis*"))
        total += sum(int(cell) for row in _rows(f"oasis/{name}")[1:] for cell in row[2:])
    assert ratings["score"].cast(pl.Int64).sum() == total


@pytest.mark.parametrize(
    ("table", "column", "file", "header"),
    [
        ("attr_main_duty", "duty", "main-duties_oasis-2023_v1.0", "Main duties"),
        (
            "attr_employment_requirement",
            "requirement",
            "employment-requirements_oasis_2023_v1.0",
            "Employment requirement",
        ),
        (
            "attr_additional_information",
            "information",
            "additional-information_oasis_2023_v1.0",
            "Additional information (EN)",
        ),
        (
            "attr_workplace",
            "workplace",
            "workplaces-employers_oasis_2023_v1.0",
            "Workplace/employer name",
        ),
    ],
)
def test_texts_stand_in_the_order_of_the_source(
    built: tuple[Lake, Run], table: str, column: str, file: str, header: str
) -> None:
    lake, _ = built
    wanted: dict[str, list[str]] = {}
    for record in _records(f"oasis/{file}.csv"):
        whole, _, decimals = record["OaSIS profile code"].partition(".")
        wanted.setdefault(f"{whole}.{decimals.ljust(2, '0')}", []).append(record[header].strip())
    got: dict[str, list[str]] = {}
    ordered = lake.table(f"gold/{table}")
    for code, ordinal, text in ordered.select("profile_code", "ordinal", column).rows():
        got.setdefault(code, []).append(text)
        assert ordinal == len(got[code])
    assert got == wanted


def test_bridge_exclusion(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    records = _records("oasis/exclusions_oasis_2023_v1.0.csv")
    bridge = lake.table("gold/bridge_exclusion")
    assert bridge.group_by("excluded_kind").len().sort("excluded_kind").rows() == [
        ("profile", 433),
        ("unit_group", 2641),
    ]
    for number in (1, 1000, 3074):
        row, record = bridge.row(number - 1, named=True), records[number - 1]
        assert (row["exclusion_no"], row["_source_row"]) == (number, number)
        assert row["profile_code"] == record["OaSIS profile code"]
        assert row["excluded_code"] == record["Excluded code"]
        assert row["job_title"] == (record["Job title"].strip() or None)
        target = row["excluded_noc_code"] or row["excluded_profile_code"]
        assert target == record["Excluded code"]


def test_fact_cops_projection(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    fact = lake.table("gold/fact_cops_projection")
    assert fact["value"].count() == 51_400
    for measure, file, code, year in [
        ("job_openings", "jo_pe_2024_2033_noc2021", "21231", 2033),
        ("immigration", "immigration_2024_2033_noc2021-", "14100", 2027),
        ("retirement_rates", "retirement_rates_taux_de_retraite_2024_2033_noc2021", "00010", 2023),
    ]:  # fmt: skip
        [record] = [r for r in _records(f"cops/{file}.csv") if r["Code"] == code]
        row = _gold(lake, "fact_cops_projection", noc_code=code, year=year, measure=measure)
        assert row["value"] == float(record[str(year)])
        assert row["suppressed"] is False

    groups = fact.group_by("noc_code").agg(pl.col("value").count() == 0)
    assert groups["value"].sum() == 31
    assert fact.filter(noc_code="11202", measure="job_openings", suppressed=True).height == 10
    first_year = fact.filter(noc_code="21231", year=2023, measure="job_openings")
    assert first_year.select("value", "suppressed").row(0) == (None, False)
    # Withheld: 31 groups where their measure has the year (10 x 11 less 4), and 11202's openings.
    assert fact["suppressed"].sum() == 31 * (10 * 11 - 4) + 10


def test_agg_cops_projection(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    aggregates = lake.table("gold/agg_cops_projection")
    assert aggregates["code"].n_unique() == 17
    records = {r["Code"]: r for r in _records("cops/employment_emploi_2024_2033_noc2021.csv")}
    for code, scope in [
        ("00000", "all_occupations"),
        ("TEER_3", "teer"),
        ("NOC1_9", "broad_category"),
    ]:
        row = _gold(lake, "agg_cops_projection", code=code, year=2030, measure="employment")
        assert (row["value"], row["scope"]) == (float(records[code]["2030"]), scope)


def test_fact_cops_outlook(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    recent = {r["Code"]: r for r in _records("cops/rlmc_crmt_2021_2023_noc2021.csv")}
    for record in _records("cops/summary_sommaire_2024_2033_noc2021.csv"):
        code = record["Code"]
        if code not in ("21231", "11202", "00013"):
            continue
        row = _gold(lake, "fact_cops_outlook", noc_code=code)
        openings = record["Total_Job_Openings_Perspective_d'emploi"].replace(",", "")
        seekers = record["Job_Seekers_Chercheurs_emploi"].replace(",", "")
        gap = None if openings == "N/A" else int(openings) - int(seekers)
        assert row["gap"] == gap
        condition = recent[code]["Recent_Labour_Market_Conditions"]
        assert row["recent_condition_en"] == (None if condition == "N/A" else condition)
        condition = record["Conditions_futures_sur_le_marché_du_travail"]
        assert row["future_condition_fr"] == (None if condition == "N/D" else condition)
        assert len(row["_source_file"].split("|")) == 3
    # The one cell with thousands separators stands in an aggregate: it casts in bronze.
    bronze = lake.table("bronze/cops/cops_summary").filter(code="00000")
    assert bronze["job_seekers"].item() == 8_238_800


def test_job_titles(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    records = _records("job_titles/job_titles.csv")
    for record in (records[0], records[8], records[16]):
        row = _gold(lake, "dim_job_title", job_title_id=record["Job_Title_ID"])
        assert row["title_en"] == record["Job_Title_EN"].strip()
        assert row["noc_2021_code"] == (record["NOC_2021"] or None)
        function = _gold(lake, "dim_job_function", function_id=row["function_id"])
        assert function["function_en"] == record["Job_Function_EN"].strip()
        family = _gold(lake, "dim_job_family", family_id=row["family_id"])
        assert family["family_en"] == record["Job_Family_EN"]
        assert family["function_id"] == row["function_id"]
    assert _gold(lake, "dim_job_family", family_id="data-and-analytics")["_source_row"] is None


SENTENCES = {
    "noc/noc_structure_en.csv": ["Class definition"],
    "oasis/guide_oasis_2023_v1.0.csv": ["Description"],
    "oasis/lead-statement_oasis_2023_v1.0.csv": ["Lead statement"],
    "oasis/main-duties_oasis-2023_v1.0.csv": ["Main duties"],
    "oasis/employment-requirements_oasis_2023_v1.0.csv": ["Employment requirement"],
    "oasis/additional-information_oasis_2023_v1.0.csv": ["Additional information (EN)"],
    "oasis/workplaces-employers_oasis_2023_v1.0.csv": ["Workplace/employer name"],
}


def test_no_sentence_of_the_publishers_is_in_the_sample() -> None:
    for name, columns in SENTENCES.items():
        with (SAMPLE / name).open(encoding="utf-8-sig", newline="") as file:
            sample = list(csv.DictReader(file))
        for column in columns:
            theirs = {record[column].strip().casefold() for record in _records(name)} - {""}
            ours = {record[column].strip().casefold() for record in sample} - {""}
            assert ours, name
            assert not ours & theirs, (name, ours & theirs)


def test_the_sample_has_the_publishers_files_and_headers() -> None:
    for path in sorted(REAL.glob("*/*.csv")):
        name = path.relative_to(REAL)
        sample, real = (folder.joinpath(name).read_bytes() for folder in (SAMPLE, REAL))
        assert sample.partition(b"\n")[0] == real.partition(b"\n")[0], name
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*.csv")) < 1_000_000
    assert not list(Path(SAMPLE).glob("*.md"))


def test_the_business_questions_are_answered_from_the_marts(built: tuple[Lake, Run]) -> None:
    lake, _ = built
    check_placement(lake, "00010")
    total, *rest = check_shortages(lake)
    alike, *_ = check_likeness(lake, "21231.00")
    best, *_ = check_skills(lake, "21231.00")
    titled, *_ = check_title(lake, "software engineer")

    openings, seekers = (
        {row["Code"]: row["2033"] for row in _records(f"cops/{name}_2024_2033_noc2021.csv")}
        for name in ("jo_pe", "job_seekers_chercheurs_emploi")
    )
    codes = {row[2] for row in _rows("noc/noc_structure_en.csv") if row[0] == "5"}
    short = {
        code: int(openings[code]) - int(seekers[code])
        for code in codes & set(openings)
        if "N/A" not in (openings[code], seekers[code])
    }
    assert (len(short), total["withheld"]) == (484, 32)
    assert total["shortage_2033"] == sum(short.values())
    assert {
        row["code"]: row["shortage_2033"] for row in rest if row["of_what"] == "occupation"
    } == {code: people for code, people in short.items() if people > 0}
    assert alike["similar_name"] == "Software developers and programmers"
    assert (best["skill"], best["score"], best["occupations_as_high"]) == (
        "Digital Production",
        5,
        8,
    )
    assert (titled["match"], titled["noc_code"]) == ("the same", "21231")
