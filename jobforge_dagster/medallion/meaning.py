"""What a column means: prose in two languages, its business term, and who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dataframely as dy

from jobforge_dagster.medallion.classification import Classification
from jobforge_dagster.medallion.errors import DeclarationError


@dataclass(frozen=True)
class Meaning:
    """What a column means; see :func:`meaning`."""

    text: str
    header: str | None = None
    french: str | None = None
    term: str | None = None
    path: tuple[str, ...] = ()
    classification: Classification | None = None
    declassified: str | None = None


def meaning(
    text: str,
    *,
    header: str | None = None,
    french: str | None = None,
    term: str | None = None,
    path: str | None = None,
    classification: Classification | None = None,
    declassified: str | None = None,
) -> dict[str, Any]:
    """Say what a column means, as the ``metadata`` of a dataframely column.

    Args:
        text: one English sentence.
        header: the header in the delivered file, where it differs from the column's name. Padding
            and letter case need not be repeated: headers are compared trimmed and case-folded.
        french: the same sentence in French.
        term: the id of the glossary term that the column holds.
        path: names, separated by points, that lead from a nested value delivered under ``header``
            to the one that the column holds; ``0`` is the first of an array.
        classification: who may see it; undeclared, as its table says.
        declassified: the reason why a column made of a more confidential one may be as public as
            ``classification`` says.

    Raises:
        DeclarationError: ``declassified`` gives no reason, or stands without ``classification``.
    """
    if declassified is not None and (classification is None or not declassified.strip()):
        raise DeclarationError(
            f"meaning({text!r}): declassified= is the reason why the column may be as public as "
            f"classification= says. Give both, or neither."
        )
    steps = tuple(path.split(".")) if path else ()
    return {"meaning": Meaning(text, header, french, term, steps, classification, declassified)}


def meaning_of(column: dy.Column) -> Meaning | None:
    """The meaning given to a schema's column, if one was given."""
    found = (column.metadata or {}).get("meaning")
    return found if isinstance(found, Meaning) else None
