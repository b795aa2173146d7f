"""The newcomer's commands, as a newcomer types them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from jobforge_dagster.cli import main
from jobforge_dagster_tests.conftest import ROOT, Lake
from jobforge_dagster_tests.made import cloned, made_clone

DAGSTER = Path(sys.executable).with_name("dagster")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone."""
    return cloned(tmp_path / "clone")


@pytest.fixture
def made(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone after the one command that builds every table."""
    shutil.copytree(made_clone(tmp_path_factory), tmp_path / "made")
    return tmp_path / "made"


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


def _told(clone: Path, *arguments: str) -> Any:
    """What ``jobforge … --json`` says, in this process."""
    with contextlib.chdir(clone):
        environment = dict.fromkeys(("DAGSTER_HOME", "JOBFORGE_DATA_ROOT", "JOBFORGE_DOMAINS"))
        told = CliRunner().invoke(main, [*arguments, "--json"], env=environment)
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def _lines(stderr: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]


def test_one_command_builds_every_table_and_says_so(made: Path) -> None:
    first = json.loads((made / "first.json").read_text("utf-8"))

    assert first["returncode"] == 0, first["stderr"]
    lake = Lake(made / "data")
    lines = _lines(first["stderr"])
    published = {line["table"]: line.get("rows") for line in lines}
    graph = json.loads((ROOT / "jobforge_dagster_tests/snapshots/graph.json").read_text())
    assert {*published, "catalog/glossary"} == set(graph)
    assert {line["event"] for line in lines} == {"published"}
    for key, rows in published.items():
        if not str(key).startswith(("staged/", "mart/", "warehouse/")):
            assert lake.table(str(key)).height == rows
    assert not list(made.rglob("*.tmp"))
    history = made / ".dagster" / "history"
    runs = sqlite3.connect(history / "runs.db").execute("select status from runs").fetchall()
    assert runs == [("SUCCESS",)]


def test_the_command_again_changes_nothing_and_says_so(made: Path) -> None:
    lake = Lake(made / "data")
    before = lake.files()

    second = _dagster(made, "asset", "materialize", "--select", '+key:"silver/oasis/interest"')

    assert second.returncode == 0, second.stderr
    assert {line["event"] for line in _lines(second.stderr)} == {"unchanged"}
    assert lake.files() == before


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


def test_any_rejection_can_be_made_a_failure(made: Path) -> None:
    command = ["asset", "materialize", "--select", 'key:"silver/oasis/interest"']
    strict = {"resources": {"quality": {"config": {"max_rejected": 0}}}}

    run = _dagster(made, *command, "--config-json", json.dumps(strict))

    assert run.returncode == 1
    assert "profile_code 14404.01 is not in silver/oasis/profile" in run.stderr


def test_a_refused_row_is_shown_waived_and_replayed_by_commands(made: Path) -> None:
    ours = ("--table", "silver/oasis/interest")
    before = sorted(path.name for path in made.iterdir())
    [record] = _told(made, "quarantine", "show", *ours)

    waived = _jobforge(
        made,
        *("quarantine", "waive", record["record_id"][:8], "--rule", "profile_code_exists"),
        *("--by", "team:skills", "--why", "a test", "--until", "2999-12-31"),
    )
    assert waived.returncode == 0, waived.stderr
    assert "jobforge quarantine replay --table silver/oasis/interest" in waived.stdout
    replayed = _jobforge(made, "quarantine", "replay", *ours, "--json")

    assert replayed.returncode == 0, replayed.stderr
    [told] = json.loads(replayed.stdout)["tables"]
    assert (told["table"], told["waived"], told["stay"]) == ("silver/oasis/interest", 1, 0)
    codes = Lake(made / "data").table("silver/oasis/interest")["profile_code"]
    assert "14404.01" in codes
    assert sorted(path.name for path in made.iterdir()) == before
    assert _told(made, "quarantine", "show", *ours) == []


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


def test_the_quarantined_row_leads_back_to_its_record(made: Path) -> None:
    sample_lake = Lake(made / "data")

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
