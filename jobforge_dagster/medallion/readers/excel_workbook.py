"""Opens an Excel workbook: its sheets, and the texts and formats that their cells refer to.

A workbook is a zip of XML. Its parts are read as streams: XML with entities is refused, and no part
may unpack to more than a limit.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.readers.unpack import damages

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
"""The namespace of what a workbook consists of."""
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DATES = (*range(27, 37), *range(50, 59))
"""Built-in formats that East Asian versions of Excel show as dates; no format code says so."""
_MAX_CHILDREN = 100_000
"""Elements below one that are held at a time: more than the cells of the widest row."""
_MAX_DEPTH = 100
_MAX_STRINGS = 20_000_000


@dataclass
class Book:
    """An open workbook: its sheets and what their cells refer to.

    Attributes:
        name: what to call it in an error.
        parts: the files that it consists of.
        limit: bytes that one of them may unpack to.
        sheets: the part of each sheet, by its title.
        hidden: titles of the sheets that are not shown.
        strings: texts that cells refer to by their place.
        formats: the number format of each style that cells refer to by its place.
        epoch: the day zero of its dates.
    """

    name: str
    parts: zipfile.ZipFile
    limit: int
    sheets: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    strings: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    epoch: datetime = CALENDAR_WINDOWS_1900

    def elements(self, path: str, *tags: str) -> Iterator[Element]:
        """The elements of a part with one of some tags, each forgotten after its use."""
        wanted = {f"{space}{tag}" for tag in tags for space in (MAIN, _PACKAGE)}
        above: list[Element] = []
        within = 0  # how many of those above are wanted: what they hold is kept until their end
        with self._part(path) as file:
            for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    if not above and element.tag.startswith(_STRICT):
                        raise DeliveryError(
                            f"{self.name} is a Strict Open XML workbook, which few programs read. "
                            f"Save it as an ordinary .xlsx."
                        )
                    above.append(element)
                    within += element.tag in wanted
                    if len(above) > _MAX_DEPTH or len(above[-1]) > _MAX_CHILDREN:
                        raise DeliveryError(f"{self.name}: {path} holds more than a sheet can.")
                    continue
                above.pop()
                if element.tag in wanted:
                    within -= 1
                    yield element
                if above and not within:
                    above[-1].remove(element)

    def _part(self, path: str) -> IO[bytes]:
        found = self.parts.getinfo(path)
        if found.file_size > self.limit:
            raise DeliveryError(
                f"{self.name}: {path} unpacks to {found.file_size} bytes, more than the "
                f"{self.limit} that its source allows by max_unpacked=."
            )
        return self.parts.open(found)


@contextmanager
def opened(path: Path, name: str, limit: int) -> Iterator[Book]:
    """Open a workbook; what goes wrong with it until it is closed is told in words for people.

    Args:
        path: where the workbook lies.
        name: what to call it in an error.
        limit: bytes that one part of the workbook may unpack to.

    Raises:
        DeliveryError: it is no workbook, is damaged, or holds XML that is dangerous.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            yield _loaded(Book(name, parts, limit))
    except DefusedXmlException as error:
        raise DeliveryError(
            f"{name} declares XML entities or a document type, which no spreadsheet program "
            f"writes and which can be used for an attack. It is not read."
        ) from error
    except Exception as error:
        if not isinstance(error, LookupError | ParseError) and not damages(error):
            raise
        raise DeliveryError(
            f"{name} is not an Excel workbook (.xlsx) or is damaged: {error}. An old .xls or "
            f".xlsb, or one locked by a password, must be saved as .xlsx."
        ) from error


def _loaded(book: Book) -> Book:
    relations: dict[str | None, tuple[str, str]] = {}
    parts: dict[str, str] = {}
    for element in book.elements("xl/_rels/workbook.xml.rels", "Relationship"):
        kind = element.get("Type", "").rpartition("/")[2]
        path = posixpath.normpath(posixpath.join("/xl", element.get("Target", ""))).lstrip("/")
        relations[element.get("Id")] = kind, path
        parts[kind] = path
    for element in book.elements("xl/workbook.xml", "sheet", "workbookPr"):
        if element.tag == f"{MAIN}workbookPr":
            if element.get("date1904") in ("1", "true"):
                book.epoch = CALENDAR_MAC_1904
            continue
        kind, path = relations.get(element.get(_RELATION), ("", ""))
        if kind != "worksheet":
            continue  # a chart has no cells
        title = element.get("name", "")
        if title in book.sheets:
            raise DeliveryError(f"{book.name} has two sheets that are called {title!r}.")
        book.sheets[title] = path
        if element.get("state", "visible") != "visible":
            book.hidden.add(title)
    if "sharedStrings" in parts:
        items = book.elements(parts["sharedStrings"], "si")
        book.strings = [text_of(item) for item in itertools.islice(items, _MAX_STRINGS)]
    if "styles" in parts:
        book.formats = _formats(book, parts["styles"])
    return book


def _formats(book: Book, path: str) -> list[str]:
    """The number format of each cell style."""
    own: dict[int, str] = dict.fromkeys(_DATES, "yyyy-mm-dd")
    formats: list[str] = []
    for element in book.elements(path, "numFmt", "cellXfs"):
        if element.tag == f"{MAIN}numFmt":
            own[int(element.get("numFmtId", "0"))] = element.get("formatCode", "")
        else:
            for style in element:
                number = int(style.get("numFmtId", "0"))
                formats.append(own.get(number) or BUILTIN_FORMATS.get(number, "General"))
    return formats


def text_of(item: Element) -> str:
    """The text of a string, rich or plain; what is written beside it for pronunciation is not."""
    parts = [
        part.text or ""
        for child in item
        if child.tag in (f"{MAIN}t", f"{MAIN}r")
        for part in ([child] if child.tag == f"{MAIN}t" else child.findall(f"{MAIN}t"))
    ]
    return unescaped("".join(parts))


def unescaped(text: str) -> str:
    """A text without the escapes of characters that XML cannot hold."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    try:
        # An escape holds half of a character beyond the first 65,536.
        return plain.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text  # half of one alone is no character, so this was no escape
