"""Statements about nodes, and how they become JSON-LD that follows from them alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jobforge_dagster.catalog.documents.base import text_of

if TYPE_CHECKING:
    import rdflib

PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


class Iri(str):
    """The whole name of a node."""


@dataclass(frozen=True)
class Literal:
    """A text, in a language or of a type."""

    text: str
    language: str | None = None
    datatype: str | None = None


Statements = Iterator[tuple[Iri, str, Iri | Literal]]
"""Subject, predicate with its prefix, and object."""


def full(name: str) -> Iri:
    """The whole name of one that is written with a prefix.

    Raises:
        KeyError: there is no such prefix.
    """
    prefix, _, local = name.partition(":")
    return Iri(PREFIXES[prefix] + local)


def address(url: str | None) -> Iri | None:
    """A web address as a name; ``None`` if it is none.

    What must not stand in a name is percent-encoded (RFC 3987, 3.1).
    """
    if url is None or "://" not in url:
        return None
    return Iri(quote(url, safe="%/:?#[]@!$&'()*+,;=~"))


def moment(when: datetime) -> Literal:
    """A time as ``xsd:dateTime`` in UTC."""
    return Literal(f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", datatype="xsd:dateTime")


def typed(node: Iri, *types: str) -> Statements:
    """What kinds of thing a node is."""
    for each in types:
        yield node, "rdf:type", full(each)


def linked(node: Iri, predicate: str, target: Iri, *types: str) -> Statements:
    """A link, and what kinds of thing its target is.

    The shapes of DCAT-AP ask for the class of a target, also of one that an authority declares
    elsewhere, so that it can be checked without looking it up.
    """
    yield node, predicate, target
    yield from typed(target, *types)


def as_json_ld(statements: Statements) -> str:
    """The statements as JSON-LD with its context inside; the same ones give the same text."""
    import rdflib  # takes half a second

    graph = rdflib.Graph()
    for subject, predicate, target in statements:
        graph.add((rdflib.URIRef(subject), rdflib.URIRef(full(predicate)), _term(target)))
    text = graph.serialize(format="json-ld", context=PREFIXES)
    return text_of(_sorted(json.loads(text)))


def _term(target: Iri | Literal) -> rdflib.URIRef | rdflib.Literal:
    import rdflib

    if isinstance(target, Iri):
        return rdflib.URIRef(target)
    if target.datatype is None:
        return rdflib.Literal(target.text, lang=target.language)
    datatype = rdflib.URIRef(full(target.datatype))
    return rdflib.Literal(target.text, datatype=datatype, normalize=False)


def _sorted(value: Any) -> Any:
    """A JSON value with keys and lists in order: no list of ours has one of its own."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=lambda each: json.dumps(each))
    return value
