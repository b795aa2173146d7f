"""A lake in a temporary folder, and a package of domains to put declarations in."""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from typer.testing import CliRunner, Result

from jobforge_dagster.cli import main
from jobforge_dagster.medallion.storage.publications import Publication, history
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster_tests.quick import quicken
from jobforge_dagster_tests.shop import ORDERS, SHOP

DOMAINS = "jobforge_dagster.domains"
ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "source"
SHARED = ROOT.parent / "shared"
REAL = SHARED / "real_sources"

settings.register_profile(
    "jobforge", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("jobforge")
quicken()
# Tests write a module, run it and write it anew within the second and the length by which Python
# tells whether its bytecode is out of date.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


LONG = (
    "test_why_real",
    "test_damaged_files",
    "test_sensor",
    "test_command_line",
    "test_catalog_runs",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker begins one when the others are done."""
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def pytest_unconfigure() -> None:
    """At the end all is let go of in order."""
    gc.unfreeze()


@dataclass
class Run:
    """What a run left behind: the outcome, and each asset's metadata by key."""

    success: bool
    metadata: dict[str, dict[str, Any]]
    failures: dict[str, str]
    skipped: list[str]
    checks: dict[str, dict[str, dg.AssetCheckEvaluation]] = field(default_factory=dict)

    def states(self) -> dict[str, str]:
        """What each table said of itself: published or unchanged."""
        return {
            key: facts["state"] for key, facts in self.metadata.items() if key != "catalog/glossary"
        }

    def only_failure(self) -> str:
        """The message of the one step that failed."""
        assert len(self.failures) == 1, self.failures
        return next(iter(self.failures.values()))


def _quiet_instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral(settings={"python_logs": {"python_log_level": "WARNING"}})


@dataclass
class Lake:
    """A data root with its graph."""

    path: Path
    packages: Sequence[str] = (DOMAINS,)
    instance: dg.DagsterInstance = field(default_factory=_quiet_instance)

    @property
    def root(self) -> DataRoot:
        return DataRoot(self.path)

    def drop(self, name: str, content: str | bytes) -> Path:
        """Put a file into the landing folder."""
        path = self.root.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *keys: str, quality: dict[str, Any] | None = None) -> Run:
        """Materialise some tables, or all, in process; ``quality`` is the run's configuration."""
        defs = build_definitions(self.packages, self.root)
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys] or None,
            instance=self.instance,
            raise_on_error=False,
            run_config={"resources": {"quality": {"config": quality}}} if quality else None,
        )
        metadata = {
            event.asset_key.to_user_string(): {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in result.get_asset_materialization_events()
        }
        failures = {
            event.step_key.replace("__", "/"): _message(event.step_failure_data)
            for event in result.get_step_failure_events()
        }
        skipped = [
            event.step_key.replace("__", "/")
            for event in result.all_events
            if event.event_type_value == "STEP_SKIPPED"
        ]
        checks: dict[str, dict[str, dg.AssetCheckEvaluation]] = {}
        for check in result.get_asset_check_evaluations():
            checks.setdefault(check.asset_key.to_user_string(), {})[check.check_name] = check
        return Run(result.success, metadata, failures, skipped, checks)

    def command(self, *arguments: str) -> Result:
        """Run ``jobforge`` with some arguments, in a folder that is no clone of the project."""
        environment = {
            "JOBFORGE_DATA_ROOT": str(self.path.resolve()),
            "JOBFORGE_DOMAINS": ",".join(self.packages),
            "DAGSTER_HOME": None,
        }
        with contextlib.chdir(self.path.parent):
            return CliRunner().invoke(main, arguments, env=environment)

    def table(self, key: str) -> pl.DataFrame:
        """A bronze, silver or gold table."""
        return pl.read_parquet(self.root.table(key), glob=False)

    def manifests(self, source: str) -> list[dict[str, Any]]:
        """The manifests of a source, oldest first."""
        found = [json.loads(path.read_text()) for path in self.root.manifests.glob("*.json")]
        return sorted(
            (manifest for manifest in found if manifest["source"] == source),
            key=lambda manifest: manifest["received_at"],
        )

    def staged(self, source: str) -> pl.DataFrame:
        """The delivery of a source that stands: the last that arrived."""
        arrivals = (self.root.staged / source / "_arrivals.jsonl").read_text().splitlines()
        batch = json.loads(arrivals[-1])["batch_id"]
        manifest = json.loads((self.root.manifests / f"{batch}.json").read_text())
        return pl.read_parquet(self.path / manifest["staged_file"], glob=False)

    def quarantine(self, layer: str = "*") -> list[dict[str, Any]]:
        """Every quarantine record of a layer, oldest file first."""
        files = sorted(
            self.path.glob(f"quarantine/{layer}/*/*.parquet"), key=lambda path: path.stat().st_mtime
        )
        return [row for path in files for row in pl.read_parquet(path, glob=False).to_dicts()]

    def resolved(self) -> list[dict[str, Any]]:
        """Every quarantine record that was resolved."""
        files = sorted(self.path.glob("quarantine/_history/*/*/*.parquet"))
        return [row for path in files for row in pl.read_parquet(path, glob=False).to_dicts()]

    def publications(self, key: str) -> list[Publication]:
        """Every publication of a table, oldest first."""
        return history(self.root, key)

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Every file of the tables, by name: its bytes and its time of modification.

        Neither the cache nor the catalog, which tells of each run.
        """
        apart = {self.root.landing, self.root.cache, self.root.catalog}
        return {
            path.relative_to(self.path).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not apart & {*path.parents}
        }


def _message(data: Any) -> str:
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return str(data.error_display_string)


@pytest.fixture
def sample_lake(tmp_path: Path) -> Lake:
    """A data root that holds the shipped sample."""
    shutil.copytree(SAMPLE, tmp_path / "data" / "source")
    return Lake(tmp_path / "data")


_counter = itertools.count()

Domains = Callable[..., Lake]


@pytest.fixture
def domains(tmp_path: Path) -> Iterator[Domains]:
    """Write domain modules into a fresh package and get a lake that knows only them.

    ``domains(shop="...source...")`` writes ``shop.py``; calling it again rewrites the modules.
    """
    folder = tmp_path / "packages"
    folder.mkdir()
    sys.path.insert(0, str(folder))
    package = f"domains_{next(_counter)}"
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text("")
    lake = Lake(tmp_path / "data", packages=(package,))

    def write(**modules: str) -> Lake:
        for name, text in modules.items():
            (folder / package / f"{name}.py").write_text(textwrap.dedent(text))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
        importlib.invalidate_caches()
        _forget_sources()
        return lake

    yield write
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


_shop: list[Path] = []


@pytest.fixture
def shop(domains: Domains, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The shop after a good first run; that run is made only once, and copied."""
    lake = domains(shop=SHOP)
    if not _shop:
        lake.drop("shop/orders.csv", ORDERS)
        assert lake.run().success
        _shop.append(tmp_path_factory.mktemp("shop") / "data")
        shutil.copytree(lake.path, _shop[0])
    else:
        shutil.copytree(_shop[0], lake.path)
    return lake


def _forget_sources() -> None:
    from jobforge_dagster.medallion import fingerprint

    fingerprint._index.cache_clear()
