"""What ``jobforge diff`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

import polars as pl
import typer

from jobforge_dagster.asking.diff import Diff, Version
from jobforge_dagster.asking.diff.facts import Change
from jobforge_dagster.asking.diff.rows import COLUMN, NEW, OLD, as_text
from jobforge_dagster.asking.names import sql_name

_SHORT = 60
"""Characters of a value that are shown where it is not what is asked for."""

_WIDE = 80
"""Characters of two values that fit one line."""


def as_document(found: Diff) -> dict[str, Any]:
    """All that was found, for programs."""
    document = {}
    for field in fields(found):
        value = getattr(found, field.name)
        if isinstance(value, pl.DataFrame):
            value = pl.DataFrame([_plain(column) for column in value]).to_dicts()
        elif hasattr(value, "__dataclass_fields__"):
            value = asdict(value)
        document[field.name] = value
    return document


def tell(found: Diff) -> None:
    """Tell people what changed: counts first, then rows, schema, quality and causes."""
    typer.echo(f"{sql_name(found.table)}: {_named(found.before)} → {_named(found.after)}")
    for line in _remarks(found):
        typer.echo(line)
    typer.echo(
        f"{_rows(found.added)} added, {found.removed} removed, {found.changed} changed, "
        f"{found.unchanged} unchanged."
    )
    if found.by_column:
        told = ", ".join(f"{name} {count}" for name, count in found.by_column.items())
        typer.echo(f"Changed by column: {told}")
    _section("Added", found.added, list(_wholes("+", found.added_rows, found.key)))
    _section("Removed", found.removed, list(_wholes("-", found.removed_rows, found.key)))
    _section("Changed", found.changed, list(_changes(found)))
    _tell("Schema", _schema(found))
    _tell("Quality", _quality(found))
    _tell("Causes", _causes(found))


def _named(version: Version) -> str:
    return f"{version.written_at:%Y-%m-%d %H:%M:%S} (run {version.run_id[:8]})"


def _remarks(found: Diff) -> Iterator[str]:
    if found.before == found.after:
        yield "Both are the same version."
    for version in dict.fromkeys([found.before, found.after]):
        if not version.exact:
            yield (
                f"The version of {version.written_at:%Y-%m-%d %H:%M:%S} is not kept any more, and "
                f"the code has changed since: compared is what the code of today makes of the "
                f"deliveries of then. Some of what differs may be due to the code."
            )
    if not found.key:
        why = "The key is another than before" if found.schema.primary_key else "There is no key"
        yield f"{why}: rows are compared as wholes, and one that changed is removed and added."


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _section(title: str, count: int, lines: list[list[str]]) -> None:
    if not lines:
        return
    shown = f"the first {len(lines)} of {count}" if len(lines) < count else f"{count}"
    typer.echo(f"\n{title} ({shown}):")
    for row in lines:
        for line in row:
            typer.echo(f"  {line}")


def _tell(title: str, lines: Iterator[str]) -> None:
    told = list(lines)
    if told:
        typer.echo(f"\n{title}:")
        for line in told:
            typer.echo(f"  {line}")


def _wholes(sign: str, rows: pl.DataFrame, key: tuple[str, ...]) -> Iterator[list[str]]:
    for row in _texts(rows).iter_rows(named=True):
        rest = ", ".join(
            f"{name} {_short(value)}" for name, value in row.items() if name not in key
        )
        identity = _identity(row, key)
        yield [f"{sign} {identity}: {rest}" if key else f"{sign} {rest}"]


def _changes(found: Diff) -> Iterator[list[str]]:
    if not found.changed:
        return
    last, lines = None, list[str]()
    for row in _texts(found.changed_cells).iter_rows(named=True):
        identity = _identity(row, found.key)
        if identity != last:
            if lines:
                yield lines
            last, lines = identity, [f"~ {identity}"]
        old, new = _value(row[OLD]), _value(row[NEW])
        if len(old) + len(new) <= _WIDE:
            lines.append(f"    {row[COLUMN]}: {old} → {new}")
        else:
            lines += [f"    {row[COLUMN]}:", f"      - {old}", f"      + {new}"]
    if lines:
        yield lines


def _schema(found: Diff) -> Iterator[str]:
    schema = found.schema
    if schema.version.before != schema.version.after:
        yield f"version {_pair(schema.version)}"
    yield from (f"+ {name} ({type_})" for name, type_ in schema.added.items())
    yield from (f"- {name} ({type_})" for name, type_ in schema.removed.items())
    yield from (f"~ {name}: {_pair(types)}" for name, types in schema.retyped.items())
    if schema.primary_key:
        before, after = (
            ", ".join(key) or "none"
            for key in (schema.primary_key.before, schema.primary_key.after)
        )
        yield f"key: {before} → {after}"


def _quality(found: Diff) -> Iterator[str]:
    quality = found.quality
    for fate in ("rejected", "warned", "deduplicated"):
        rules: Mapping[str, Change] = getattr(quality, fate)
        yield from (f"rows {fate} by {rule}: {_pair(rows)}" for rule, rows in rules.items())
    yield from (f"{name}: {_pair(values)}" for name, values in quality.metrics.items())
    yield from (f"nulls of {name}: {_pair(count)}" for name, count in quality.nulls.items())


def _causes(found: Diff) -> Iterator[str]:
    causes = found.causes
    for each in causes.deliveries:
        told = f"delivery {each.batch_id[:8]} {each.change}"
        if each.file is not None:
            told += f": {each.file} of {each.publisher}, received {each.received_at:%Y-%m-%d %H:%M}"
        if each.published:
            told += f", published {each.published}"
        yield told
    for key, rows in causes.inputs.items():
        if rows.before is None or rows.after is None:
            yield f"{sql_name(key)} is {'no input any more' if rows.before else 'a new input'}"
        else:
            yield f"{sql_name(key)} changed: {_pair(rows)} rows"
    if causes.code:
        yield "the code changed"
    for name, rows in causes.corrections.items():
        yield f"correction {name}: {_pair(rows)} rows"
    for name, records in causes.waivers.items():
        counts = Change(len(records.before or ()), len(records.after or ()))
        yield f"waiver {name}: {_pair(counts)} records"


def _identity(row: Mapping[str, Any], key: tuple[str, ...]) -> str:
    return ", ".join(f"{name}={row[name]}" for name in key)


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame([as_text(column) for column in rows])


def _plain(column: pl.Series) -> pl.Series:
    """Numbers and truth as they are where JSON has them, all else as text."""
    kind = column.dtype
    if kind.is_integer() or kind == pl.Boolean or (kind.is_float() and column.is_finite().all()):
        return column
    return as_text(column)


def _value(text: str | None) -> str:
    return "null" if text is None else text


def _short(text: str | None) -> str:
    told = _value(text)
    return told if len(told) <= _SHORT else f"{told[: _SHORT - 1]}…"


def _pair(change: Change) -> str:
    def said(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return f"{said(change.before)} → {said(change.after)}"
