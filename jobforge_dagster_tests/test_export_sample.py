"""Every export of the shipped tables, through the command, against what its format demands."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import yaml
from rdflib import Graph

from jobforge_dagster.catalog.export import FORMATS
from jobforge_dagster.catalog.snapshot import Snapshot, snapshot
from jobforge_dagster_tests import atlas_wire, tmdl_checks
from jobforge_dagster_tests.conftest import ROOT, Lake
from jobforge_dagster_tests.export_schemas import (
    contract_problems,
    core_problems,
    facet_problems,
    needs_schemas,
)
from jobforge_dagster_tests.made import made_sample
from jobforge_dagster_tests.test_export_data_package import _errors, needs_profiles
from jobforge_dagster_tests.test_export_dcat import _violations, needs_shapes


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return made_sample(tmp_path_factory, tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="module")
def known(lake: Lake) -> Snapshot:
    return snapshot(lake.root)


_exported: dict[str, dict[str, str]] = {}


def exported(lake: Lake, form: str) -> dict[str, str]:
    """The files of an export, made once."""
    if form not in _exported:
        _exported[form] = export(lake, form)
    return _exported[form]


def export(lake: Lake, form: str) -> dict[str, str]:
    folder = lake.path / "catalog" / "exports"
    shutil.rmtree(folder, ignore_errors=True)
    outcome = lake.command("catalog", "export", form)
    assert outcome.exit_code == 0, outcome.output
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def jsons(files: dict[str, str], ending: str) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in files.items() if name.endswith(ending)}


@needs_schemas
def test_open_lineage(lake: Lake, known: Snapshot) -> None:
    [text] = exported(lake, "openlineage").values()
    events = [json.loads(line) for line in text.splitlines()]
    assert len(events) == 2 * len(known.transitions)
    assert [problem for event in events for problem in core_problems(event)] == []
    assert [problem for event in events for problem in facet_problems(event)] == []
    columns = [
        output["facets"]["columnLineage"]["fields"]
        for event in events
        for output in event["outputs"]
        if output["name"] == "gold/dim_noc" and "columnLineage" in output["facets"]
    ]
    assert columns[0]["teer"]["inputFields"][0]["field"] == "noc_code"


def test_data_contracts(lake: Lake, known: Snapshot) -> None:
    files = exported(lake, "odcs")
    assert len(files) == sum(table.layer == "gold" for table in known.tables)
    for name, text in files.items():
        assert contract_problems(yaml.safe_load(text)) == [], name


@needs_shapes
def test_dcat(lake: Lake) -> None:
    [text] = exported(lake, "dcat").values()
    assert _violations(Graph().parse(data=text, format="json-ld")) == ""


@needs_profiles
def test_data_package(lake: Lake, known: Snapshot) -> None:
    [text] = exported(lake, "datapackage").values()
    package = json.loads(text)
    assert _errors(package) == []
    for resource in package["resources"]:
        assert (lake.path / resource["path"]).stat().st_size == resource["bytes"]


def test_atlas(lake: Lake) -> None:
    files = exported(lake, "atlas")
    atlas_wire.check(jsons(files, ".json"))


def test_power_bi(lake: Lake, known: Snapshot) -> None:
    files = exported(lake, "powerbi")
    tmdl_checks.check(files, known)
    told = "".join(text for name, text in files.items() if "/tables/" in name)
    assert "measure 'Shortage in ten years'" in told


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_catalog_gives_the_same_bytes(lake: Lake, form: str) -> None:
    assert export(lake, form) == exported(lake, form)


@pytest.mark.parametrize("form", FORMATS)
def test_no_export_tells_of_this_machine(lake: Lake, form: str) -> None:
    for name, text in exported(lake, form).items():
        assert str(lake.path) not in text, name
        assert str(ROOT) not in text, name


def test_an_unknown_format_is_refused_in_words(lake: Lake) -> None:
    outcome = lake.command("catalog", "export", "dcat-ap")
    assert outcome.exit_code == 1
    assert "Known are openlineage, odcs, dcat, datapackage, atlas, powerbi" in outcome.output
