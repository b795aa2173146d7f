"""The document of the glossary: the declared terms, and the columns that hold each."""

from __future__ import annotations

from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.catalog.documents.base import Words
from jobforge_dagster.catalog.documents.glossary import GlossaryDocument, TermEntry
from jobforge_dagster.medallion.glossary import unused, users_of


def glossary_document(known: Known) -> GlossaryDocument:
    """The glossary of all domains together."""
    glossary = known.declared.glossary
    users = users_of(known.declared)
    return GlossaryDocument(
        terms=tuple(
            TermEntry(
                id=term.id,
                label=Words(en=term.en.label, fr=term.fr.label),
                definition=Words(en=term.en.definition, fr=term.fr.definition),
                authority=term.authority,
                owner=term.owner,
                steward=term.steward,
                url=term.url,
                related=term.related,
                columns=users[term.id],
            )
            for term in (glossary.terms if glossary else ())
        ),
        unused=unused(known.declared),
    )
