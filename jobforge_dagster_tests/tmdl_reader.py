"""A strict reader of TMDL: it takes what the exporter may write and refuses all else.

The rules are those of the TMDL overview and of the TMDL reference, Translations in TMDL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

TAG = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NAME = r"'(?:[^'\t]|'')+'|[^\s.=:']+"
TEXT, FLAG = r".+", r"true|false"


@dataclass(frozen=True)
class Kind:
    """What an object may hold: properties with their values, and kinds of children."""

    properties: Mapping[str, str] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    named: bool = True
    default: str | None = None
    expressions: tuple[str, ...] = ()
    described: bool = False


KINDS = {
    "": Kind(children=("database", "model", "expression", "relationship", "table", "cultureInfo")),
    "database": Kind({"compatibilityLevel": r"1[2-7]\d\d"}, named=False),
    "model": Kind(
        {
            "culture": "[a-z]{2}-[A-Z]{2}",
            "sourceQueryCulture": "[a-z]{2}-[A-Z]{2}",
            "defaultPowerBIDataSourceVersion": "powerBI_V3",
        },
        ("dataAccessOptions",),
    ),
    "dataAccessOptions": Kind(
        {"legacyRedirects": FLAG, "returnErrorValuesAsNull": FLAG}, named=False
    ),
    "annotation": Kind(default=TEXT),
    "expression": Kind({"lineageTag": TAG}, default=TEXT, described=True),
    "relationship": Kind({"isActive": FLAG, "fromColumn": TEXT, "toColumn": TEXT}),
    "table": Kind(
        {"lineageTag": TAG}, ("measure", "column", "partition", "annotation"), described=True
    ),
    "measure": Kind(
        {"formatString": TEXT, "lineageTag": TAG}, ("annotation",), default=TEXT, described=True
    ),
    "column": Kind(
        {
            "dataType": "string|int64|double|decimal|dateTime|boolean|binary",
            "isHidden": FLAG,
            "isKey": FLAG,
            "isNullable": FLAG,
            "formatString": TEXT,
            "lineageTag": TAG,
            "summarizeBy": "none|sum",
            "sourceColumn": TEXT,
        },
        ("annotation",),
        described=True,
    ),
    "partition": Kind({"mode": "import"}, default="m", expressions=("source",)),
    "cultureInfo": Kind(children=("translations",)),
    "translations": Kind(children=("translated model",), named=False),
    "translated model": Kind(children=("translated table",)),
    "translated table": Kind({"description": TEXT}, ("translated column",)),
    "translated column": Kind({"description": TEXT}),
}


@dataclass
class Node:
    """An object: what is declared of it and in it."""

    kind: str
    name: str = ""
    default: str | None = None
    description: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def all(self, kind: str) -> list[Node]:
        return [child for child in self.children if child.kind == kind]

    def annotation(self, name: str) -> str | None:
        found = [each.default for each in self.all("annotation") if each.name == f"JobForge_{name}"]
        return found[0] if found else None


class RefusedError(ValueError):
    """The text is no TMDL."""


def read(files: Mapping[str, str]) -> tuple[Node, list[str]]:
    """All files as one tree, and the references of the model as ``kind name``."""
    root, references = Node(""), list[str]()
    for path, text in files.items():
        if path.endswith(".tmdl"):
            references += _File(path, text, root).references
    for kind in ("database", "model"):
        if len(root.all(kind)) != 1:
            raise RefusedError(f"not one {kind}")
    return root, references


class _File:
    def __init__(self, path: str, text: str, root: Node) -> None:
        if not text.endswith("\n") or "\r" in text or text.startswith("\ufeff"):
            raise RefusedError(f"{path}: line ends or byte order mark")
        self._path, self._root = path, root
        self._lines = text.removesuffix("\n").split("\n")
        self._at = 0
        self._open: list[Node] = [root]
        self.references: list[str] = []
        while self._at < len(self._lines):
            self._read()

    def _refuse(self, why: str) -> RefusedError:
        return RefusedError(f"{self._path}, line {self._at + 1}: {why}")

    def _read(self) -> None:
        if not self._lines[self._at]:
            self._at += 1
            return
        described = list(self._descriptions())
        if self._at == len(self._lines) or not self._lines[self._at]:
            raise self._refuse("a description without its object")
        line = self._lines[self._at]
        told = line.lstrip("\t")
        depth = len(line) - len(told)
        if not told or told[0].isspace() or told != told.rstrip():
            raise self._refuse("white space")
        if depth >= len(self._open):
            raise self._refuse("too deep")
        del self._open[depth + 1 :]
        if described and {each[0] for each in described} != {depth}:
            raise self._refuse("the description is not as deep as its object")
        word = re.split(r"[ =:]", told, maxsplit=1)[0]
        if word == "ref" and depth == 0:
            self._reference(told)
        elif (kind := self._kind_of(word, depth)) is not None:
            self._object(kind, told.removeprefix(word), depth, [text for _, text in described])
        elif described:
            raise self._refuse("a property takes no description")
        else:
            self._property(told, depth)

    def _descriptions(self) -> Iterator[tuple[int, str]]:
        while self._at < len(self._lines):
            match = re.fullmatch(r"(\t*)///(?: (.*))?", self._lines[self._at])
            if match is None:
                return
            yield len(match[1]), match[2] or ""
            self._at += 1

    def _kind_of(self, word: str, depth: int) -> str | None:
        parent = self._open[depth].kind
        children = KINDS[parent].children + (("annotation",) if parent == "" else ())
        return next((each for each in children if each.split(" ")[-1] == word), None)

    def _reference(self, told: str) -> None:
        match = re.fullmatch(rf"ref (table|cultureInfo) ({NAME})", told)
        if match is None:
            raise self._refuse("no reference")
        self.references.append(f"{match[1]} {unquoted(match[2])}")
        self._at += 1

    def _object(self, kind: str, rest: str, depth: int, described: list[str]) -> None:
        spec = KINDS[kind]
        match = re.fullmatch(rf"(?: ({NAME}))?(?: =(?: (.+))?)?", rest)
        if match is None or (match[1] is not None) != spec.named:
            raise self._refuse("no declaration")
        if described and not spec.described:
            raise self._refuse(f"{kind} takes no description")
        node = Node(kind, unquoted(match[1] or ""))
        node.description = "\n".join(described) if described else None
        self._at += 1
        if "=" in rest[match.end(1) if match[1] else 0 :]:
            node.default = match[2] if match[2] is not None else self._body(depth)
        if (node.default is None) != (spec.default is None) and kind != "measure":
            raise self._refuse(f"{kind} wants a value after =, or none")
        if node.default is not None and not re.fullmatch(spec.default or "", node.default, re.S):
            raise self._refuse(f"{kind} takes no {node.default}")
        parent = self._open[depth]
        twin = (kind, node.name.casefold())
        if twin in {(each.kind, each.name.casefold()) for each in parent.children}:
            raise self._refuse(f"a second {kind} {node.name}")
        parent.children.append(node)
        self._open.append(node)

    def _property(self, told: str, depth: int) -> None:
        node = self._open[depth]
        spec = KINDS[node.kind]
        match = re.fullmatch(r"(\w+)(?:: (.+)| =(?: (.+))?)?", told)
        if match is None:
            raise self._refuse("neither an object nor a property")
        name, is_expression = match[1], match[2] is None and " =" in told
        if name not in (spec.expressions if is_expression else spec.properties):
            raise self._refuse(f"{node.kind or 'the file'} has no {name}")
        if name in node.properties:
            raise self._refuse(f"a second {name}")
        self._at += 1
        if is_expression:
            node.properties[name] = match[3] or self._body(depth)
            return
        value = "true" if match[2] is None else self._text(match[2])
        if not re.fullmatch(spec.properties[name], value):
            raise self._refuse(f"{name} takes no {value}")
        node.properties[name] = value

    def _text(self, value: str) -> str:
        if not (len(value) > 1 and value[0] == value[-1] == '"'):
            return value
        inner = value[1:-1]
        if '"' in inner.replace('""', ""):
            raise self._refuse("a quote that is not doubled")
        return inner.replace('""', '"')

    def _body(self, depth: int) -> str:
        """The lines of an expression, two levels below what they belong to."""
        margin, lines = "\t" * (depth + 2), list[str]()
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line and not line.startswith(margin):
                break
            lines.append(line.removeprefix(margin))
            self._at += 1
        while lines and not lines[-1]:
            lines.pop()
        if not lines:
            raise self._refuse("an expression without a body")
        return "\n".join(lines)


def unquoted(name: str) -> str:
    return name[1:-1].replace("''", "'") if name.startswith("'") else name


def ends(reference: str) -> tuple[str, str]:
    """Table and column of a qualified reference."""
    match = re.fullmatch(rf"({NAME})\.({NAME})", reference)
    if match is None:
        raise RefusedError(f"no reference to a column: {reference}")
    return unquoted(match[1]), unquoted(match[2])
