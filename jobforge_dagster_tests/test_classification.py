"""Classification, retention, purpose, measures: inherited, checked, and no reason to run again."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobforge_dagster.medallion.classification import (
    CLASSIFICATIONS,
    Classification,
    inherited,
)
from jobforge_dagster.medallion.declare import meaning, meaning_of
from jobforge_dagster.medallion.discovery import Declarations, discover
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.marts import questions_of
from jobforge_dagster_tests.conftest import DOMAINS, Domains, Lake
from jobforge_dagster_tests.shop import SHOP

SOURCE = "max_rejected=LENIENT, origin=ORIGIN)"
SILVER = "inputs=[orders], max_rejected=LENIENT)"
GOLD = 'inputs=[order], grain=Groups(["customer"]))'
DOMAIN = 'steward="shop")'
COLUMN = 'meaning("Cents, in all.")'

LEVEL = st.sampled_from(CLASSIFICATIONS)
REASON = st.one_of(st.none(), st.just("Only counts are left."))


def _said(*replacements: tuple[str, str]) -> str:
    text = SHOP.replace("Domain, Licence", "Domain, Licence, Measure")
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _more(call: str, more: str) -> tuple[str, str]:
    """One more argument of a call, before its closing bracket."""
    return call, f"{call[:-1]}, {more})"


def _found(domains: Domains, *replacements: tuple[str, str]) -> Declarations:
    return discover(domains(shop=_said(*replacements)).packages)


@example(declared="public", default="public", upstream=["restricted"], declassified=None)
@example(declared="public", default="public", upstream=["restricted"], declassified="Counts.")
@given(declared=st.none() | LEVEL, default=LEVEL, upstream=st.lists(LEVEL), declassified=REASON)
def test_the_most_closed_counts_unless_a_reason_says_otherwise(
    declared: Classification | None,
    default: Classification,
    upstream: list[Classification],
    declassified: str | None,
) -> None:
    found = inherited(declared, default, upstream, declassified)

    own = declared or default
    rank = CLASSIFICATIONS.index
    if declared and declassified:
        assert found == declared
    else:
        assert rank(found) == max(map(rank, [own, *upstream]))
        assert found in {own, *upstream}


@given(default=LEVEL, upstream=st.lists(LEVEL), more=LEVEL)
def test_more_that_goes_in_never_makes_it_more_open(
    default: Classification, upstream: list[Classification], more: Classification
) -> None:
    rank = CLASSIFICATIONS.index
    before = inherited(None, default, upstream, None)
    assert rank(inherited(None, default, [*upstream, more], None)) >= rank(before)
    assert inherited(None, default, upstream[::-1], None) == before


def test_the_order_rises() -> None:
    assert CLASSIFICATIONS == ("public", "internal", "confidential", "restricted")


def test_a_source_and_a_table_say_what_their_domain_says_unless_they_say_otherwise(
    domains: Domains,
) -> None:
    plain = _found(domains)
    assert {(each.classification, each.retention, each.purpose) for each in plain.declared} == {
        ("public", None, None)
    }

    found = _found(
        domains,
        _more(DOMAIN, 'classification="internal", retention="seven years"'),
        _more(SOURCE, 'classification="restricted", purpose="To bill."'),
        _more(GOLD, 'retention="for ever", purpose="To know who buys."'),
    )

    assert {
        each.key: (each.classification, each.retention, each.purpose) for each in found.declared
    } == {
        "bronze/shop/orders": ("restricted", "seven years", "To bill."),
        "silver/shop/order": ("internal", "seven years", None),
        "gold/dim_customer": ("internal", "for ever", "To know who buys."),
    }


def test_a_column_says_its_own_and_why_it_may(domains: Domains) -> None:
    found = _found(
        domains, (COLUMN, _more(COLUMN, 'classification="public", declassified="A sum."')[1])
    )

    said = meaning_of(found.tables[1].schema.columns()["amount"])

    assert said
    assert (said.classification, said.declassified) == ("public", "A sum.")


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (DOMAIN, "domain shop"),
        (SOURCE, "bronze/shop/orders"),
        (SILVER, "silver/shop/order"),
        (GOLD, "gold/dim_customer"),
        (COLUMN, "gold/dim_customer: column amount"),
    ],
)
def test_an_unknown_classification_is_refused(domains: Domains, call: str, place: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        _found(domains, _more(call, 'classification="secret"'))

    assert str(refused.value) == (
        f"{place}: classification='secret' is none of public, internal, confidential, restricted."
    )


def test_a_reason_needs_a_classification_and_words() -> None:
    with pytest.raises(DeclarationError, match=r"meaning\('Pay'\): declassified= is the reason"):
        meaning("Pay", declassified="A sum.")
    with pytest.raises(DeclarationError, match="Give both, or neither"):
        meaning("Pay", classification="public", declassified=" ")


@pytest.mark.parametrize("name", ["purpose", "retention"])
@pytest.mark.parametrize("call", [SOURCE, GOLD])
def test_prose_that_says_nothing_is_refused(domains: Domains, name: str, call: str) -> None:
    with pytest.raises(DeclarationError, match=f"{name} is empty. Write it, or leave it out"):
        _found(domains, _more(call, f'{name}=" "'))


def test_what_cannot_be_said_of_a_table_is_refused(domains: Domains) -> None:
    with pytest.raises(DeclarationError, match="retension cannot be said of a gold table") as told:
        _found(domains, _more(GOLD, 'retension="a year"'))
    assert "retention" in str(told.value)


MEASURE = "measures=[Measure({})]"
SUM = '"Revenue", "SUM(\'dim_customer\'[amount])", "What all paid.", "#,0"'


def test_a_gold_table_has_measures(domains: Domains) -> None:
    found = _found(domains, _more(GOLD, MEASURE.format(SUM)))

    (measure,) = found.tables[1].measures
    assert (measure.name, measure.expression) == ("Revenue", "SUM('dim_customer'[amount])")
    assert (measure.description, measure.format) == ("What all paid.", "#,0")


@pytest.mark.parametrize(
    ("call", "measure", "says"),
    [
        (SILVER, SUM, "silver/shop/order: reports work their measures out of gold, not of silver"),
        (GOLD, '"Amount", "1", "x"', "the measure Amount is called like a column"),
        (GOLD, '"A", "", "x"', "the expression of the measure 'A' is empty"),
        (GOLD, '"A", "1", " "', "the description of the measure 'A' is empty"),
        (GOLD, '"", "1", "x"', "the name of the measure '' is empty"),
        (GOLD, '"A", "1", "x"), Measure("a", "2", "y"', "gold/dim_customer (A), gold/dim_"),
    ],
)
def test_a_measure_that_cannot_be_is_refused(
    domains: Domains, call: str, measure: str, says: str
) -> None:
    with pytest.raises(DeclarationError, match=re.escape(says)):
        _found(domains, _more(call, MEASURE.format(measure)))


def test_two_gold_tables_have_no_measure_of_one_name(domains: Domains) -> None:
    text = _said(_more(GOLD, MEASURE.format(SUM)))
    start = text.index("@SHOP.gold")
    other = text[start:].replace("dim_customer(", "fact_customer(").replace("Revenue", "revenue")

    with pytest.raises(DeclarationError) as refused:
        discover(domains(shop=text + "\n\n" + other).packages)

    assert "gold/dim_customer (Revenue), gold/fact_customer (revenue)" in str(refused.value)
    assert "Rename one" in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        _more(SOURCE, 'purpose="To bill."'),
        _more(SOURCE, 'classification="internal"'),
        _more(SOURCE, 'retention="a year"'),
        _more(SILVER, 'purpose="To tidy up."'),
        _more(SILVER, 'classification="restricted"'),
        _more(SILVER, 'retention="a year"'),
        _more(GOLD, 'purpose="To know who buys."'),
        _more(GOLD, 'classification="confidential"'),
        _more(GOLD, 'retention="a year"'),
        _more(GOLD, 'answers=["Who buys?"]'),
        _more(GOLD, MEASURE.format(SUM)),
        _more(COLUMN, 'classification="confidential"'),
        _more(COLUMN, 'classification="public", declassified="A sum."'),
        _more(COLUMN, 'french="Cents, au total."'),
        _more(DOMAIN, 'classification="internal", retention="a year"'),
        (
            'licence=Licence("CC0-1.0", "CC0"))',
            'licence=Licence("CC0-1.0", "CC0"), url="https://x")',
        ),
    ],
    ids=lambda change: change[1][-40:],
)
def test_what_is_said_of_a_table_makes_nothing_again(
    shop: Lake, domains: Domains, change: tuple[str, str]
) -> None:
    domains(shop=SHOP.replace("Domain, Licence", "Domain, Licence, Measure"))
    assert set(shop.run().states().values()) == {"unchanged"}

    domains(shop=_said(change))

    assert set(shop.run().states().values()) == {"unchanged"}


def test_sources_in_a_loop_may_change_their_prose_too(domains: Domains) -> None:
    many = (
        _said()
        .replace("orders = SHOP.source(", "many = [SHOP.source(")
        .replace(SOURCE, f'{SOURCE[:-1]}, purpose="To bill.")]')
        .replace("inputs=[orders]", "inputs=many")
    )
    lake = domains(shop=many)
    lake.drop("shop/orders.csv", "Order No,Customer,Amount\n1,Ann,2\n")
    assert lake.run().success

    linked = many.replace('"CC0"))', '"CC0"), url="https://example.org")')
    assert linked != many
    domains(shop=linked.replace("To bill.", "To send bills."))

    assert set(lake.run().states().values()) == {"unchanged"}


def test_everything_that_ships_is_public_says_what_it_is_for_and_invents_no_retention() -> None:
    found = discover([DOMAINS])

    assert {each.classification for each in found.declared} == {"public"}
    assert {each.retention for each in found.declared} == {None}
    assert not [each.key for each in found.sources if not each.purpose]
    gold = [table for table in found.tables if table.layer == "gold"]
    assert not [each.key for each in gold if not (each.purpose and questions_of(each, found.marts))]


def test_shipped_measures_name_columns_and_measures_that_exist() -> None:
    gold = {table.name: table for table in discover([DOMAINS]).tables if table.layer == "gold"}
    measures = [measure for table in gold.values() for measure in table.measures]
    assert len(measures) >= 10
    for measure in measures:
        for table, column in re.findall(r"'(\w+)'(?:\[(\w+)\])?", measure.expression):
            assert not column or column in gold[table].schema.column_names(), measure
        for other in re.findall(r"(?<!')\[([^\]]+)\]", measure.expression):
            assert other in {each.name for each in measures}, measure
        assert measure.expression.count("(") == measure.expression.count(")"), measure


def test_an_origin_links_to_its_data_set_where_one_is_known() -> None:
    for source in discover([DOMAINS]).sources:
        origin = source.origin
        assert (origin.url is None) == (origin.dataset is None), source.key
        if origin.dataset:
            assert origin.url == f"https://open.canada.ca/data/en/dataset/{origin.dataset}"
