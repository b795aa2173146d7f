"""Rows as a table of text, for answers that print in a notebook as on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from jobforge_dagster.asking.values import shown

WIDTH = 200
"""Letters of a line where there is no screen: what is cut to a narrow pipe cannot be searched."""


def grid(names: Sequence[str], rows: Iterable[Sequence[Any]], width: int = WIDTH) -> list[str]:
    """The lines of a table; what is too wide for its column goes on in the next line.

    Args:
        names: of the columns.
        rows: their values.
        width: of the screen.
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(Text(name)) for name in names), box=SIMPLE, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(shown(value)) for value in row))
    console = Console(file=StringIO(), width=width, color_system=None)
    with console.capture() as printed:
        console.print(table)
    return printed.get().removesuffix("\n").split("\n")
