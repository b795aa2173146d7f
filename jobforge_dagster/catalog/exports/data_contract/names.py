"""Names: ids and references as the standard allows them, whatever tables and columns are called."""

from __future__ import annotations

import re
from uuid import NAMESPACE_URL, UUID, uuid5

_CONTRACTS = uuid5(NAMESPACE_URL, "urn:jobforge:contracts")
_STABLE_ID = re.compile(r"[A-Za-z0-9_-]+")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def contract_id(key: str) -> UUID:
    """Id of the contract of a table: it follows from the key, so that it never changes."""
    return uuid5(_CONTRACTS, key)


def stable_id(name: str) -> str:
    """A name as an id within a contract (schema of the standard, ``StableId``).

    Returns:
        The name itself where it is made of letters, digits, ``_`` and ``-``; else an id that
        follows from it.
    """
    return name if _STABLE_ID.fullmatch(name) else str(uuid5(_CONTRACTS, f"name:{name}"))


def path_of(name: str) -> str:
    """The file of a gold table's contract, below the folder of all exports."""
    return f"odcs/{_file_of(name)}"


def property_path(table: str, column: str) -> str:
    """A column of the same contract (standard, "References", fully qualified notation)."""
    return f"schema/{stable_id(table)}/properties/{stable_id(column)}"


def outside(table: str, column: str) -> str:
    """A column of another table, whose contract lies in the same folder."""
    return f"{_file_of(table)}#{property_path(table, column)}"


def _file_of(name: str) -> str:
    # References allow no other characters in a file, and neither do some file systems.
    return f"{name if _FILE.fullmatch(name) else stable_id(name)}.odcs.yaml"
