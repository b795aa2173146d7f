"""The ways from table to table, as the domains declare them."""

from __future__ import annotations

import pytest

from jobforge_dagster.medallion.declare import Table
from jobforge_dagster.medallion.discovery import Declarations, discover
from jobforge_dagster_tests.conftest import DOMAINS


@pytest.fixture(scope="module")
def declared() -> Declarations:
    return discover((DOMAINS,))


def before(declared: Declarations, key: str, *, judging: bool) -> set[str]:
    """What a table is made of, step by step."""
    for source in declared.sources:
        if source.key == key:
            return {source.staged_key}
    for table in declared.tables:
        if table.key == key:
            return {each.key for each in (table.upstream if judging else table.inputs)}
    return set()


@pytest.mark.parametrize("judging", [False, True])
def test_everything_above_a_table_comes_after_what_is_made_of_it(
    declared: Declarations, judging: bool
) -> None:
    for each in declared.declared:
        way = declared.above(each.key, judging=judging)
        assert way[0] == each.key
        assert len({*way}) == len(way)
        for place, key in enumerate(way):
            assert before(declared, key, judging=judging) <= {*way[place + 1 :]}
        behind = set().union(*(before(declared, key, judging=judging) for key in way))
        assert {*way[1:]} == behind


@pytest.mark.parametrize("judging", [False, True])
def test_below_a_table_is_what_it_is_above_of(declared: Declarations, judging: bool) -> None:
    keys = [each.key for each in declared.declared]
    for source in declared.sources:
        way = declared.below(source.key, judging=judging)
        assert way[0] == source.key
        above = {key for key in keys if source.key in declared.above(key, judging=judging)}
        assert {*way} == above
        for place, key in enumerate(way):
            assert not before(declared, key, judging=judging) & {*way[place:]}


def test_what_rules_compare_with_counts_where_it_is_judged(declared: Declarations) -> None:
    compared = [
        (table, parent)
        for table in declared.tables
        for parent in table.parents
        if isinstance(parent, Table) and parent.key not in declared.above(table.key)
    ]
    assert compared
    for table, parent in compared:
        assert parent.key in declared.above(table.key, judging=True)
        assert table.key in declared.below(parent.key, judging=True)
