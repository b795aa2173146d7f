"""The lexical rules of TMDL: quoting, one-line values, descriptions, expressions.

From the TMDL overview of Microsoft (sections Object declaration, Object properties, Descriptions,
Expressions, Indentation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID, uuid5

NAMESPACE = UUID("5f6c1c0e-3c55-5d0c-9b3f-6a3f5c1d9a10")
"""Of the lineage tags of this project; any other would do, as long as it stays the same."""


def lines_of(*lines: str) -> str:
    """Lines as the text of a file."""
    return "".join(f"{line}\n" for line in lines)


def lineage_tag(*parts: str) -> str:
    """The tag by which Power BI recognises an object that was renamed: it follows from its key."""
    return str(uuid5(NAMESPACE, "\0".join(parts)))


def quoted(name: str) -> str:
    """A name as it stands in a declaration or a reference (Object declaration).

    Quotes are demanded around dots, equals signs, colons, quotes and white space; they are set
    around everything but plain words, since nothing forbids them.
    """
    if re.fullmatch(r"\w+", name):
        return name
    doubled = name.replace("'", "''")
    return f"'{doubled}'"


CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Characters that break a line or that no name may hold, as a class of a regular expression."""


def one_line(text: str) -> str:
    """Prose without line breaks and control characters, which no property may hold."""
    return re.sub(rf"[\s{CONTROL}]+", " ", text).strip()


def value(text: str) -> str:
    """The text of a property, quoted where it would be read otherwise (Object properties)."""
    text = re.sub(f"[{CONTROL}]", " ", text)
    ends_bare = text == text.strip() and not (text.startswith('"') or text.endswith('"'))
    if text and ends_bare:
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def description(text: str | None, depth: int) -> Iterator[str]:
    """The lines above a declaration that describe it, ends trimmed (Descriptions)."""
    lines = [one_line(line) for line in (text or "").splitlines()]
    for line in "\n".join(lines).strip("\n").split("\n") if any(lines) else ():
        yield "\t" * depth + f"/// {line}".rstrip()


def expression(head: str, text: str, depth: int) -> Iterator[str]:
    """A declaration or property with an expression (Expressions).

    One of several lines stands below ``head``, deeper than the properties would; ends of lines
    are trimmed, as every reader of TMDL does.

    Args:
        head: what stands before the equals sign.
        text: DAX or M.
        depth: tabs before ``head``.
    """
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").split("\n")
    if lines == [""]:
        yield "\t" * depth + head
    elif len(lines) == 1:
        yield "\t" * depth + f"{head} = {lines[0].strip()}"
    else:
        yield "\t" * depth + f"{head} ="
        yield from ("\t" * (depth + 2) + line if line else "" for line in lines)


def facts_kept(facts: dict[str, str | None], depth: int) -> Iterator[str]:
    """Facts that Power BI keeps without reading them; those that say nothing are left out."""
    for name, text in facts.items():
        told = one_line(text or "")
        if told:
            yield "\t" * depth + f"annotation JobForge_{name} = {told}"
