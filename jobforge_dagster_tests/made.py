"""Lakes that take long to make: made once for all test files and all processes of a session.

Every test gets a copy of its own, so none can change what another sees.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobforge_dagster.medallion.storage.atomic import alone
from jobforge_dagster_tests.conftest import REAL, ROOT, SAMPLE, Lake, Run

CLONED = ("pyproject.toml", "dagster.yaml", "workspace.yaml")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that ``make`` filled, once in a session; whoever comes second waits."""
    place = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    folder, done = place / name, place / f"{name}.done"
    with alone(place / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def cloned(folder: Path) -> Path:
    """What a fresh clone holds at its root, as far as running needs it."""
    shutil.copytree(SAMPLE, folder / "data" / "source")
    for name in CLONED:
        shutil.copy(ROOT / name, folder)
    return folder


def made_clone(factory: pytest.TempPathFactory) -> Path:
    """A fresh clone after the newcomer's one command; ``first.json`` tells how that went.

    It is for reading only: see :func:`made_sample`.
    """
    return made_once(factory, "made-sample", _materialized)


def _materialized(folder: Path) -> None:
    settings = ("DAGSTER_HOME", "JOBFORGE_DATA_ROOT", "JOBFORGE_DOMAINS")
    done = subprocess.run(
        [Path(sys.executable).with_name("dagster"), "asset", "materialize", "--select", "*"],
        cwd=cloned(folder),
        env={name: value for name, value in os.environ.items() if name not in settings},
        capture_output=True,
        text=True,
        check=False,
    )
    told = {"returncode": done.returncode, "stderr": done.stderr}
    (folder / "first.json").write_text(json.dumps(told), "utf-8")


def made_sample(factory: pytest.TempPathFactory, folder: Path) -> Lake:
    """The shipped sample after its first run, and its history, copied to a folder of one's own."""
    clone = made_clone(factory)
    for name in ("data", ".dagster"):
        shutil.copytree(clone / name, folder / name)
    lake = Lake(folder / "data")
    assert lake.table("gold/dim_noc").height, (clone / "first.json").read_text("utf-8")
    return lake


def made_real(factory: pytest.TempPathFactory, folder: Path) -> tuple[Lake, Run]:
    """A copy of the graph built from the publishers' files, laid over the sample as README says."""
    made = made_once(factory, "made-real", _from_real_files)
    shutil.copytree(made / "data", folder / "data")
    return Lake(folder / "data"), pickle.loads((made / "run.pickle").read_bytes())


def _from_real_files(folder: Path) -> None:
    lake = Lake(folder / "data")
    shutil.copytree(SAMPLE, lake.root.landing)
    shutil.copytree(
        REAL, lake.root.landing, dirs_exist_ok=True, ignore=shutil.ignore_patterns("README*")
    )
    run = lake.run()
    assert run.success, run.failures
    (folder / "run.pickle").write_bytes(pickle.dumps(run))
