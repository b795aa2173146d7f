"""The publishers' files with 1 %, 10 % and 60 % of their cells damaged, as a spreadsheet would."""

from __future__ import annotations

import csv
import json
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster_tests.conftest import DOMAINS, REAL, SAMPLE, Lake, Run
from jobforge_dagster_tests.made import made_real

pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the publishers' files (../shared/real_sources) are not here"
)

DAMAGE = "#REF!"
FOUND = discover([DOMAINS])

LIMITS = {
    "max_rejected": 0.5,
    # Some rows need many cells: nine numbers, a code with its descriptor, or four ancestors.
    "max_rejected_of": {
        "bronze/cops/cops_summary": 0.7,
        "silver/oasis/rating": 0.7,
        **{table.key: 0.95 for table in FOUND.tables if table.layer == "gold"},
    },
}
"""What the tables may lose here: 10 % of the cells are more than 5 % of the rows, the default."""


@dataclass
class Damaged:
    """How many cells were damaged, by file and column, and the records as they were delivered."""

    cells: dict[str, list[int]] = field(default_factory=dict)
    records: dict[str, list[list[str]]] = field(default_factory=dict)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "data")
    shutil.copytree(SAMPLE, made.root.landing)
    for path in REAL.glob("*/*.csv"):
        shutil.copyfile(path, made.root.landing / path.relative_to(REAL))
    return made


def _damage(lake: Lake, share: float) -> Damaged:
    """Damage a share of the cells of each of the publishers' files, the same at every call."""
    chance = random.Random(2)
    damaged = Damaged()
    for path in sorted(REAL.glob("*/*.csv")):
        name = path.relative_to(REAL).as_posix()
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
        damaged.cells[name] = [0] * len(header)
        for row in rows:
            for place in range(len(row)):
                if chance.random() < share:
                    row[place] = DAMAGE
                    damaged.cells[name][place] += 1
        damaged.records[name] = rows
        with (lake.root.landing / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\r\n").writerows([header, *rows])
    return damaged


def _balanced(lake: Lake, run: Run) -> None:
    published = run.states().keys() & {each.key for each in FOUND.declared}
    assert published
    for key in published:
        assert lake.publications(key)[-1].conservation.balances, key


def _rejected(lake: Lake, key: str, rule: str) -> int:
    rejected = lake.publications(key)[-1].rejected
    return rejected[f"{key}:{rule}"].rows if f"{key}:{rule}" in rejected else 0


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_what_is_damaged_is_quarantined_and_counted_and_the_rest_published(
    lake: Lake, share: float
) -> None:
    damaged = _damage(lake, share)

    run = lake.run(quality=LIMITS)

    assert run.success, run.failures
    assert len(run.states()) == len(FOUND.tables) + 2 * len(FOUND.sources) + len(FOUND.marts) + 1
    _balanced(lake, run)
    scores = sum(
        sum(cells[2:])
        for name, cells in damaged.cells.items()
        if Path(name).name.split("_")[0]
        in ("skills", "abilities", "personal-attributes", "knowledges", "workactivities",
            "workcontext")
    )  # fmt: skip
    assert scores > 100
    assert _rejected(lake, "silver/oasis/rating", "cells_read") == scores
    figures = sum(
        sum(cells[3:])
        for name, cells in damaged.cells.items()
        if name.startswith("cops/") and len(cells) == 14
    )
    assert _rejected(lake, "silver/cops/projection", "cells_read") == figures
    duties = damaged.cells["oasis/main-duties_oasis-2023_v1.0.csv"][0]
    assert _rejected(lake, "silver/oasis/main_duty", "profile_code.regex") == duties
    for file, number, original in _originals(lake):
        rows = damaged.records.get(file.split("|")[0])
        if rows and original:
            assert list(json.loads(original).values()) == rows[number - 1]
    for table in FOUND.tables:
        keys = table.schema.primary_key()
        frame = lake.table(table.key)
        assert frame.select(keys).is_unique().all(), table.key
        typed = [
            name
            for name in frame.columns
            if name.endswith("_code") and not name.startswith("noc_2016")
        ]
        assert not any(frame[name].eq(DAMAGE).any() for name in typed), table.key


def _originals(lake: Lake) -> set[tuple[str, int, str | None]]:
    """What every quarantine record says of its record: many rows were made of one."""
    columns = ("source_file", "source_row", "original")
    paths = lake.path.glob("quarantine/*/*/*.parquet")
    return {
        row
        for path in paths
        for row in pl.read_parquet(path, columns=columns, glob=False).unique().iter_rows()
    }


def test_too_much_damage_publishes_nothing_and_says_why(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lake, _ = made_real(tmp_path_factory, tmp_path)
    before = _tables(lake)
    _damage(lake, 0.6)

    run = lake.run(quality=LIMITS)

    ours = {key for key in run.states() if "job_title" in key or "job_f" in key}
    made = {key for key in run.states() if key.split("/")[0] in ("silver", "gold")} - ours
    assert not made
    assert _tables(lake) == before
    for key, said in run.failures.items():
        assert "are refused" in said or "seems to have fixed" in said, (key, said)
        assert "stays" in said
    assert run.failures


def _tables(lake: Lake) -> dict[str, Any]:
    return {
        path: content
        for path, (content, _) in lake.files().items()
        if path.split("/")[0] in ("silver", "gold") and path.endswith(".parquet")
    }
