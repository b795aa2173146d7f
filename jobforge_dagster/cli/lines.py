"""Printing the lines that an answer tells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from jobforge_dagster.asking.told import Line


def print_lines(lines: Iterable[Line]) -> None:
    """Print lines for people, headings in bold."""
    for line in lines:
        typer.echo(typer.style(line.text, bold=True) if line.heading else line.text)
