"""What all documents share: strict, frozen, with the version of their shape, as stable JSON."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a document: it has the declared fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Document(Part):
    """A JSON file of the catalog.

    ``document_version`` is that of its shape: the first number grows when a reader of the former
    one would misread it, the second when a field is added.
    """

    document_version: str = "1.0"

    def as_json(self) -> str:
        """The document as text: fields in the order of the model, so that git can diff it."""
        return f"{self.model_dump_json(indent=2)}\n"


class Words(Part):
    """The same words in English and in French."""

    en: str | None
    fr: str | None


def text_of(value: Any) -> str:
    """A JSON value as the text of a file."""
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"


def canonical(value: Any) -> bytes:
    """A JSON value as bytes that follow from it alone: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
