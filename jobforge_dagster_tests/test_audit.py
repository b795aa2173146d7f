"""The audit: a healthy lake passes, and each control notices what it is there for."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import Result

from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.audit import controls
from jobforge_dagster.catalog.audit.controls import CONTROLS
from jobforge_dagster.catalog.audit.evidence import Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents.transition import TransitionFacts
from jobforge_dagster.orchestration.rebuild import rebuild
from jobforge_dagster.orchestration.replay import replay
from jobforge_dagster_tests.conftest import DOMAINS, Domains, Lake
from jobforge_dagster_tests.made import made_sample
from jobforge_dagster_tests.shop import ORDERS, SHOP
from jobforge_dagster_tests.test_nested import HOMES, PEOPLE, deliver
from jobforge_dagster_tests.test_quality_gate import WIDE

NOC = "catalog/tables/gold/dim_noc.json"
NODE = "catalog/tables/gold/dim_noc_node.json"
GLOSSARY = "catalog/glossary/glossary.json"


@pytest.fixture(autouse=True)
def no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What of the work tree is in version control just now is no business of a test."""
    _answer(tmp_path, monkeypatch, "exit 128")


def _answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put another git in the place of the real one."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample after one run; to be copied, never altered."""
    return made_sample(tmp_path_factory, tmp_path_factory.mktemp("healthy")).path


@pytest.fixture
def lake(healthy: Path, tmp_path: Path) -> Lake:
    """A copy of the sample lake, made of hard links: files are replaced, not written to."""
    shutil.copytree(healthy, tmp_path / "data", copy_function=os.link)
    return Lake(tmp_path / "data")


def found(lake: Lake, control: str, medallion: str = "jobforge_dagster.medallion") -> list[str]:
    """What one control finds."""
    evidence = Evidence(lake.root, lake.packages, medallion)
    [outcome] = controls.audit(evidence, [control])
    assert outcome.passed == (not outcome.checked.findings)
    return [str(finding) for finding in outcome.checked.findings]


def notes(lake: Lake, control: str) -> list[str]:
    [outcome] = controls.audit(Evidence(lake.root, lake.packages), [control])
    return outcome.checked.notes


def tells(findings: Iterable[str], *words: str) -> bool:
    """Whether one finding has all of these words."""
    return any(all(word in finding for word in words) for finding in findings)


def put(path: Path, content: bytes | str) -> None:
    """Replace a file that may be a link to the healthy one."""
    path.unlink(missing_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def edit(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    put(path, json.dumps(document, indent=2))


def rewrite(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Replace a Parquet file by what is made of it; its footer stays."""
    footer = pl.read_parquet_metadata(path).get("jobforge", "{}")
    changed = change(pl.read_parquet(path, glob=False))
    path.unlink()
    changed.write_parquet(path, metadata={"jobforge": footer})


def rechain(lake: Lake, change: Callable[[TransitionFacts], TransitionFacts]) -> None:
    """Tell the whole chain again, with other transitions: nothing in it is damaged."""
    records = Evidence(lake.root, lake.packages).transitions
    shutil.rmtree(chain.lineage(lake.root))
    for record in records:
        told = {name: getattr(record, name) for name in TransitionFacts.model_fields}
        chain.append(lake.root, change(TransitionFacts(**told)), record.completed_at)


def command(lake: Lake, *arguments: str) -> Result:
    return lake.command("audit", *arguments)


def publication(lake: Lake, key: str) -> Path:
    [path] = lake.root.publications(key).glob("*.json")
    return path


def _manifest(lake: Lake, source: str) -> Path:
    batch = lake.manifests(source)[0]["batch_id"]
    return lake.root.manifests / f"{batch}.json"


# The whole command


def test_a_healthy_lake_passes_every_control(lake: Lake) -> None:
    told = command(lake)
    assert told.exit_code == 0, told.output
    assert told.output.count("pass  ") == len(CONTROLS) == 13
    assert "All 13 controls passed." in told.output
    assert "96 tables" in told.output


def test_looking_writes_nothing(lake: Lake) -> None:
    before = lake.files()
    assert command(lake, "--json").exit_code == 0
    assert lake.files() == before


def test_json_is_for_programs_and_stable(lake: Lake) -> None:
    first, second = command(lake, "--json"), command(lake, "--json")
    assert first.exit_code == 0
    assert first.stdout == second.stdout
    told = json.loads(first.stdout)
    assert told["passed"] is True
    assert [each["id"] for each in told["controls"]] == [each.id for each in CONTROLS]
    assert {each["area"] for each in told["controls"]} == {
        "Data architecture",
        "Metadata",
        "Data integration",
        "Data quality",
    }
    assert all(next(iter(each["evidence"].values())) > 0 for each in told["controls"])


def test_the_report_changes_only_with_what_is_found(lake: Lake, tmp_path: Path) -> None:
    report = tmp_path / "new" / "audit.md"
    assert command(lake, "--markdown", str(report)).exit_code == 0
    first = report.read_text()
    assert command(lake, "--markdown", str(report)).exit_code == 0
    assert report.read_text() == first
    assert "| `quality.originals` | Data quality | passed |" in first
    put(_manifest(lake, "noc_structure"), "{")
    assert command(lake, "--markdown", str(report)).exit_code == 1
    assert "**failed**" in report.read_text()
    assert [path.name for path in report.parent.iterdir()] == ["audit.md"]


def test_a_report_that_cannot_be_written_is_told_in_words(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = command(lake, "--control", "quality.originals", "--markdown", str(tmp_path / "file/x"))
    assert told.exit_code == 1
    assert "Error: " in told.output
    assert "Traceback" not in told.output


def test_an_empty_lake_is_nothing_to_audit(tmp_path: Path) -> None:
    told = command(Lake(tmp_path / "data"))
    assert told.exit_code == 1
    assert "Nothing to audit" in told.output


def test_an_unknown_control_is_told_with_the_closest(lake: Lake) -> None:
    told = command(lake, "--control", "quality.original")
    assert told.exit_code == 1
    assert "Did you mean quality.originals?" in told.output


def test_a_damaged_document_fails_the_controls_that_rely_on_it(lake: Lake) -> None:
    put(lake.path / NOC, '{"table": 3')
    told = command(lake, "--json")
    assert told.exit_code == 1
    failed = {each["id"] for each in json.loads(told.stdout)["controls"] if not each["passed"]}
    assert {"metadata.valid", "metadata.linked", "architecture.single-source"} <= failed
    assert not failed & {"quality.originals", "integration.batches"}
    assert tells(found(lake, "metadata.valid"), NOC, "damaged", "jobforge catalog rebuild")


def test_damaged_bytes_of_every_kind_are_told_without_a_traceback(lake: Lake) -> None:
    kinds = [NOC, GLOSSARY, "catalog/lineage/index.jsonl", "gold/dim_noc.parquet"]
    paths = [lake.path / kind for kind in kinds]
    paths += [publication(lake, "gold/dim_noc"), _manifest(lake, "noc_structure")]
    paths += [lake.path / lake.manifests("job_titles")[0]["staged_file"]]
    paths += sorted(lake.path.glob("quarantine/silver/*/*.parquet"))[:1]
    paths += sorted(lake.path.glob("catalog/lineage/gold/dim_noc/*.json"))
    for path in paths:
        put(path, b"PAR1\x00\xff not what it was\n")
    assert command(lake).exit_code == 1
    told = command(lake, "--json")
    assert isinstance(told.exception, SystemExit)
    for path in paths:
        assert lake.root.relative(path) in told.stdout


def test_what_cannot_be_computed_fails_and_says_why(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_: Evidence) -> Checked:
        raise KeyError("no such thing")

    broken = Control("quality.originals", "Data quality", "It breaks.", breaks)
    monkeypatch.setattr(controls, "CONTROLS", (broken,))
    assert tells(found(lake, "quality.originals"), "cannot be computed", "no such thing")


def test_a_wrong_declaration_fails_and_does_not_crash(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop("shop/orders.csv", ORDERS)
    assert lake.run().success
    domains(shop=SHOP.replace('header="Amount"', 'header="Customer"'))
    told = command(lake)
    assert told.exit_code == 1
    assert tells(found(lake, "metadata.every-transformation"), "cannot be computed")


# Data architecture


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import dagster as dg", "imports dagster"),
        ("from dagster_duckdb_polars import x", "imports dagster_duckdb_polars"),
        ("from jobforge_dagster.catalog import store", "jobforge_dagster.catalog.store"),
        ("from jobforge_dagster import orchestration", "jobforge_dagster.orchestration"),
        ("from jobforge_dagster.medallion.storage import root", "medallion.storage"),
        ("import pathlib", "imports pathlib"),
        ("from urllib.request import urlopen", "imports urllib"),
        ("text = open('x')", "calls open()"),
        ("import polars as pl\nframe = pl.read_csv('x')", "calls .read_csv()"),
        ("def (", "cannot be parsed"),
    ],
)
def test_meaning_that_reaches_into_the_implementation_is_found(
    domains: Domains, line: str, told: str
) -> None:
    lake = domains(shop=SHOP)
    lake.drop("shop/orders.csv", ORDERS)
    assert lake.run("staged/orders").success
    assert found(lake, "architecture.meaning-apart") == []
    lake = domains(intruder=line)
    assert tells(found(lake, "architecture.meaning-apart"), "intruder.py", told)


def test_a_medallion_that_knows_who_runs_it_is_found(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "pure_or_not"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(package.parent))
    for line in (
        "import dagster",
        "from jobforge_dagster.catalog import store",
        "from jobforge_dagster.orchestration import assets",
        f"from {DOMAINS} import noc",
    ):
        (package / "layers.py").write_text(f"{line}\n")
        assert tells(found(lake, "architecture.meaning-apart", "pure_or_not"), "layers.py, line 1")
    (package / "layers.py").write_text("from jobforge_dagster.medallion import declare\n")
    assert found(lake, "architecture.meaning-apart", "pure_or_not") == []


def test_two_dimensions_of_the_same_grain_are_found(lake: Lake) -> None:
    grain = json.loads((lake.path / NOC).read_text())["lineage"]["grain"]
    edit(lake.path / NODE, lambda document: document["lineage"].update(grain=grain))
    assert tells(found(lake, "architecture.single-source"), "gold/dim_noc and gold/dim_noc_node")


def test_two_dimensions_of_the_same_keys_are_found(lake: Lake) -> None:
    codes = lake.table("gold/dim_noc")["noc_code"].implode()
    path = lake.root.table("gold/dim_noc_node")
    rewrite(path, lambda rows: rows.filter(pl.col("noc_code").is_in(codes)).reverse())
    told = found(lake, "architecture.single-source")
    assert tells(told, "gold/dim_noc and gold/dim_noc_node", "the same keys")


def test_a_key_that_is_not_unique_in_the_data_is_found(lake: Lake) -> None:
    rewrite(lake.root.table("gold/dim_noc"), lambda rows: pl.concat([rows, rows.head(1)]))
    told = found(lake, "architecture.single-source")
    assert tells(told, "gold/dim_noc.parquet", "not unique in the data")
    assert len(told) == 1


def test_a_unique_key_in_another_order_is_unique(lake: Lake) -> None:
    rewrite(lake.root.table("gold/dim_noc"), lambda rows: rows.reverse())
    assert found(lake, "architecture.single-source") == []


def test_a_foreign_key_to_nothing_is_found(lake: Lake) -> None:
    def elsewhere(document: Any) -> None:
        document["technical"]["foreign_keys"][0]["table"] = "gold/dim_gone"

    edit(lake.path / "catalog/tables/gold/fact_cops_outlook.json", elsewhere)
    told = found(lake, "architecture.single-source")
    assert tells(told, "fact_cops_outlook.json", "gold/dim_gone, which is not there")


def test_an_altered_schema_is_found(lake: Lake) -> None:
    edit(lake.root.schema("table"), lambda schema: schema.update(title="Mine"))
    lake.root.schema("run").unlink()
    told = found(lake, "architecture.version-control")
    assert tells(told, "schemas/table.schema.json", "not what the models")
    assert tells(told, "schemas/run.schema.json", "gone")


def test_files_that_git_does_not_track_are_found(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tells(notes(lake, "architecture.version-control"), "not in a work tree of git")
    every = 'case "$3" in ls-files) cd "$2" && find . -type f -printf "%P\\0";; esac'
    _answer(tmp_path, monkeypatch, every)
    assert found(lake, "architecture.version-control") == []
    _answer(tmp_path, monkeypatch, every.replace("-type f", "-type f ! -name noc.py ! -name run*"))
    told = found(lake, "architecture.version-control")
    assert tells(told, DOMAINS, "not in version control: noc.py")
    assert tells(told, "the schemas", "run.schema.json")


def test_a_git_that_does_not_answer_is_told(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobforge_dagster.catalog.audit.versioned._PATIENCE", 0.2)
    _answer(tmp_path, monkeypatch, "exec sleep 5")
    assert tells(found(lake, "architecture.version-control"), "git did not answer")


# Metadata


def test_a_table_without_a_document_is_found(lake: Lake) -> None:
    (lake.path / NOC).unlink()
    told = found(lake, "metadata.every-transformation")
    assert told == [each for each in told if "gold/dim_noc:" in each and NOC in each]
    assert len(told) == 1


def test_a_table_without_a_transition_is_found(lake: Lake) -> None:
    shutil.rmtree(chain.lineage(lake.root) / "gold/dim_noc")
    assert tells(found(lake, "metadata.every-transformation"), "gold/dim_noc", "no transition")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ({"file": "jobforge_dagster/domains/gone.py", "symbol": "dim_noc"}, "is not there"),
        ({"file": "jobforge_dagster/domains/noc.py", "symbol": "gone"}, "has no gone"),
        (None, "names no code"),
    ],
)
def test_code_that_does_not_exist_is_found(lake: Lake, code: Any, told: str) -> None:
    edit(lake.path / NOC, lambda document: document["lineage"].update(code=code))
    assert tells(found(lake, "metadata.every-transformation"), "gold/dim_noc", told)


def test_a_document_that_does_not_fit_its_file_is_found(lake: Lake) -> None:
    rewrite(lake.root.table("gold/dim_noc"), lambda rows: rows.drop("teer").head(5))
    told = found(lake, "metadata.every-transformation")
    assert tells(told, NOC, "columns are not those of the file: teer")
    assert tells(told, NOC, "56 rows", "has 5")


def test_a_document_of_nothing_is_found(lake: Lake) -> None:
    lake.root.table("gold/dim_noc").unlink()
    assert tells(found(lake, "metadata.every-transformation"), NOC, "not on the disk")


def test_a_term_that_is_gone_is_found(lake: Lake) -> None:
    def without(document: Any) -> None:
        document["terms"] = [term for term in document["terms"] if term["id"] != "teer"]

    edit(lake.path / GLOSSARY, without)
    assert tells(found(lake, "metadata.linked"), NOC, "column teer", "the term teer")


def test_links_of_terms_are_followed_both_ways(lake: Lake) -> None:
    def other(document: Any) -> None:
        term = next(term for term in document["terms"] if term["id"] == "teer")
        term["columns"] = ["gold/dim_noc.gone"]

    edit(lake.path / GLOSSARY, other)
    told = found(lake, "metadata.linked")
    assert tells(told, NOC, "names the term teer, which does not name it")
    assert tells(told, GLOSSARY, "teer names gold/dim_noc.gone")


def test_a_run_that_nothing_tells_of_is_found(lake: Lake) -> None:
    edit(lake.path / NOC, lambda document: document["technical"].update(updated_by_run="nobody"))
    assert tells(found(lake, "metadata.linked"), NOC, "run nobody")


def test_links_between_tables_are_followed_both_ways(lake: Lake) -> None:
    edit(lake.path / NOC, lambda document: document["lineage"].update(downstream=[]))
    told = found(lake, "metadata.linked")
    assert tells(told, "fact_cops_outlook.json", "gold/dim_noc, whose document does not name it")
    (lake.path / "catalog/tables/silver/noc_node.json").unlink()
    told = found(lake, "metadata.linked")
    assert tells(told, NOC, "silver/noc/noc_node, which has no document")
    assert tells(told, "transition", "silver/noc/noc_node, which has no document")


def test_a_column_without_lineage_is_found(lake: Lake) -> None:
    def without(document: Any) -> None:
        document["columns"][0]["lineage"] = None

    edit(lake.path / NOC, without)
    assert tells(found(lake, "metadata.lineage"), NOC, "column noc_code", "no lineage")


def test_lineage_from_nowhere_is_found(lake: Lake) -> None:
    def elsewhere(document: Any) -> None:
        document["columns"][0]["lineage"]["direct"][0]["column"] = "gone"
        document["columns"][1]["lineage"]["origins"][0]["header"] = "Never"
        document["columns"][2]["lineage"]["opaque"] = [" "]

    edit(lake.path / NOC, elsewhere)
    told = found(lake, "metadata.lineage")
    assert tells(told, "noc_code", "silver/noc/noc_node.gone")
    assert tells(told, "title", "'Never' of noc_structure")
    assert tells(told, "definition", "no reason")


def test_what_the_footer_tells_otherwise_is_found(lake: Lake) -> None:
    def more(document: Any) -> None:
        document["lineage"]["upstream"].append("silver/cops/projection")

    edit(lake.path / NOC, more)
    told = found(lake, "metadata.lineage")
    assert tells(told, NOC, "the footer of the file", "silver/cops/projection")


def test_a_boundary_that_was_skipped_or_left_out_is_found(lake: Lake) -> None:
    def skips(facts: TransitionFacts) -> TransitionFacts:
        if facts.table != "silver/noc/noc_node":
            return facts
        return facts.model_copy(update={"source_tables": ("staged/noc_structure",)})

    rechain(lake, skips)
    told = found(lake, "metadata.lineage")
    assert tells(told, "silver/noc/noc_node", "leads into it from staged")
    shutil.rmtree(chain.lineage(lake.root) / "staged/noc_structure")
    told = found(lake, "metadata.lineage")
    assert tells(told, "staged/noc_structure", "no transition leads into it")
    assert tells(told, "gold/dim_noc", "back to a delivered file")


def test_a_document_that_its_model_refuses_is_found(lake: Lake) -> None:
    edit(lake.path / NOC, lambda document: document.update(surprise=1))
    assert tells(found(lake, "metadata.valid"), NOC, "surprise")


def test_damaged_lines_records_and_schemas_are_found(lake: Lake) -> None:
    index = chain.index(lake.root)
    put(index, index.read_bytes().replace(b'"table":"gold/dim_noc"', b'"table":7'))
    edit(publication(lake, "gold/dim_noc"), lambda record: record.pop("metrics"))
    put(lake.root.schema("glossary"), "{}")
    put(lake.path / "catalog/tables/gold/dim_copy.json", (lake.path / NOC).read_bytes())
    put(lake.path / "catalog/notes.txt", "?")
    told = found(lake, "metadata.valid")
    assert tells(told, "catalog/lineage/index.jsonl, line", "table")
    assert tells(told, "gold/_metadata/dim_noc/", "metrics")
    assert tells(told, "glossary.schema.json")
    assert tells(told, "dim_copy.json", "belongs elsewhere")
    assert tells(notes(lake, "metadata.valid"), "catalog/notes.txt")


# Data integration


def test_an_altered_table_breaks_the_chain(lake: Lake) -> None:
    rewrite(lake.root.table("gold/dim_noc"), lambda rows: rows.reverse())
    assert tells(found(lake, "integration.traceable"), "gold/dim_noc.parquet")


@pytest.mark.parametrize(
    ("table", "update", "told"),
    [
        ("gold/dim_noc", {"sha256": "0" * 64}, "silver/noc/noc_node is not what the transition"),
        ("gold/dim_noc", {"sha256": None}, "no hash of its input silver/noc/noc_node"),
        ("gold/dim_noc", {"table": "silver/noc/gone"}, "binds no hash of it"),
        ("bronze/noc/noc_structure", {"sha256": "0" * 64}, "is not what was staged before it"),
        ("staged/noc_structure", {"sha256": "0" * 64}, "tells of another content"),
    ],
)
def test_an_input_that_no_output_was_is_found(
    lake: Lake, table: str, update: dict[str, Any], told: str
) -> None:
    def other(facts: TransitionFacts) -> TransitionFacts:
        if facts.table != table:
            return facts
        [read] = facts.inputs
        return facts.model_copy(update={"inputs": (read.model_copy(update=update),)})

    rechain(lake, other)
    findings = found(lake, "integration.traceable")
    assert tells(findings, table, told), findings


def test_a_document_without_its_version_is_found(lake: Lake) -> None:
    edit(lake.path / NOC, lambda document: document.pop("document_version"))
    assert tells(found(lake, "integration.versioned"), NOC, "document_version")


def test_a_schema_version_that_does_not_follow_is_found(lake: Lake) -> None:
    path = publication(lake, "gold/dim_noc")
    edit(path, lambda record: record["table_schema"].update(version="1.2.0"))
    told = found(lake, "integration.versioned")
    assert tells(told, lake.root.relative(path), "1.2.0", "1.0.0")
    assert tells(told, NOC, "tells of schema 1.0.0")


def test_a_schema_that_is_not_that_of_the_file_is_found(lake: Lake) -> None:
    path = publication(lake, "gold/dim_noc")
    edit(path, lambda record: record["table_schema"]["columns"].update(teer="Int64"))
    assert tells(found(lake, "integration.versioned"), lake.root.relative(path), "of the file")


def test_a_publication_that_is_gone_is_found(shop: Lake) -> None:
    shop.drop("shop/orders.csv", ORDERS.replace("Ann", "Zoe"))
    assert shop.run().success
    assert found(shop, "integration.versioned") == []
    first, _ = sorted(shop.root.publications("silver/shop/order").glob("*.json"))
    first.unlink()
    told = found(shop, "integration.versioned")
    assert tells(told, "silver/shop/order", "gone from _metadata")


def test_a_delivery_without_its_manifest_is_found(lake: Lake) -> None:
    path = _manifest(lake, "noc_structure")
    path.unlink()
    told = found(lake, "integration.batches")
    assert tells(told, "bronze/noc/noc_structure.parquet", path.stem)
    assert tells(told, "gold/dim_noc.parquet", path.stem)


def test_rows_of_another_batch_are_found(lake: Lake) -> None:
    other = pl.when(pl.col("_source_row") == 3).then(pl.lit("elsewhere"))
    strange = other.otherwise("_batch_id").alias("_batch_id")
    rewrite(lake.root.table("silver/noc/noc_node"), lambda rows: rows.with_columns(strange))
    staged = lake.manifests("job_titles")[0]["staged_file"]
    rewrite(lake.path / staged, lambda rows: rows.with_columns(_batch_id=pl.lit("elsewhere")))
    told = found(lake, "integration.batches")
    assert tells(told, "silver/noc/noc_node.parquet", "elsewhere")
    assert tells(told, staged, "not of batch")


# Data quality


def _interest(lake: Lake) -> Path:
    [path] = lake.path.glob("quarantine/silver/*/interest-*.parquet")
    return path


def test_an_altered_original_is_found(lake: Lake) -> None:
    path = _interest(lake)
    polished = pl.col("original").str.replace("Dispatchers", "Despatchers")
    rewrite(path, lambda rows: rows.with_columns(polished))
    told = found(lake, "quality.isolated")
    assert tells(told, lake.root.relative(path), "f77f3d6c1690a01d", "the original")


def test_a_rejected_row_that_stands_in_its_table_is_found(lake: Lake) -> None:
    def let_in(rows: pl.DataFrame) -> pl.DataFrame:
        record = pl.read_parquet(_interest(lake), glob=False).row(0, named=True)
        row = rows.head(1).with_columns(
            profile_code=pl.lit("14404.01"),
            _source_row=pl.lit(record["source_row"], pl.UInt32),
            _batch_id=pl.lit(record["batch_id"]),
        )
        return pl.concat([rows, row])

    rewrite(lake.root.table("silver/oasis/interest"), let_in)
    told = found(lake, "quality.isolated")
    assert tells(told, "interest-", "is rejected, and stands in silver/oasis/interest")


def test_records_that_are_gone_are_found(lake: Lake) -> None:
    path = _interest(lake)
    rewrite(path, lambda rows: rows.clear())
    assert tells(found(lake, "quality.isolated"), lake.root.relative(path), "'rejected': 1")
    path.unlink()
    assert tells(found(lake, "quality.isolated"), lake.root.relative(path), "gone")


def test_rows_that_do_not_balance_are_found(lake: Lake) -> None:
    path = publication(lake, "gold/dim_noc")
    edit(path, lambda record: record["conservation"].update(expected=57))
    told = found(lake, "quality.isolated")
    assert tells(told, lake.root.relative(path), "do not balance", "57")


def test_an_altered_staged_file_is_found(lake: Lake) -> None:
    staged = lake.manifests("noc_structure")[0]["staged_file"]
    rewrite(lake.path / staged, lambda rows: rows.reverse())
    assert tells(found(lake, "quality.originals"), staged, "not what the manifest")
    (lake.path / staged).unlink()
    assert tells(found(lake, "quality.originals"), staged, "gone")


def test_a_delivered_file_that_changed_behind_its_time_is_found(lake: Lake) -> None:
    path = lake.root.landing / "noc/noc_structure_en.csv"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    put(path, path.read_bytes().replace(b"Legislators", b"Legislatorz"))
    os.utime(path, ns=(times[0], times[1] + 1_000_000_000))
    assert found(lake, "quality.originals") == []
    assert tells(notes(lake, "quality.originals"), "noc_structure_en.csv", "newer")
    os.utime(path, ns=times)
    assert tells(found(lake, "quality.originals"), "source/noc/noc_structure_en.csv", "its time")
    path.unlink()
    assert found(lake, "quality.originals") == []


def test_a_delivery_that_no_line_tells_of_is_found(lake: Lake) -> None:
    (lake.root.staged / "noc_structure/_arrivals.jsonl").unlink()
    told = found(lake, "quality.originals")
    assert tells(told, "staged/noc_structure/_arrivals.jsonl", "noc_structure_en.csv")


def test_metrics_that_are_not_those_of_the_data_are_found(lake: Lake) -> None:
    path = publication(lake, "gold/dim_noc")
    edit(path, lambda record: record["metrics"].update(completeness=0.5, nulls={"teer": 3}))
    told = found(lake, "quality.metrics")
    assert tells(told, lake.root.relative(path), "completeness of 0.5", "1.0")
    assert tells(told, lake.root.relative(path), "empty cells of teer")
    assert tells(told, NOC, "completeness")


def test_data_that_is_not_that_of_the_metrics_is_found(lake: Lake) -> None:
    holes = pl.when(pl.col("teer") > 1).then("teer").alias("teer")
    rewrite(lake.root.table("gold/dim_noc"), lambda rows: rows.head(9).with_columns(holes))
    told = found(lake, "quality.metrics")
    assert tells(told, "gold/_metadata/dim_noc/", "56 rows", "has 9")
    assert tells(told, "gold/_metadata/dim_noc/", "empty cells of teer")


def test_a_table_without_its_record_is_found(lake: Lake) -> None:
    publication(lake, "gold/dim_noc").unlink()
    assert tells(found(lake, "quality.metrics"), "gold/_metadata/dim_noc", "not there")


# What may happen to a lake and is no fault


def passes(lake: Lake) -> list[str]:
    """All notes of an audit that finds nothing."""
    outcomes = controls.audit(Evidence(lake.root, lake.packages))
    findings = [str(finding) for each in outcomes for finding in each.checked.findings]
    assert not findings, "\n".join(findings)
    assert all(outcome.passed for outcome in outcomes)
    return [note for each in outcomes for note in each.checked.notes]


HEAD = "Order No,Customer,Amount\n"
DELIVERIES = [
    f"{HEAD}1,Ann,10\n2,Bob,-1\n",
    f"{HEAD}1,Ann,11\n2,Bob,2\n3,Cy,-3\n",
    f"{HEAD}1,Ann,10\n4,Dan,4\n5,Eve,-5\n6,Fay,1,1\n",
]


@pytest.mark.parametrize("combine", ["snapshot", "append", "upsert"])
def test_a_lake_with_a_past_passes(domains: Domains, combine: str, tmp_path: Path) -> None:
    declared = SHOP.replace("origin=ORIGIN)", f"origin=ORIGIN, combine={combine!r})")
    if combine == "append":
        declared = declared.replace("inputs=[orders],", "inputs=[orders], deduplicate=FIRST,")
        declared = declared.replace("SHOP = Domain", FIRST, 1)
    lake = domains(shop=declared)
    moments = []
    for content in DELIVERIES:
        lake.drop("shop/orders.csv", content)
        assert lake.run().success
        moments.append(datetime.now(UTC).isoformat())
        passes(lake)
    assert lake.run().success
    passes(lake)

    then = Lake(tmp_path / "then", lake.packages)
    rebuild(lake.root, moments[1], then.path, packages=lake.packages, instance=lake.instance)
    assert any("its history begins here" in note for note in notes(then, "integration.versioned"))
    for control in ("integration.versioned", "integration.batches", "quality.isolated"):
        assert found(then, control) == []

    rebuild(lake.root, moments[0], None, packages=lake.packages, instance=lake.instance)
    passes(lake)
    assert lake.run().success
    passes(lake)


FIRST = """
from jobforge_dagster.medallion.declare import Deduplicate
FIRST = Deduplicate(by=("order_id",), order=("amount",))
SHOP = Domain"""


def test_a_lake_whose_schema_changed_and_whose_runs_failed_passes(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop("shop/orders.csv", ORDERS)
    assert lake.run().success
    added = """
class Noted(Order):
    \"\"\"One order.\"\"\"

    note = dy.String(nullable=True, metadata=meaning("A note."))


@SHOP.silver(schema=Noted, inputs=[orders], max_rejected=LENIENT)
def order(orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.with_columns(pl.col("customer").str.strip_chars(), note=pl.lit(None, pl.String))
"""
    start, end = SHOP.index("@SHOP.silver"), SHOP.index("class Customer")
    more = SHOP[:start] + added + SHOP[end:]
    domains(shop=more)
    assert lake.run().success
    passes(lake)
    domains(shop=SHOP)
    assert lake.run().success
    passes(lake)
    domains(shop=SHOP.replace("orders.with_columns(", "orders.with_columns(pl.col('gone'), "))
    assert not lake.run().success
    passes(lake)


def test_a_lake_of_wide_and_nested_files_passes(domains: Domains) -> None:
    lake = domains(wide=WIDE + WIDE_GOLD, people=PEOPLE)
    lake.drop("wide/figures.csv", "Place,2023,2024,2025\na,1,#REF!,N/A\nb,x,5,y\n")
    deliver(lake, *HOMES)
    assert lake.run().success
    passes(lake)
    evidence = Evidence(lake.root, lake.packages)
    [outcome] = controls.audit(evidence, ["quality.isolated"])
    assert outcome.checked.figures["looked for in a table"] == 3


WIDE_GOLD = """

@WIDE.gold(schema=Figure, inputs=[figure])
def fact_figure(figures: pl.LazyFrame) -> pl.LazyFrame:
    return figures
"""


def test_a_waived_and_replayed_lake_passes(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop("shop/orders.csv", DELIVERIES[0] + "3,Cy,-3\n")
    assert lake.run().success
    passes(lake)
    refused = {json.loads(each["row"])["order_id"]: each["record_id"] for each in lake.quarantine()}
    waived = lake.command(
        *("quarantine", "waive", refused["2"], "--rule", "amount.min", "--by", "me"),
        *("--why", "so", "--until", str(datetime.now(UTC).date())),
    )
    assert waived.exit_code == 0, waived.output
    assert not replay(lake.root, (), packages=lake.packages, instance=lake.instance).failures
    assert len(lake.quarantine()) == 1
    passes(lake)
