"""Polars is told how to use memory before it is imported, unless somebody has said it already."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from jobforge_dagster.medallion.storage.parquet import ROW_GROUP

MORSEL, ALLOCATOR = "POLARS_IDEAL_MORSEL_SIZE", "_RJEM_MALLOC_CONF"
PROGRAM = f"""
import json, os
import jobforge_dagster
print(json.dumps([os.environ.get(name) for name in ({MORSEL!r}, {ALLOCATOR!r})]))
"""


def _told(**given: str) -> list[str | None]:
    """Both variables in a process that was given some, after the platform is imported."""
    kept = {name: value for name, value in os.environ.items() if name not in {MORSEL, ALLOCATOR}}
    program = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(program, env=kept | given, capture_output=True, text=True, check=True)
    found: list[str | None] = json.loads(run.stdout)
    return found


def test_a_row_group_is_worked_on_in_thirds() -> None:
    assert _told()[0] == str(ROW_GROUP // 3)


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is another one elsewhere")
def test_the_allocator_has_one_arena_a_core() -> None:
    arenas = f"narenas:{len(os.sched_getaffinity(0))}"

    assert _told()[1] == arenas
    # Polars leaves this to the processes that it starts.
    assert _told(**{ALLOCATOR: "dirty_decay_ms:500"})[1] == f"{arenas},dirty_decay_ms:500"


def test_what_somebody_has_set_stays() -> None:
    given = {MORSEL: "7", ALLOCATOR: "dirty_decay_ms:500,narenas:9"}

    assert _told(**given) == [*given.values()]
