"""A lake whose runs are recorded as those of the command line are: in the embedded history."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import Result

from jobforge_dagster.catalog.documents import LayerTransitionLog, RunDocument, TableMetadata
from jobforge_dagster.catalog.verify import Verified, verify
from jobforge_dagster.orchestration.retelling import Retold, retell
from jobforge_dagster_tests.conftest import ROOT, Lake, Run
from jobforge_dagster_tests.shop import ORDERS, SHOP

BIN = Path(sys.executable).parent
HEAD = "Order No,Customer,Amount\n"
MATERIALIZE = ("asset", "materialize", "-m", "jobforge_dagster.definitions")
ALL = (*MATERIALIZE, "--select", "*")

Files = dict[str, bytes]


class Project:
    """A folder with a lake and a ``dagster.yaml``, and what its catalog says."""

    def __init__(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lake = lake
        self.folder = lake.path.parent
        self.packages = self.folder / "packages"
        configuration = (ROOT / "dagster.yaml").read_text("utf-8")
        (self.folder / "dagster.yaml").write_text(
            configuration.replace(".dagster", str(self.folder / ".dagster")), "utf-8"
        )
        monkeypatch.chdir(self.folder)
        monkeypatch.setenv("JOBFORGE_DATA_ROOT", str(lake.path))
        monkeypatch.setenv("JOBFORGE_DOMAINS", ",".join(lake.packages))
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        self.open()

    def open(self) -> dg.DagsterInstance:
        """The history, as a process that begins now sees it."""
        self.lake.instance = dg.DagsterInstance.from_config(str(self.folder))
        return self.lake.instance

    @property
    def catalog(self) -> Path:
        return self.lake.root.catalog

    def deliver(self, content: str, name: str = "shop/orders.csv") -> Path:
        return self.lake.drop(name, content)

    def run(self, *keys: str, **told: Any) -> Run:
        return self.lake.run(*keys, **told)

    def command(self, *arguments: str) -> Result:
        return self.lake.command(*arguments)

    def environment(self) -> dict[str, str]:
        """That of another process which works here."""
        return {**os.environ, "PYTHONPATH": str(self.packages)}

    def dagster(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "dagster", *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A ``dagster`` that goes on meanwhile; at the end it is killed, if it still works."""
        with (self.folder / "process.log").open("ab") as log:
            process = subprocess.Popen(
                [BIN / "dagster", *arguments],
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait(30)

    def documents(self, *folders: str) -> Files:
        """Every file of the catalog, or of some folders of it, by its name there.

        But for the note of how far it was told, which moves with every event.
        """
        return {
            path.relative_to(self.catalog).as_posix(): path.read_bytes()
            for folder in folders or (".",)
            for path in sorted((self.catalog / folder).rglob("*"))
            if path.is_file() and path.name != "progress.json"
        }

    def times(self, *folders: str) -> dict[str, int]:
        return {
            path.relative_to(self.catalog).as_posix(): path.stat().st_mtime_ns
            for folder in folders
            for path in (self.catalog / folder).rglob("*")
            if path.is_file()
        }

    def table(self, key: str) -> TableMetadata:
        layer, _, name = key.partition("/")
        path = self.catalog / "tables" / layer / f"{name.rpartition('/')[2]}.json"
        return TableMetadata.model_validate_json(path.read_bytes())

    def tables(self) -> dict[str, TableMetadata]:
        found = [
            TableMetadata.model_validate_json(path.read_bytes())
            for path in sorted((self.catalog / "tables").rglob("*.json"))
        ]
        return {table.table: table for table in found}

    def runs(self) -> list[RunDocument]:
        """Oldest first."""
        found = [
            RunDocument.model_validate_json(path.read_bytes())
            for path in (self.catalog / "runs").glob("*.json")
        ]
        return sorted(found, key=lambda run: str(run.started_at))

    def transitions(self, key: str | None = None) -> list[LayerTransitionLog]:
        """In the order of the chain, as the records tell it."""
        found = [
            LayerTransitionLog.model_validate_json(path.read_bytes())
            for path in (self.catalog / "lineage").glob("*/**/*.json")
        ]
        wanted = [each for each in found if key in (None, each.table)]
        return sorted(wanted, key=lambda each: each.sequence)

    def index(self) -> list[dict[str, Any]]:
        text = (self.catalog / "lineage" / "index.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def verify(self, head: str | None = None) -> Verified:
        return verify(self.lake.root, head)

    def retell(self, *, discard: bool = False) -> Retold:
        return retell(self.lake.root, discard=discard, instance=self.lake.instance)


_template: list[Path] = []
_PACKAGE = "shop_with_a_history"


def built_shop(
    tmp_path: Path, factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project of one's own with a shop whose first run went well; that run is made only once."""
    if not _template:
        folder = factory.mktemp("template")
        package = folder / "packages" / _PACKAGE
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "shop.py").write_text(SHOP)
        with pytest.MonkeyPatch.context() as patched:
            patched.syspath_prepend(folder / "packages")
            project = Project(Lake(folder / "data", packages=(_PACKAGE,)), patched)
            project.deliver(ORDERS)
            assert project.run().success
            project.lake.instance.dispose()
        _template.append(folder)
    for name in ("data", ".dagster"):
        shutil.copytree(_template[0] / name, tmp_path / name)
    monkeypatch.syspath_prepend(_template[0] / "packages")
    project = Project(Lake(tmp_path / "data", packages=(_PACKAGE,)), monkeypatch)
    project.packages = _template[0] / "packages"
    return project


def told_anew(project: Project) -> None:
    """The documents are those that the history alone gives."""
    before = project.documents()
    retold = project.retell()
    assert (retold.written, retold.removed) == ((), ())
    assert project.documents() == before


def until(happened: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something, but not for ever."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.05)
    return found
