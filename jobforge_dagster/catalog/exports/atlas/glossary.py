"""The glossary in the shapes of Atlas: AtlasGlossary, and a list of AtlasGlossaryTerm."""

from __future__ import annotations

from typing import Any

from jobforge_dagster.catalog.documents import GlossaryDocument
from jobforge_dagster.catalog.documents.glossary import TermEntry

NAME = "jobforge"
REFUSED = "@."
"""Atlas refuses these characters in the name of a term: they separate it from its glossary."""


class Glossary:
    """The names that Atlas will give to terms, and the bodies that create them."""

    def __init__(self, document: GlossaryDocument | None) -> None:
        self._entries = document.terms if document else ()
        self._names = _names(self._entries)

    def qualified_name(self, term: str) -> str | None:
        """The name by which an entity refers to a term; ``None`` if it has none.

        Atlas makes it of the names of the term and of the glossary, whatever is sent.
        """
        name = self._names.get(term)
        return None if name is None else f"{name}@{NAME}"

    def header(self) -> dict[str, Any]:
        """The glossary without its terms."""
        return {"name": NAME, "qualifiedName": NAME, "language": "en"}

    def terms(self) -> list[dict[str, Any]]:
        """The terms, each anchored to the glossary; what Atlas has no field for stands beside."""
        return [self._term(entry) for entry in self._entries]

    def _term(self, entry: TermEntry) -> dict[str, Any]:
        beside = {
            "id": entry.id,
            "labelFr": entry.label.fr,
            "definitionFr": entry.definition.fr,
            "authority": entry.authority,
            "url": entry.url,
            "related": ", ".join(entry.related) or None,
            "owner": entry.owner,
            "steward": entry.steward,
        }
        told = {"shortDescription": entry.label.en, "longDescription": entry.definition.en}
        return {
            "name": self._names[entry.id],
            "qualifiedName": self.qualified_name(entry.id),
            **{name: value for name, value in told.items() if value is not None},
            "additionalAttributes": {name: text for name, text in beside.items() if text},
            "anchor": {"glossaryGuid": "-1"},
        }


def _names(entries: tuple[TermEntry, ...]) -> dict[str, str]:
    """What people read: the English label; the id where Atlas or another term forbids that."""
    labels = [entry.label.en for entry in entries]
    ids = {entry.id for entry in entries}

    def name(entry: TermEntry) -> str:
        label = entry.label.en
        if not label or not label.strip() or labels.count(label) > 1 or label in ids:
            return entry.id
        return entry.id if any(character in label for character in REFUSED) else label

    return {entry.id: name(entry) for entry in entries}
