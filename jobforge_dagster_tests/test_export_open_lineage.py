"""The catalog as OpenLineage events: each event by the core schema, each facet by its own."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from jobforge_dagster.catalog.documents import LayerTransitionLog
from jobforge_dagster.catalog.documents.transition import BoundInput
from jobforge_dagster.catalog.exports import open_lineage
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.catalog_parts import RUN, sha, transition
from jobforge_dagster_tests.catalog_sample import sample_snapshot
from jobforge_dagster_tests.export_schemas import (
    Event,
    core_problems,
    facet_problems,
    facets_of,
    needs_schemas,
)
from jobforge_dagster_tests.export_strategy import told_snapshots


def exported(snapshot: Snapshot) -> list[Event]:
    return [
        json.loads(line)
        for path, text in open_lineage.export(snapshot)
        if path == "openlineage/events.ndjson"
        for line in text.splitlines()
    ]


@needs_schemas
def test_every_event_and_every_facet_obeys_its_schema() -> None:
    events = exported(sample_snapshot())
    assert [event["eventType"] for event in events] == [
        "START",
        "COMPLETE",
        "START",
        "COMPLETE",
        "START",
        "FAIL",
    ]
    assert [problem for event in events for problem in core_problems(event)] == []
    assert [problem for event in events for problem in facet_problems(event)] == []
    names = {name for event in events for name, _ in facets_of(event)}
    assert " ".join(sorted(names)) == (
        "columnLineage dataQualityAssertions dataSource datasetType documentation errorMessage "
        "inputStatistics jobType outputStatistics ownership parent schema symlinks tags version"
    )


@needs_schemas
@settings(max_examples=40, deadline=None)
@given(told_snapshots())
def test_no_name_and_no_gap_makes_a_document_invalid(snapshot: Snapshot) -> None:
    events = exported(snapshot)
    assert [problem for event in events for problem in core_problems(event)] == []
    assert [problem for event in events for problem in facet_problems(event)] == []
    assert [event["eventType"] for event in events[::2]] == ["START"] * len(snapshot.transitions)
    assert [event["job"]["name"] for event in events[1::2]] == [
        each.table for each in snapshot.transitions
    ]
    assert list(open_lineage.export(snapshot)) == list(open_lineage.export(snapshot))


def lineage(event: Event) -> Any:
    return event["outputs"][0]["facets"]["columnLineage"]


def written(event: Event) -> Any:
    return event["outputs"][0]["facets"]


def source(events: list[Event]) -> Any:
    return lineage(events[3])["fields"]["amount"]["inputFields"][0]


def assertion(events: list[Event]) -> Any:
    return written(events[3])["dataQualityAssertions"]["assertions"][0]


def statistics(events: list[Event]) -> Any:
    return events[3]["outputs"][0]["outputFacets"]["outputStatistics"]


def error(events: list[Event]) -> Any:
    return events[5]["run"]["facets"]["errorMessage"]


def job_type(event: Event) -> Any:
    return event["job"]["facets"]["jobType"]


FACET_MUTANTS: dict[str, Callable[[list[Event]], object]] = {
    "a way without its type": lambda events: source(events)["transformations"][0].pop("type"),
    "a source without its field": lambda events: source(events).pop("field"),
    "column lineage without fields": lambda events: lineage(events[3]).pop("fields"),
    "an assertion without its name": lambda events: assertion(events).pop("assertion"),
    "an outcome that is text": lambda events: assertion(events).update(success="no"),
    "a nameless column": lambda events: written(events[3])["schema"]["fields"][0].pop("name"),
    "an empty version": lambda events: written(events[3])["version"].pop("datasetVersion"),
    "a count of rows as text": lambda events: statistics(events).update(rowCount="3"),
    "a parent without its job": lambda events: events[0]["run"]["facets"]["parent"].pop("job"),
    "an error of no language": lambda events: error(events).pop("programmingLanguage"),
    "a job type of nothing": lambda events: job_type(events[0]).pop("integration"),
    "a facet under another's name": lambda events: written(events[3]).update(
        storage=written(events[3])["version"]
    ),
}

CORE_MUTANTS: dict[str, Callable[[Event], object]] = {
    "an unknown type of event": lambda event: event.update(eventType="DONE"),
    "no producer": lambda event: event.pop("producer"),
    "a producer that is no address": lambda event: event.update(producer="job forge"),
    "a run id that is no UUID": lambda event: event["run"].update(runId="run 1"),
    "a time without its date": lambda event: event.update(eventTime="06:00"),
    "a job without its name": lambda event: event["job"].pop("name"),
    "a facet without its schema": lambda event: job_type(event).pop("_schemaURL"),
}


@needs_schemas
@pytest.mark.parametrize("name", FACET_MUTANTS)
def test_a_broken_facet_is_refused_by_its_schema_alone(name: str) -> None:
    events = exported(sample_snapshot())
    FACET_MUTANTS[name](events)
    assert [problem for event in events for problem in core_problems(event)] == []
    assert len([problem for event in events for problem in facet_problems(event)]) == 1


@needs_schemas
@pytest.mark.parametrize("name", CORE_MUTANTS)
def test_a_broken_event_is_refused(name: str) -> None:
    event = exported(sample_snapshot())[1]
    broken = copy.deepcopy(event)
    CORE_MUTANTS[name](broken)
    assert core_problems(event) == []
    assert core_problems(broken) != []


def test_a_delivered_file_is_the_source_of_each_staged_column() -> None:
    _, staged, *_ = exported(sample_snapshot())
    file = staged["inputs"][0]
    assert (file["namespace"], file["name"]) == ("file", "source/shop/orders 2026-02.csv")
    assert file["facets"]["version"]["datasetVersion"] == sha(file["name"])
    assert [field["name"] for field in file["facets"]["schema"]["fields"]] == [
        "Order No.",
        "Client",
        "Amount ($)",
        "Day",
    ]
    assert lineage(staged)["fields"]["Client"]["inputFields"] == [
        {
            "namespace": "file",
            "name": file["name"],
            "field": "Client",
            "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
        }
    ]


def test_column_lineage_tells_direct_from_indirect() -> None:
    fact = exported(sample_snapshot())[3]
    [named] = lineage(fact)["fields"]["customer_id"]["inputFields"]
    assert (named["name"], named["field"]) == ("silver/shop/order", "customer_name")
    assert named["transformations"] == [
        {"type": "DIRECT", "subtype": "TRANSFORMATION"},
        {"type": "INDIRECT", "subtype": "JOIN"},
    ]
    [summed] = lineage(fact)["fields"]["amount"]["inputFields"]
    assert summed["transformations"] == [{"type": "DIRECT", "subtype": "AGGREGATION"}]
    assert "tags" not in lineage(fact)["fields"]


def followed_by(made: LayerTransitionLog) -> list[Event]:
    known = sample_snapshot()
    return exported(Snapshot(known.tables, (*known.transitions, made), known.runs, None))


def test_what_decides_the_rows_bears_on_the_whole_dataset() -> None:
    complete = followed_by(transition(4, "gold/dim_customer", (("silver/shop/order", 4),), ""))[-1]
    assert lineage(complete)["dataset"] == [
        {
            "namespace": "jobforge",
            "name": "silver/shop/order",
            "field": "customer_name",
            "transformations": [
                {"type": "INDIRECT", "subtype": "GROUP_BY"},
                {"type": "INDIRECT", "subtype": "SORT"},
            ],
        }
    ]


def test_a_table_is_described_by_the_transition_that_made_it_as_it_stands() -> None:
    again = transition(4, "gold/fact_order", (("silver/shop/order", 4),), "", output_sha256="f")
    events = followed_by(again)
    former, standing = written(events[3]), written(events[-1])
    assert set(former) == {"dataSource", "datasetType", "symlinks", "version"}
    assert {"schema", "columnLineage", "dataQualityAssertions", "ownership"} <= set(standing)
    assert "ownership" not in events[3]["job"]["facets"]
    assert "ownership" in events[-1]["job"]["facets"]
    assert events[3]["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert "size" not in events[-1]["outputs"][0]["outputFacets"]["outputStatistics"]


def test_a_schema_goes_with_the_bytes_that_it_describes() -> None:
    other = BoundInput(table="silver/shop/order", sha256="0" * 64, files=1, rows=9)
    again = transition(4, "gold/fact_order", (("silver/shop/order", 9),), "")
    events = followed_by(again.model_copy(update={"inputs": (other,)}))
    assert "schema" in events[3]["inputs"][0]["facets"]
    assert "schema" not in events[-1]["inputs"][0]["facets"]
    assert events[-1]["inputs"][0]["facets"]["version"]["datasetVersion"] == "0" * 64


def test_a_step_that_read_nothing_tells_what_it_would_have_read() -> None:
    known = sample_snapshot()
    failed = known.transitions[-1].model_copy(update={"inputs": ()})
    *_, event = exported(Snapshot(known.tables, (failed,), known.runs, None))
    assert event["inputs"] == [
        {"namespace": "jobforge", "name": "silver/shop/order", "facets": {}, "inputFacets": {}}
    ]


def test_what_could_not_be_looked_into_is_told() -> None:
    known = sample_snapshot()
    fact = known.tables[-1]
    lineage_of = fact.columns[2].lineage
    assert lineage_of is not None
    opaque = lineage_of.model_copy(update={"opaque": ("map_batches",)})
    column = fact.columns[2].model_copy(update={"lineage": opaque})
    table = fact.model_copy(update={"columns": (column,)})
    events = exported(Snapshot((table,), known.transitions, known.runs, None))
    assert lineage(events[3])["fields"]["amount"]["opaque"] == ["map_batches"]


def test_a_failure_tells_why_and_wrote_nothing() -> None:
    events = exported(sample_snapshot())
    assert events[-1]["outputs"] == []
    assert error(events)["message"] == "QualityError: 3 of 4 rows were refused"


def test_runs_are_parts_of_the_run_of_dagster() -> None:
    events = exported(sample_snapshot())
    for started, ended in zip(events[::2], events[1::2], strict=True):
        assert started["run"]["runId"] == ended["run"]["runId"]
        assert UUID(started["run"]["runId"]).version == 5
        for event in (started, ended):
            parent = event["run"]["facets"]["parent"]
            assert parent["run"]["runId"] == RUN
            assert parent["job"]["name"] == "build"
        assert started["eventTime"] < ended["eventTime"]
        assert ended["eventTime"].endswith("Z")


def test_a_transition_that_has_a_uuid_keeps_it() -> None:
    known = sample_snapshot()
    told = known.transitions[0].model_copy(update={"transition_id": RUN})
    started, _ = exported(Snapshot((), (told,), (), None))
    assert started["run"] == {"runId": RUN, "facets": {}}


def test_rules_are_assertions() -> None:
    _, _, _, fact, *_ = exported(sample_snapshot())
    first, second = written(fact)["dataQualityAssertions"]["assertions"]
    assert first == {
        "assertion": "amount_positive",
        "name": "amount_positive",
        "column": "amount",
        "description": "{amount} is not above zero",
        "severity": "error",
        "success": False,
        "expected": "0",
        "actual": "1",
    }
    assert second["severity"] == "warn"


def test_nothing_moved_is_no_file() -> None:
    assert list(open_lineage.export(Snapshot(sample_snapshot().tables, (), (), None))) == []


def test_the_library_is_imported_only_by_an_export() -> None:
    code = (
        "import sys, jobforge_dagster.catalog.exports.open_lineage;"
        "sys.exit(any(name.startswith('openlineage') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
