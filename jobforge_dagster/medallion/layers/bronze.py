"""Bronze: the staged values under their declared names and types.

May rename, cast, trim names and add ``source_system``. Must not hold business logic: everything
here follows from the source's declaration, there is no function to put logic in. A row with a value
that does not cast is refused whole, with the text as it was delivered.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source, meaning_of
from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.grain import EXPECTED, Grain, Groups, Rows
from jobforge_dagster.medallion.layers import nested
from jobforge_dagster.medallion.layers.casting import (
    can_cast,
    casts_as_it_stands,
    finite,
    from_bare,
    ungrouped,
)
from jobforge_dagster.medallion.layers.names import normal, trimmed
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    CORRECTIONS,
    PROVENANCE,
    SOURCE_ROW,
    TRACE,
    UNREAD,
    unread,
)
from jobforge_dagster.medallion.quality.judge import Candidate, Made
from jobforge_dagster.medallion.quality.rules import Rule, cells_rule, say
from jobforge_dagster.medallion.storage.deliveries import Manifest

SOURCE_SYSTEM = "source_system"
CAST, TEXT = "cast", "text"
"""Kinds of bronze's rules; each column has one of both, named after it."""

_RAW, _BARE, _UNGROUPED, _TYPED = "__raw_{}", "__bare_{}", "__ungrouped_{}", "__typed_{}"
_WITHIN, _FOLLOWS = "__within_{}", "__follows_{}"
_WITHDRAW = " A delivery that came by mistake is taken out by: jobforge sources withdraw."
_PLACE, _KEYLESS = "__place", "__keyless"


@dataclass(frozen=True)
class BronzeColumn:
    """One column of bronze: the staged column it is made of, its name and its type.

    ``wide`` columns are those that the source types by their headers; ``path`` leads to a value
    nested in the staged one.
    """

    staged: str
    name: str
    dtype: pl.DataType
    declared: bool
    wide: bool = False
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delivered:
    """Staged deliveries that have the same columns, with what bronze makes of each column."""

    frame: pl.LazyFrame
    columns: tuple[BronzeColumn, ...]


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
    used: set[str] = set()
    for name, column in source.schema.columns().items():
        said = meaning_of(column)
        header = said.header if said and said.header is not None else name
        match = delivered.get(normal(header))
        if match is None:
            raise _missing(source, header, staged, file)
        used.add(normal(header))
        path = said.path if said else ()
        found.append(BronzeColumn(match, name, column.dtype, declared=True, path=path))
    for header in used:
        del delivered[header]
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


def build(source: Source, delivered: Sequence[Delivered]) -> Made:
    """Name and type staged deliveries; rows that do not cast are refused.

    In a wide file, whose headers are values, a cell that does not cast is set aside alone.

    Args:
        source: the declaration.
        delivered: the deliveries in force, oldest first.
    """
    whole = pl.concat([_named(source, each) for each in delivered], how="diagonal")
    columns = {column.name: column for each in delivered for column in each.columns}
    wide = {
        name: pl.when(_not_cast(column)).then(_raw(name))
        for name, column in columns.items()
        if column.wide and column.dtype != pl.String
    }
    rules = [_rule(source, column) for name, column in columns.items() if name not in wide]
    if wide:
        rules.append(cells_rule(source.key, "warn"))
    frame = whole.with_columns(
        pl.lit(source.origin.system).alias(SOURCE_SYSTEM),
        pl.lit(None, pl.String).alias(CORRECTIONS),
    )
    rows = whole.select(pl.len())
    grain: Grain = Rows()
    if source.combine == "upsert":
        by = [_key(name) for name in source.schema.primary_key()]
        present = whole.collect_schema()
        keyless = pl.any_horizontal(
            _bare(name).is_null() & ~_was_read(name, present)
            for name in source.schema.primary_key()
        )
        by.append(pl.when(keyless).then(pl.col(_PLACE)).alias(_KEYLESS))  # each is a row of its own
        newest = whole.group_by(by).agg(pl.col(_PLACE).max())
        frame = frame.join(newest.select(_PLACE), on=_PLACE, how="semi", maintain_order="left")
        rows = newest.select(pl.len())
        grain = Groups(source.schema.primary_key())
    candidate = Candidate(
        key=source.key,
        frame=frame.with_columns(unread(wide) if wide else pl.lit(None, pl.String).alias(UNREAD)),
        columns=(*columns, SOURCE_SYSTEM),
        rules=tuple(rules),
        expected=rows.select(pl.first().cast(pl.Int64).alias(EXPECTED)),
        original=_original(delivered),
    )
    return Made(candidate, str(grain), marks=(UNREAD,) if wide else ())


def names_in(source: Source, staged: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names in bronze of what is made of each staged column; its own, where none is declared.

    Several are made of one whose value is nested.
    """
    declared: dict[str, list[str]] = {}
    for name, column in source.schema.columns().items():
        said = meaning_of(column)
        header = normal(said.header if said and said.header is not None else name)
        declared.setdefault(header, []).append(name)
    return {header: tuple(declared.get(normal(header), [trimmed(header)])) for header in staged}


def alike(manifests: Iterable[Manifest]) -> list[list[Manifest]]:
    """Deliveries, those with the same columns together, in the order of the first of each."""
    found: dict[tuple[object, ...], list[Manifest]] = {}
    for manifest in manifests:
        types = tuple((manifest.facts.get("types") or {}).items())
        found.setdefault((manifest.header, types), []).append(manifest)
    return list(found.values())


def gathered(
    source: Source,
    manifests: Sequence[Manifest],
    scan: Callable[[Sequence[Manifest]], pl.LazyFrame],
) -> list[Delivered]:
    """The deliveries in force, those with the same columns as one frame.

    Args:
        source: the declaration.
        manifests: of the deliveries, oldest first.
        scan: reads deliveries that have the same columns.
    """
    places = {manifest.batch_id: place for place, manifest in enumerate(manifests)}
    found = []
    for group in alike(manifests):
        frame = scan(group)
        columns = columns_of(source, staged_names(frame), group[-1].file)
        if source.combine == "upsert":
            order = pl.col(BATCH_ID).replace_strict(places, return_dtype=pl.Int64)
            frame = frame.with_columns((order * 2**32 + pl.col(SOURCE_ROW)).alias(_PLACE))
        found.append(Delivered(frame, tuple(columns)))
    return found


def _named(source: Source, delivered: Delivered) -> pl.LazyFrame:
    """The columns, typed, each beside its text (see :func:`_raw`), and the trace."""
    types = delivered.frame.collect_schema()
    kept = [pl.col(name) for name in (*TRACE, _PLACE) if name in types]
    typed = {
        column.name
        for column in delivered.columns
        if types[column.staged] == column.dtype != pl.String and not column.path
    }
    inner = {
        column.name: nested.within(exactly(column.staged), types[column.staged], column.path)
        for column in delivered.columns
        if column.path
    }
    for column in delivered.columns:
        if column.name not in typed and not can_cast(column.dtype):
            raise ContractError(
                f"{source.key}: {column.name} is declared as {column.dtype}, but delivered as "
                f"{types[column.staged]}. Declare it as it comes, and derive the rest in silver."
            )
        staged = exactly(column.staged)
        text = nested.as_text(staged, types[column.staged])
        if column.path:
            found = exactly(_WITHIN.format(column.name)).struct
            text = found.field(nested.TEXT)
            kept.append(found.field(nested.FOLLOWED).alias(_FOLLOWS.format(column.name)))
        kept.append(text.alias(_RAW.format(column.name)))
        if column.name in typed:
            kept.append(staged.alias(_TYPED.format(column.name)))
    walked = delivered.frame.with_columns(
        found.alias(_WITHIN.format(name)) for name, found in inner.items()
    )
    return _cast(source, walked.select(kept), delivered.columns, typed)


def _cast(
    source: Source, frame: pl.LazyFrame, columns: Sequence[BronzeColumn], typed: Collection[str]
) -> pl.LazyFrame:
    """Columns beside their texts: the text without padding that is left to read, and the value.

    Most numbers read as they stand; only what then is left has padding taken off, is compared with
    what stands for no value, and is freed of separators. Each is a step of its own, because what
    several columns share is computed once only as a column.

    Args:
        source: the declaration.
        frame: the texts (see :func:`_raw`).
        columns: to cast.
        typed: names of those that were delivered with their type.
    """
    no_value = ["", *source.nulls]
    at_once = {
        column.name: column.dtype
        for column in columns
        if column.name not in typed and casts_as_it_stands(column.dtype, no_value, source.thousands)
    }
    frame = frame.with_columns(
        _raw(name).cast(dtype, strict=False).alias(name) for name, dtype in at_once.items()
    ).with_columns(
        finite(exactly(name), dtype).alias(name)
        for name, dtype in at_once.items()
        if dtype.is_float()
    )
    frame = frame.with_columns(
        (pl.when(exactly(name).is_null()).then(_raw(name)) if name in at_once else _raw(name))
        .str.strip_chars()
        .alias(_BARE.format(name))
        for name in (column.name for column in columns)
    ).with_columns(
        pl.when(~_bare(column.name).is_in(no_value))
        .then(_raw(column.name) if column.dtype == pl.String else _bare(column.name))
        .alias(_BARE.format(column.name))
        for column in columns
    )
    frame = frame.with_columns(
        ungrouped(_bare(column.name), column.dtype, source.thousands).alias(
            _UNGROUPED.format(column.name)
        )
        for column in columns
        if column.dtype != pl.String
    )
    values = (_value(column, at_once, typed).alias(column.name) for column in columns)
    return frame.with_columns(values).drop(
        _UNGROUPED.format(column.name) for column in columns if column.dtype != pl.String
    )


def _value(column: BronzeColumn, at_once: Collection[str], typed: Collection[str]) -> pl.Expr:
    if column.name in typed:
        return exactly(_TYPED.format(column.name))
    if column.dtype == pl.String:
        return _bare(column.name)
    rest = from_bare(exactly(_UNGROUPED.format(column.name)), column.dtype)
    return pl.coalesce(exactly(column.name), rest) if column.name in at_once else rest


def _original(delivered: Sequence[Delivered]) -> pl.Expr | None:
    """The record as it was delivered, as JSON; ``None`` unless all rows hold the texts of all."""
    first, *others = delivered
    types = first.frame.collect_schema()
    names = {column.staged: column.name for column in first.columns}
    staged = [name for name in types if name in names]
    within = any(column.path for column in first.columns)
    if others or within or any(types[name] != pl.String for name in staged):
        return None
    record = pl.struct(_raw(names[name]).alias(name) for name in staged)
    return record.struct.json_encode()


def _was_read(name: str, present: Collection[str]) -> pl.Expr:
    """Whether a value was read from a text, of which therefore nothing is left."""
    typed = _TYPED.format(name)
    read = exactly(name).is_not_null()
    return read & exactly(typed).is_null() if typed in present else read


def _raw(name: str) -> pl.Expr:
    """The text that was delivered."""
    return exactly(_RAW.format(name))


def _bare(name: str) -> pl.Expr:
    """The text that is left to read, without padding; null where it says no value, or was read."""
    return exactly(_BARE.format(name))


def _key(name: str) -> pl.Expr:
    """What tells two keys apart: the value, or the text where it does not read as one."""
    read = exactly(name).cast(pl.String).str.strip_chars()
    return pl.coalesce(read, _bare(name).str.strip_chars()).alias(f"__key_{name}")


def _not_cast(column: BronzeColumn) -> pl.Expr:
    return exactly(column.name).is_null() & _bare(column.name).is_not_null()


def _rule(source: Source, column: BronzeColumn) -> Rule:
    shown = _raw(column.name).str.replace_all("\x00", "\\0", literal=True)
    followed = exactly(_FOLLOWS.format(column.name)) if column.path else pl.lit(value=True)
    if column.dtype == pl.String:
        unfollowed = f" in column {column.name} has no {'.'.join(column.path)}"
        return Rule(
            id=f"{source.key}:{TEXT}.{column.name}",
            obeyed=followed & ~_bare(column.name).str.contains("\x00", literal=True),
            message=say(
                "'",
                shown,
                "'",
                pl.when(~followed)
                .then(pl.lit(unfollowed))
                .otherwise(pl.lit(f" in column {column.name} holds a NUL character")),
            ),
            error_type="nul_character",
        )
    hint = "" if source.thousands else "; if digits are grouped on purpose, declare thousands="
    return Rule(
        id=f"{source.key}:{CAST}.{column.name}",
        obeyed=followed & ~_not_cast(column),
        message=say(
            "'",
            shown,
            f"' in column {column.name} does not read as {column.dtype}",
            hint if column.dtype.is_numeric() else "",
        ),
        error_type=CAST,
    )


def extra_columns(delivered: Sequence[Delivered]) -> list[str]:
    """Columns that the declaration does not know: kept as text, and to be reported."""
    columns = (column for each in delivered for column in each.columns)
    return [*dict.fromkeys(column.name for column in columns if not column.declared)]


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
        f"{hint if nearest else ''}{'' if source.combine == 'snapshot' else _WITHDRAW}"
    )
