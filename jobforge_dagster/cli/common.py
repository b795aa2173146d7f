"""What all commands share: how errors, tables and JSON are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from functools import wraps
from typing import Any

import click
import polars as pl
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Grid

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.discovery import discover, packages_from_environment
from jobforge_dagster.medallion.errors import JobForgeError


def command(
    group: click.Group, name: str | None = None, examples: Sequence[str] = ()
) -> Callable[[Callable[..., None]], click.Command]:
    """A command of a group, whose errors are words for people.

    Args:
        group: to which it is added.
        name: of the command; without it, that of its function.
        examples: whole command lines, for its help.
    """
    shown = "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)

    def declare(function: Callable[..., None]) -> click.Command:
        @wraps(function)
        def told(**options: Any) -> None:
            with in_words():
                function(**options)

        return group.command(name, epilog=shown if examples else None)(told)

    return declare


@contextmanager
def in_words() -> Iterator[None]:
    """Tell errors of people, of the platform and of the disk without a traceback."""
    try:
        yield
    except JobForgeError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise click.ClickException(f"{error.strerror or error}{where}") from None


def source_called(name: str) -> Source:
    """The source of some name.

    Raises:
        JobForgeError: there is none; tells the closest.
    """
    declared = {source.name: source for source in discover(packages_from_environment()).sources}
    if name in declared:
        return declared[name]
    close = get_close_matches(name, declared, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise JobForgeError(f"There is no source {name!r}.{hint} See: jobforge sources")


def print_json(value: Any) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_text))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_grid(rows: pl.DataFrame, *, nothing: str) -> None:
    """Print a table for people.

    Args:
        rows: the table.
        nothing: what to say of an empty one.
    """
    if rows.is_empty():
        click.echo(nothing)
        return
    grid = Grid(*rows.columns, box=SIMPLE, pad_edge=False)
    for row in rows.iter_rows():
        grid.add_row(*map(_cell, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # what is cut to a narrow pipe cannot be searched
    console.print(grid)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
