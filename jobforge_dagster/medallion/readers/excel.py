"""Reads one sheet of an Excel workbook cell by cell, from its stored values.

A workbook is a zip of XML. It is read here as a stream, without a library's view of it: those that
were tried drop errors and edges, guess types by column, or take the memory of the rectangle that a
sheet claims to have. XML with entities is refused, and no part may unpack to more than a limit.
"""

from __future__ import annotations

import itertools
import json
import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from math import isinf
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

import polars as pl
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from openpyxl.styles.numbers import (
    BUILTIN_FORMATS,
    STRIP_RE,
    is_date_format,
    is_timedelta_format,
)
from openpyxl.utils.cell import column_index_from_string, get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Excel
from jobforge_dagster.medallion.readers.base import (
    Malformed,
    Reading,
    Row,
    names_of,
    record_by_record,
)
from jobforge_dagster.medallion.readers.unpack import damages

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATES = (*range(27, 37), *range(50, 59))
"""Built-in formats that East Asian versions of Excel show as dates; no format code says so."""
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
_MAX_CHILDREN = 100_000
"""Elements below one that are held at a time: more than the cells of the widest row."""
_MAX_DEPTH = 100
_MAX_STRINGS = 20_000_000
_SHOWN = 20

Cells = dict[int, str]
"""The stored values of a row, by the number of their column."""


@dataclass
class _Book:
    """An open workbook: its sheets and what their cells refer to."""

    name: str
    parts: zipfile.ZipFile
    limit: int
    sheets: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    strings: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    epoch: datetime = CALENDAR_WINDOWS_1900

    def part(self, path: str) -> IO[bytes]:
        found = self.parts.getinfo(path)
        if found.file_size > self.limit:
            raise DeliveryError(
                f"{self.name}: {path} unpacks to {found.file_size} bytes, more than the "
                f"{self.limit} that its source allows by max_unpacked=."
            )
        return self.parts.open(found)

    def elements(self, path: str, *tags: str) -> Iterator[Element]:
        """The elements of a part with one of some tags, each forgotten after its use."""
        wanted = {f"{_MAIN}{tag}" for tag in tags} | {f"{_PACKAGE}{tag}" for tag in tags}
        above: list[Element] = []
        within = 0  # how many of those above are wanted: what they hold is kept until their end
        with self.part(path) as file:
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


@dataclass
class _Notes:
    """What is worth knowing of a sheet."""

    merged: list[str] = field(default_factory=list)
    formulas: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "merged": self.merged[:_SHOWN],
            "merged_ranges": len(self.merged),
            "formulas": self.formulas,
            "kinds": dict(sorted(self.kinds.items())),
        }


def read(path: Path, name: str, format_: Excel, renames: Mapping[str, str], limit: int) -> Reading:
    """Read a sheet into text.

    Args:
        path: where the workbook lies.
        name: what to call it in an error.
        format_: what is declared of it.
        renames: names for headers that the platform reserves.
        limit: bytes that one part of the workbook may unpack to.

    Raises:
        DeliveryError: it is no workbook, holds XML that is dangerous, or has no such sheet.
    """
    sheet, notes = "", _Notes()
    with _opened(path, name, limit) as book:
        sheet = _sheet(book, format_)
        facts = {
            "sheet": sheet,
            "sheets": list(book.sheets),
            "hidden_sheets": sorted(book.hidden),
            "header_row": format_.header_row,
            "reader": "exact",
        }
        header, skipped = _header(book, sheet, format_)
        for _ in _rows_of(book, sheet, notes):
            pass  # the account of the whole sheet, before anything is written
    names = names_of(name, header, renames)
    reading = Reading(header, names, pl.LazyFrame(), facts | notes.facts | {"skipped": skipped})

    def rows() -> Iterator[tuple[int, Row]]:
        with _opened(path, name, limit) as book:
            yield from _records(book, sheet, format_, reading)

    reading.records = record_by_record(reading, rows)
    return reading


class _opened:  # noqa: N801  a context manager, used like a function
    """A workbook with what its cells refer to; its errors are words for people."""

    def __init__(self, path: Path, name: str, limit: int) -> None:
        self.path, self.name, self.limit = path, name, limit

    def __enter__(self) -> _Book:
        try:
            self.parts = zipfile.ZipFile(self.path)
            return _loaded(_Book(self.name, self.parts, self.limit))
        except Exception as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind: Any, error: BaseException | None, trace: object) -> None:
        if parts := getattr(self, "parts", None):
            parts.close()
        if isinstance(error, DefusedXmlException):
            raise DeliveryError(
                f"{self.name} declares XML entities or a document type, which no spreadsheet "
                f"program writes and which can be used for an attack. It is not read."
            ) from error
        if isinstance(error, LookupError | ParseError) or (error and damages(error)):
            raise DeliveryError(
                f"{self.name} is not an Excel workbook (.xlsx) or is damaged: {error}. An old "
                f".xls or .xlsb, or one locked by a password, must be saved as .xlsx."
            ) from error


def _loaded(book: _Book) -> _Book:
    relations: dict[str | None, tuple[str, str]] = {}
    parts: dict[str, str] = {}
    for element in book.elements("xl/_rels/workbook.xml.rels", "Relationship"):
        kind = element.get("Type", "").rpartition("/")[2]
        path = posixpath.normpath(posixpath.join("/xl", element.get("Target", ""))).lstrip("/")
        relations[element.get("Id")] = kind, path
        parts[kind] = path
    for element in book.elements("xl/workbook.xml", "sheet", "workbookPr"):
        if element.tag == f"{_MAIN}workbookPr":
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
        book.strings = [_text(item) for item in itertools.islice(items, _MAX_STRINGS)]
    if "styles" in parts:
        book.formats = _formats(book, parts["styles"])
    return book


def _formats(book: _Book, path: str) -> list[str]:
    """The number format of each cell style."""
    own: dict[int, str] = dict.fromkeys(_DATES, "yyyy-mm-dd")
    formats: list[str] = []
    for element in book.elements(path, "numFmt", "cellXfs"):
        if element.tag == f"{_MAIN}numFmt":
            own[int(element.get("numFmtId", "0"))] = element.get("formatCode", "")
        else:
            for style in element:
                number = int(style.get("numFmtId", "0"))
                formats.append(own.get(number) or BUILTIN_FORMATS.get(number, "General"))
    return formats


def _text(item: Element) -> str:
    """The text of a string, rich or plain; what is written beside it for pronunciation is not."""
    parts = [
        part.text or ""
        for child in item
        if child.tag in (f"{_MAIN}t", f"{_MAIN}r")
        for part in ([child] if child.tag == f"{_MAIN}t" else child.findall(f"{_MAIN}t"))
    ]
    return _plain("".join(parts))


def _plain(text: str) -> str:
    """A text without the escapes of characters that XML cannot hold."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    try:
        # An escape holds half of a character beyond the first 65,536.
        return plain.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text  # half of one alone is no character, so this was no escape


def _sheet(book: _Book, format_: Excel) -> str:
    if format_.sheet is not None:
        if format_.sheet not in book.sheets:
            known = ", ".join(map(repr, book.sheets)) or "none"
            raise DeliveryError(f"{book.name} has no sheet {format_.sheet!r}. It has: {known}.")
        return format_.sheet
    visible = [title for title in book.sheets if title not in book.hidden]
    if len(visible) != 1:
        known = ", ".join(map(repr, visible)) or "none"
        hidden = ", ".join(map(repr, sorted(book.hidden))) or "none"
        raise DeliveryError(
            f"{book.name}: which sheet holds the records is not declared. Visible: {known}; "
            f"hidden: {hidden}. Declare format=Excel(sheet=…)."
        )
    return visible[0]


def _header(book: _Book, sheet: str, format_: Excel) -> tuple[tuple[str, ...], int]:
    """The headers, and how many rows with values stand above them."""
    skipped = 0
    for number, cells, trouble in _rows_of(book, sheet, _Notes()):
        if number < format_.header_row:
            skipped += 1
            continue
        if number == format_.header_row and trouble:
            raise DeliveryError(f"{book.name}: the row of headers {trouble}.")
        if number == format_.header_row and cells:
            return tuple(cells.get(place, "") for place in range(1, max(cells) + 1)), skipped
        break
    raise DeliveryError(
        f"{book.name}: row {format_.header_row} of sheet {sheet!r} holds no headers. If they stand "
        f"in another row, declare format=Excel(header_row=…)."
    )


def _records(
    book: _Book, sheet: str, format_: Excel, reading: Reading
) -> Iterator[tuple[int, Row]]:
    width = len(reading.header)
    for place, cells, trouble in _rows_of(book, sheet, _Notes()):
        number = place - format_.header_row
        if number < 1 or not (cells or trouble):
            continue  # empty rows below the last record are no part of the table
        reading.blank.extend(range(reading.total + 1, number))
        reading.total = number
        beyond = [column for column in cells if column > width]
        if trouble or beyond:
            reason = trouble or (
                f"has a value in column {get_column_letter(min(beyond))}, beyond the headers"
            )
            reading.malformed.append(Malformed(number, _shown(cells), reason))
        else:
            yield number, [cells.get(column) for column in range(1, width + 1)]


def _shown(cells: Cells) -> str:
    """The values of a row by the letters of their columns, as JSON."""
    shown = {get_column_letter(column): cells[column] for column in sorted(cells)}
    return json.dumps(shown, ensure_ascii=False)


def _rows_of(book: _Book, sheet: str, notes: _Notes) -> Iterator[tuple[int, Cells, str]]:
    """Number, values and trouble (empty if none) of each row that the sheet holds."""
    before = 0
    for element in book.elements(book.sheets[sheet], "row", "mergeCell"):
        if element.tag == f"{_MAIN}mergeCell":
            notes.merged.append(element.get("ref", ""))
            continue
        number = int(element.get("r") or before + 1)
        if not before < number <= _MAX_ROW:
            raise DeliveryError(f"{book.name}: sheet {sheet!r} has a row {number} after {before}.")
        before = number
        cells: Cells = {}
        trouble = ""
        column = 0
        for cell in element.findall(f"{_MAIN}c"):
            column = _column(book, cell, column)
            try:
                value = _value(book, cell, notes)
            except ValueError as error:
                trouble = (
                    trouble or f"has a cell in column {get_column_letter(column)} that {error}"
                )
                cells[column] = "".join(cell.itertext())
                continue
            if value is not None:
                cells[column] = value
        yield number, cells, trouble


def _column(book: _Book, cell: Element, before: int) -> int:
    reference = cell.get("r")
    if reference is None:
        return before + 1
    found = _REFERENCE.fullmatch(reference)
    column = column_index_from_string(found[1]) if found else 0
    if not before < column <= _MAX_COLUMN:
        raise DeliveryError(f"{book.name}: a cell is called {reference!r}, which cannot be.")
    return column


def _value(book: _Book, cell: Element, notes: _Notes) -> str | None:
    """The stored value of a cell as text; ``None`` if it is empty.

    Raises:
        ValueError: says what is wrong with the cell.
    """
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        if inline is None:
            return None
        notes.kinds["text"] += 1
        return _text(inline)
    stored = cell.findtext(f"{_MAIN}v")
    if stored == "" and kind != "str":
        stored = None
    if cell.find(f"{_MAIN}f") is not None:
        notes.formulas += 1
        if stored is None:
            raise ValueError("holds a formula without its result; save the workbook in Excel")
    if stored is None:
        return None
    if kind in ("str", "e", "d"):
        notes.kinds["error" if kind == "e" else "date" if kind == "d" else "text"] += 1
        return _plain(stored)
    stored = stored.strip()
    if kind == "s":
        notes.kinds["text"] += 1
        return _shared(book, stored)
    if kind == "b":
        notes.kinds["boolean"] += 1
        return _boolean(stored)
    if kind != "n" or not _NUMBER.fullmatch(stored):
        raise ValueError(f"holds {stored!r}, which is no value of its kind ({kind})")
    shape = _shape(book, cell)
    if is_date_format(shape):
        notes.kinds["date"] += 1
        return _moment(stored, shape, book.epoch)
    notes.kinds["number"] += 1
    return _number(stored)


def _shared(book: _Book, stored: str) -> str:
    if not _WHOLE.fullmatch(stored) or not 0 <= int(stored) < len(book.strings):
        raise ValueError(f"refers to a text, {stored}, that is not there")
    return book.strings[int(stored)]


def _boolean(stored: str) -> str:
    if stored not in ("0", "1", "false", "true"):
        raise ValueError(f"holds {stored!r}, which is no boolean")
    return "TRUE" if stored in ("1", "true") else "FALSE"


def _shape(book: _Book, cell: Element) -> str:
    """The format that a cell shows its number in."""
    style = cell.get("s", "0")
    if not book.formats:
        return "General"
    if not _WHOLE.fullmatch(style) or not 0 <= int(style) < len(book.formats):
        raise ValueError(f"refers to a style, {style}, that is not there")
    return book.formats[int(style)]


def _number(stored: str) -> str:
    """The digits of a number: of a whole one as stored, else the fewest that give it again."""
    if _WHOLE.fullmatch(stored):
        return stored
    number = float(stored)
    if isinf(number):
        raise ValueError(f"holds {stored!r}, a number that is too large")
    return repr(number).removesuffix(".0")


def _moment(stored: str, shape: str, epoch: datetime) -> str:
    """A date, a time or a duration as ISO 8601; a serial number that is none stays as it is."""
    serial = float(stored)
    length = is_timedelta_format(shape)
    never = 60 <= serial < 61 and epoch == CALENDAR_WINDOWS_1900  # Excel's 29 February 1900
    if not length and (serial < 0 or never):
        return _number(stored)
    try:
        moment = from_excel(serial, epoch, timedelta=length)
    except (OverflowError, ValueError):
        return _number(stored)
    if isinstance(moment, timedelta):
        return _duration(moment)
    if isinstance(moment, datetime) and moment.time() == time() and not _shows_time(shape):
        moment = moment.date()
    return str(moment.isoformat())


def _shows_time(shape: str) -> bool:
    """Whether a format shows hours or seconds: then midnight is a time, too."""
    return re.search("[hs]", STRIP_RE.sub("", shape.split(";")[0]), re.IGNORECASE) is not None


def _duration(length: timedelta) -> str:
    seconds, rest = divmod(abs(length), timedelta(seconds=1))
    hours, left = divmod(seconds, 3600)
    fraction = f".{rest.microseconds:06d}".rstrip("0") if rest else ""
    sign = "-" if length < timedelta() else ""
    return f"{sign}PT{hours}H{left // 60}M{left % 60}{fraction}S"
