"""What all commands share: how mistakes, examples, tables and JSON are shown.

The command line must start fast: the modules of this package import nothing heavy (no Polars, no
DuckDB, no Dagster, no domain) but inside of the functions that need it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from jobforge_dagster.asking.names import closest
from jobforge_dagster.asking.values import plain, shown
from jobforge_dagster.medallion.errors import JobForgeError

if TYPE_CHECKING:
    import polars as pl

    from jobforge_dagster.medallion.declare import Source

PROGRAM = "jobforge"

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
"""The option that every command which tells something has."""

_TAG = re.compile(r"\[(?=[a-z#/@][^\[]*?\])")
"""The bracket that rich would take for markup."""

_LINE_END = re.compile(r"(?<=\S)\n(?=[^\s*-])")
"""The end of a line in the middle of a paragraph, where the terminal may be wider."""


class InWords(TyperGroup):
    """A group of commands whose errors are words for people, never a traceback.

    Only the group that the program starts with tells them, so each is told once. What the platform
    or the disk refuses exits with 1, a command line that cannot be understood with 2, and one that
    was interrupted with 130.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in self.commands.values():
            command.help = _LINE_END.sub(" ", command.help or "")

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of its commands, in the order of the alphabet."""
        return sorted(super().list_commands(ctx))

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run the program and end the process."""
        options |= {"prog_name": PROGRAM, "standalone_mode": False}
        try:
            code = super().main(*arguments, **options)
        except JobForgeError as error:
            code = _told(str(error))
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            code = _told(f"{error.strerror or error}{where}")
        except typer.TyperException as error:
            code = _told_of_usage(error)
        except typer.Abort:
            code = _told("It was given up.")
        except Exception as error:
            code = _told(_of_polars(error))
        sys.exit(code if isinstance(code, int) else 0)


def _of_polars(error: Exception) -> str:
    """What an error of Polars means; any other is a fault of ours, and raised."""
    if type(error).__module__.partition(".")[0] != "polars":
        raise error
    from jobforge_dagster.asking.damage import in_words
    from jobforge_dagster.medallion.storage.root import DataRoot

    return str(in_words(DataRoot.from_environment(), error))


def _told(message: str) -> int:
    typer.echo(f"Error: {_lines(message)}", err=True)
    return 1


def _told_of_usage(error: typer.TyperException) -> int:
    context: typer.Context | None = getattr(error, "ctx", None)
    message = error.format_message()
    if message and context is not None:
        typer.echo(context.get_usage(), err=True)
        typer.echo(f"Try '{context.command_path} --help' for help.\n", err=True)
    if message:  # without one, the help was shown
        typer.echo(f"Error: {message}", err=True)
    return error.exit_code


def fail(message: str) -> NoReturn:
    """End the command: tell why, exit with 1."""
    _told(message)
    raise typer.Exit(1)


def commands(text: str, **options: Any) -> typer.Typer:
    """A group of commands; alone, it shows its help.

    Args:
        text: what it is for.
        options: further ones of ``typer.Typer``.
    """
    options.setdefault("no_args_is_help", not options.get("invoke_without_command"))
    options.setdefault("add_completion", False)
    return typer.Typer(
        help=text,
        cls=InWords,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        **options,
    )


def examples(*lines: str) -> str:
    """The end of a command's help: whole command lines."""
    told = "\n".join(f"  {_TAG.sub(_escaped, line)}" for line in lines)
    return f"\nExamples:\n{told}"  # the first line, which is empty, keeps the indentation


def _escaped(bracket: re.Match[str]) -> str:
    return f"\\{bracket[0]}"


def source_called(name: str) -> Source:
    """The source of some name.

    Raises:
        JobForgeError: there is none; tells the closest.
    """
    from jobforge_dagster.medallion.discovery import discover, packages_from_environment

    declared = {source.name: source for source in discover(packages_from_environment()).sources}
    if name in declared:
        return declared[name]
    hint = closest(name, declared)
    raise JobForgeError(f"There is no source {name!r}.{hint} See: jobforge sources")


def print_json(value: Any) -> None:
    """Print a value for programs."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_grid(rows: pl.DataFrame, *, nothing: str) -> None:
    """Print a table for people.

    Args:
        rows: the table.
        nothing: what to say of an empty one.
    """
    print_rows(rows.columns, rows.rows(), nothing=nothing)


def print_rows(
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    nothing: str,
    right: Container[int] = (),
    width: int = 200,
) -> None:
    """Print a table for people, from rows that are no frame.

    Args:
        names: of its columns.
        rows: their values.
        nothing: what to say if there is no row.
        right: the numbers of the columns that stand at the right.
        width: of the table at most, where there is no terminal: what is cut to the width of a
            narrow pipe cannot be searched.
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=SIMPLE, pad_edge=False)
    for number, name in enumerate(names):
        grid.add_column(Text(shown(name)), justify="right" if number in right else "left")
    for row in rows:
        grid.add_row(*(Text(_cell(value)) for value in row))
    if not grid.row_count:
        typer.echo(nothing)
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=width)
    console.print(grid)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return _lines(value) if isinstance(value, str) else shown(value)


def _lines(text: str) -> str:
    """A text of several lines, for a screen."""
    return "\n".join(map(shown, text.split("\n")))
