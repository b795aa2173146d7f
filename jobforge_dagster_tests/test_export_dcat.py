"""The DCAT-AP export, checked against the SHACL shapes of DCAT-AP 3.0.1.

The shapes ask for the class of every linked node, also of those that an authority declares
elsewhere: access rights and languages (EU authority tables), media types (IANA) and the algorithm
of a checksum (SPDX). The export states these classes itself, so validation needs neither inference
nor the network, and no violation is excused here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pyshacl
import pytest
from hypothesis import given, settings
from rdflib import RDF, BNode, Graph, Literal, Namespace, URIRef

from jobforge_dagster.catalog.exports import dcat
from jobforge_dagster.catalog.exports.dcat.description import Description
from jobforge_dagster.catalog.exports.dcat.graph import as_json_ld
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.catalog_parts import sha
from jobforge_dagster_tests.catalog_sample import CUSTOMER, FACT, SILVER, STAGED, sample_snapshot
from jobforge_dagster_tests.catalog_strategy import snapshots
from jobforge_dagster_tests.conftest import SHARED

SHAPES = SHARED / "schemas" / "dcat-ap" / "dcat-ap-SHACL.ttl"
needs_shapes = pytest.mark.skipif(
    not SHAPES.is_file(), reason="the SHACL shapes of DCAT-AP 3.0.1 are not beside the project"
)

DCAT = Namespace("http://www.w3.org/ns/dcat#")
DCT = Namespace("http://purl.org/dc/terms/")
FOAF = Namespace("http://xmlns.com/foaf/0.1/")
PROV = Namespace("http://www.w3.org/ns/prov#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
MOMENT = URIRef("http://www.w3.org/2001/XMLSchema#dateTime")
SIZE = URIRef("http://www.w3.org/2001/XMLSchema#nonNegativeInteger")
OURS = Namespace("urn:jobforge:")
CATALOG = OURS.catalog
ACCESS = "http://publications.europa.eu/resource/authority/access-right/"


@cache
def _shapes() -> Graph:
    return Graph().parse(SHAPES)


def _violations(graph: Graph) -> str:
    """What the shapes say against a graph; empty if they are content."""
    conforms, _, report = pyshacl.validate(graph, shacl_graph=_shapes())
    return "" if conforms else str(report)


def _text(snapshot: Snapshot) -> str:
    ((path, text),) = dcat.export(snapshot)
    assert path == "dcat/catalog.jsonld"
    return text


def _graph(snapshot: Snapshot) -> Graph:
    return Graph().parse(data=_text(snapshot), format="json-ld")


def _table(key: str) -> URIRef:
    return OURS[f"table/{key}"]


@needs_shapes
def test_the_sample_conforms_to_dcat_ap() -> None:
    assert _violations(_graph(sample_snapshot())) == ""


def test_gold_and_sources_are_on_offer_and_nothing_else() -> None:
    graph = _graph(sample_snapshot())
    offered = {_table(STAGED), _table(CUSTOMER), _table(FACT)}
    assert set(graph.objects(CATALOG, DCAT.dataset)) == offered
    assert set(graph.subjects(RDF.type, DCAT.Dataset)) == offered
    assert (_table(SILVER), RDF.type, PROV.Entity) in graph


def test_a_dataset_tells_who_answers_for_it_and_under_which_terms() -> None:
    graph, customer = _graph(sample_snapshot()), _table(CUSTOMER)
    assert graph.value(customer, DCT.accessRights) == URIRef(f"{ACCESS}NON_PUBLIC")
    assert graph.value(_table(FACT), DCT.accessRights) == URIRef(f"{ACCESS}PUBLIC")
    contacts = {graph.value(each, VCARD.fn) for each in graph.objects(customer, DCAT.contactPoint)}
    assert contacts == {Literal("Shop data team"), Literal("A. Martin")}
    words = set(graph.objects(customer, DCAT.keyword))
    assert words == {Literal("Customer", lang="en"), Literal("Client", lang="fr")}
    publisher = graph.value(_table(STAGED), DCT.publisher)
    assert graph.value(publisher, FOAF.name) == Literal("Example Shop Ltd.")
    assert graph.value(_table(FACT), DCAT.version) == Literal("1.1.0")


def test_a_distribution_is_the_file() -> None:
    graph = _graph(sample_snapshot())
    file = graph.value(_table(FACT), DCAT.distribution)
    assert graph.value(file, DCAT.accessURL) == OURS["data/gold/fact_order.parquet"]
    assert graph.value(file, DCAT.byteSize) == Literal("2048", datatype=SIZE)
    checksum = graph.value(file, SPDX.checksum)
    assert str(graph.value(checksum, SPDX.checksumValue)).lower() == sha(FACT)
    licence = URIRef("https://creativecommons.org/licenses/by/4.0/")
    assert graph.value(file, DCT.license) == licence


def test_several_files_have_no_checksum() -> None:
    file = OURS[f"distribution/{STAGED}"]
    assert _graph(sample_snapshot()).value(file, SPDX.checksum) is None


def test_provenance_leads_from_gold_to_the_delivered_files() -> None:
    graph = _graph(sample_snapshot())
    reached = set(graph.transitive_objects(_table(FACT), PROV.wasDerivedFrom))
    assert OURS["delivered/shop/orders%202026-01.csv"] in reached
    assert _table(CUSTOMER) not in reached, "a table that is only referred to is no source"
    assert (_table(FACT), DCT.relation, _table(CUSTOMER)) in graph
    assert (_table(FACT), DCT.source, _table(STAGED)) in graph


def test_a_table_was_made_by_its_last_transition_that_did_not_fail() -> None:
    graph = _graph(sample_snapshot())
    made = graph.value(_table(FACT), PROV.wasGeneratedBy)
    started = Literal("2026-02-03T06:02:00.000000Z", datatype=MOMENT)
    assert graph.value(made, PROV.startedAtTime) == started
    assert set(graph.objects(made, PROV.used)) == {_table(SILVER), _table(CUSTOMER)}
    agent = graph.value(made, PROV.wasAssociatedWith)
    assert (agent, RDF.type, PROV.SoftwareAgent) in graph
    assert graph.value(_table(CUSTOMER), PROV.wasGeneratedBy) is None


def test_two_licences_are_rights_because_only_one_is_allowed() -> None:
    sample = sample_snapshot()
    fact = sample.tables[-1]
    source = fact.governance.sources[0]
    other = source.model_copy(update={"licence": "own", "licence_name": "Own terms"})
    terms = fact.governance.model_copy(update={"sources": (source, other)})
    tables = (*sample.tables[:-1], fact.model_copy(update={"governance": terms}))
    graph = _graph(replace(sample, tables=tables))
    file = OURS[f"distribution/{FACT}"]
    assert graph.value(file, DCT.license) is None
    assert len(set(graph.objects(file, DCT.rights))) == 2
    if SHAPES.is_file():
        assert _violations(graph) == ""


def test_names_and_publisher_can_be_chosen() -> None:
    ((_, text),) = dcat.export(sample_snapshot(), "https://example.org/", "The shop")
    graph = Graph().parse(data=text, format="json-ld")
    publisher = graph.value(URIRef("https://example.org/catalog"), DCT.publisher)
    assert graph.value(publisher, FOAF.name) == Literal("The shop")
    assert "urn:jobforge:" not in text


def test_the_text_follows_from_the_statements_alone() -> None:
    statements = list(Description(sample_snapshot(), dcat.BASE).statements(None))
    text = _text(sample_snapshot())
    assert as_json_ld(iter(statements)) == text
    assert as_json_ld(reversed(statements)) == text
    context = json.loads(text)["@context"]
    assert isinstance(context, dict), "a context elsewhere would need the network"


def test_without_a_table_there_is_no_catalog() -> None:
    assert list(dcat.export(Snapshot((), (), (), None))) == []


def test_the_library_is_loaded_only_to_export() -> None:
    code = "import sys, jobforge_dagster.catalog.exports.dcat; sys.exit('rdflib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _without_title(graph: Graph) -> None:
    graph.remove((_table(FACT), DCT.title, None))


def _without_description(graph: Graph) -> None:
    graph.remove((_table(FACT), DCT.description, None))


def _without_access_url(graph: Graph) -> None:
    graph.remove((OURS[f"distribution/{FACT}"], DCAT.accessURL, None))


def _access_url_as_text(graph: Graph) -> None:
    graph.set((OURS[f"distribution/{FACT}"], DCAT.accessURL, Literal("gold/x.parquet")))


def _size_as_text(graph: Graph) -> None:
    graph.set((OURS[f"distribution/{FACT}"], DCAT.byteSize, Literal("2 kB")))


def _checksum_without_algorithm(graph: Graph) -> None:
    graph.remove((OURS[f"checksum/{FACT}"], SPDX.algorithm, None))


def _two_publishers(graph: Graph) -> None:
    graph.add((_table(FACT), DCT.publisher, OURS["agent/Example%20Shop%20Ltd."]))


def _catalog_without_publisher(graph: Graph) -> None:
    graph.remove((CATALOG, DCT.publisher, None))


def _nameless_agent(graph: Graph) -> None:
    graph.remove((None, FOAF.name, None))


def _two_versions(graph: Graph) -> None:
    graph.add((_table(FACT), DCAT.version, Literal("9.9.9")))


def _access_as_text(graph: Graph) -> None:
    graph.set((_table(FACT), DCT.accessRights, Literal("public")))


def _made_by_a_table(graph: Graph) -> None:
    graph.set((_table(FACT), PROV.wasGeneratedBy, _table(SILVER)))


@needs_shapes
@pytest.mark.parametrize(
    "damage",
    [
        _without_title,
        _without_description,
        _without_access_url,
        _access_url_as_text,
        _size_as_text,
        _checksum_without_algorithm,
        _two_publishers,
        _catalog_without_publisher,
        _nameless_agent,
        _two_versions,
        _access_as_text,
        _made_by_a_table,
    ],
)
def test_the_shapes_refuse_a_damaged_catalog(damage: Callable[[Graph], None]) -> None:
    graph = _graph(sample_snapshot())
    before = set(graph)
    damage(graph)
    assert set(graph) != before
    assert _violations(graph)


@needs_shapes
@settings(deadline=None, max_examples=15)
@given(snapshots())
def test_any_catalog_conforms(snapshot: Snapshot) -> None:
    for _, text in dcat.export(snapshot):
        graph = Graph().parse(data=text, format="json-ld")
        assert not [node for node in graph.all_nodes() if isinstance(node, BNode)]
        assert {str(each) for each in graph.objects(None, DCT.identifier)} >= {
            table.table for table in snapshot.tables
        }
        assert _violations(graph) == ""
