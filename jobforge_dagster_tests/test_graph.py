"""The graph as Dagster sees it: a snapshot, its architecture, and what loading it costs."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.warehouse import VIEWS
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster.orchestration.glossary import KEY as GLOSSARY
from jobforge_dagster_tests.conftest import ROOT

SNAPSHOT = Path(__file__).parent / "snapshots" / "graph.json"
NO_TABLES = {GLOSSARY, VIEWS}
PACKAGE = ROOT / "jobforge_dagster"


def _graph(tmp_path: Path) -> dict[str, dict[str, object]]:
    defs = build_definitions(root=DataRoot(tmp_path))
    return {
        spec.key.to_user_string(): {
            "inputs": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "group": spec.group_name,
            "owners": list(spec.owners),
            "tags": {k: v for k, v in sorted(spec.tags.items()) if not k.startswith("dagster/")},
            "kinds": sorted(spec.kinds),
        }
        for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key)
    }


def test_the_graph_is_the_one_that_was_reviewed(tmp_path: Path) -> None:
    """On purpose changed? ``JOBFORGE_SNAPSHOT=write uv run pytest`` writes it anew for review."""
    graph = _graph(tmp_path)
    if os.environ.get("JOBFORGE_SNAPSHOT") == "write":
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(json.dumps(graph, indent=1, ensure_ascii=False) + "\n")
    assert graph == json.loads(SNAPSHOT.read_text())


def test_every_asset_says_what_it_is(tmp_path: Path) -> None:
    for spec in build_definitions(root=DataRoot(tmp_path)).resolve_all_asset_specs():
        key = spec.key.to_user_string()
        assert spec.description, key
        assert spec.code_version, key
        if key in NO_TABLES:
            continue  # no columns and no file that is expected
        if not key.startswith("staged/"):
            schema = spec.metadata["dagster/column_schema"]
            assert isinstance(schema, dg.TableSchema), key
            assert all(column.description for column in schema.columns), key
        else:
            assert spec.metadata["expected_file"], key


def test_loading_reads_no_data_and_imports_nothing_heavy(tmp_path: Path) -> None:
    script = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import jobforge_dagster.definitions
heavy = {"pyarrow", "duckdb", "pandas", "fastexcel", "structlog", "hypothesis"} & set(sys.modules)
data = [name for name in opened if name.endswith((".csv", ".parquet", ".json", ".jsonl"))]
print(sorted(heavy), data)
"""
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "JOBFORGE_DATA_ROOT": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[] []"
    assert not (tmp_path / "nowhere").exists()


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("medallion", ["dagster", "jobforge_dagster.domains", "jobforge_dagster.orchestration"]),
        ("domains", ["dagster", "jobforge_dagster.orchestration"]),
        ("orchestration", ["jobforge_dagster.domains"]),
    ],
)
def test_imports_run_one_way(room: str, forbidden: list[str]) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        for name in _imports(path):
            assert not any(name == bad or name.startswith(f"{bad}.") for bad in forbidden), path


def test_the_linter_keeps_dagster_out_of_domains_and_medallion(tmp_path: Path) -> None:
    for room in ("medallion", "domains"):
        told = subprocess.run(
            [
                *(sys.executable, "-m", "ruff", "check", "--select", "TID251", "--no-cache"),
                *("--stdin-filename", str(PACKAGE / room / "intruder.py"), "-"),
            ],
            input="import dagster as dg\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 1, told
        assert "TID251" in told.stdout


def _strings(tree: ast.Module, *, but_shown: bool) -> set[str]:
    """All texts of a module, but not what documents it, nor what a command shows as an example."""
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(node.value)
        elif but_shown and isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in ("examples", "Argument", "Option", "fail"):
                left_out.update(ast.walk(node))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left_out
    }


def test_the_platform_names_no_table(tmp_path: Path) -> None:
    names = {key.rpartition("/")[2] for key in _graph(tmp_path) if key not in NO_TABLES}
    # Others are words, which may stand in a sentence.
    telling = [name for name in sorted(names) if "_" in name]
    named = re.compile(rf"(?<!\w)({'|'.join(telling)})(?!\w)")
    for room in ("medallion", "orchestration", "asking", "catalog", "cli"):
        for path in (PACKAGE / room).rglob("*.py"):
            for text in _strings(ast.parse(path.read_text()), but_shown=room == "cli"):
                assert text not in names, path
                assert not named.search(text), (path, text)
