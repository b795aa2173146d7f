"""Names that Power BI takes: it does not tell letter case apart, and refuses some outright."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from jobforge_dagster.catalog.exports.tmdl.text import one_line

RESERVED = frozenset({"measures"})
"""Power BI refuses a table of this name."""

DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)
"""Windows has no files of these names."""


def distinct(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The same names on one line, numbered where another differs by letter case only.

    Args:
        names: as the documents have them.
        taken: names that others have, case-folded.
    """
    seen = set(taken)
    given: list[str] = []
    for name in names:
        base = one_line(name) or "_"
        candidate, number = base, 1
        while candidate.casefold() in seen:
            number += 1
            candidate = f"{base} ({number})"
        seen.add(candidate.casefold())
        given.append(candidate)
    return given


def file_stem(names: Sequence[str]) -> list[str]:
    """File names for objects of these names, good on every system."""
    plain = [re.sub(r'[<>:"/\\|?*]', "_", name).rstrip(". ") for name in names]
    return distinct(plain, DEVICES)
