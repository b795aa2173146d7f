"""The newcomer's commands, as a newcomer types them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from jobforge_dagster_tests.conftest import ROOT, SAMPLE, Lake

DAGSTER = Path(sys.executable).with_name("dagster")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a fresh clone holds at its root, as far as running needs it."""
    folder = tmp_path / "clone"
    shutil.copytree(SAMPLE, folder / "data" / "source")
    for name in ("pyproject.toml", "dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


def _dagster(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return _run(clone, DAGSTER, *arguments, **environment)


def _jobforge(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(clone, DAGSTER.with_name("jobforge"), *arguments)


def _run(
    clone: Path, program: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DAGSTER_HOME", "JOBFORGE_DATA_ROOT")
    }
    return subprocess.run(
        [program, *arguments],
        cwd=clone,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _lines(run: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.stderr.splitlines() if line.startswith("{")]


def test_one_command_builds_every_table_and_says_so(clone: Path) -> None:
    first = _dagster(clone, "asset", "materialize", "--select", "*")

    assert first.returncode == 0, first.stderr
    lake = Lake(clone / "data")
    published = {line["table"]: line["rows"] for line in _lines(first)}
    graph = json.loads((ROOT / "jobforge_dagster_tests/snapshots/graph.json").read_text())
    assert {*published, "catalog/glossary"} == set(graph)
    assert {line["event"] for line in _lines(first)} == {"published"}
    for key, rows in published.items():
        if not str(key).startswith("staged/"):
            assert lake.table(str(key)).height == rows
    assert not list(clone.rglob("*.tmp"))

    history = clone / ".dagster" / "history"
    runs = sqlite3.connect(history / "runs.db").execute("select status from runs").fetchall()
    assert runs == [("SUCCESS",)]

    before = lake.files()
    second = _dagster(clone, "asset", "materialize", "--select", "*")

    assert second.returncode == 0, second.stderr
    assert {line["event"] for line in _lines(second)} == {"unchanged"}
    assert lake.files() == before


def test_the_multiprocess_executor_makes_the_same_tables(clone: Path, sample_lake: Lake) -> None:
    config = {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}}
    run = _dagster(
        clone,
        *("asset", "materialize", "--select", '+key:"gold/dim_noc"'),
        *("--config-json", json.dumps(config)),
    )

    assert run.returncode == 0, run.stderr
    lake = Lake(clone / "data")
    assert [path.stem for path in lake.path.glob("gold/*.parquet")] == ["dim_noc"]
    keys = ["bronze/noc/noc_structure", "silver/noc/noc_node", "gold/dim_noc"]
    assert sample_lake.run("staged/noc_structure", *keys).success
    for key in keys:
        one, other = lake.table(key), sample_lake.table(key)
        assert one.drop("_ingested_at").equals(other.drop("_ingested_at")), key


def test_definitions_validate(clone: Path) -> None:
    run = _dagster(clone, "definitions", "validate")

    assert run.returncode == 0, run.stderr


def test_the_environment_moves_the_data_root(clone: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (clone / "data").rename(elsewhere)

    run = _dagster(
        clone,
        *("asset", "materialize", "--select", '+key:"gold/dim_noc"'),
        JOBFORGE_DATA_ROOT=str(elsewhere),
    )

    assert run.returncode == 0, run.stderr
    assert (elsewhere / "gold" / "dim_noc.parquet").exists()
    assert not (clone / "data").exists()


SOME = '+key:"gold/dim_oasis_profile" or +key:"silver/oasis/descriptor"'


def test_an_absent_source_skips_its_tables_and_is_told_at_the_end(clone: Path) -> None:
    (clone / "data/source/noc/noc_structure_en.csv").rename(clone / "kept.csv")
    (clone / "data/source/oasis/guide_oasis_2023_v1.0.csv").unlink()

    run = _dagster(clone, "asset", "materialize", "--select", SOME)

    assert run.returncode == 0, run.stderr
    lake = Lake(clone / "data")
    assert lake.table("silver/oasis/profile").height > 0
    assert not lake.root.table("gold/dim_noc").exists()
    last_word = run.stderr[run.stderr.index("2 source(s) have no file yet") :]
    assert "staged/noc_structure expects source/noc/noc_structure*.csv" in last_word
    assert "staged/oasis_guide expects source/oasis/guide_oasis*.csv" in last_word
    for skipped in ("bronze/noc/noc_structure", "gold/dim_noc", "silver/oasis/descriptor"):
        assert skipped in last_word
    assert "silver/oasis/profile" not in last_word

    (clone / "kept.csv").rename(clone / "data/source/noc/noc_structure_en.csv")
    again = _dagster(clone, "asset", "materialize", "--select", SOME)
    assert "1 source(s) have no file yet" in again.stderr
    assert lake.table("gold/dim_noc").height > 0


def test_a_failing_source_does_not_stop_the_others_but_the_exit_code_tells(clone: Path) -> None:
    (clone / "data/source/oasis/guide_oasis_2023_v1.0.csv").write_bytes(b"")

    run = _dagster(clone, "asset", "materialize", "--select", SOME)

    assert run.returncode == 1
    assert "oasis/guide_oasis_2023_v1.0.csv is empty (0 bytes)" in run.stderr
    lake = Lake(clone / "data")
    assert lake.table("gold/dim_oasis_profile").height > 0
    assert not lake.root.table("silver/oasis/descriptor").exists()


def test_any_rejection_can_be_made_a_failure(clone: Path) -> None:
    command = ["asset", "materialize", "--select", '+key:"silver/oasis/interest"']
    strict = {"resources": {"quality": {"config": {"max_rejected": 0}}}}

    assert _dagster(clone, *command).returncode == 0
    run = _dagster(clone, *command, "--config-json", json.dumps(strict))

    assert run.returncode == 1
    assert "profile_code 14404.01 is not in silver/oasis/profile" in run.stderr


def test_a_refused_row_is_shown_waived_and_replayed_by_commands(clone: Path) -> None:
    made = _dagster(clone, "asset", "materialize", "--select", '+key:"silver/oasis/interest"')
    assert made.returncode == 0, made.stderr
    before = sorted(path.name for path in clone.iterdir())
    [record] = json.loads(_jobforge(clone, "quarantine", "show", "--json").stdout)

    waived = _jobforge(
        clone,
        *("quarantine", "waive", record["record_id"][:8], "--rule", "profile_code_exists"),
        *("--by", "team:skills", "--why", "a test", "--until", "2999-12-31"),
    )
    assert waived.returncode == 0, waived.stderr
    assert "jobforge quarantine replay --table silver/oasis/interest" in waived.stdout
    replayed = _jobforge(clone, "quarantine", "replay", "--json")

    assert replayed.returncode == 0, replayed.stderr
    [told] = json.loads(replayed.stdout)["tables"]
    assert (told["table"], told["waived"], told["stay"]) == ("silver/oasis/interest", 1, 0)
    codes = Lake(clone / "data").table("silver/oasis/interest")["profile_code"]
    assert "14404.01" in codes
    assert sorted(path.name for path in clone.iterdir()) == before
    assert json.loads(_jobforge(clone, "quarantine", "list", "--json").stdout) == []


def test_a_table_that_is_read_before_it_is_made_names_the_command(clone: Path) -> None:
    run = _dagster(clone, "asset", "materialize", "--select", 'key:"gold/dim_noc"')

    assert run.returncode == 1
    assert "silver/noc/noc_node is not there yet" in run.stderr
    assert "dagster asset materialize --select '+key:\"silver/noc/noc_node\"'" in run.stderr
    assert not (clone / "data/gold").exists()


def test_an_extra_column_in_a_wide_file_is_kept_as_text_and_reported(sample_lake: Lake) -> None:
    file = sample_lake.root.landing / "cops/employment_emploi_2024_2033_noc2021.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([f"{lines[0]},Notes", *(f"{line},n/a" for line in lines[1:])]))

    run = sample_lake.run("staged/cops_employment", "bronze/cops/cops_employment")

    facts = run.metadata["bronze/cops/cops_employment"]
    assert facts["extra_columns"] == ["Notes"]
    assert facts["rejected"] == 0
    bronze = sample_lake.table("bronze/cops/cops_employment")
    assert set(bronze["Notes"]) == {"n/a"}
    assert bronze.schema["2033"] == pl.Float64


def test_the_quarantined_row_leads_back_to_its_record(sample_lake: Lake) -> None:
    assert sample_lake.run().success

    [record] = [r for r in sample_lake.quarantine() if r["fate"] == "rejected"]
    assert record["broken"][0]["message"] == (
        "profile_code 14404.01 is not in silver/oasis/profile"
    )
    staged = sample_lake.staged("oasis_interests")
    source = staged.filter(pl.col("_source_row") == record["source_row"]).to_dicts()[0]
    assert source["OaSIS Code"] == "14404.01"
    assert json.loads(record["original"]) == {
        name: value for name, value in source.items() if not name.startswith("_")
    }
