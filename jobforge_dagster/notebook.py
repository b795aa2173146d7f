"""The questions as a notebook asks them: ``import jobforge_dagster as jf``.

The same functions as those behind the command line, with values given by name, as in
``noc_code="21231"``; or as a mapping, where such a name is also one of a parameter here. Each takes
``root``, the folder of the data; without it, the one that ``JOBFORGE_DATA_ROOT`` names, or ``data``
in the working folder. Answers print as the command line prints them, and ``to_dict()`` is what its
``--json`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobforge_dagster.medallion.storage.root import DataRoot, Place

if TYPE_CHECKING:
    import polars as pl

    from jobforge_dagster.asking.diff import Diff
    from jobforge_dagster.asking.impact import Impact
    from jobforge_dagster.asking.lineage import Direction, Lineage
    from jobforge_dagster.asking.trace import Forward, Trace
    from jobforge_dagster.asking.why import Why


def sql(
    statement: str,
    parameters: Mapping[str, Any] | None = None,
    /,
    *,
    root: Place = None,
    **more: Any,
) -> pl.DataFrame:
    """The answer of a SQL statement over all layers, the quarantine and the catalog.

    Args:
        statement: one statement that reads; ``$name`` stands for a parameter.
        parameters: their values; ``more`` of them by name.
        root: the folder of the data.
        more: see ``parameters``.

    Raises:
        JobForgeError: it does not only read, or names something that is not there.
    """
    from jobforge_dagster import query

    return query.sql(statement, {**(parameters or {}), **more} or None, root=DataRoot.at(root))


def table(name: str, /, *, root: Place = None) -> pl.LazyFrame:
    """A table, to go on with in Polars.

    Args:
        name: ``gold.dim_noc``, as in :func:`sql`.
        root: the folder of the data.

    Raises:
        UnknownNameError: there is no such table.
    """
    from jobforge_dagster import query

    return query.table(name, root=DataRoot.at(root))


def trace(
    table: str,
    row: Mapping[str, Any] | None = None,
    /,
    *,
    root: Place = None,
    **more: Any,
) -> Trace:
    """The way of one row back to the delivered records.

    Args:
        table: its name.
        row: values of columns that tell the row; ``more`` of them by name.
        root: the folder of the data.
        more: see ``row``.

    Raises:
        JobForgeError: no row is told by that, or several are.
    """
    from jobforge_dagster.asking.trace import trace as ask

    return ask(table, {**(row or {}), **more}, root=DataRoot.at(root))


def trace_forward(file: str, record: int, /, *, root: Place = None) -> Forward:
    """Everything that was made of one delivered record, and what was refused of it.

    Args:
        file: its path below the landing folder.
        record: its number, from 1, below the header.
        root: the folder of the data.

    Raises:
        JobForgeError: there is no such record.
    """
    from jobforge_dagster.asking.trace import forward as ask

    return ask(file, record, root=DataRoot.at(root))


def why(
    table: str,
    column: str,
    row: Mapping[str, Any] | None = None,
    /,
    *,
    root: Place = None,
    **more: Any,
) -> Why:
    """The delivered cells that one value is made of, and the proof of it.

    Args:
        table: its name.
        column: the column of the value.
        row: values of columns that tell the row; ``more`` of them by name.
        root: the folder of the data.
        more: see ``row``.

    Raises:
        JobForgeError: no row is told by that, or several are.
    """
    from jobforge_dagster.asking.why import why as ask

    return ask(table, {**(row or {}), **more}, column, root=DataRoot.at(root))


def lineage(
    name: str, direction: Direction = "up", *, depth: int | None = None, root: Place = None
) -> Lineage:
    """What a table or a column is made of, or what is made of it.

    Args:
        name: ``gold.dim_noc`` or ``gold.dim_noc.title``.
        direction: ``up`` to the delivered files, ``down`` to what reads it.
        depth: how many tables far; all, if ``None``.
        root: the folder of the data.

    Raises:
        UnknownNameError: there is no such table or column.
    """
    from jobforge_dagster.asking.lineage import lineage as ask

    return ask(name, direction, depth=depth, root=DataRoot.at(root))


def impact(name: str, *, root: Place = None) -> Impact:
    """Everything that a change of a table or column would reach.

    Args:
        name: ``silver.noc_node`` or ``silver.noc_node.title``.
        root: the folder of the data.

    Raises:
        UnknownNameError: there is no such table or column.
    """
    from jobforge_dagster.asking.impact import impact as ask

    return ask(name, root=DataRoot.at(root))


def diff(
    table: str,
    before: str | None = None,
    after: str | None = None,
    *,
    limit: int | None = 20,
    root: Place = None,
) -> Diff:
    """What changed between two versions of a table.

    Args:
        table: its name.
        before: a run, a batch or a time; by default, the version before ``after``.
        after: likewise; by default, the version that stands.
        limit: rows of each kind to give back; ``None`` for all.
        root: the folder of the data.

    Raises:
        JobForgeError: there is no such version.
    """
    from jobforge_dagster.asking.diff import diff as ask
    from jobforge_dagster.orchestration.remaking import remake

    return ask(table, before, after, limit=limit, root=DataRoot.at(root), remake=remake)


def questions() -> pl.DataFrame:
    """The business questions: number, question, parameters and marts."""
    import polars as pl

    from jobforge_dagster.asking.questions import numbered
    from jobforge_dagster.medallion.discovery import discover, packages_from_environment

    known = numbered(discover(packages_from_environment()).marts)
    return pl.DataFrame(
        [
            (number, question.text, [*question.parameters], [*question.marts])
            for number, (question, _) in known.items()
        ],
        schema={
            "number": pl.Int64,
            "question": pl.String,
            "parameters": pl.List(pl.String),
            "marts": pl.List(pl.String),
        },
        orient="row",
    )


def answer(number: int, /, *, root: Place = None, **values: str | int) -> pl.DataFrame:
    """The answer to a business question.

    Args:
        number: of the question; see :func:`questions`.
        root: the folder of the data.
        values: of its parameters.

    Raises:
        JobForgeError: there is no such question, a parameter is missing, or the marts are not made.
    """
    from jobforge_dagster.asking import questions as asking
    from jobforge_dagster.medallion.discovery import discover, packages_from_environment

    question = asking.question_called(number, discover(packages_from_environment()).marts)
    given = [f"{name}={value}" for name, value in values.items()]
    return asking.answer(DataRoot.at(root), question, asking.values_of(question, given))
