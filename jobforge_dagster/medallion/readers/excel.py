"""Reads the records of one sheet of an Excel workbook, from the stored values of its cells.

The XML is read without a library's view of it: those that were tried drop errors and edges, guess
types by column, or take the memory of the rectangle that a sheet claims to have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from openpyxl.utils.cell import get_column_letter

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Excel
from jobforge_dagster.medallion.readers.base import (
    Malformed,
    Reading,
    Row,
    names_of,
    record_by_record,
)
from jobforge_dagster.medallion.readers.excel_sheet import Cells, Notes, rows_of
from jobforge_dagster.medallion.readers.excel_workbook import Book, opened


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
    notes = Notes()
    with opened(path, name, limit) as book:
        sheet = _sheet(book, format_)
        facts = {
            "sheet": sheet,
            "sheets": list(book.sheets),
            "hidden_sheets": sorted(book.hidden),
            "header_row": format_.header_row,
            "reader": "exact",
        }
        header, skipped = _header(book, sheet, format_)
        for _ in rows_of(book, sheet, notes):
            pass  # the account of the whole sheet, before anything is written
    names = names_of(name, header, renames)
    reading = Reading(header, names, pl.LazyFrame(), facts | notes.facts | {"skipped": skipped})

    def rows() -> Iterator[tuple[int, Row]]:
        with opened(path, name, limit) as book:
            yield from _records(book, sheet, format_, reading)

    reading.records = record_by_record(reading, rows)
    return reading


def _sheet(book: Book, format_: Excel) -> str:
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


def _header(book: Book, sheet: str, format_: Excel) -> tuple[tuple[str, ...], int]:
    """The headers, and how many rows with values stand above them."""
    skipped = 0
    for number, cells, trouble in rows_of(book, sheet, Notes()):
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


def _records(book: Book, sheet: str, format_: Excel, reading: Reading) -> Iterator[tuple[int, Row]]:
    width = len(reading.header)
    for place, cells, trouble in rows_of(book, sheet, Notes()):
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
