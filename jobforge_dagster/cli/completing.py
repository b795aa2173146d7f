"""What the shell offers on the tab key: names that lie on disk, found without loading anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

import typer

from jobforge_dagster.asking.documents import read, table_path
from jobforge_dagster.asking.names import keys, sql_name, table_named
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot

P = ParamSpec("P")


def _quietly(offer: Callable[P, Iterable[str]]) -> Callable[P, list[str]]:
    """Offer nothing where something is wrong: the command will tell what, once it is run."""

    @wraps(offer)
    def quiet(*arguments: P.args, **named: P.kwargs) -> list[str]:
        try:
            return list(offer(*arguments, **named))
        except (JobForgeError, OSError, ValueError, TypeError, KeyError):
            return []

    return quiet


@_quietly
def table_keys(incomplete: str) -> Iterable[str]:
    """Keys of tables: ``gold/dim_noc``."""
    return (key for key in _keys() if key.startswith(incomplete))


@_quietly
def tables(incomplete: str) -> Iterable[str]:
    """Names of tables as in SQL (``gold.dim_noc``); keys, once a slash was typed."""
    return (name for name in _names(incomplete) if name.startswith(incomplete))


@_quietly
def tables_and_columns(incomplete: str) -> Iterable[str]:
    """Names of tables; after one and a dot, the columns of it (``gold.dim_noc.title``)."""
    offered = [name for name in _names(incomplete) if name.startswith(incomplete)]
    table, dot, _ = incomplete.rpartition(".")
    if offered or not dot:
        return offered
    return (f"{table}.{name}" for name in _columns(table))


@_quietly
def columns(context: typer.Context, incomplete: str) -> Iterable[str]:
    """Columns of the table that was typed before, as the parameter ``table``."""
    found = _columns(context.params["table"])
    return (name for name in found if name.startswith(incomplete))


@_quietly
def conditions(context: typer.Context, incomplete: str) -> Iterable[str]:
    """The same with an equals sign, for ``column=value``."""
    found = _columns(context.params["table"])
    return (f"{name}=" for name in found if f"{name}=".startswith(incomplete))


@_quietly
def sources(incomplete: str) -> Iterable[str]:
    """Names of sources that delivered something."""
    names = (key.removeprefix("staged/") for key in _keys() if key.startswith("staged/"))
    return (name for name in names if name.startswith(incomplete))


@_quietly
def runs(incomplete: str) -> Iterable[str]:
    """Ids of runs that the catalog knows."""
    folder = DataRoot.from_environment().catalog / "runs"
    return sorted(path.stem for path in folder.glob("*.json") if path.stem.startswith(incomplete))


def _keys() -> list[str]:
    return keys(DataRoot.from_environment())


def _names(incomplete: str) -> list[str]:
    return _keys() if "/" in incomplete else [sql_name(key) for key in _keys()]


def _columns(table: str) -> list[str]:
    """As the catalog's document of a table tells them."""
    root = DataRoot.from_environment()
    document = read(root, table_path(root, table_named(table, keys(root))))
    return [column["name"] for column in document["columns"]]
