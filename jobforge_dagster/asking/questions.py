"""Business questions, and their answers from the warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from jobforge_dagster.asking.names import closest
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.marts import Mart, Question, Value
from jobforge_dagster.medallion.storage import warehouse, warehouse_errors
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import polars as pl


class QuestionError(JobForgeError):
    """A question cannot be answered as it was asked."""


def numbered(marts: Iterable[Mart]) -> dict[int, tuple[Question, Mart]]:
    """The questions that marts answer, with the mart of each, by number."""
    found = {each.number: (each, mart) for mart in marts for each in mart.questions}
    return {number: found[number] for number in sorted(found)}


def question_called(number: int, marts: Iterable[Mart]) -> Question:
    """The question of a number.

    Raises:
        QuestionError: there is none.
    """
    known = numbered(marts)
    if number not in known:
        numbers = ", ".join(map(str, known)) or "none"
        raise QuestionError(
            f"There is no question {number}; there are: {numbers}. See: jobforge questions"
        )
    return known[number][0]


def values_of(question: Question, given: Sequence[str]) -> dict[str, Value]:
    """The values of a question's parameters, as a person wrote them.

    Args:
        question: the question.
        given: ``name=value`` each; the value alone where the question has but one parameter.

    Raises:
        QuestionError: one is missing, not known, given twice, or no number where it must be one.
    """
    found: dict[str, Value] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals and len(question.parameters) == 1:
            name, value, equals = next(iter(question.parameters)), text, "="
        if not equals or name not in question.parameters:
            hint = closest(name, question.parameters)
            raise QuestionError(
                f"Question {question.number} has no parameter {name!r}.{hint} {_wants(question)}"
            )
        if name in found:
            raise QuestionError(f"{name} is given twice. {_wants(question)}")
        found[name] = _value(question, name, value)
    missing = [name for name in question.parameters if name not in found]
    if missing:
        told = "; ".join(f"{name}: {question.parameters[name]}" for name in missing)
        raise QuestionError(
            f"Question {question.number} needs a value. {told}. For example: {example_of(question)}"
        )
    return found


def answer(root: DataRoot, question: Question, values: Mapping[str, Value]) -> pl.DataFrame:
    """The answer of a question; the warehouse is only read.

    Args:
        root: the data root.
        question: the question.
        values: of its parameters, by name.

    Raises:
        JobForgeError: the marts that it is read from are not made, or cannot be read.
    """
    with warehouse.reading(root) as connection:
        there = set(warehouse.marts_in(connection))
        missing = [f"mart.{name}" for name in question.marts if name not in there]
        if missing:
            raise QuestionError(
                f"{', '.join(missing)} is not made yet. Make what there is to make by: "
                f"{warehouse_errors.MAKE}"
            )
        connection.execute("SET enable_external_access = false")
        found: pl.DataFrame = connection.sql(question.sql, params=dict(values) or None).pl()
        return found


def nothing_found(question: Question, values: Mapping[str, Value]) -> str:
    """What to say of an answer without rows."""
    return question.nothing.format_map(dict(values))


def example_of(question: Question) -> str:
    """A command that asks a question."""
    words = [f"jobforge questions answer {question.number}"]
    for name, value in question.example.items():
        text = f"{name}={value}"
        words.append(f"'{text}'" if " " in text else text)
    return " ".join(words)


def _value(question: Question, name: str, text: str) -> Value:
    if not isinstance(question.example[name], int):
        return text
    try:
        return int(text)
    except ValueError:
        raise QuestionError(f"{name} is a number, which {text!r} is not.") from None


def _wants(question: Question) -> str:
    if not question.parameters:
        return f"It has none: {example_of(question)}"
    return f"For example: {example_of(question)}"
