"""The export to Atlas against a model of its wire format, which is published as prose alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from jobforge_dagster.catalog.documents.glossary import TermEntry
from jobforge_dagster.catalog.exports import atlas
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.atlas_wire import Json, check
from jobforge_dagster_tests.catalog_sample import sample_snapshot, snapshots


def exported(snapshot: Snapshot) -> dict[str, Any]:
    return {path: json.loads(text) for path, text in atlas.export(snapshot)}


def entity(files: dict[str, Any], name: str) -> Json:
    found = [
        each
        for each in files["atlas/entities.json"]["entities"]
        if each["attributes"]["qualifiedName"] == name
    ]
    assert len(found) == 1, name
    return dict(found[0])


def test_the_sample_is_accepted_and_says_the_same_twice() -> None:
    check(exported(sample_snapshot()))
    assert list(atlas.export(sample_snapshot())) == list(atlas.export(sample_snapshot()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots())
def test_any_catalog_is_accepted_and_nothing_unknown_is_told(snapshot: Snapshot) -> None:
    files = exported(snapshot)
    check(files)
    assert not [leaf for leaf in leaves(files["atlas/entities.json"]["entities"]) if leaf is None]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


def first(bulk: Json, kind: str) -> Json:
    return next(each for each in bulk["entities"] if each["typeName"] == kind)


MUTANTS: dict[str, Callable[[Json], object]] = {
    "unknown attribute": lambda bulk: first(bulk, "jobforge_table")["attributes"].update(colour=1),
    "unresolved guid": lambda bulk: first(bulk, "jobforge_column")["relationshipAttributes"][
        "table"
    ].update(guid="-9999"),
    "guid without a minus": lambda bulk: first(bulk, "jobforge_file").update(guid="7"),
    "duplicate name": lambda bulk: bulk["entities"].append(bulk["entities"][0] | {"guid": "-999"}),
    "missing attribute": lambda bulk: first(bulk, "jobforge_column")["attributes"].pop("dataType"),
    "missing inherited attribute": lambda bulk: first(bulk, "jobforge_file")["attributes"].pop(
        "name"
    ),
    "wrong type name": lambda bulk: first(bulk, "jobforge_file").update(typeName="hive_file"),
    "text for a time": lambda bulk: first(bulk, "jobforge_table")["attributes"].update(
        modifiedTime="2026-02-03T06:00:00Z"
    ),
    "a column as input": lambda bulk: first(bulk, "jobforge_transition")["relationshipAttributes"][
        "inputs"
    ].append({"guid": "-2", "typeName": "jobforge_table"}),
    "an unknown tag": lambda bulk: first(bulk, "jobforge_table").update(
        classifications=[{"typeName": "SECRET", "propagate": False}]
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_refused(mutant: str) -> None:
    files = deepcopy(exported(sample_snapshot()))
    MUTANTS[mutant](files["atlas/entities.json"])
    with pytest.raises((AssertionError, ValueError)):
        check(files)


def test_lineage_leads_from_the_files_to_gold() -> None:
    files = exported(sample_snapshot())
    fact = entity(files, "jobforge://transition/gold/fact_order")
    silver = entity(files, "jobforge://silver/shop/order")
    assert [each["guid"] for each in fact["relationshipAttributes"]["inputs"]] == [silver["guid"]]
    assert fact["attributes"]["status"] == "partial"
    assert json.loads(fact["attributes"]["columnMapping"])[0]["ColumnMapping"][2] == {
        "Source": "amount",
        "Sink": "amount",
    }
    staged = entity(files, "jobforge://transition/staged/orders")
    assert len(staged["relationshipAttributes"]["inputs"]) == 2
    assert {"Source": "Day", "Sink": "Day"} in json.loads(staged["attributes"]["columnMapping"])[1][
        "ColumnMapping"
    ]
    delivered = entity(files, "jobforge://source/shop/orders 2026-02.csv")["attributes"]
    assert (delivered["name"], delivered["rowCount"]) == ("orders 2026-02.csv", 2)
    failed = entity(files, "jobforge://transition/gold/dim_customer")["attributes"]
    assert "status" not in failed


def test_columns_carry_their_level_and_their_term() -> None:
    files = exported(sample_snapshot())
    name = entity(files, "jobforge://gold/dim_customer#customer_name")
    assert name["classifications"] == [{"typeName": "confidential", "propagate": False}]
    customers = entity(files, "jobforge://gold/dim_customer")
    assert customers["classifications"] == name["classifications"]
    number = entity(files, "jobforge://gold/dim_customer#customer_id")
    assert "classifications" not in number
    assert number["relationshipAttributes"]["meanings"] == [
        {
            "typeName": "AtlasGlossaryTerm",
            "uniqueAttributes": {"qualifiedName": "Customer@jobforge"},
        }
    ]


def test_classifications_and_types_of_the_documents_are_defined() -> None:
    sample = sample_snapshot()
    named = {"classifications": ("confidential", "PERSONAL"), "type_name": "shop_table"}
    gold = sample.tables[-2]
    table = gold.model_copy(update={"purview": gold.purview.model_copy(update=named)})
    files = exported(replace(sample, tables=(*sample.tables[:-2], table, sample.tables[-1])))
    check(files)
    tags = entity(files, "jobforge://gold/dim_customer")["classifications"]
    assert [tag["typeName"] for tag in tags] == ["confidential", "PERSONAL"]


def test_only_the_last_transition_of_a_table_is_told() -> None:
    sample = sample_snapshot()
    fact = sample.transitions[1]
    again = fact.model_copy(update={"sequence": 4, "run_id": "later"})
    files = exported(replace(sample, transitions=(*sample.transitions, again)))
    assert entity(files, "jobforge://transition/gold/fact_order")["attributes"]["runId"] == "later"


def test_times_are_whole_milliseconds() -> None:
    files = exported(sample_snapshot())
    told = entity(files, "jobforge://gold/fact_order")["attributes"]["modifiedTime"]
    assert datetime.fromtimestamp(told / 1000, UTC) == datetime(2026, 2, 3, 6, 2, tzinfo=UTC)


def test_a_label_that_atlas_refuses_gives_way_to_the_id() -> None:
    sample = sample_snapshot()
    assert sample.glossary is not None

    def labelled(entry: TermEntry, english: str) -> TermEntry:
        return entry.model_copy(update={"label": entry.label.model_copy(update={"en": english})})

    labels = ("v1.0", "Same", "Same")
    entries = tuple(map(labelled, sample.glossary.terms, labels))
    glossary = sample.glossary.model_copy(update={"terms": entries})
    files = exported(replace(sample, glossary=glossary))
    check(files)
    assert [term["name"] for term in files["atlas/terms.json"]] == ["amount", "customer", "refund"]
