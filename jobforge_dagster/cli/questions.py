"""``jobforge questions``: the business questions that the marts answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import (
    AsJson,
    commands,
    examples,
    print_grid,
    print_json,
    print_rows,
)
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    from jobforge_dagster.medallion.marts import Mart, Question

questions = commands(
    "The business questions that the warehouse answers, with their SQL.",
    invoke_without_command=True,
    epilog=examples("jobforge questions", "jobforge questions answer 1 noc_code=21231"),
)
app.add_typer(questions, name="questions")


@questions.callback()
def listed(context: typer.Context, as_json: AsJson = False) -> None:
    """The business questions that the warehouse answers, with their SQL."""
    if context.invoked_subcommand:
        return
    from jobforge_dagster.asking.questions import example_of, numbered

    known = numbered(_marts()).values()
    if as_json:
        print_json([_told(question, mart) for question, mart in known])
        return
    rows = [
        (
            question.number,
            question.text,
            "\n".join(f"{name}: {told}" for name, told in question.parameters.items()),
            mart.name,
            example_of(question),
        )
        for question, mart in known
    ]
    names = ("number", "question", "parameters", "mart", "ask it by")
    print_rows(names, rows, nothing="No domain declares a question.")


@questions.command(
    epilog=examples(
        "jobforge questions answer 2",
        "jobforge questions answer 1 noc_code=21231",
        "jobforge questions answer 5 'software engineer' --json",
    )
)
def answer(
    number: Annotated[int, typer.Argument(help="Number of the question.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(help="name=value of each parameter; of a single one the value alone."),
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Show the SQL, and do not run it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the warehouse, which is only read."""
    from jobforge_dagster.asking import questions as asking

    question = asking.question_called(number, _marts())
    if sql:
        typer.echo(question.sql)
        return
    given = asking.values_of(question, values or ())
    found = asking.answer(DataRoot.from_environment(), question, given)
    if as_json:
        print_json(found.to_dicts())
        return
    print_grid(found, nothing=asking.nothing_found(question, given))


@questions.command(epilog=examples("jobforge questions refresh"))
def refresh(as_json: AsJson = False) -> None:
    """Make the warehouse's views over gold again, as after the data root was moved.

    They name their files by absolute paths. Marts stay as they are; those that no domain declares
    any more go.
    """
    from jobforge_dagster.medallion.storage.warehouse import refresh as mend

    views, marts = mend(DataRoot.from_environment(), [mart.name for mart in _marts()])
    if as_json:
        print_json({"views": views, "marts": marts})
        return
    typer.echo(f"{len(views)} views over gold are made again; {len(marts)} marts stand.")


def _marts() -> tuple[Mart, ...]:
    from jobforge_dagster.medallion.discovery import discover, packages_from_environment

    return discover(packages_from_environment()).marts


def _told(question: Question, mart: Mart) -> dict[str, Any]:
    return {
        "number": question.number,
        "question": question.text,
        "parameters": dict(question.parameters),
        "example": dict(question.example),
        "mart": mart.name,
        "marts": list(question.marts),
        "sql": question.sql,
    }
