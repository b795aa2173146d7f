"""Checks of exports by the schemas that the standards publish."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft201909Validator, Draft202012Validator, FormatChecker
from open_data_contract_standard.model import OpenDataContractStandard
from referencing import Registry, Resource

from jobforge_dagster_tests.conftest import SHARED

SCHEMAS = SHARED / "schemas" / "openlineage"
CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
Event = dict[str, Any]
Contract = dict[str, Any]

needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="the published schemas of OpenLineage are not beside the project"
)

formats = FormatChecker()


@formats.checks("date-time", raises=ValueError)
def is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@formats.checks("uri")
def is_uri(value: object) -> bool:
    allowed = r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+"
    return not isinstance(value, str) or re.fullmatch(allowed, value) is not None


@cache
def registry() -> Registry[Any]:
    files = [SCHEMAS / "OpenLineage.json", *sorted((SCHEMAS / "facets").glob("*.json"))]
    found = [Resource.from_contents(json.loads(path.read_text())) for path in files]
    return Registry().with_resources((str(each.id()), each) for each in found)


@cache
def validator(address: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": address}, registry=registry(), format_checker=formats)


def facets_of(event: Event) -> Iterator[tuple[str, Any]]:
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for holder in holders:
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from holder.get(kind, {}).items()


def core_problems(event: Event) -> list[str]:
    return [error.message for error in validator(CORE).iter_errors(event)]


def facet_problems(event: Event) -> list[str]:
    found = []
    for name, facet in facets_of(event):
        address = facet["_schemaURL"]
        place = registry().get(address.partition("#")[0])
        assert place is not None, f"{address} is not among the published schemas"
        if name not in place.contents.get("properties", {}):
            found.append(f"{address} describes no facet {name}")
        found += [f"{name}: {error.message}" for error in validator(address).iter_errors(facet)]
    return found


@cache
def contract_schema() -> Draft201909Validator:
    published = json.loads(OpenDataContractStandard.json_schema())
    assert published["properties"]["apiVersion"]["enum"][0] == "v3.1.0"
    return Draft201909Validator(published, format_checker=formats)


def contract_problems(contract: Contract) -> list[str]:
    return [error.message for error in contract_schema().iter_errors(contract)]
