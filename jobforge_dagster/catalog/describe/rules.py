"""The rules of a table in words: its schema's, its foreign keys, its agreements with others."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from jobforge_dagster.medallion.declare import Severity, Source, Table
from jobforge_dagster.medallion.quality.rules import CELLS_READ, rules_in_words


class ToldRule(NamedTuple):
    """A rule: its name within the table, what it says, and the columns that it looks at."""

    name: str
    text: str
    severity: Severity
    columns: tuple[str, ...]


@cache
def rules_of(declared: Source | Table) -> tuple[ToldRule, ...]:
    """What the rows of a bronze, silver or gold table must obey."""
    if isinstance(declared, Source):
        return tuple(
            ToldRule(f"cast.{name}", f"{name} reads as {column.dtype}", "reject", (name,))
            for name, column in declared.schema.columns().items()
        )
    found = [
        ToldRule(name, terms.message, terms.severity, columns)
        for name, terms, columns in rules_in_words(declared.schema)
    ]
    for key in declared.foreign_keys:
        target = (key.table or declared).key
        columns = ", ".join(key.columns)
        found.append(ToldRule(key.rule, f"{columns} is in {target}", "reject", key.columns))
    for each in declared.agreements:
        columns_compared = (*each.on, *each.obeyed.meta.root_names())
        own = tuple(
            name for name in dict.fromkeys(columns_compared) if name in declared.schema.columns()
        )
        found.append(ToldRule(each.name, each.message, each.severity, own))
    if declared.layer == "silver":
        found.append(ToldRule(CELLS_READ, "Every cell of the row reads as declared.", "reject", ()))
    return tuple(found)
