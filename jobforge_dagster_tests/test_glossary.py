"""The glossary: terms in two languages, named by columns; what is wrong is told to people."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from jobforge_dagster.medallion import glossary
from jobforge_dagster.medallion.declare import meaning_of
from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.glossary import unused, users_of
from jobforge_dagster_tests.conftest import DOMAINS, Domains, Lake, Run
from jobforge_dagster_tests.shop import ORDERS, SHOP

NAMING = SHOP.replace(
    'meaning("Who ordered.", header="Customer")',
    'meaning("Who ordered.", header="Customer", term="buyer")',
).replace('meaning("The name.")', 'meaning("The name.", term="buyer")')

TERMS = """
owner: team:shop
steward: shop
terms:
  - id: buyer
    en: {label: Buyer, definition: Who orders.}
    fr: {label: Acheteur, definition: Qui commande.}
    authority: A shop
    url: https://example.org/terms
    related: [order]
  - id: order
    en: {label: Order, definition: What is asked for.}
    fr: {label: Commande, definition: Ce qui est demandé.}
    authority: A shop
    url: null
"""


def _states(run: Run) -> set[str]:
    """What the tables said of themselves; other assets have no state."""
    return {facts["state"] for facts in run.metadata.values() if "state" in facts}


def _folder(lake: Lake) -> Path:
    folders = (Path(entry) / lake.packages[0] for entry in sys.path)
    return next(folder for folder in folders if folder.is_dir())


@pytest.fixture
def lake(domains: Domains) -> Lake:
    made = domains(shop=NAMING)
    (_folder(made) / glossary.FILE).write_text(TERMS)
    return made


def _refused(lake: Lake, text: str) -> str:
    (_folder(lake) / glossary.FILE).write_text(text)
    with pytest.raises(DeclarationError) as refused:
        discover(lake.packages)
    assert refused.value.__cause__ is None
    return str(refused.value)


def _other_package(lake: Lake, name: str, text: str) -> str:
    folder = _folder(lake).parent / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / glossary.FILE).write_text(textwrap.dedent(text))
    return name


def test_terms_are_read_with_who_answers_for_them(lake: Lake) -> None:
    found = discover(lake.packages).glossary

    assert found
    assert list(found.by_id) == ["buyer", "order"]
    buyer, order = found.terms
    assert (buyer.owner, buyer.steward, buyer.authority) == ("team:shop", "shop", "A shop")
    assert (buyer.en.label, buyer.fr.definition) == ("Buyer", "Qui commande.")
    assert (buyer.url, buyer.related) == ("https://example.org/terms", ("order",))
    assert (order.url, order.related) == (None, ())


def test_it_tells_which_columns_hold_a_term_and_which_terms_none_does(lake: Lake) -> None:
    found = discover(lake.packages)

    assert users_of(found) == {
        "buyer": (
            "bronze/shop/orders.customer",
            "gold/dim_customer.customer",
            "silver/shop/order.customer",
        ),
        "order": (),
    }
    assert unused(found) == ("order",)


def test_without_a_glossary_there_are_no_terms(domains: Domains) -> None:
    found = discover(domains(shop=SHOP).packages)

    assert found.glossary is None
    assert users_of(found) == {}
    assert unused(found) == ()


def test_a_column_without_its_term_is_refused_with_the_closest(lake: Lake) -> None:
    said = _refused(lake, TERMS.replace("id: buyer", "id: buyers"))

    assert said == (
        "bronze/shop/orders: column customer holds the term 'buyer', which no glossary.yaml "
        "explains. The closest is 'buyers'. Correct the id, or add the term to the glossary."
    )


def test_a_gold_column_is_looked_at_too(domains: Domains) -> None:
    made = domains(shop=SHOP.replace('meaning("The name.")', 'meaning("The name.", term="byuer")'))
    said = _refused(made, TERMS)
    assert "gold/dim_customer: column customer holds the term 'byuer'" in said
    assert "The closest is 'buyer'" in said


def test_a_term_without_any_glossary_is_refused(domains: Domains) -> None:
    with pytest.raises(DeclarationError) as refused:
        discover(domains(shop=NAMING).packages)

    assert str(refused.value) == (
        "bronze/shop/orders: column customer holds the term 'buyer', but no domain package has a "
        "glossary.yaml. Write one beside its __init__.py, or leave the term out."
    )


def test_packages_share_their_terms(lake: Lake) -> None:
    (_folder(lake) / glossary.FILE).unlink()
    other = _other_package(lake, "other_terms", TERMS)

    found = discover([*lake.packages, other])

    assert users_of(found)["buyer"]


def test_an_id_in_two_packages_is_refused(lake: Lake) -> None:
    other = _other_package(lake, "same_terms", TERMS)

    with pytest.raises(DeclarationError) as refused:
        discover([*lake.packages, other])

    said = str(refused.value)
    assert f"glossary.yaml in same_terms and glossary.yaml in {lake.packages[0]}" in said
    assert "several terms have the id 'buyer'" in said


def test_a_term_may_be_related_to_one_of_another_package(lake: Lake) -> None:
    more = TERMS[: TERMS.index("  - id: order")].replace("id: buyer", "id: guest")
    other = _other_package(lake, "more_terms", more)
    found = discover([*lake.packages, other]).glossary
    assert found
    assert found.by_id["guest"].related == ("order",)


def _in(field: str, given: str) -> str:
    assert TERMS.count(field) == 1, field
    return TERMS.replace(field, given)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (_in("id: order", "id: buyer"), "several terms have the id 'buyer'"),
        (
            _in("related: [order]", "related: [ordre]"),
            "term 'buyer': related: 'ordre' is no other term. The closest is 'order'.",
        ),
        (_in("related: [order]", "related: [buyer]"), "'buyer' is no other term"),
        (_in("label: Buyer", 'label: ""'), "term 'buyer': en.label is empty: write it."),
        (_in("label: Buyer", "label: "), "term 'buyer': en.label is empty: write it."),
        (_in("label: Buyer", "label: '  '"), "term 'buyer': en.label is empty: write it."),
        (
            _in("definition: Qui commande.", "definition: no"),
            "term 'buyer': fr.definition must be text, not False: put it in quotes.",
        ),
        (
            _in("    fr: {label: Commande, definition: Ce qui est demandé.}\n", ""),
            "term 'order': fr is missing: add it.",
        ),
        (
            _in("    url: null\n", ""),
            "term 'order': url is missing: add it, or null where no lasting address is known.",
        ),
        (
            _in("url: null", "link: null\n    url: null"),
            "term 'order': link is no field here: correct its name, or remove it.",
        ),
        (_in("url: null", "url: example.org"), "must be an address that begins with https://"),
        (_in("id: order", "id: An order"), "term 'An order': id 'An order' must be lower-case"),
        (_in("id: order", "name: order"), "term number 2: id is missing: add it."),
        (_in("steward: shop", "stewards: shop"), "stewards is no field here"),
        (_in("owner: team:shop\n", ""), "owner is missing: add it."),
        (_in("related: [order]", "related: order"), "term 'buyer': related must be a list."),
        (_in("{label: Order, definition: What is asked for.}", "Order"), "en must hold fields"),
        ("owner: a\nterms: 3\n", "terms must be a list."),
        ("owner: a\nterms: [3]\n", "term number 1: it must hold fields"),
        ("", "it must hold fields"),
        ("- a", "it must hold fields"),
        (_in("steward: shop", "owner: other"), "line 3: the key 'owner' stands there for the sec"),
        (
            _in("{label: Order, ", "{label: Order, label: Command, "),
            "line 12: the key 'label' stands there for the second time. Remove one of both.",
        ),
        ("owner: [", "glossary.yaml in"),
        ("owner: a: b\n", "line 1: mapping values are not allowed"),
        ("owner: 2020-13-45\n", "cannot be read as YAML"),
        ("owner: a\n---\nowner: b\n", "line 2: but found another document"),
        ("owner: \x07\n", "cannot be read as YAML"),
        ("&a [*a]", "it must hold fields"),
        ("[" * 4000 + "]" * 4000, "cannot be read as YAML"),
    ],
)
def test_a_bad_glossary_is_told_by_file_term_and_field(lake: Lake, text: str, says: str) -> None:
    said = _refused(lake, text)

    assert says in said
    assert said.startswith(f"glossary.yaml in {lake.packages[0]}")
    assert "Traceback" not in said


def test_a_glossary_in_another_encoding_is_told(lake: Lake) -> None:
    (_folder(lake) / glossary.FILE).write_bytes(TERMS.encode("latin-1"))
    with pytest.raises(DeclarationError, match="cannot be read as YAML"):
        discover(lake.packages)


def test_all_that_is_wrong_is_told_at_once(lake: Lake) -> None:
    said = _refused(lake, _in("label: Buyer", 'label: ""').replace("label: Order", "label: 1"))

    assert [line.split(": ")[1:3] for line in said.splitlines()] == [
        ["term 'buyer'", "en.label is empty"],
        ["term 'order'", "en.label must be text, not 1"],
    ]


def test_a_changed_glossary_makes_nothing_again(lake: Lake) -> None:
    lake.drop("shop/orders.csv", ORDERS)
    assert lake.run().success
    (_folder(lake) / glossary.FILE).write_text(_in("Who orders.", "Who has ordered."))

    assert _states(lake.run()) == {"unchanged"}


def test_a_term_that_a_column_comes_to_hold_makes_nothing_again(
    lake: Lake, domains: Domains
) -> None:
    lake.drop("shop/orders.csv", ORDERS)
    assert lake.run().success
    domains(shop=NAMING.replace('header="Amount"', 'header="Amount", term="order"'))

    assert _states(lake.run()) == {"unchanged"}


def test_every_shipped_term_is_used() -> None:
    found = discover([DOMAINS])
    assert found.glossary
    assert len(found.glossary.terms) >= 25
    assert unused(found) == ()


def test_every_shipped_term_is_said_in_two_languages() -> None:
    found = discover([DOMAINS]).glossary
    assert found
    for term in found.terms:
        for wording in (term.en, term.fr):
            assert wording.definition.endswith("."), term.id
            assert wording.label[0].isupper(), term.id
        assert term.en.definition != term.fr.definition, term.id


def test_every_shipped_column_of_every_layer_has_an_english_and_a_french_text() -> None:
    for declared in discover([DOMAINS]).declared:
        for name, column in declared.schema.columns().items():
            said = meaning_of(column)
            assert said, f"{declared.key}.{name}"
            assert said.text.endswith("."), f"{declared.key}.{name}"
            assert (said.french or "").endswith("."), f"{declared.key}.{name}"
            assert said.text != said.french, f"{declared.key}.{name}"
