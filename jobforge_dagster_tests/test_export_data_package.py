"""The Data Package export, checked against the profiles of Data Package 2.0."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource

from jobforge_dagster.catalog.exports import data_package
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.catalog_parts import column, sha, table
from jobforge_dagster_tests.catalog_sample import sample_snapshot
from jobforge_dagster_tests.catalog_strategy import snapshots
from jobforge_dagster_tests.conftest import SHARED

PROFILES = SHARED / "schemas" / "datapackage"
needs_profiles = pytest.mark.skipif(
    not PROFILES.is_dir(), reason=f"the profiles of Data Package 2.0 are not in {PROFILES}"
)

Json = dict[str, Any]


def _validators() -> dict[str, Draft7Validator]:
    """The profiles by name; they may refer to each other, and to nothing else."""
    profiles = {path.stem: json.loads(path.read_text("utf-8")) for path in PROFILES.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (f"https://datapackage.org/profiles/2.0/{name}.json", Resource.from_contents(profile))
        for name, profile in profiles.items()
    )
    checker = FormatChecker()
    return {
        name: Draft7Validator(profile, registry=registry, format_checker=checker)
        for name, profile in profiles.items()
    }


VALIDATORS = _validators() if PROFILES.is_dir() else {}


def _errors(package: Json) -> list[str]:
    """What the profiles say against a package, each of its resources and their schemas."""
    found = list(VALIDATORS["datapackage"].iter_errors(package))
    for resource in package.get("resources", ()):
        found += VALIDATORS["dataresource"].iter_errors(resource)
        found += VALIDATORS["tableschema"].iter_errors(resource.get("schema", {}))
    return [error.message for error in found]


def _package(snapshot: Snapshot) -> Json:
    ((path, text),) = data_package.export(snapshot)
    assert path == "datapackage/datapackage.json"
    found: Json = json.loads(text)
    return found


def _resource(package: Json, name: str) -> Json:
    found: Json = next(each for each in package["resources"] if each["name"] == name)
    return found


@needs_profiles
def test_the_sample_is_a_data_package() -> None:
    assert _errors(_package(sample_snapshot())) == []


def test_gold_tables_are_its_resources() -> None:
    package = _package(sample_snapshot())
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert package["created"] == "2026-02-03T06:02:00.000250Z"
    assert package["version"].startswith("2026.2.3+")
    assert package["keywords"] == ["Amount", "Customer", "Client"]
    assert package["contributors"] == [
        {"title": "A. Martin", "roles": ["dataCurator"]},
        {"title": "Shop data team", "roles": ["contact", "creator"]},
    ]
    fact = _resource(package, "fact_order")
    assert (fact["path"], fact["bytes"]) == ("gold/fact_order.parquet", 2048)
    assert fact["hash"] == f"sha256:{sha('gold/fact_order')}"
    assert fact["sources"] == [{"title": "Example Shop Ltd.: orders", "version": "2026-01-31"}]
    assert fact["licenses"] == [
        {
            "name": "CC-BY-4.0",
            "path": "https://creativecommons.org/licenses/by/4.0/",
            "title": "Creative Commons Attribution 4.0",
        }
    ]


def test_a_schema_tells_types_constraints_and_keys() -> None:
    schema = _resource(_package(sample_snapshot()), "fact_order")["schema"]
    assert schema["primaryKey"] == ["order_id"]
    assert schema["foreignKeys"] == [
        {
            "fields": ["customer_id"],
            "reference": {"resource": "dim_customer", "fields": ["customer_id"]},
        }
    ]
    assert schema["missingValues"] == []
    assert schema["fields"][:4] == [
        {
            "name": "order_id",
            "type": "string",
            "description": "Number of the order.\n\nNuméro de la commande.",
            "example": "A-1",
            "constraints": {"required": True, "unique": True},
        },
        {"name": "customer_id", "type": "integer", "description": "Who bought."},
        {"name": "amount", "type": "number", "description": "What was paid.", "example": "9.5"},
        {"name": "tags", "type": "array"},
    ]


def test_confidential_columns_have_no_example() -> None:
    fields = _resource(_package(sample_snapshot()), "dim_customer")["schema"]["fields"]
    assert "example" not in next(each for each in fields if each["name"] == "customer_name")


@pytest.mark.parametrize(
    ("polars", "expected"),
    [
        ("String", "string"),
        ("Int8", "integer"),
        ("UInt32", "integer"),
        ("Int128", "integer"),
        ("Float64", "number"),
        ("Decimal(precision=10, scale=2)", "number"),
        ("Boolean", "boolean"),
        ("Date", "date"),
        ("Time", "time"),
        ("Datetime(time_unit='us', time_zone='UTC')", "datetime"),
        ("Duration(time_unit='us')", "duration"),
        ("List(Int64)", "array"),
        ("Array(Int8, shape=(2,))", "array"),
        ("Struct({'a': Int64})", "object"),
        ("Categorical", "string"),
        ("Binary", "any"),
        ("Null", "any"),
    ],
)
def test_a_polars_type_has_a_field_type(polars: str, expected: str) -> None:
    assert _field(polars)["type"] == expected


def test_an_enumeration_tells_its_categories() -> None:
    assert _field("""Enum(categories=['a)', "it's"])""")["constraints"]["enum"] == ["a)", "it's"]


def _field(polars: str) -> Json:
    only = table("gold/only", (column("held", polars),))
    found: Json = _package(Snapshot((only,), (), (), None))["resources"][0]["schema"]["fields"][0]
    return found


def test_a_reference_to_the_table_itself_names_no_resource() -> None:
    to_itself = {"columns": ("parent",), "table": "gold/node", "refers_to": ("code",)}
    elsewhere = {"columns": ("parent",), "table": "silver/x/node", "refers_to": ("code",)}
    columns = (column("code", "String", primary_key=True), column("parent", "String"))
    node = table("gold/node", columns, technical={"foreign_keys": (to_itself, elsewhere)})
    schema = _package(Snapshot((node,), (), (), None))["resources"][0]["schema"]
    assert schema["foreignKeys"] == [{"fields": ["parent"], "reference": {"fields": ["code"]}}]


def test_a_licence_of_one_table_is_not_said_of_all() -> None:
    tables = [each for each in sample_snapshot().tables if each.layer == "gold"]
    terms = tables[0].governance.model_copy(update={"sources": ()})
    mixed = (tables[0].model_copy(update={"governance": terms}), tables[1])
    package = _package(Snapshot(mixed, (), (), None))
    assert "licenses" not in package
    assert "licenses" not in package["resources"][0]
    assert package["resources"][0]["sources"] == []


def test_without_a_gold_table_there_is_no_package() -> None:
    staged = sample_snapshot().tables[:1]
    assert list(data_package.export(Snapshot(staged, (), (), None))) == []


def _without_resources(package: Json) -> None:
    package["resources"] = []


def _without_path(package: Json) -> None:
    del package["resources"][0]["path"]


def _path_of_a_machine(package: Json) -> None:
    package["resources"][0]["path"] = "/srv/data/gold/x.parquet"


def _bytes_as_text(package: Json) -> None:
    package["resources"][0]["bytes"] = "2048"


def _hash_with_blanks(package: Json) -> None:
    package["resources"][0]["hash"] = "sha256: not a hash"


def _polars_type(package: Json) -> None:
    package["resources"][0]["schema"]["fields"][0]["type"] = "UInt32"


def _without_fields(package: Json) -> None:
    package["resources"][0]["schema"]["fields"] = []


def _reference_without_fields(package: Json) -> None:
    del package["resources"][1]["schema"]["foreignKeys"][0]["reference"]["fields"]


def _nameless_licence(package: Json) -> None:
    package["licenses"] = [{"title": "Some terms"}]


def _contributor_without_roles(package: Json) -> None:
    package["contributors"][0]["roles"] = []


@needs_profiles
@pytest.mark.parametrize(
    "damage",
    [
        _without_resources,
        _without_path,
        _path_of_a_machine,
        _bytes_as_text,
        _hash_with_blanks,
        _polars_type,
        _without_fields,
        _reference_without_fields,
        _nameless_licence,
        _contributor_without_roles,
    ],
)
def test_the_profiles_refuse_a_damaged_package(damage: Callable[[Json], None]) -> None:
    package = deepcopy(_package(sample_snapshot()))
    damage(package)
    assert _errors(package)


@needs_profiles
@settings(deadline=None, max_examples=40)
@given(snapshots())
def test_any_catalog_gives_a_data_package(snapshot: Snapshot) -> None:
    files = list(data_package.export(snapshot))
    assert files == list(data_package.export(snapshot))
    golden = [each for each in snapshot.tables if each.layer == "gold"]
    assert len(files) == bool(golden)
    for _, text in files:
        package = json.loads(text)
        assert _errors(package) == []
        assert [each["title"] for each in package["resources"]] == [
            each.business.title for each in golden
        ]
        assert _no_nulls(package)


def _no_nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_no_nulls(each) for each in value.values())
    if isinstance(value, list):
        return all(_no_nulls(each) for each in value)
    return value is not None
