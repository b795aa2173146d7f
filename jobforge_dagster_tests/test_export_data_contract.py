"""The catalog as data contracts, by the schema of the standard."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import yaml
from hypothesis import given, settings
from open_data_contract_standard.model import OpenDataContractStandard

from jobforge_dagster.catalog.documents import GlossaryDocument, TableMetadata
from jobforge_dagster.catalog.documents.base import Words
from jobforge_dagster.catalog.documents.glossary import TermEntry
from jobforge_dagster.catalog.documents.table import RuleFacts
from jobforge_dagster.catalog.exports import data_contract
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.catalog_parts import column, table
from jobforge_dagster_tests.catalog_sample import sample_snapshot
from jobforge_dagster_tests.export_schemas import Contract, contract_problems
from jobforge_dagster_tests.export_strategy import told_snapshots

FACT, CUSTOMER = "odcs/fact_order.odcs.yaml", "odcs/dim_customer.odcs.yaml"


def exported(snapshot: Snapshot) -> dict[str, Contract]:
    return {path: yaml.safe_load(text) for path, text in data_contract.export(snapshot)}


def property_of(contract: Contract, name: str) -> Any:
    [found] = [each for each in contract["schema"][0]["properties"] if each["name"] == name]
    return found


def custom(part: Any) -> dict[str, Any]:
    return {each["property"]: each["value"] for each in part.get("customProperties", ())}


def test_each_gold_table_has_a_contract_that_obeys_the_standard() -> None:
    contracts = exported(sample_snapshot())
    assert set(contracts) == {FACT, CUSTOMER}
    for contract in contracts.values():
        assert contract_problems(contract) == []
        assert (contract["apiVersion"], contract["kind"]) == ("v3.1.0", "DataContract")
        assert UUID(contract["id"]).version == 5


@settings(max_examples=40, deadline=None)
@given(told_snapshots())
def test_no_name_and_no_gap_makes_a_contract_invalid(snapshot: Snapshot) -> None:
    contracts = exported(snapshot)
    golden = [table for table in snapshot.tables if table.layer == "gold"]
    versions = [table.technical.schema_version for table in golden]
    assert [each["version"] for each in contracts.values()] == [
        version for version in versions if version is not None
    ]
    for contract in contracts.values():
        assert contract_problems(contract) == []
    assert list(data_contract.export(snapshot)) == list(data_contract.export(snapshot))


def schema(contract: Contract) -> Any:
    return contract["schema"][0]


MUTANTS: dict[str, Callable[[Contract], object]] = {
    "no version": lambda contract: contract.pop("version"),
    "no id": lambda contract: contract.pop("id"),
    "no status, which 3.1 requires": lambda contract: contract.pop("status"),
    "an unknown kind": lambda contract: contract.update(kind="Contract"),
    "an unknown version of the standard": lambda contract: contract.update(apiVersion="v4.0.0"),
    "a key that the standard has not": lambda contract: contract.update(licence="CC-BY-4.0"),
    "a time that is none": lambda contract: contract.update(contractCreatedTs="yesterday"),
    "an unknown logical type": lambda contract: schema(contract)["properties"][0].update(
        logicalType="text"
    ),
    "an unknown format of integers": lambda contract: property_of(contract, "customer_id").update(
        logicalTypeOptions={"format": "int32"}
    ),
    "a column without its name": lambda contract: schema(contract)["properties"][0].pop("name"),
    "a column that 3.1 cannot have": lambda contract: schema(contract)["properties"][0].update(
        semanticType="measure"
    ),
    "an id with a space": lambda contract: schema(contract)["properties"][0].update(id="order id"),
    "a relationship to nothing": lambda contract: schema(contract)["relationships"][0].pop("to"),
    "a relationship to a file that is no contract": lambda contract: schema(contract)[
        "relationships"
    ][0].update(to="dim_customer.json#schema/dim_customer/properties/customer_id"),
    "a rule of an unknown type": lambda contract: property_of(contract, "amount")["quality"][
        0
    ].update(type="words"),
    "a metric without a limit": lambda contract: property_of(contract, "amount")["quality"][
        0
    ].update(type="library", metric="nullValues"),
    "a custom property without a value": lambda contract: contract["customProperties"][0].pop(
        "value"
    ),
    "a server without a path": lambda contract: contract["servers"][0].pop("path"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_contract_is_refused(name: str) -> None:
    contract = exported(sample_snapshot())[FACT]
    MUTANTS[name](contract)
    assert contract_problems(contract) != []


def test_the_library_reads_what_was_written() -> None:
    for _, text in data_contract.export(sample_snapshot()):
        assert OpenDataContractStandard.from_string(text).to_yaml() == text


def test_who_answers_for_a_table_and_how_long_it_is_kept() -> None:
    contract = exported(sample_snapshot())[CUSTOMER]
    assert contract["team"] == {
        "name": "Shop data team",
        "members": [{"username": "A. Martin", "role": "data steward"}],
    }
    assert contract["slaProperties"] == [{"property": "retention", "value": "P7Y"}]
    assert contract["description"]["purpose"] == "To know who buys."
    assert contract["description"]["limitations"] == (
        "Used under Creative Commons Attribution 4.0 (CC-BY-4.0). Classified as confidential."
    )
    assert "slaProperties" not in exported(sample_snapshot())[FACT]


def test_a_term_of_years_is_a_number_and_a_unit() -> None:
    told = table("gold/kept", (column("a", "String"),), governance={"retention": "7 years"})
    [contract] = exported(Snapshot((told,), (), (), None)).values()
    assert contract["slaProperties"] == [{"property": "retention", "value": 7, "unit": "years"}]


def test_columns_say_what_they_are_and_what_they_are_made_of() -> None:
    contract = exported(sample_snapshot())[FACT]
    order = property_of(contract, "order_id")
    assert order["required"] is order["unique"] is order["primaryKey"] is True
    assert order["primaryKeyPosition"] == 1
    assert order["examples"] == ["A-1", "A-2"]
    assert custom(order)["descriptionFr"] == "Numéro de la commande."
    customer = property_of(contract, "customer_id")
    assert (customer["logicalType"], customer["physicalType"]) == ("integer", "UInt32")
    assert customer["logicalTypeOptions"] == {"format": "u32"}
    assert customer["transformSourceObjects"] == ["silver/shop/order"]
    assert customer["transformLogic"] == (
        "transformation of silver/shop/order.customer_name; "
        "decided by silver/shop/order.customer_name (join)"
    )
    assert property_of(contract, "tags")["logicalType"] == "array"
    assert property_of(contract, "_ingested_at")["logicalTypeOptions"] == {
        "timezone": True,
        "defaultTimezone": "UTC",
    }


def test_a_foreign_key_leads_to_the_contract_of_the_other_table() -> None:
    contracts = exported(sample_snapshot())
    [key] = schema(contracts[FACT])["relationships"]
    assert key["from"] == "schema/fact_order/properties/customer_id"
    assert key["to"] == "dim_customer.odcs.yaml#schema/dim_customer/properties/customer_id"
    file, _, path = key["to"].partition("#")
    _, object_id, _, property_id = path.split("/")
    other = schema(contracts[f"odcs/{file}"])
    assert other["id"] == object_id
    assert property_id in [each["id"] for each in other["properties"]]


def test_a_foreign_key_of_two_columns_and_one_to_a_table_without_contract() -> None:
    keys = (
        {"columns": ("a", "b"), "table": "gold/pair", "refers_to": ("a", "b")},
        {"columns": ("a",), "table": "silver/shop/thing", "refers_to": ("id",)},
    )
    columns = (column("a", "String"), column("b", "Int64"))
    pair = table("gold/pair", columns, technical={"foreign_keys": keys})
    [contract] = exported(Snapshot((pair,), (), (), None)).values()
    assert contract_problems(contract) == []
    paths = ["schema/pair/properties/a", "schema/pair/properties/b"]
    assert schema(contract)["relationships"] == [{"type": "foreignKey", "from": paths, "to": paths}]
    assert custom(schema(contract))["foreignKeys"] == [
        {"columns": ["a"], "table": "silver/shop/thing", "refers_to": ["id"]}
    ]


def test_rules_are_metrics_of_the_library_where_it_has_them() -> None:
    fact = with_rules(
        rule("primary_key", "order_id"),
        rule("order_id.nullability", "order_id"),
        rule("amount_positive", "amount", severity="warn"),
        rule("paid_after_order", "amount", "customer_id"),
    )
    [contract] = exported(Snapshot((fact,), (), (), None)).values()
    assert contract_problems(contract) == []
    unique, paid = schema(contract)["quality"]
    assert (unique["metric"], unique["mustBe"]) == ("duplicateValues", 0)
    assert unique["arguments"] == {"properties": ["order_id"]}
    assert (paid["type"], paid["severity"]) == ("text", "error")
    assert custom(paid) == {"columns": ["amount", "customer_id"]}
    [filled] = property_of(contract, "order_id")["quality"]
    assert (filled["metric"], filled["mustBe"]) == ("nullValues", 0)
    [positive] = property_of(contract, "amount")["quality"]
    assert (positive["type"], positive["severity"]) == ("text", "warning")


def rule(name: str, *columns: str, severity: Any = "reject") -> RuleFacts:
    return RuleFacts(rule=name, text="obeyed", severity=severity, columns=columns, rows=0)


def with_rules(*rules: RuleFacts) -> TableMetadata:
    fact = sample_snapshot().tables[-1]
    assert fact.quality is not None
    return fact.model_copy(update={"quality": fact.quality.model_copy(update={"rules": rules})})


def test_a_business_term_names_a_column_and_its_authority() -> None:
    term = TermEntry(
        id="amount",
        label=Words(en="Amount", fr="Montant"),
        definition=Words(en="What is paid.", fr=None),
        authority="Example Shop Ltd.",
        owner="Shop data team",
        steward=None,
        url="https://example.org/terms/amount",
        related=(),
        columns=(),
    )
    glossary = GlossaryDocument(terms=(term,), unused=())
    contract = exported(Snapshot(sample_snapshot().tables, (), (), glossary))[FACT]
    amount = property_of(contract, "amount")
    assert amount["businessName"] == "Amount"
    assert custom(amount)["businessNameFr"] == "Montant"
    assert amount["authoritativeDefinitions"] == [
        {
            "url": "https://example.org/terms/amount",
            "type": "businessDefinition",
            "description": "What is paid.",
        }
    ]


def test_measures_and_what_is_not_known_stand_among_the_custom_properties() -> None:
    contract = exported(sample_snapshot())[FACT]
    assert custom(contract)["gapsCount"] == 2
    assert custom(contract)["licences"] == ["CC-BY-4.0"]
    assert custom(schema(contract))["measures"][0]["expression"] == "SUM('Order'[amount])"


def test_a_table_without_a_version_has_no_contract() -> None:
    told = table("gold/new", (column("a", "String"),), technical={"schema_version": None})
    assert exported(Snapshot((told,), (), (), None)) == {}


def test_the_library_is_imported_only_by_an_export() -> None:
    code = (
        "import sys, jobforge_dagster.catalog.exports.data_contract;"
        "sys.exit('open_data_contract_standard.model' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
