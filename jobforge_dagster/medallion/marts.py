"""Marts and the business questions that they answer: what may be declared of them.

A mart is a table of the warehouse, made by one SQL statement over gold. A question is answered by
one SQL statement over marts. Both are plain text, which anybody who knows SQL can read and try.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from textwrap import dedent
from typing import TYPE_CHECKING

from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.hashing import digest

if TYPE_CHECKING:
    from jobforge_dagster.medallion.declare import Table

Value = str | int
"""What a parameter of a question may be."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_READ = re.compile(r"\b(gold|mart)\s*\.\s*\"?(\w+)", re.IGNORECASE)
_PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Question:
    """A business question, answered by SQL over marts.

    Attributes:
        number: what people call it by; unique.
        text: the question.
        sql: its answer: one query over ``mart.*``, in which ``$name`` stands for a parameter.
        parameters: what each parameter means, by name.
        example: a value for each parameter; a number where the parameter is one.
        nothing: what to say when nothing is found; ``{name}`` stands for the parameter's value.
    """

    number: int
    text: str
    sql: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Value] = field(default_factory=dict)
    nothing: str = "Nothing was found."

    def __post_init__(self) -> None:
        object.__setattr__(self, "sql", dedent(self.sql).strip())

    @property
    def marts(self) -> tuple[str, ...]:
        """The names of the marts that its answer is read from, sorted."""
        return tuple(sorted(name for schema, name in _tables_in(self.sql) if schema == "mart"))


@dataclass(frozen=True, eq=False)
class Mart:
    """A table of the warehouse, made by one SQL statement over gold tables.

    Attributes:
        name: unique name; in SQL it is ``mart.{name}``.
        domain: the domain that it belongs to.
        description: what a row is.
        reads: the gold tables that it is made of.
        sql: one query over ``gold.*``; it ends with an ORDER BY, so that its rows have one order.
        columns: what each column of its answer means, in their order.
        questions: what it answers.
        owner: who answers for it.
        steward: who looks after its meaning.
    """

    name: str
    domain: str
    description: str
    reads: tuple[Table, ...]
    sql: str
    columns: Mapping[str, str]
    questions: tuple[Question, ...]
    owner: str
    steward: str | None

    @property
    def key(self) -> str:
        """What it is called among the tables."""
        return f"mart/{self.name}"

    @property
    def version(self) -> str:
        """What must change for it to be made again from the same tables."""
        return digest([version("duckdb"), self.sql, *self.columns])


def questions_of(table: Table, marts: Sequence[Mart]) -> tuple[str, ...]:
    """What a gold table answers: the questions of marts that are made of it, then its own.

    Args:
        table: any; one that is not gold answers nothing.
        marts: all that are declared.
    """
    of_it = {mart.name for mart in marts if table in mart.reads}
    asked = {
        question.number: question.text
        for mart in marts
        for question in mart.questions
        if of_it.intersection(question.marts)
    }
    return (*(asked[number] for number in sorted(asked)), *table.answers)


def check_marts(marts: Sequence[Mart], tables: Iterable[Table]) -> None:
    """Refuse marts and questions that contradict themselves or each other.

    Args:
        marts: all that were found.
        tables: the tables that were found.

    Raises:
        DeclarationError: names the mart or the question, and says what to change.
    """
    _once("mart", [mart.name for mart in marts])
    _once("question", [str(each.number) for mart in marts for each in mart.questions])
    known = list(tables)
    for mart in marts:
        _check_mart(mart, known)
    names = {mart.name for mart in marts}
    for mart in marts:
        for question in mart.questions:
            _check_question(mart, question, names)


def _check_mart(mart: Mart, known: Sequence[Table]) -> None:
    where = mart.key
    if not _NAME.fullmatch(mart.name):
        raise DeclarationError(
            f"{where}: a name is made of small letters, digits and underscores, a letter first."
        )
    if not mart.description or not mart.columns:
        raise DeclarationError(f"{where}: say what a row is, and what each column means.")
    for table in mart.reads:
        if getattr(table, "layer", None) != "gold":
            told = getattr(table, "key", repr(table))
            raise DeclarationError(f"{where} reads {told}, but a mart reads gold tables alone.")
        if table not in known:
            raise DeclarationError(f"{where} reads {table.key}, which no domain here declares.")
    said = {table.name for table in mart.reads}
    used = _tables_in(mart.sql)
    if others := sorted(f"{schema}.{name}" for schema, name in used if schema != "gold"):
        raise DeclarationError(f"{where}: its SQL reads {', '.join(others)}; a mart reads gold.*")
    names = {name for _, name in used}
    if names - said:
        raise DeclarationError(
            f"{where}: its SQL reads {_listed(names - said)}; say so with reads=[...]."
        )
    if said - names:
        raise DeclarationError(
            f"{where} says that it reads {_listed(said - names)}, but its SQL does not."
        )
    if "order by" not in " ".join(_code(mart.sql).lower().split()):
        raise DeclarationError(
            f"{where}: its SQL needs an ORDER BY, so that its rows have one order."
        )


def _check_question(mart: Mart, question: Question, marts: Iterable[str]) -> None:
    where = f"{mart.key}, question {question.number}"
    if question.number < 1:
        raise DeclarationError(f"{where}: numbers begin at 1.")
    used = _tables_in(question.sql)
    known = set(marts)
    for schema, name in sorted(used):
        if schema != "mart" or name not in known:
            raise DeclarationError(
                f"{where}: its SQL reads {schema}.{name}, which is no mart. Those that are: "
                f"{', '.join(f'mart.{each}' for each in sorted(known))}."
            )
    if mart.name not in question.marts:
        raise DeclarationError(
            f"{where}: its SQL does not read mart.{mart.name}. Declare it with the mart it reads."
        )
    wanted = set(_PARAMETER.findall(_code(question.sql)))
    if wanted != set(question.parameters) or wanted != set(question.example):
        raise DeclarationError(
            f"{where}: its SQL has the parameters {_parameters(wanted)}, but parameters= tells of "
            f"{_parameters(question.parameters)} and example= of {_parameters(question.example)}."
        )
    try:
        question.nothing.format_map(question.example)
    except (KeyError, IndexError, ValueError):
        raise DeclarationError(
            f"{where}: nothing={question.nothing!r} may name its parameters alone: "
            f"{_parameters(wanted)}."
        ) from None


def _tables_in(sql: str) -> set[tuple[str, str]]:
    """The schemas and names of the tables that a query speaks of."""
    return {(schema.lower(), name.lower()) for schema, name in _READ.findall(_code(sql))}


def _code(sql: str) -> str:
    """A query without its comments and texts."""
    return _NOT_CODE.sub(" ", sql)


def _once(kind: str, names: Iterable[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DeclarationError(
            f"Each {kind} has a name or number of its own, but these are declared twice: "
            f"{', '.join(repeated)}."
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"gold.{name}" for name in sorted(names))


def _parameters(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
