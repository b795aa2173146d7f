"""A comparison of two versions, told to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from jobforge_dagster.asking.diff.facts import Change
from jobforge_dagster.asking.diff.model import Diff, Version
from jobforge_dagster.asking.diff.rows import COLUMN, NEW, OLD, as_text
from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.asking.told import Line, safe
from jobforge_dagster.asking.values import short

_SHORT = 60
"""Characters of a value that are shown where it is not what is asked for."""

_WIDE = 80
"""Characters of two values that fit one line."""


def lines(found: Diff) -> Iterator[Line]:
    """Tell line by line what changed: counts first, then rows, schema, quality and causes."""
    return safe(_lines(found))


def _lines(found: Diff) -> Iterator[str]:
    yield f"{sql_name(found.table)}: {_named(found.before)} → {_named(found.after)}"
    yield from _remarks(found)
    yield (
        f"{_rows(found.added)} added, {found.removed} removed, {found.changed} changed, "
        f"{found.unchanged} unchanged."
    )
    if found.by_column:
        columns = ", ".join(f"{name} {count}" for name, count in found.by_column.items())
        yield f"Changed by column: {columns}"
    yield from _first("Added", found.added, list(_wholes("+", found.added_rows, found.key)))
    yield from _first("Removed", found.removed, list(_wholes("-", found.removed_rows, found.key)))
    yield from _first("Changed", found.changed, list(_changes(found)))
    yield from _section("Schema", list(_schema(found)))
    yield from _section("Quality", list(_quality(found)))
    yield from _section("Causes", list(_causes(found)))


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


def _first(title: str, count: int, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first rows of some kind, each of one line or more."""
    told = f"the first {len(rows)} of {count}" if len(rows) < count else f"{count}"
    yield from _section(f"{title} ({told})", [line for row in rows for line in row])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


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
        name, old, new = row[COLUMN], _value(row[OLD]), _value(row[NEW])
        if len(old) + len(new) <= _WIDE:
            lines.append(f"    {name}: {old} → {new}")
        else:
            lines += [f"    {name}:", f"      - {old}", f"      + {new}"]
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
            told += f": {each.file} of {each.publisher}"
            told += f", received {each.received_at:%Y-%m-%d %H:%M}"
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
    return ", ".join(f"{name}={_value(row[name])}" for name in key)


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame([as_text(column) for column in rows])


def _value(text: str | None) -> str:
    return "null" if text is None else text


def _short(text: str | None) -> str:
    return "null" if text is None else short(text, _SHORT)


def _pair(change: Change) -> str:
    def said(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return f"{said(change.before)} → {said(change.after)}"
