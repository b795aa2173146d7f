"""The questions as a notebook asks them: ``import jobforge_dagster as jf``.

The same functions as those behind the command line, with values given by name. Each takes
``root``, the folder of the data; without it, the one that ``JOBFORGE_DATA_ROOT`` names, or ``data``
in the working folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import polars as pl

    from jobforge_dagster.asking.diff import Diff
    from jobforge_dagster.asking.impact import Impact
    from jobforge_dagster.asking.lineage import Direction, Lineage
    from jobforge_dagster.asking.trace import Forward, Trace
    from jobforge_dagster.asking.why import Why
    from jobforge_dagster.medallion.storage.publications import Publication

Root = str | Path | DataRoot | None
"""The folder of the data."""


def sql(statement: str, *, root: Root = None, **parameters: Any) -> pl.DataFrame:
    """The answer of a SQL statement over all layers, the quarantine and the catalog.

    Args:
        statement: one statement that reads; ``$name`` stands for a parameter.
        root: the folder of the data.
        parameters: their values.

    Raises:
        JobForgeError: it does not only read, or names something that is not there.
    """
    from jobforge_dagster import query

    return query.sql(statement, parameters or None, root=root_of(root))


def table(name: str, *, root: Root = None) -> pl.LazyFrame:
    """A table, to go on with in Polars.

    Args:
        name: ``gold.dim_noc``, or as in :func:`sql`.
        root: the folder of the data.

    Raises:
        UnknownNameError: there is no such table.
    """
    from jobforge_dagster import query

    return query.table(name, root=root_of(root))


def trace(table: str, /, *, root: Root = None, **row: Any) -> Trace:
    """The way of one row back to the delivered records.

    Args:
        table: its name.
        root: the folder of the data.
        row: values of columns that tell the row.

    Raises:
        JobForgeError: no row is told by that, or several are.
    """
    from jobforge_dagster.asking.trace import trace as answer

    return answer(table, row, root=root_of(root))


def forward(file: str, record: int, *, root: Root = None) -> Forward:
    """Everything that was made of one delivered record, and what was refused of it.

    Args:
        file: its path below the landing folder.
        record: its number, from 1, below the header.
        root: the folder of the data.

    Raises:
        JobForgeError: there is no such record.
    """
    from jobforge_dagster.asking.trace import forward as answer

    return answer(file, record, root=root_of(root))


def why(table: str, column: str, /, *, root: Root = None, **row: Any) -> Why:
    """The delivered cells that one value is made of, and the proof of it.

    Args:
        table: its name.
        column: the column of the value.
        root: the folder of the data.
        row: values of columns that tell the row.

    Raises:
        JobForgeError: no row is told by that, or several are.
    """
    from jobforge_dagster.asking.why import why as answer

    return answer(table, row, column, root=root_of(root))


def lineage(
    name: str, direction: Direction = "up", *, depth: int | None = None, root: Root = None
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
    from jobforge_dagster.asking.lineage import lineage as answer

    return answer(name, direction, depth=depth, root=root_of(root))


def impact(name: str, *, root: Root = None) -> Impact:
    """Everything that a change of a table or column would reach.

    Args:
        name: ``silver.noc_node`` or ``silver.noc_node.title``.
        root: the folder of the data.

    Raises:
        UnknownNameError: there is no such table or column.
    """
    from jobforge_dagster.asking.impact import impact as answer

    return answer(name, root=root_of(root))


def diff(
    table: str, before: str | None = None, after: str | None = None, *, root: Root = None
) -> Diff:
    """What changed between two versions of a table.

    Args:
        table: its name.
        before: a run, a batch or a time; by default, the version before.
        after: likewise; by default, the version that stands.
        root: the folder of the data.

    Raises:
        JobForgeError: there is no such version.
    """
    from jobforge_dagster.asking.diff import diff as answer

    def made_again(root: DataRoot, publication: Publication, into: Path) -> None:
        from jobforge_dagster.orchestration.rebuild import remake  # loads Dagster

        remake(root, publication, into)

    return answer(table, before, after, root=root_of(root), remake=made_again)


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


def answer(number: int, *, root: Root = None, **values: str | int) -> pl.DataFrame:
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
    return asking.answer(root_of(root), question, asking.values_of(question, given))


def root_of(root: Root) -> DataRoot:
    """The data root that is meant."""
    if root is None:
        return DataRoot.from_environment()
    return root if isinstance(root, DataRoot) else DataRoot(Path(root))
