"""The export to Power BI is read back by a strict reader, and what it says is checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.exports import tmdl
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.catalog_parts import column, table
from jobforge_dagster_tests.catalog_sample import sample_snapshot
from jobforge_dagster_tests.catalog_strategy import AWKWARD, TYPES
from jobforge_dagster_tests.tmdl_checks import check, prose
from jobforge_dagster_tests.tmdl_reader import RefusedError, ends, read

TABLES = "powerbi/definition/tables"


def exported(snapshot: Snapshot) -> dict[str, str]:
    return dict(tmdl.export(snapshot))


def gold(key: str, shown: str, columns: tuple[Any, ...], **said: Any) -> TableMetadata:
    power_bi = {"table": shown, "storage_mode": "import", "description": None}
    return table(f"gold/{key}", columns, power_bi=power_bi, **said)


def refers(start: str, key: str, end: str) -> dict[str, Any]:
    return {"columns": (start,), "table": f"gold/{key}", "refers_to": (end,)}


def architecture() -> Snapshot:
    """Functions, families and titles, which refer to each other on two ways; and odd keys."""
    function = gold("function", "Function", (column("fid", "Int8", primary_key=True),))
    family = gold(
        "family",
        "Job family",
        (column("fam", "String", primary_key=True), column("fid", "Int64")),
        technical={"foreign_keys": (refers("fid", "function", "fid"),)},
    )
    composite = {"columns": ("a", "b"), "table": "gold/pair", "refers_to": ("a", "b")}
    title = gold(
        "title",
        "Rock 'n' Roll: v1.0",
        (
            column("id", "String", primary_key=True),
            column("ID", "Float64"),
            column("fid", "Int16"),
            column("fam", "String"),
            column("above", "String"),
            *(column(name, "Int8") for name in ("a", "b", "head_count", "start_year")),
        ),
        technical={
            "foreign_keys": (
                refers("fid", "function", "fid"),
                refers("fam", "family", "fam"),
                refers("above", "title", "id"),
                refers("a", "function", "fid"),
                composite,
            )
        },
        business={"measures": (MEASURE,)},
    )
    pair = gold("pair", "Pair", tuple(column(name, "Int8", primary_key=True) for name in "ab"))
    return Snapshot((family, function, pair, title), (), (), None)


MEASURE = {
    "name": "Heads [all]",
    "expression": "VAR heads =\n\tSUM('Rock ''n'' Roll: v1.0'[head_count])\n\nRETURN heads  \n",
    "description": 'Everybody.\nEven the "odd" ones.',
    "format": '#,0 "heads"',
}


def test_the_sample_is_a_model_and_says_the_same_twice() -> None:
    files = exported(sample_snapshot())
    tables = check(files, sample_snapshot())
    assert files == exported(sample_snapshot())
    assert json.loads(files["powerbi/definition.pbism"]) == {"version": "4.0", "settings": {}}
    order = {each.name: each for each in tables["Order"].all("column")}
    assert order["amount"].properties["summarizeBy"] == "sum"
    assert order["amount"].annotation("Term") == "amount"
    assert tables["Order"].description == "One order."
    assert tables["Order"].annotation("ColumnsLeftOut") == "tags: List(String)"
    assert tables["Order"].all("measure")[0].default == "SUM('Order'[amount])"
    culture = read(files)[0].all("cultureInfo")[0].children[0].children[0]
    assert culture.children[0].children[0].properties == {"description": "Qui a acheté."}


def test_the_short_cut_past_a_table_does_not_filter() -> None:
    files = exported(architecture())
    tables = check(files, architecture())
    told = {
        (ends(each.properties["fromColumn"]), "isActive" not in each.properties)
        for each in read(files)[0].all("relationship")
    }
    title = "Rock 'n' Roll: v1.0"
    assert told == {
        (("Job family", "fid"), True),
        ((title, "fam"), True),
        ((title, "fid"), False),
        ((title, "a"), False),
    }
    assert tables[title].annotation("ForeignKeysLeftOut") == (
        "(above) -> gold/title (id); (a, b) -> gold/pair (a, b)"
    )
    columns = {each.name: each.properties for each in tables[title].all("column")}
    assert columns["ID (2)"]["sourceColumn"] == "ID"
    assert columns["head_count"]["summarizeBy"] == "sum"
    assert columns["start_year"]["formatString"] == "0"
    measure = tables[title].all("measure")[0]
    assert measure.default == str(MEASURE["expression"]).rstrip()
    assert measure.description == MEASURE["description"]
    assert measure.properties["formatString"] == '#,0 "heads"'


anything = st.text(st.characters(codec="utf-8"), max_size=30)
shown_names = st.sampled_from((*AWKWARD, "Measures", "a", "A", " pad ")) | anything


@st.composite
def models(draw: Callable[[Any], Any]) -> Snapshot:
    """Gold tables of any names that refer to each other in any way."""
    keys = [f"t{number}" for number in range(draw(st.integers(1, 5)))]
    tables = []
    for key in keys:
        others = draw(st.lists(st.sampled_from(keys), max_size=4))
        names = draw(st.lists(shown_names, max_size=3, unique=True))
        columns = (
            column("key", draw(st.sampled_from(("Int8", "String"))), primary_key=True),
            *(column(f"to_{n}", draw(st.sampled_from(("Int64", "String")))) for n in range(4)),
            *(
                column(
                    f"{name}.",
                    draw(st.sampled_from(TYPES)),
                    description={"en": draw(st.none() | anything), "fr": draw(anything)},
                )
                for name in names
            ),
        )
        measure = {"name": draw(shown_names), "expression": "1", "format": draw(anything)}
        tables.append(
            gold(
                key,
                draw(shown_names),
                columns,
                technical={
                    "foreign_keys": [refers(f"to_{n}", to, "key") for n, to in enumerate(others)]
                },
                business={"measures": (measure | {"description": draw(anything)},)},
            )
        )
    return Snapshot(tuple(tables), (), (), None)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models())
def test_any_gold_is_a_model(snapshot: Snapshot) -> None:
    files = exported(snapshot)
    assert len({path.casefold() for path in files}) == len(files)
    tables = check(files, snapshot)
    for node, document in zip(tables.values(), snapshot.tables, strict=True):
        (measure,), (told,) = node.all("measure"), document.business.measures
        assert (measure.description or "") == prose(told.description)


def test_only_gold_that_is_shown_is_exported() -> None:
    sample = sample_snapshot()
    hidden = tuple(each.model_copy(update={"power_bi": None}) for each in sample.tables)
    files = exported(replace(sample, tables=hidden))
    assert not [path for path in files if path.startswith(TABLES)]
    check(files, sample)


ORDER, LINKS = f"{TABLES}/Order.tmdl", "powerbi/definition/relationships.tmdl"
MUTANTS = {
    "spaces for tabs": (ORDER, "\t\tdataType: decimal", "        dataType: decimal"),
    "a property as deep as its object": (ORDER, "\t\tdataType: decimal", "\tdataType: decimal"),
    "an unknown type": (ORDER, "dataType: decimal", "dataType: money"),
    "an unknown property": (ORDER, "\t\tisHidden", "\t\tisHiden"),
    "a property twice": (ORDER, "\t\tisKey\n", "\t\tisKey\n\t\tisKey\n"),
    "a lonely description": (ORDER, "/// One order.\n", "/// One order.\n\n"),
    "an unquoted name": (ORDER, "column amount", "column the amount"),
    "a comment": (ORDER, "\tcolumn amount", "\t// what was paid\n\tcolumn amount"),
    "an unknown column in DAX": (ORDER, "'Order'[amount]", "'Order'[price]"),
    "an unknown measure in DAX": (ORDER, "SUM('Order'[amount])", "[Profit] + 1"),
    "a source that is not there": (ORDER, "sourceColumn: amount", "sourceColumn: price"),
    "two columns of one name": (ORDER, "column amount", "column ORDER_ID"),
    "one tag for two columns": (
        ORDER,
        "30083b74-c20a-5dad-83c9-e80e5a3afdac",
        "150d9f81-ecc3-5750-8d32-1b9205ad78f5",
    ),
    "an expression without a body": (ORDER, "= SUM('Order'[amount])", "="),
    "an end that is not there": (LINKS, "toColumn: Customer.", "toColumn: Client."),
    "an end that is no key": (LINKS, "Customer.customer_id", "Customer.customer_name"),
    "DAX for a reference": (LINKS, "Customer.customer_id", "Customer[customer_id]"),
    "a described relationship": (LINKS, "relationship", "/// Who bought.\nrelationship"),
    "a table without a reference": ("powerbi/definition/model.tmdl", "ref table Order\n", ""),
    "no database": ("powerbi/definition/database.tmdl", "database\n\t", ""),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_refused(mutant: str) -> None:
    path, good, bad = MUTANTS[mutant]
    files = exported(sample_snapshot())
    assert good in files[path]
    files[path] = files[path].replace(good, bad, 1)
    with pytest.raises((RefusedError, AssertionError, KeyError)):
        check(files, sample_snapshot())


def test_a_second_active_way_is_refused() -> None:
    files = exported(architecture())
    files[LINKS] = files[LINKS].replace("\tisActive: false\n", "", 1)
    with pytest.raises(AssertionError, match="two ways"):
        check(files, architecture())
