"""Bronze: the staged values under their declared names and types.

May rename, cast, trim names and add ``source_system``. Must not hold business logic: everything
here follows from the source's declaration, there is no function to put logic in. A row with a value
that does not cast is refused whole, with the text as it was delivered.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source, meaning_of
from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.grain import Rows
from jobforge_dagster.medallion.layers.casting import from_text
from jobforge_dagster.medallion.layers.names import normal, trimmed
from jobforge_dagster.medallion.provenance import CORRECTIONS, PROVENANCE, TRACE, UNREAD, unread
from jobforge_dagster.medallion.quality.judge import Candidate, Made
from jobforge_dagster.medallion.quality.rules import Rule, cells_rule, say

SOURCE_SYSTEM = "source_system"
CAST, TEXT = "cast", "text"
"""Kinds of bronze's rules; each column has one of both, named after it."""

_GRAIN = Rows()
_RAW = "__raw_{}"


@dataclass(frozen=True)
class BronzeColumn:
    """One column of bronze: the staged column it is made of, its name and its type.

    ``wide`` columns are those that the source types by their headers.
    """

    staged: str
    name: str
    dtype: pl.DataType
    declared: bool
    wide: bool = False


def columns_of(source: Source, staged: list[str], file: str) -> list[BronzeColumn]:
    """Match the declared columns with the headers that were delivered.

    Args:
        source: the declaration.
        staged: names of the staged columns, provenance excluded.
        file: the delivered file, for errors.

    Raises:
        ContractError: a declared column is missing, or two headers differ by padding alone.
    """
    delivered: dict[str, str] = {}
    for header in staged:
        twin = delivered.setdefault(normal(header), header)
        if twin != header:
            raise ContractError(
                f"{source.key}: the headers {twin!r} and {header!r} of {file} are the same once "
                f"trimmed. Ask the publisher to name them apart."
            )
    found: list[BronzeColumn] = []
    for name, column in source.schema.columns().items():
        said = meaning_of(column)
        header = (said.header if said else None) or name
        match = delivered.pop(normal(header), None)
        if match is None:
            raise _missing(source, header, staged, file)
        found.append(BronzeColumn(match, name, column.dtype, declared=True))
    taken = {column.name for column in found} | {SOURCE_SYSTEM}
    for header in delivered.values():
        name = trimmed(header)
        if name in taken:
            raise ContractError(
                f"{source.key}: the header {header!r} of {file} has the name of another column. "
                f"Declare it in {source.schema.__name__} under a name of its own."
            )
        known = source.remaining is not None and re.fullmatch(source.remaining.headers, name)
        dtype = source.remaining.dtype if source.remaining and known else pl.String
        dtype = dtype() if isinstance(dtype, type) else dtype
        found.append(BronzeColumn(header, name, dtype, declared=bool(known), wide=bool(known)))
    return found


def build(source: Source, staged: pl.LazyFrame, columns: list[BronzeColumn]) -> Made:
    """Name and type a staged delivery; rows that do not cast are refused.

    In a wide file, whose headers are values, a cell that does not cast is set aside alone.

    Args:
        source: the declaration.
        staged: String columns and the trace.
        columns: from :func:`columns_of`.
    """
    no_value = ["", *source.nulls]
    texts = [_RAW.format(place) for place in range(len(columns))]
    raw = staged.select(
        *(exactly(column.staged).alias(text) for column, text in zip(columns, texts, strict=True)),
        *TRACE,
    ).with_columns(
        pl.when(~pl.col(text).str.strip_chars().is_in(no_value)).then(pl.col(text)).name.keep()
        for text in texts
    )
    named = raw.with_columns(
        *(
            from_text(pl.col(text), column.dtype, source.thousands).alias(column.name)
            for column, text in zip(columns, texts, strict=True)
        ),
        pl.lit(source.origin.system).alias(SOURCE_SYSTEM),
        pl.lit(None, pl.String).alias(CORRECTIONS),
    )
    wide = {
        column.name: pl.when(_not_cast(column, text)).then(pl.col(text))
        for column, text in zip(columns, texts, strict=True)
        if column.wide and column.dtype != pl.String
    }
    rules = [
        _rule(source, column, text)
        for column, text in zip(columns, texts, strict=True)
        if column.name not in wide
    ]
    if wide:
        rules.append(cells_rule(source.key, "warn"))
    candidate = Candidate(
        key=source.key,
        frame=named.with_columns(unread(wide) if wide else pl.lit(None, pl.String).alias(UNREAD)),
        columns=(*(column.name for column in columns), SOURCE_SYSTEM),
        rules=tuple(rules),
        expected=_GRAIN.expected({source.staged_key: staged}),
    )
    return Made(candidate, str(_GRAIN), marks=(UNREAD,) if wide else ())


def _not_cast(column: BronzeColumn, text: str) -> pl.Expr:
    return exactly(column.name).is_null() & pl.col(text).is_not_null()


def _rule(source: Source, column: BronzeColumn, text: str) -> Rule:
    shown = pl.col(text).str.replace_all("\x00", "\\0", literal=True)
    if column.dtype == pl.String:
        return Rule(
            id=f"{source.key}:{TEXT}.{column.name}",
            obeyed=~pl.col(text).str.contains("\x00", literal=True),
            message=say("'", shown, f"' in column {column.name} holds a NUL character"),
            error_type="nul_character",
        )
    hint = "" if source.thousands else "; if digits are grouped on purpose, declare thousands="
    return Rule(
        id=f"{source.key}:{CAST}.{column.name}",
        obeyed=~_not_cast(column, text),
        message=say(
            "'",
            shown,
            f"' in column {column.name} does not read as {column.dtype}",
            hint if column.dtype.is_numeric() else "",
        ),
        error_type=CAST,
    )


def extra_columns(columns: list[BronzeColumn]) -> list[str]:
    """Columns that the declaration does not know: kept as text, and to be reported."""
    return [column.name for column in columns if not column.declared]


def staged_names(staged: pl.LazyFrame) -> list[str]:
    """Names of the delivered columns of a staged table."""
    return [name for name in staged.collect_schema() if name not in PROVENANCE]


def _missing(source: Source, header: str, staged: list[str], file: str) -> ContractError:
    close = difflib.get_close_matches(normal(header), [normal(name) for name in staged], n=1)
    nearest = next((name for name in staged if close and normal(name) == close[0]), None)
    hint = f" The closest is {nearest!r}: if it was renamed, declare header={nearest!r}."
    found = ", ".join(repr(name) for name in staged)
    return ContractError(
        f"{source.key}: the column {header!r} is missing from {file}, which has {found}."
        f"{hint if nearest else ''}"
    )
