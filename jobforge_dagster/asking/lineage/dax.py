"""What an expression of DAX names: tables, columns, and other measures."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<nothing> --[^\n]* | //[^\n]* | /\*.*?\*/ | "(?:[^"]|"")*" )
    | '(?P<quoted> (?:[^']|'')* )'
    | \[(?P<bracket> (?:[^\]]|\]\])* )\]
    | (?P<word> [^\W\d]\w* )
    | (?P<space> \s+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
"""https://learn.microsoft.com/dax/dax-syntax-reference, "Naming requirements"."""


@dataclass(frozen=True)
class Named:
    """What an expression names, in small letters: DAX does not tell letters' cases apart.

    Attributes:
        tables: quoted or bare words; a bare word may be a function or a variable too.
        columns: with the name of their table.
        bare: names in brackets without a table: measures, or columns of the measure's own table.
    """

    tables: frozenset[str]
    columns: frozenset[tuple[str, str]]
    bare: frozenset[str]


def named_in(expression: str) -> Named:
    """What an expression names."""
    tables: set[str] = set()
    columns: set[tuple[str, str]] = set()
    bare: set[str] = set()
    table: str | None = None
    for token in _TOKEN.finditer(expression):
        if token["space"] is not None:
            continue
        if token["bracket"] is not None:
            name = token["bracket"].replace("]]", "]").casefold()
            if table is None:
                bare.add(name)
            else:
                columns.add((table, name))
        table = None
        if token["quoted"] is not None or token["word"] is not None:
            table = (token["quoted"] or token["word"] or "").replace("''", "'").casefold()
            tables.add(table)
    return Named(frozenset(tables), frozenset(columns), frozenset(bare))
