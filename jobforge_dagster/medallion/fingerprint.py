"""Versions of code: what must change for a table to be made again.

A table's version is made of the statements that its function and schema depend on (found by
following names through the domain's modules), its declaration, and the platform's own code.
Prose does not count: docstrings, comments, layout and descriptions may change freely.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.util import resolve_name
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.corrections import Corrections
from jobforge_dagster.medallion.declare import Domain, Source, Table, meaning_of
from jobforge_dagster.medallion.hashing import digest
from jobforge_dagster.medallion.storage.remembered import follows_from_code

_PLATFORM = __name__.rpartition(".")[0]


@cache
def platform_version() -> str:
    """Version of the platform's code and of the engine that it runs on."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    code = [file.read_bytes() for file in files]
    # Compiling takes a sixth of a second.
    version: str = follows_from_code("platform", _bytes_of(code), lambda: _version_of(code))
    return version


def _version_of(code: Sequence[bytes]) -> str:
    # Compiled rather than parsed: a tenth of the cost.
    compiled = [compile(each, "", "exec", optimize=2) for each in code]
    return digest([pl.__version__, dy.__version__, *map(_instructions, compiled)])


def _bytes_of(code: Sequence[bytes]) -> str:
    found = sha256(f"{sys.version} {pl.__version__} {dy.__version__}".encode())
    for each in code:
        found.update(f"\n{len(each)}\n".encode())
        found.update(each)
    return found.hexdigest()


def _instructions(code: CodeType) -> str:
    """What a piece of code does, without its docstrings, names of files and line numbers."""
    constants = [_constant(constant) for constant in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, constants))


def _constant(value: object) -> str:
    if isinstance(value, CodeType):
        return _instructions(value)
    if isinstance(value, frozenset):
        return repr(sorted(map(repr, value)))  # its own order differs from process to process
    return repr(value)


def table_version(table: Table) -> str:
    """Version of a silver or gold table: its function, schema, declaration and the platform."""
    parts = [platform_version(), table.key]
    parts += [upstream.key for upstream in table.inputs]
    parts += [
        f"{fk.columns}>{fk.table.key if fk.table else table.key}" for fk in table.foreign_keys
    ]
    parts.append(repr(table.deduplicate))
    parts.append(str(table.grain))
    seen: set[tuple[str, str]] = set()
    statements = {*_defined(table.function, seen), *_defined(table.schema, seen)}
    return digest([*parts, *sorted(statements)])


def source_version(source: Source) -> str:
    """Version of a bronze table: its source's declaration, without the prose, and the platform."""
    columns = []
    for name, column in source.schema.columns().items():
        said = meaning_of(column)
        header = (said.header if said else None) or name
        path = said.path if said else ()
        columns.append([name, header, str(column.dtype), path])
    declared = {
        "key": source.key,
        "columns": columns,
        "combine": source.combine,
        "by": source.schema.primary_key() if source.combine == "upsert" else None,
        "nulls": source.nulls,
        "thousands": source.thousands,
        "remaining": [str(source.remaining.dtype), source.remaining.headers]
        if source.remaining
        else None,
        "system": source.origin.system,
    }
    return digest([platform_version(), json.dumps(declared, sort_keys=True)])


def _defined(thing: Any, seen: set[tuple[str, str]]) -> Iterator[str]:
    """The statements behind a function or class, and the values that a function was made with."""
    yield from _slice(thing.__module__, thing.__qualname__.split(".")[0], seen)
    cells = [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    defaults = getattr(thing, "__defaults__", None) or ()
    keywords = getattr(thing, "__kwdefaults__", None) or {}
    for value in (*cells, *defaults, *keywords.values()):
        yield from _captured(value, seen)


def _captured(value: Any, seen: set[tuple[str, str]]) -> Iterator[str]:
    if isinstance(value, Source | Table | Domain):
        return
    if isinstance(value, Corrections):
        yield value.version
        return
    if isinstance(value, tuple | list | set | frozenset | dict):
        yield f"{type(value).__name__} of {len(value)}"
        for each in value.items() if isinstance(value, dict) else value:
            yield from _captured(each, seen)
    elif isinstance(value, FunctionType | type):
        yield from _defined(value, seen)
    else:
        yield repr(value)


def _slice(module_name: str, name: str, seen: set[tuple[str, str]]) -> Iterator[str]:
    """The statements that a name of a module depends on, normalised, each once."""
    if (module_name, name) in seen or module_name not in sys.modules:
        return
    seen.add((module_name, name))
    module = sys.modules[module_name]
    value = getattr(module, name, None)
    if isinstance(value, Source | Domain):
        return  # inputs count by their content, domains not at all
    if isinstance(value, Corrections):
        yield value.version
        return
    index = _index(module)
    for statement in index.get(name, ()):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from _imported(module, statement, name, seen)
            continue
        yield _dump(statement)
        for used in _names(statement):
            other = getattr(module, used, None)
            if isinstance(other, Table) and used != name:
                continue
            yield from _slice(module_name, used, seen)


def _imported(
    module: ModuleType,
    statement: ast.Import | ast.ImportFrom,
    name: str,
    seen: set[tuple[str, str]],
) -> Iterator[str]:
    """What an imported name stands for, if it is the domain's own; libraries have versions."""
    origin = ""
    if isinstance(statement, ast.ImportFrom):
        origin = "." * statement.level + (statement.module or "")
        origin = resolve_name(origin, module.__package__) if statement.level else origin
    for alias in statement.names:
        if (alias.asname or alias.name.split(".")[0]) != name:
            continue
        whole = f"{origin}.{alias.name}" if origin else alias.name
        ours = whole.split(".")[0] == module.__name__.split(".")[0]
        if not ours or whole.startswith(f"{_PLATFORM}."):
            continue
        if whole in sys.modules:
            for each in _index(sys.modules[whole]):
                yield from _slice(whole, each, seen)
        else:
            yield from _slice(origin, alias.name, seen)


@cache
def _index(module: ModuleType) -> dict[str, list[ast.stmt]]:
    """The top-level statements of a module, by the names that they bind or act on."""
    path = getattr(module, "__file__", None)
    index: dict[str, list[ast.stmt]] = {}
    for statement in _tree(Path(path)).body if path else []:
        for name in _bound(statement):
            index.setdefault(name, []).append(statement)
    return index


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
    bound = {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    bound |= {node.name for node in ast.walk(statement) if isinstance(node, ast.FunctionDef)}
    targets = getattr(statement, "targets", [])
    changes = any(isinstance(target, ast.Subscript | ast.Attribute) for target in targets)
    if changes or not isinstance(statement, ast.Assign | ast.AnnAssign):
        bound.update(_names(statement))  # a loop or a bare call may act on whatever it names
    return bound


# Many tables share statements, so both are kept by statement, for as long as the index lives.
@cache
def _dump(statement: ast.stmt) -> str:
    return ast.dump(statement)


@cache
def _names(statement: ast.stmt) -> tuple[str, ...]:
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return tuple(sorted(names))


def _tree(path: Path) -> ast.Module:
    """A module's code without its prose."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords = [word for word in node.keywords if not _is_prose(node.func, word.arg)]
        elif (
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
            and ast.get_docstring(node, clean=False) is not None
        ):
            del node.body[0]
    return tree


def _is_prose(called: ast.expr, argument: str | None) -> bool:
    """Whether an argument only describes: a column's meaning, a table's business questions."""
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
        return isinstance(called, ast.Name) and (called.id, argument) == ("Origin", "url")
    if called.value.id == "dy":
        return argument in {"metadata", "description"}
    return called.attr in {"source", "silver", "gold"} and argument in _DESCRIBES


_DESCRIBES = {"answers", "purpose", "classification", "retention", "measures"}
"""Arguments that say of a source or a table what it is for, not what it holds."""
