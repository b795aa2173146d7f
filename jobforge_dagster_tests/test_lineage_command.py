"""``jobforge lineage``: the same graph as a tree, for Mermaid, for Graphviz and for programs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jobforge_dagster.asking.lineage import lineage
from jobforge_dagster.asking.lineage.graph import Graph
from jobforge_dagster.asking.lineage.nodes import column
from jobforge_dagster.asking.lineage.walk import walk
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.history import built_shop
from jobforge_dagster_tests.shop import ORDERS, SHOP

Edges = set[tuple[str, str]]

STRANGE = 'Am"ount\\ [x] | `#1;` --> <b>'
"""A header that means something to every language that lineage is told in."""

STRANGE_SHOP = SHOP.replace('header="Amount"', f"header={STRANGE!r}").replace(
    'pl.col("amount").sum())', 'pl.col("amount").sum()).map_batches(lambda frame: frame)'
)
"""The same shop, whose gold table nobody can look into."""

WAYS = {
    "a table upwards": ("gold.dim_customer",),
    "a table downwards": ("staged/orders", "--down"),
    "a column upwards": ("gold.dim_customer.amount",),
    "a column upwards with all": ("gold.dim_customer.amount", "--deciding"),
    "a header downwards with all": ('orders:"Customer"', "--down", "--deciding"),
    "a column to some depth": ("dim_customer.customer", "--depth", "2", "--deciding"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A built shop that nothing changes."""
    with pytest.MonkeyPatch.context() as patched:
        yield built_shop(tmp_path_factory.mktemp("shop"), tmp_path_factory, patched).lake


@pytest.fixture
def strange(domains: Domains) -> Lake:
    """A shop with a strange header, and a table that cannot be looked into."""
    lake = domains(shop=STRANGE_SHOP)
    lake.drop("shop/orders.csv", ORDERS.replace("Amount", '"' + STRANGE.replace('"', '""') + '"'))
    run = lake.run()
    assert run.success, run.failures
    return lake


def told(lake: Lake, *arguments: str) -> str:
    answer = lake.command("lineage", *arguments)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def in_json(text: str) -> Edges:
    document = json.loads(text)
    edges = [(edge["from"], edge["to"]) for edge in document["edges"]]
    names = [node["id"] for node in document["nodes"]]
    assert len(set(edges)) == len(edges)
    assert len(set(names)) == len(names)
    assert {end for edge in edges for end in edge} | {document["of"]} == set(names)
    return set(edges)


def in_tree(text: str, *, upwards: bool) -> Edges:
    edges = set()
    path: list[str] = []
    for line in text.splitlines():
        match = re.fullmatch(r"((?:│   |    )*)(?:[├└]── )?(.*?)", line)
        assert match
        indent, rest = match.groups()
        depth = len(indent) // 4 + (line != rest)
        name = re.sub(r" \[(?:see above|opaque: .*)\]", "", rest)
        name = re.sub(r" \((?!rows\))[a-z_, ]+\)$", "", name)
        path[depth:] = [name]
        if depth:
            ends = (path[-1], path[-2])
            edges.add(ends if upwards else ends[::-1])
    return edges


def in_mermaid(text: str) -> Edges:
    """Every line of a flow chart must be one of three kinds, as strictly as can be."""
    first, *lines = text.splitlines()
    assert first == "flowchart LR"
    names: dict[str, str] = {}
    edges = set()
    label = r'"([^"<>\[\]|`\\]*)"'
    for line in lines:
        if node := re.fullmatch(rf"    (n\d+)\[{label}\]", line):
            assert node[1] not in names
            names[node[1]] = unescape(re.sub(r"#(\d+);", r"&#\1;", node[2]))
        else:
            edge = re.fullmatch(rf"    (n\d+) (?:-->|-\.->)\|{label}\| (n\d+)", line)
            assert edge, line
            edges.add((names[edge[1]], names[edge[3]]))
    return edges


def in_dot(text: str) -> Edges:
    """Every statement of a graph must be one of four kinds, as strictly as can be."""
    first, *lines, last = text.splitlines()
    assert (first, last) == ("digraph lineage {", "}")
    quoted = r'"((?:[^"\\]|\\.)*)"'
    edges = set()
    names = set()
    for line in lines:
        if line in ("    rankdir=LR;", "    node [shape=box];"):
            continue
        if node := re.fullmatch(rf"    {quoted};", line):
            names.add(node[1])
            continue
        edge = re.fullmatch(
            rf"    {quoted} -> {quoted} \[label={quoted}(?:, style=dotted)?\];", line
        )
        assert edge, line
        assert {edge[1], edge[2]} <= names
        start, end = (re.sub(r"\\(.)", r"\1", each) for each in (edge[1], edge[2]))
        edges.add((start, end))
    return edges


def same_in_all(lake: Lake, *arguments: str) -> Edges:
    """The edges that all formats tell."""
    edges = in_json(told(lake, *arguments, "--json"))
    assert told(lake, *arguments, "--json") == told(lake, *arguments, "--format", "json")
    tree = told(lake, *arguments, "--full").split("\nWhat only decides")[0].rstrip("\n")
    assert in_tree(tree, upwards="--down" not in arguments) == edges
    assert in_mermaid(told(lake, *arguments, "--format", "mermaid")) == edges
    assert in_dot(told(lake, *arguments, "--format", "dot")) == edges
    return edges


@pytest.mark.parametrize("way", WAYS)
def test_all_formats_tell_the_same_edges(shop: Lake, way: str) -> None:
    assert same_in_all(shop, *WAYS[way])


def test_a_table_is_followed_to_its_publisher(shop: Lake) -> None:
    assert told(shop, "gold.dim_customer") == (
        "gold.dim_customer\n"
        "└── silver.order\n"
        "    └── bronze.orders\n"
        "        └── staged.orders\n"
        "            └── source/shop/orders.csv\n"
        "                └── A shop\n"
    )


def test_a_column_is_followed_to_its_header(shop: Lake) -> None:
    assert told(shop, "gold.dim_customer.amount") == (
        "gold.dim_customer.amount\n"
        "└── silver.order.amount (aggregation)\n"
        "    └── bronze.orders.amount (identity)\n"
        "        └── staged.orders.Amount (transformation)\n"
        '            └── orders:"Amount" (identity)\n'
        "What only decides is left out; --deciding shows it.\n"
    )


def test_what_only_decides_is_told_when_asked(shop: Lake) -> None:
    text = told(shop, "gold.dim_customer.amount", "--depth", "1", "--deciding")
    assert text == (
        "gold.dim_customer.amount\n"
        "├── silver.order.amount (aggregation)\n"
        "│   └── silver.order (rows)\n"
        "└── gold.dim_customer (rows)\n"
        "    ├── silver.order.amount (filter) [see above]\n"
        "    ├── silver.order.customer (filter, group_by, join, sort)\n"
        "    │   └── silver.order (rows)\n"
        "    └── silver.order (rows)\n"
    )


def test_each_table_is_one_step(shop: Lake) -> None:
    steps = [
        {node["id"] for node in json.loads(told(shop, *arguments, "--json"))["nodes"]}
        for depth in range(6)
        for arguments in [("gold.dim_customer.amount", "--depth", str(depth))]
    ]
    assert [len(nodes) for nodes in steps] == [1, 2, 3, 4, 5, 5]
    assert all(before <= after for before, after in pairwise(steps))


def test_a_notebook_prints_what_the_command_prints(shop: Lake) -> None:
    found = lineage("gold.dim_customer.amount", root=shop.root)
    assert f"{found}\n" == told(shop, "gold.dim_customer.amount")
    assert found.to_dict() == json.loads(told(shop, "gold.dim_customer.amount", "--json"))
    assert found.to_dict()["left_out"] == 4


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gold.dim_custommer", "Did you mean gold.dim_customer?"),
        ("gold.dim_customer.amout", "Did you mean amount?"),
        ("orders:Custmer", "Did you mean Customer?"),
        ("order:Customer", "Did you mean orders?"),
        ("orders", "stands for several tables: staged.orders, bronze.orders. Say which."),
        ("", "There is no table"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(shop: Lake, name: str, hint: str) -> None:
    for command in ("lineage", "impact"):
        answer = shop.command(command, name)
        assert answer.exit_code == 1
        assert hint in answer.output
        assert "Traceback" not in answer.output


def test_an_empty_and_a_damaged_catalog_are_told_in_words(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    document = lake.root.catalog / "tables" / "gold" / "dim_customer.json"
    said = {"empty": "The catalog is empty. Make the tables first"}
    said |= {"[]": "is damaged", '{"table": 1': "is damaged"}
    said[
        '{"table": "gold/x", "document_version": "9.0", "columns": [], "lineage": {"rows": []}}'
    ] = "has version 9.0, which is too new"
    for content, words in said.items():
        if content != "empty":
            document.parent.mkdir(parents=True, exist_ok=True)
            document.write_text(content)
        for command in ("lineage", "impact"):
            answer = lake.command(command, "gold.dim_customer")
            assert answer.exit_code == 1
            assert words in answer.output


def test_strange_names_and_what_is_opaque_are_told(strange: Lake) -> None:
    header = f'orders:"{STRANGE}"'
    way = same_in_all(strange, "gold.dim_customer.amount")
    assert (header, f"staged.orders.{STRANGE}") in way
    assert (f"staged.orders.{STRANGE}", "bronze.orders.amount") in way
    assert (header, f"staged.orders.{STRANGE}") in same_in_all(strange, header, "--down")

    assert re.search(
        r"gold\.dim_customer\.amount \[opaque: .+\]", told(strange, "gold.dim_customer.amount")
    )
    answer = strange.command("impact", header).output
    assert "Opaque, so that every column of its inputs counts: gold.dim_customer.amount" in answer
    assert ("silver.order.customer", "gold.dim_customer.amount") in way


def test_a_graph_in_a_circle_has_an_end() -> None:
    graph = Graph()
    names = [column("gold/a", "x"), column("gold/b", "x"), column("gold/c", "x")]
    for source, target in zip(names, [*names[1:], names[0]], strict=True):
        graph.edge(source, target, ["identity"])
    found = walk(graph, names[0])
    assert len(found.edges) == 3
    assert found.tree().count("gold.a.x") == 2
    assert "gold.a.x (identity) [see above]" in found.tree()


def test_a_long_way_is_told_whole() -> None:
    graph = Graph()
    for place in range(3000):
        here, there = (column(f"gold/t{place + more}", "x") for more in (0, 1))
        graph.edge(here, there, ["identity"])
    assert len(walk(graph, column("gold/t0", "x"), "down").tree().splitlines()) == 3001


def test_many_columns_that_are_alike_are_folded() -> None:
    graph = Graph()
    for place in range(20):
        graph.edge(column("bronze/b", f"c{place:02}"), column("gold/g", "x"), ["transformation"])
    found = walk(graph, column("gold/g", "x"))
    assert len(found.tree().splitlines()) == 21
    assert found.tree(full=False).splitlines()[1:] == [
        "├── bronze.b.c00 (transformation)",
        "├── bronze.b.c01 (transformation)",
        "├── bronze.b.c02 (transformation)",
        "└── ... 17 more columns of bronze.b (transformation)",
    ]


def test_lineage_loads_nothing_heavy(shop: Lake) -> None:
    ask = (
        "import sys; from jobforge_dagster.cli import main; code = 0\n"
        "try: main(['lineage', 'gold.dim_customer.amount'])\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'polars', 'duckdb', 'dagster', 'dataframely'}\n"
        "print(code, sorted(heavy & sys.modules.keys()))"
    )
    environment: dict[str, Any] = {"JOBFORGE_DATA_ROOT": str(shop.path), "PATH": ""}
    answer = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True, env=environment
    )
    assert answer.stdout.splitlines()[-1] == "0 []", answer.stdout
