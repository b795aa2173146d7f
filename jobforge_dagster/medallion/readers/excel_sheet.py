"""Gives the rows of a sheet as text, cell by cell, as it is stored and not as it is shown.

A row is taken as it comes, so that memory grows neither with the rows nor with the rectangle that a
sheet claims to have.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.cell import column_index_from_string, get_column_letter

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.readers.excel_values import WHOLE, boolean, moment, number
from jobforge_dagster.medallion.readers.excel_workbook import MAIN, Book, text_of, unescaped

_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_KINDS = {"s": "text", "str": "text", "b": "boolean", "d": "date", "e": "error"}
"""What cells of a type hold; that of a number is told by its format."""
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
_SHOWN = 20

Cells = dict[int, str]
"""The stored values of a row, by the number of their column."""


@dataclass
class Notes:
    """What is worth knowing of a sheet.

    Attributes:
        merged: the ranges that are one cell to the eye.
        formulas: how many cells hold one.
        kinds: how many cells hold a value of each kind.
    """

    merged: list[str] = field(default_factory=list)
    formulas: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "merged": self.merged[:_SHOWN],
            "merged_ranges": len(self.merged),
            "formulas": self.formulas,
            "kinds": dict(sorted(self.kinds.items())),
        }


def rows_of(book: Book, sheet: str, notes: Notes) -> Iterator[tuple[int, Cells, str]]:
    """Number, values and trouble (empty if none) of each row that the sheet holds.

    Args:
        book: the open workbook.
        sheet: the title of the sheet.
        notes: where to put down what is met.

    Raises:
        DeliveryError: its rows or columns do not stand in their order.
    """
    before = 0
    for element in book.elements(book.sheets[sheet], "row", "mergeCell"):
        if element.tag == f"{MAIN}mergeCell":
            notes.merged.append(element.get("ref", ""))
            continue
        place = int(element.get("r") or before + 1)
        if not before < place <= _MAX_ROW:
            raise DeliveryError(f"{book.name}: sheet {sheet!r} has a row {place} after {before}.")
        before = place
        yield place, *_cells(book, element, notes)


def _cells(book: Book, row: Element, notes: Notes) -> tuple[Cells, str]:
    cells: Cells = {}
    trouble = ""
    column = 0
    for cell in row.findall(f"{MAIN}c"):
        column = _column(book, cell, column)
        try:
            value = _value(book, cell, notes)
        except ValueError as error:
            trouble = trouble or f"has a cell in column {get_column_letter(column)} that {error}"
            value = "".join(cell.itertext())
        if value is not None:
            cells[column] = value
    return cells, trouble


def _column(book: Book, cell: Element, before: int) -> int:
    reference = cell.get("r")
    if reference is None:
        return before + 1
    found = _REFERENCE.fullmatch(reference)
    column = column_index_from_string(found[1]) if found else 0
    if not before < column <= _MAX_COLUMN:
        raise DeliveryError(f"{book.name}: a cell is called {reference!r}, which cannot be.")
    return column


def _value(book: Book, cell: Element, notes: Notes) -> str | None:
    """The stored value of a cell as text; ``None`` if it is empty.

    Raises:
        ValueError: says what is wrong with the cell.
    """
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = cell.find(f"{MAIN}is")
        if inline is None:
            return None
        notes.kinds["text"] += 1
        return text_of(inline)
    stored = cell.findtext(f"{MAIN}v")
    if stored == "" and kind != "str":
        stored = None
    if cell.find(f"{MAIN}f") is not None:
        notes.formulas += 1
        if stored is None:
            raise ValueError("holds a formula without its result; save the workbook in Excel")
    if stored is None:
        return None
    if kind in _KINDS:
        notes.kinds[_KINDS[kind]] += 1
    if kind in ("str", "e", "d"):
        return unescaped(stored)
    stored = stored.strip()
    if kind == "s":
        return _entry(book.strings, stored, "text")
    if kind == "b":
        return boolean(stored)
    if kind != "n" or not _NUMBER.fullmatch(stored):
        raise ValueError(f"holds {stored!r}, which is no value of its kind ({kind})")
    style = cell.get("s", "0")
    code = _entry(book.formats, style, "style") if book.formats else "General"
    if is_date_format(code):
        notes.kinds["date"] += 1
        return moment(stored, code, book.epoch)
    notes.kinds["number"] += 1
    return number(stored)


def _entry(entries: list[str], stored: str, what: str) -> str:
    """What a cell refers to by its place in a list of the workbook."""
    if not WHOLE.fullmatch(stored) or not 0 <= int(stored) < len(entries):
        raise ValueError(f"refers to a {what}, {stored}, that is not there")
    return entries[int(stored)]
