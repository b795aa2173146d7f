"""``jobforge query`` and ``jobforge shell``: SQL over the tables, what was refused, the catalog."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobforge_dagster.asking.sql.formats import FORMATS, SUFFIXES, write_parquet, write_text
from jobforge_dagster.asking.values import shown
from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import examples, print_rows
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    from jobforge_dagster.asking.sql.answer import Asked

_SHOWN = 40
"""Rows of an answer that people are shown; other formats have them all."""

_WIDEST = 100_000
"""Characters of a row, where there is no terminal."""


@app.command(
    epilog=examples(
        "jobforge query 'SHOW TABLES'",
        "jobforge query 'SELECT teer, count(*) FROM gold.dim_noc GROUP BY ALL ORDER BY ALL'",
        "jobforge query 'FROM gold.dim_noc WHERE noc_code = $code' --param code=21231",
        "jobforge query 'FROM catalog.columns' --json",
        "jobforge query --file outlook.sql --output outlook.parquet",
    )
)
def query(
    context: typer.Context,
    statement: Annotated[
        str | None, typer.Argument(help="The SQL; - reads it from standard input.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A file that holds the SQL.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"One of {', '.join(FORMATS)}.", metavar="FORMAT"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="A file to write; its name's end tells the format."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help=f"Rows at most; of the format table {_SHOWN} by default."),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="Value of $NAME; may repeat."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds that it may take; no end by default.")
    ] = None,
) -> None:
    """Ask in SQL.

    The schemas are gold, silver, bronze and staged (the tables), mart (the answers of the
    warehouse), quarantine (what was refused) and catalog (what is known). One statement, which
    reads: nothing can be written, and no other file be read.
    """
    form = _format(context, form, output, as_json=as_json)
    text = _text(context, statement, file)
    given = _given(context, parameters or [])
    root = DataRoot.from_environment()
    _refuse_data_root(root, output)
    from jobforge_dagster.asking.sql.answer import asking

    with asking(text, given, root, timeout) as asked:
        if output is None:
            _print(asked, form, limit)
        else:
            _write(asked, form, limit, output)


@app.command(epilog=examples("jobforge shell", "jobforge shell < questions.sql"))
def shell() -> None:
    """Ask in SQL, statement after statement, with history and completion of names."""
    from jobforge_dagster.asking.sql.answer import asking
    from jobforge_dagster.asking.sql.shell import Shell

    root = DataRoot.from_environment()

    def run(text: str) -> None:
        with asking(text, root=root) as asked:
            _print(asked, "table", None)

    Shell(root, run, lambda line, error: typer.echo(line, err=error)).loop()


def _format(context: typer.Context, form: str | None, output: Path | None, *, as_json: bool) -> str:
    if as_json and form not in (None, "json"):
        context.fail("Say either --json or another --format.")
    by_name = SUFFIXES.get(output.suffix.lower(), "csv") if output else "table"
    form = "json" if as_json else form or by_name
    if form not in FORMATS:
        context.fail(f"There is no format {form!r}. It is one of {', '.join(FORMATS)}.")
    if form == "parquet" and output is None:
        context.fail("Parquet goes into a file: say --output FILE.")
    return form


def _text(context: typer.Context, statement: str | None, file: Path | None) -> str:
    if statement is not None and file is not None:
        context.fail("Say either a statement or --file.")
    try:
        if file is not None:
            return file.read_text("utf-8-sig")
        if statement not in (None, "-"):
            return str(statement)
        if statement == "-" or not sys.stdin.isatty():
            return sys.stdin.read()
    except UnicodeDecodeError:
        raise JobForgeError("The SQL is no UTF-8 text.") from None
    return context.fail("Say a statement, or --file. See: jobforge query --help")


def _given(context: typer.Context, parameters: list[str]) -> dict[str, str]:
    given = {}
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not equals or not name:
            context.fail(f"{parameter!r} is no parameter: write --param name=value.")
        given[name.removeprefix("$")] = value
    return given


def _refuse_data_root(root: DataRoot, output: Path | None) -> None:
    if output is not None and output.resolve().is_relative_to(root.path.resolve()):
        raise JobForgeError(f"{output} is below the data root, where only runs write.")


def _print(asked: Asked, form: str, limit: int | None) -> None:
    if form != "table":
        names, batches = asked.rows(limit)
        write_text(sys.stdout, form, names, batches)
        return
    most = _SHOWN if limit is None else limit
    names, batches = asked.rows(most + 1)
    rows = [row for batch in batches for row in batch]
    if asked.statement.explains:
        typer.echo("\n".join(str(row[-1]) for row in rows))
        return
    rows, more = rows[:most], len(rows) > most
    told = [[*map(shown, row)] for row in rows]
    print_rows(names, told, nothing="No rows.", right=_numbers(rows), width=_WIDEST)
    if more and limit is None:
        typer.echo(f"The first {most} rows; --limit shows more.")


def _numbers(rows: list[tuple[object, ...]]) -> set[int]:
    """Which columns are of numbers."""
    found = [{*map(type, column)} - {type(None)} for column in zip(*rows, strict=True)]
    return {place for place, kinds in enumerate(found) if kinds and kinds <= {bool, int, float}}


def _write(asked: Asked, form: str, limit: int | None, output: Path) -> None:
    from jobforge_dagster.medallion.storage.atomic import replacing

    with replacing(output) as temporary:
        if form == "parquet":
            write_parquet(temporary, asked, limit)
            return
        names, batches = asked.rows(limit)
        with temporary.open("w", encoding="utf-8", newline="") as file:
            write_text(file, "csv" if form == "table" else form, names, batches)
