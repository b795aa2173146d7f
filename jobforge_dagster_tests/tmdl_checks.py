"""What must hold of a semantic model that was read back, given the documents that it tells of."""

from __future__ import annotations

import re

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.tmdl_reader import Node, ends, read

NUMBERS = {"int64", "decimal", "double"}
Model = dict[str, Node]


def check(files: dict[str, str], snapshot: Snapshot) -> Model:
    """The tables of a model that Power BI would take and that says what the documents do."""
    root, references = read(files)
    tables = {each.name: each for each in root.all("table")}
    assert len({name.casefold() for name in tables}) == len(tables)
    assert [f"table {name}" for name in tables] == [
        each for each in references if each.startswith("table ")
    ]
    documents = {each.table: each for each in snapshot.tables}
    for each in tables.values():
        check_table(each, documents[each.annotation("Table") or ""])
    check_tags([*tables.values()])
    measures = [measure for each in tables.values() for measure in each.all("measure")]
    assert len({each.name.casefold() for each in measures}) == len(measures)
    for measure in measures:
        check_dax(measure.default or "", tables)
    check_relationships(root.all("relationship"), tables)
    return tables


def check_tags(nodes: list[Node]) -> None:
    tags = [node.properties["lineageTag"] for node in nodes]
    assert len(set(tags)) == len(tags)


def check_table(node: Node, document: TableMetadata) -> None:
    columns = node.all("column")
    by_source = {each.properties["sourceColumn"]: each for each in columns}
    assert len(by_source) == len(columns)
    assert {each.name for each in document.columns} >= set(by_source)
    check_tags(columns)
    check_tags(node.all("measure"))
    names = [each.name.casefold() for each in (*columns, *node.all("measure"))]
    assert len(set(names)) == len(names)
    assert sum("isKey" in each.properties for each in columns) <= 1
    referring = {name for key in document.technical.foreign_keys for name in key.columns}
    for told in document.columns:
        if (each := by_source.get(told.name)) is None:
            continue
        hidden = told.provenance or told.name in referring
        assert ("isHidden" in each.properties) == hidden
        assert each.properties.get("isNullable", "true") == str(told.nullable).lower()
        number = each.properties["dataType"] in NUMBERS
        assert number or each.properties["summarizeBy"] == "none"
        assert not (number and "formatString" not in each.properties)
        assert (each.description or "") == prose(told.description.en)
    (partition,) = node.all("partition")
    query = partition.properties["source"]
    assert f'DataRoot & "{m_text(f"/{document.technical.path}")}"' in query
    assert all(f'"{m_text(source)}"' in query for source in by_source)


def m_text(text: str) -> str:
    return text.replace("#(", "#(#)(").replace('"', '""')


def prose(text: str | None) -> str:
    """What of a description can be kept: its words, line by line."""
    lines = [" ".join(re.split(r"[\s\x00-\x1f\x7f-\x9f]+", line)) for line in lines_of(text or "")]
    return "\n".join(line.strip() for line in lines).strip("\n")


def lines_of(text: str) -> list[str]:
    return re.split(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text)


def check_dax(expression: str, tables: Model) -> None:
    """Every column and measure that a formula names is there."""
    plain = re.sub(r'"(?:[^"]|"")*"', "", expression)
    qualified = re.compile(r"(?:'((?:[^']|'')+)'|(\w+))\[((?:[^\]]|\]\])+)\]")
    for match in qualified.finditer(plain):
        name = (match[1] or match[2]).replace("''", "'")
        assert name in tables, f"no table {name}"
        held = {each.name for each in (*tables[name].all("column"), *tables[name].all("measure"))}
        assert match[3].replace("]]", "]") in held, f"no {match[3]} in {name}"
    measures = {each.name for node in tables.values() for each in node.all("measure")}
    for bare in re.findall(r"\[((?:[^\]]|\]\])+)\]", qualified.sub("", plain)):
        assert bare.replace("]]", "]") in measures, f"no measure {bare}"


def check_relationships(nodes: list[Node], tables: Model) -> None:
    edges: list[tuple[str, str]] = []
    for node in nodes:
        many, start = ends(node.properties["fromColumn"])
        one, end = ends(node.properties["toColumn"])
        columns = [
            next((each for each in tables[name].all("column") if each.name == wanted), None)
            for name, wanted in ((many, start), (one, end))
        ]
        assert many != one
        assert columns[0] is not None
        assert columns[1] is not None
        assert columns[0].properties["dataType"] == columns[1].properties["dataType"]
        assert "isKey" in columns[1].properties
        if node.properties.get("isActive", "true") == "true":
            edges.append((many, one))
    for start in tables:
        seen: list[str] = []
        waiting = [start]
        while waiting:
            here = waiting.pop()
            assert here not in seen, f"two ways from {start} to {here}"
            seen.append(here)
            waiting += [one for many, one in edges if many == here]
