"""Names of tables and columns as people type them, found among what lies on disk.

A table has one key (``silver/noc/noc_node``) and is written in SQL as ``silver.noc_node``. Both are
understood, and so is the name alone where no two tables share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import LAYERS, DataRoot


class UnknownNameError(JobForgeError):
    """Nothing has that name."""


def keys(root: DataRoot) -> list[str]:
    """The keys of all tables that lie below a data root, layer by layer."""
    found = []
    for layer in LAYERS:
        folder = root.path / layer
        if layer == "staged":
            paths: Iterable[str] = (
                f"staged/{path.name}"
                for path in folder.glob("*")
                if path.is_dir() and not path.name.startswith("_")
            )
        else:
            paths = (
                root.relative(path).removesuffix(".parquet")
                for path in folder.rglob("*.parquet")
                if not path.name.startswith((".", "_"))
            )
        found += sorted(paths)
    return found


def sql_name(key: str) -> str:
    """The name of a table in SQL: its layer and its last part."""
    return f"{key.partition('/')[0]}.{key.rpartition('/')[2]}"


def table_named(text: str, known: Iterable[str]) -> str:
    """The key of the table that a person means.

    Args:
        text: a key, a name in SQL, or a name alone.
        known: the keys of all tables.

    Raises:
        UnknownNameError: there is none, or several; tells the closest.
    """
    known = list(known)
    wanted = text.strip().replace(".", "/")
    found = [key for key in known if wanted in _spellings(key)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(found if len({*map(sql_name, found)}) == 1 else map(sql_name, found))
        raise UnknownNameError(f"{text!r} stands for several tables: {names}. Say which.")
    if not known:
        raise UnknownNameError(
            "There are no tables yet. Make them: dagster asset materialize --select '*'"
        )
    hint = closest(text, [sql_name(key) for key in known])
    raise UnknownNameError(f"There is no table {text!r}.{hint} See: jobforge query 'SHOW TABLES'")


def column_named(text: str, known: Iterable[str]) -> tuple[str, str | None]:
    """The key of a table, and the column of it that a person means, if one is named.

    Whether the table has such a column is for the caller to find out.

    Args:
        text: a table as in :func:`table_named`, or that, a dot and a column.
        known: the keys of all tables.

    Raises:
        UnknownNameError: there is no such table.
    """
    known = list(known)
    try:
        return table_named(text, known), None
    except UnknownNameError:
        table, dot, column = text.strip().rpartition(".")
        if not dot or not table or table in LAYERS:
            raise
        return table_named(table, known), column


def closest(text: str, known: Iterable[str]) -> str:
    """The end of an error message: the known name nearest to a text, if any is near."""
    known = list(known)
    ends = {each.rpartition(".")[2]: each for each in known}
    close = get_close_matches(text, known, n=1) or [
        ends[end] for end in get_close_matches(text.rpartition(".")[2], ends, n=1)
    ]
    return f" Did you mean {close[0]}?" if close else ""


def _spellings(key: str) -> set[str]:
    layer, _, rest = key.partition("/")
    name = rest.rpartition("/")[2]
    return {key, f"{layer}/{name}", name}
