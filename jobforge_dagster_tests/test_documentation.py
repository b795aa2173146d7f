"""Every command that the README and the pages of ``docs/`` show is run, in order, as shown.

Each page is followed from top to bottom in a folder of its own that holds the sample, as a reader
would; where an output is shown, it is what comes out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from dagster._cli import create_dagster_cli

from jobforge_dagster.medallion.fetching import fetch
from jobforge_dagster_tests.conftest import ROOT, SAMPLE, Domains
from jobforge_dagster_tests.documentation import PAGES, Shown, shown, timeless, write
from jobforge_dagster_tests.history import Project
from jobforge_dagster_tests.made import made_sample

INSTALLED = ("pip install", "uv run pytest", "uv run dagster dev", ".ci/run", "cp -r …")
"""Starts of commands that this test is part of, that do not end, or that only sketch one."""

EMPLOYMENT = "cops/employment_emploi_2024_2033_noc2021.csv"


class Reader:
    """Somebody who types what a page says, in a folder with the sample."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        home = project.folder / "home"
        (home / "Downloads").mkdir(parents=True)
        structure = (SAMPLE / "noc/noc_structure_en.csv").read_bytes()
        another = structure.replace(b"Software engineers and designers", b"Software engineers")
        (home / "Downloads" / "noc_structure.csv").write_bytes(another)
        (project.folder / "wages.csv").write_text("NOC,Province,Median Wage\n21231,ON,55.5\n")
        shutil.copytree(ROOT / "benchmarks", project.folder / "benchmarks")
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(fetch, "client", lambda: httpx.Client(transport=_portal()))

    def types(self, command: Shown) -> tuple[int, str]:
        """Run a command: its exit code and what it prints."""
        text = command.text.replace("/tmp/", f"{self.project.folder}/tmp/")
        words = Shown(command.page, text.replace("~/", f"{self.project.folder}/home/"), "").words
        if words[:3] == ["uv", "run", "jobforge"]:
            told = self.project.command(*words[3:])
            return told.exit_code, told.output
        if words[:3] == ["uv", "run", "dagster"]:
            sys.modules.pop("jobforge_dagster.definitions", None)
            return _dagster([*words[3:5], *MODULE, *words[5:]]), ""
        if words[:3] == ["uv", "run", "python"]:
            ran = subprocess.run(
                [sys.executable, *words[3:]],
                cwd=self.project.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            return ran.returncode, ran.stdout + ran.stderr
        raise AssertionError(f"Nobody knows how to try {command.text!r}.")


MODULE = ("-m", "jobforge_dagster.definitions")
"""What the installed ``.pth`` tells Dagster's command line."""


@pytest.fixture
def reader(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reader]:
    project = Project(made_sample(tmp_path_factory, tmp_path), monkeypatch)
    yield Reader(project, monkeypatch)
    with contextlib.suppress(Exception):
        project.lake.instance.dispose()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_what_happens(page: Path, reader: Reader) -> None:
    """On purpose changed? ``JOBFORGE_SNAPSHOT=write uv run pytest`` writes the outputs anew."""
    differ = []
    for command in _runnable(page):
        code, output = reader.types(command)
        if code != 0 and not command.output.startswith("Error: "):
            differ.append(f"$ {command.text}\nends with {code}:\n{output}")
        elif command.output and timeless(output) != timeless(command.output):
            differ.append(f"$ {command.text}\nprints:\n{output}")
            if os.environ.get("JOBFORGE_SNAPSHOT") == "write":
                write(command, output)

    assert not differ, "\n\n".join(differ)


def test_the_notebook_of_the_page_gives_what_it_says(reader: Reader) -> None:
    [text] = [each for each in _python("asking.md") if each.startswith("import jobforge_dagster")]
    told: dict[str, Any] = {}

    exec(text, told)

    assert told["shortage"]["gap"].is_sorted(descending=True)
    gold = reader.project.lake.table("gold/dim_noc").filter(noc_code=told["code"])
    assert told["title"] == gold["title"][0]
    assert told["place"].filter(what="unit group")["title"][0] == told["title"]
    gap = told["gap"]
    assert (gap.value, gap.recomputed.same) == (told["shortage"]["gap"][0], True)
    assert {cell.verdict for cell in gap.cells} == {"necessary"}
    assert told["row"].values["gap"] == gap.value
    made = {products.table for products in told["made_of_record"].products}
    assert "gold/fact_cops_outlook" in made
    assert any("job_openings" in str(node) for node in told["above"].nodes)
    assert told["reached"]


def test_the_mart_of_the_page_is_all_it_takes(domains: Domains) -> None:
    [wages] = [each for each in _python("README.md") if "WAGES = Domain" in each]
    [mart] = [each for each in _python("asking.md") if each.startswith("WAGES.mart")]
    lake = domains(wages=f"{wages}\n{mart}".replace("import Domain, ", "import Question, Domain, "))
    lake.drop("wages/wages_2024.csv", "NOC,Province,Median Wage\n21231,ON,55.5\n21231,QC,N/A\n")

    assert lake.run().success

    told = lake.command("questions", "answer", "6", "ON", "--json")
    assert json.loads(told.stdout) == [{"province": "ON", "wage": 55.5}]
    assert "No wage is known of XX." in lake.command("questions", "answer", "6", "XX").output


def _python(page: str) -> list[str]:
    [path] = [each for each in PAGES if each.name == page]
    return re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_commands_are_found() -> None:
    assert sum(1 for page in PAGES for _ in _runnable(page)) > 20


def _dagster(words: list[str]) -> int:
    """Dagster's command line in this process; what it prints, it prints."""
    try:
        create_dagster_cli().main(words, standalone_mode=False)
    except (click.ClickException, SystemExit) as ended:
        return int(getattr(ended, "exit_code", 1) or getattr(ended, "code", 1) or 0)
    return 0


def _runnable(page: Path) -> Iterator[Shown]:
    for command in shown(page):
        for part in command.text.split(" && "):
            if part.startswith("uv run python benchmarks/"):
                assert (ROOT / part.split()[3]).exists(), part
            elif not part.startswith(INSTALLED):
                yield Shown(command.page, part, command.output)


def _portal() -> httpx.MockTransport:
    """The federal portal, as far as the pages ask it: it has the sample's file."""
    content = (SAMPLE / EMPLOYMENT).read_bytes()
    name = EMPLOYMENT.rpartition("/")[2]
    resource = {"name": name, "url": f"https://portal.example/{name}", "format": "CSV"}
    answered = json.dumps(
        {"success": True, "result": {"resources": [resource], "license_title": "Open"}}
    ).encode()

    def answer(request: httpx.Request) -> httpx.Response:
        is_file = request.url.path.endswith(".csv")
        body, kind = (content, "text/csv") if is_file else (answered, "application/json")
        return httpx.Response(200, stream=httpx.ByteStream(body), headers={"Content-Type": kind})

    return httpx.MockTransport(answer)
