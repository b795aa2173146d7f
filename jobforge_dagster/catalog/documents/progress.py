"""How far the catalog was told."""

from __future__ import annotations

from jobforge_dagster.catalog.documents.base import Document


class ProgressDocument(Document):
    """The last event that the catalog was told of.

    Attributes:
        history: what tells the log from any other.
        event: its id in the log.
        run: the run that it is of: a log that was set back has another event there, or none.
    """

    history: str | None
    event: int
    run: str | None
