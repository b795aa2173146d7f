"""The glossary: business terms in English and French, each said once for all columns that hold it.

``glossary.yaml`` stands beside the modules of a domain package. A column names its term by id in
``meaning(..., term="...")``; what the term means and who defined it stands in the file alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import dataframely as dy
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.meaning import meaning_of

if TYPE_CHECKING:
    from jobforge_dagster.medallion.discovery import Declarations

FILE = "glossary.yaml"
"""Name of the file beside a domain's modules."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Wording(_Strict):
    """A term in one language: its name, and what it means in a sentence or two."""

    label: Text
    definition: Text


class Entry(_Strict):
    """A term as the file has it.

    Attributes:
        id: unique; lower-case letters, digits and dashes.
        en: in English.
        fr: in French.
        authority: who defines the notion; the wording is ours.
        url: where the authority speaks of it; ``None`` where no lasting address is known.
        related: ids of other terms.
    """

    id: Slug
    en: Wording
    fr: Wording
    authority: Text
    url: Address | None
    related: tuple[Slug, ...] = Field((), strict=False)


class Term(Entry):
    """A term with who answers for it, which the file says once for all of its terms."""

    owner: str
    steward: str | None


class Glossary(_Strict):
    """The terms of all domain packages together, in the order of their ids."""

    terms: tuple[Term, ...]

    @property
    def by_id(self) -> dict[str, Term]:
        """Each term by its id."""
        return {term.id: term for term in self.terms}


class _File(_Strict):
    owner: Text
    steward: Text | None = None
    terms: tuple[Entry, ...] = Field(strict=False)


def read_glossary(folders: Iterable[Path]) -> Glossary | None:
    """The terms of the glossary files in some folders; ``None`` if there is no such file.

    Raises:
        DeclarationError: a file cannot be read, two terms have one id, or one is related to a term
            that is in none of the files.
    """
    files = [path for folder in folders if (path := folder / FILE).is_file()]
    found: dict[str, tuple[Path, Term]] = {}
    for path in files:
        for term in _terms(path):
            if term.id in found:
                other = found[term.id][0]
                places = _place(path) + (f" and {_place(other)}" if other != path else "")
                raise DeclarationError(
                    f"{places}: several terms have the id '{term.id}'. Give each an id of its own, "
                    f"or make one term of them."
                )
            found[term.id] = path, term
    for path, term in found.values():
        for other_id in term.related:
            if other_id not in found or other_id == term.id:
                others = [each for each in found if each != term.id]
                raise DeclarationError(
                    f"{_place(path)}: term '{term.id}': related: '{other_id}' is no other term."
                    f"{_closest(other_id, others)} Correct the id, or remove it."
                )
    return Glossary(terms=tuple(found[id_][1] for id_ in sorted(found))) if files else None


def check_terms(key: str, schema: type[dy.Schema], glossary: Glossary | None) -> None:
    """Refuse a column that holds a term which no glossary explains.

    Args:
        key: of the table, for the message.
        schema: its columns.
        glossary: the known terms; ``None`` if no domain package has a file of them.

    Raises:
        DeclarationError: names table, column and term, and the known term that comes closest.
    """
    known = glossary.by_id if glossary else {}
    for name, term in _named_terms(schema):
        if term in known:
            continue
        if glossary is None:
            raise DeclarationError(
                f"{key}: column {name} holds the term '{term}', but no domain package has a "
                f"{FILE}. Write one beside its __init__.py, or leave the term out."
            )
        raise DeclarationError(
            f"{key}: column {name} holds the term '{term}', which no {FILE} explains."
            f"{_closest(term, known)} Correct the id, or add the term to the glossary."
        )


def users_of(declarations: Declarations) -> dict[str, tuple[str, ...]]:
    """For each term of the glossary the columns that hold it, as ``{table key}.{column}``.

    Columns of bronze, silver and gold, sorted; none for a term that nothing uses.
    """
    glossary = declarations.glossary
    users: dict[str, list[str]] = {term.id: [] for term in glossary.terms} if glossary else {}
    for declared in declarations.declared:
        for name, term in _named_terms(declared.schema):
            users[term].append(f"{declared.key}.{name}")
    return {term: tuple(sorted(columns)) for term, columns in users.items()}


def unused(declarations: Declarations) -> tuple[str, ...]:
    """The terms of the glossary that no column holds."""
    return tuple(term for term, columns in users_of(declarations).items() if not columns)


def _named_terms(schema: type[dy.Schema]) -> Iterator[tuple[str, str]]:
    for name, column in schema.columns().items():
        said = meaning_of(column)
        if said and said.term is not None:
            yield name, said.term


def _closest(wanted: str, known: Iterable[str]) -> str:
    closest = get_close_matches(wanted, list(known), n=1, cutoff=0)
    return f" The closest is '{closest[0]}'." if closest else ""


def _place(path: Path) -> str:
    return f"{path.name} in {path.parent.name}"


def _terms(path: Path) -> Iterator[Term]:
    try:
        read = _parsed(path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" line {mark.line + 1}:" if mark else ""
        raise DeclarationError(
            f"{_place(path)}:{line} {error.problem or error.context}. Mend it there or just above; "
            f"a text that holds ': ' or ' #', or begins with a special character, goes in quotes."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DeclarationError(f"{_place(path)} cannot be read as YAML: {error}") from None
    try:
        told = _File.model_validate(read)
    except ValidationError as error:
        wrong = [_explained(read, each) for each in error.errors(include_url=False)]
        raise DeclarationError("\n".join(f"{_place(path)}: {each}" for each in wrong)) from None
    for entry in told.terms:
        yield Term(**dict(entry), owner=told.owner, steward=told.steward)


# The parser in C, where there is one: the file is read at every start.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _parsed(path: Path) -> Any:
    """The one document of a YAML file; YAML itself would take the last of repeated keys."""
    loader = _Loader(path.read_text("utf-8"))
    try:
        node = loader.get_single_node()
        repeated = _repeated_key(node, set())
        if repeated:
            raise DeclarationError(
                f"{_place(path)}: line {repeated.start_mark.line + 1}: the key "
                f"'{repeated.value}' stands there for the second time. Remove one of both."
            )
        return loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _repeated_key(node: yaml.Node | None, seen: set[int]) -> yaml.ScalarNode | None:
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return None
    seen.add(id(node))  # an alias may lead back to where it stands
    keys: set[str] = set()
    for child in node.value:
        value = child
        if isinstance(node, yaml.MappingNode):
            key, value = child
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    return key
                keys.add(key.value)
        repeated = _repeated_key(value, seen)
        if repeated:
            return repeated
    return None


_ADVICE = {
    "missing": "is missing: add it",
    "extra_forbidden": "is no field here: correct its name, or remove it",
    "string_too_short": "is empty: write it",
    "tuple_type": "must be a list",
    "model_type": "must hold fields, each with a name and a value",
}
"""What to do, by Pydantic's kind of error."""


def _explained(read: Any, error: Mapping[str, Any]) -> str:
    """Term, field and what to do, of one of Pydantic's errors."""
    place, kind, given = error["loc"], error["type"], error["input"]
    term = ""
    if place[:1] == ("terms",) and len(place) > 1:
        entry = read["terms"][place[1]]
        named = entry.get("id") if isinstance(entry, dict) else None
        term = f"term '{named}': " if isinstance(named, str) else f"term number {place[1] + 1}: "
        place = place[2:]
    field = ".".join(map(str, place))
    if kind == "string_type" and given is not None:
        advice = f"must be text, not {given!r}: put it in quotes"
    elif kind == "string_pattern_mismatch":
        advice = (
            "must be an address that begins with https://, or null"
            if field == "url"
            else f"'{given}' must be lower-case letters, digits and dashes, as in 'unit-group'"
        )
    elif kind == "string_type":
        advice = _ADVICE["string_too_short"]
    else:
        advice = _ADVICE.get(kind) or error["msg"]
    if field == "url" and kind == "missing":
        advice += ", or null where no lasting address is known"
    return f"{term}{field or 'it'} {advice}."
