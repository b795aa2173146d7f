"""What a file of any format holds comes back as it stands, as other libraries tell it.

And whatever is done to the bytes: every record is accounted for, or the file is refused in words.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import python_calamine
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import Csv, Excel, Format, Json, Parquet
from jobforge_dagster.medallion.provenance import SOURCE_ROW
from jobforge_dagster.medallion.readers import Reading, read, unpacked

LIMIT = 1 << 24
FEW = settings(max_examples=40)
MANY = settings(max_examples=100)

# fmt: off
AWKWARD = st.sampled_from([
    " ", "\u00a0x\u00a0", "00010", "1e5", "NA", "null", "TRUE", "a,b", 'say "hi"', "é", "😀",
    "a\nb", "2024-01-31", "-0", "=1+1", "'x", "\\u0041", "\\", "#N/A", "{}", "[1]", "\ufeff",
    "_x0041_x",
])
# fmt: on


def _read(path: Path, format_: Format) -> tuple[Reading, pl.DataFrame]:
    """Read a file; its account must balance, with each record told of once."""
    reading = read(path, path.name, format_, limit=LIMIT)
    frame = reading.records.collect()
    told = [*frame[SOURCE_ROW], *(each.row for each in reading.malformed), *reading.blank]
    assert len(told) == reading.total
    assert sorted(told) == list(range(1, reading.total + 1))
    return reading, frame


def _refused_or_read(path: Path, format_: Format) -> Reading | None:
    """``None`` if a file is refused as a whole, in words; else its account balances."""
    found: Reading | None = None
    refused = ""
    try:
        with unpacked(path, path.name, None, LIMIT, path.parent / "room") as content:
            found, _ = _read(content.path, format_)
    except DeliveryError as error:
        refused = str(error)
    assert found or path.name in refused or "content" in refused
    assert not list(path.parent.glob("room/*"))
    return found


def _cells(frame: pl.DataFrame) -> list[list[Any]]:
    return [list(row) for row in frame.drop(SOURCE_ROW).rows()]


# fmt: off
CSV_CELL = st.one_of(
    AWKWARD, st.sampled_from(["", "\x00", "a;b", "a\tb", "it's"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=6),
)
# fmt: on


@FEW
@given(
    rows=st.lists(st.lists(CSV_CELL, min_size=3, max_size=3), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_delimiter_and_encoding_of_csv_are_detected_and_told(
    tmp_path: Path, rows: list[list[str]], delimiter: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    # Quoted throughout, so that only the true delimiter can give every record its width.
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
        [["k", "é", "😀"], *rows]
    )
    path = tmp_path / "table.tsv"
    path.write_bytes(text.getvalue().encode(encoding))

    reading, frame = _read(path, Csv())

    assert reading.header == ("k", "é", "😀")
    assert _cells(frame) == rows
    assert reading.facts["delimiter"] == delimiter
    assert reading.facts["delimiter_told_by"] == "content"
    assert reading.facts["encoding"] == encoding.removesuffix("-sig")
    assert reading.facts["encoding_told_by"] == ("content" if encoding == "utf-8" else "mark")
    assert reading.facts["bom"] == (encoding != "utf-8")


@FEW
@given(
    rows=st.lists(st.lists(CSV_CELL, min_size=2, max_size=2), min_size=1, max_size=6),
    quote=st.sampled_from(['"', "'", "`", "¨", None]),
    delimiter=st.sampled_from([",", "§", '"']),
)
def test_another_quote_or_none_is_followed(
    tmp_path: Path, rows: list[list[str]], quote: str | None, delimiter: str
) -> None:
    assume(delimiter != quote)
    if quote is None:
        rows = [[re.sub(rf"[{delimiter}\n]", " ", cell) for cell in row] for row in rows]
    text = io.StringIO(newline="")
    csv.writer(
        text,
        delimiter=delimiter,
        quotechar=quote,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    ).writerows([["k", "v"], *rows])
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode())

    reading, frame = _read(path, Csv(delimiter=delimiter, quote=quote))

    assert _cells(frame) == rows
    assert (reading.facts["quote"], reading.facts["delimiter"]) == (quote, delimiter)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("name,city\nZoé,Montréal\nFrançois,Québec\n", "cp1252"),
        ("id,Beruf\n1,Müller\n2,Bäcker und Konditor für Größe\n", "latin-1"),
        ("id,仕事\n1,日本語のテキスト、こんにちは世界\n", "shift_jis"),
        (f"a,b\n{'1,2' * 400_000}\nZoé,ça\n", "cp1252"),
    ],
)
def test_a_guessed_encoding_reads_the_text_and_is_told_as_a_guess(
    tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))

    reading = read(path, path.name, Csv(encoding="guess"))

    assert reading.facts["encoding_told_by"] == "guess"
    assert path.read_bytes().decode(reading.facts["encoding"]) == text
    with pytest.raises(DeliveryError, match="is not utf-8"):
        read(path, path.name, Csv())


def test_a_declared_byte_order_takes_the_mark_off_and_a_missing_mark_is_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeffa,b\n1,2\n".encode("utf-16-le"))
    assert read(path, path.name, Csv(encoding="utf-16-le")).header == ("a", "b")
    path.write_bytes("a,b\n1,2\n".encode("utf-16-le"))
    assert read(path, path.name, Csv(encoding="utf-16-le")).header == ("a", "b")
    with pytest.raises(DeliveryError, match=r'table.csv is not utf-16 .*encoding="utf-16-le"'):
        read(path, path.name, Csv(encoding="utf-16"))
    path.write_bytes("\ufeffa,b\né,2\n".encode())
    with pytest.raises(DeliveryError, match="is UTF-8, but its source declares cp1252"):
        read(path, path.name, Csv(encoding="cp1252"))


def test_a_header_that_begins_like_a_parquet_file_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"PAR1,PAR2\n1,2\n")
    assert read(path, path.name, Csv()).header == ("PAR1", "PAR2")
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(DeliveryError, match="looks like a Parquet file"):
        read(path, path.name, Csv())


def test_a_csv_of_thousands_of_quoted_columns_reads(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    header = [f"c{place}" for place in range(6000)]
    record = ",".join(['"x, y"'] * 6000)
    path.write_text(f"{','.join(header)}\n{record}\n", "utf-8")

    reading, frame = _read(path, Csv())

    assert list(reading.header) == header
    assert _cells(frame) == [["x, y"] * 6000]


XML_TEXT = st.one_of(
    AWKWARD,
    st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
        max_size=6,
    ),
)
MILLISECONDS = st.integers(0, 86_400_000 - 1)
DATES = st.dates(date(1900, 3, 1), date(9999, 12, 30))
EXCEL_VALUE = st.one_of(
    st.none(),
    XML_TEXT,
    st.integers(-(2**53), 2**53),
    st.floats(-1e300, 1e300),
    st.booleans(),
    st.sampled_from(["#N/A", "#DIV/0!", "#NAME?"]),
    DATES,
    st.builds(
        lambda day, ms: datetime.combine(day, time()) + timedelta(milliseconds=ms),
        DATES,
        MILLISECONDS,
    ),
    MILLISECONDS.map(lambda ms: (datetime.min + timedelta(milliseconds=ms)).time()),
    st.integers(-(10**11), 10**11).map(lambda ms: timedelta(milliseconds=ms)),
)


def _workbook(path: Path, rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            cell.value = value
            if isinstance(value, str) and not value.startswith("#"):
                cell.data_type = "s"  # or a text that begins with "=" would be a formula
    book.save(path)


def _share_texts(path: Path, name: str = "sharedStrings.xml") -> None:
    """Move the texts of a workbook into its table of shared ones, as Excel writes them."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    texts: list[str] = []

    def shared(found: re.Match[str]) -> str:
        texts.append(f"<si>{found[2]}</si>")
        return f'{found[1]} t="s"><v>{len(texts) - 1}</v></c>'

    sheet, links = "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"
    inline = r'(<c r="[A-Z]+[0-9]+"(?: s="[0-9]+")?) t="inlineStr"><is>(.*?)</is></c>'
    parts[sheet] = re.sub(inline, shared, parts[sheet], flags=re.DOTALL)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    link = f'<Relationship Id="s" Type="{kind}" Target="{name}"/></Relationships>'
    parts[links] = parts[links].replace("</Relationships>", link)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    told = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        "</Types>", f'<Override PartName="/xl/{name}" ContentType="{told}"/></Types>'
    )
    parts[f"xl/{name}"] = f'<sst xmlns="{main}">{"".join(texts)}</sst>'
    with zipfile.ZipFile(path, "w") as book:
        for part, content in parts.items():
            book.writestr(part, content)


def _says(text: str | None, value: Any) -> bool:
    """Whether a cell is the text of what another library read."""
    if text is None or value is None or value == "":
        return text in (None, "") and value in (None, "")
    if isinstance(value, bool):
        return text == str(value).upper()
    if isinstance(value, int | float):
        return float(text) == value
    if isinstance(value, timedelta):
        found = re.fullmatch(r"(-?)PT(\d+)H(\d+)M(\d+(?:\.\d+)?)S", text)
        assert found, text
        seconds = int(found[2]) * 3600 + int(found[3]) * 60 + Decimal(found[4])
        return (-seconds if found[1] else seconds) == Decimal(
            value // timedelta(milliseconds=1)
        ) / 1000
    if isinstance(value, time):
        return time.fromisoformat(text) == value
    if isinstance(value, date):
        return datetime.fromisoformat(text) == datetime.fromisoformat(value.isoformat())
    return bool(text == value)


@FEW
@given(
    rows=st.lists(st.lists(EXCEL_VALUE, min_size=3, max_size=3), min_size=1, max_size=6),
    shared=st.booleans(),
)
@example(
    [["_x000D_", None, ""], [None, None, None], ["a", None, timedelta(milliseconds=-1)]], False
)
@example([["_x000D_", " a ", "a\nb"]], True)
def test_every_value_of_a_workbook_comes_back(
    tmp_path: Path, rows: list[list[Any]], shared: bool
) -> None:
    path = tmp_path / "book.xlsx"
    _workbook(path, [["k", "v", "w"], *rows])
    if shared:
        _share_texts(path)

    reading, frame = _read(path, Excel())

    assert reading.header == ("k", "v", "w")
    assert not reading.malformed
    numbers = frame[SOURCE_ROW].to_list()
    filled = [
        place for place, row in enumerate(rows, 1) if any(cell not in (None, "") for cell in row)
    ]
    assert numbers == filled
    told = openpyxl.load_workbook(path)
    told_by_calamine = python_calamine.load_workbook(str(path)).get_sheet_by_index(0)
    others = told_by_calamine.to_python(skip_empty_area=False)
    for number, cells in zip(numbers, _cells(frame), strict=True):
        for column, cell in enumerate(cells):
            written = rows[number - 1][column]
            assert (cell is None) == (written in (None, ""))  # openpyxl writes no empty text
            if written and isinstance(written, str):
                # openpyxl writes escapes as they stand; who reads them follows them.
                assert cell == re.sub("_x([0-9A-F]{4})_", lambda m: chr(int(m[1], 16)), written)
                continue
            assert _says(cell, told.worksheets[0].cell(number + 1, column + 1).value), cell
            if not isinstance(written, timedelta) and number < len(others):
                assert _says(cell, others[number][column]), (cell, others[number][column])


def test_shared_texts_are_where_the_workbook_tells(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    _workbook(path, [["k"], ["a"], ["b"]])
    _share_texts(path, "texts.xml")

    _, frame = _read(path, Excel())

    assert frame["k"].to_list() == ["a", "b"]


def _patched(path: Path, rows: str, *, part: str = "xl/worksheets/sheet1.xml") -> None:
    """Put rows of XML in the place of those of a workbook's sheet."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    body = re.sub("<sheetData.*</sheetData>", "<sheetData/>", parts[part].decode(), flags=re.S)
    parts[part] = body.replace("<sheetData/>", f"<sheetData>{rows}</sheetData>").encode()
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


def _row(number: int, *cells: str) -> str:
    letters = "ABCDEFGH"
    placed = (
        cell.replace("<c", f'<c r="{letters[place]}{number}"', 1)
        for place, cell in enumerate(cells)
    )
    return f'<row r="{number}">{"".join(placed)}</row>'


def _inline(text: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


@FEW
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
@example([5e-324, 1.7976931348623157e308, 0.1 + 0.2, -0.0, 1e16, 123456789012345678.0])
def test_numbers_of_a_workbook_keep_their_full_precision(
    tmp_path: Path, numbers: list[float]
) -> None:
    path = tmp_path / "book.xlsx"
    _workbook(path, [["x"]])
    stored = [f"{number:.17G}" for number in numbers]
    body = (_row(place, f"<c><v>{each}</v></c>") for place, each in enumerate(stored, start=2))
    _patched(path, _row(1, _inline("n")) + "".join(body))

    _, frame = _read(path, Excel())

    assert [float(text) for text in frame["n"]] == numbers
    for text, number, digits in zip(frame["n"], numbers, stored, strict=True):
        assert len(text) <= len(digits)
        assert text == digits or (float(text) == number and not text.endswith(".0"))
    others = python_calamine.load_workbook(str(path)).get_sheet_by_index(0).to_python()
    assert [row[0] for row in others[1:]] == numbers


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ('<c t="str"><f>A1</f><v></v></c>', ""),
        ('<c t="str"><f>A1</f><v>a_x000D_b</v></c>', "a\rb"),
        ('<c t="b"><f>TRUE()</f><v>1</v></c>', "TRUE"),
        ('<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c t="d"><v>2024-01-31T10:00:00</v></c>', "2024-01-31T10:00:00"),
        ("<c><v>1E5</v></c>", "100000"),
        ("<c><v>12345678901234567890</v></c>", "12345678901234567890"),
        ("<c><v></v></c>", None),
        ("<c/>", None),
        (_inline(""), ""),
        (_inline("a_x000D__x005F_x000D_b"), "a\r_x000D_b"),
        (_inline("_xD83D__xDE00_ _xD83D_"), "_xD83D__xDE00_ _xD83D_"),
        (_inline("_xD83D__xDE00_"), "😀"),
        (
            '<c t="inlineStr"><is><r><t>ri</t></r><r><t>ch</t></r><rPh><t>x</t></rPh></is></c>',
            "rich",
        ),
    ],
)
def test_stored_values_that_openpyxl_cannot_write_come_back(
    tmp_path: Path, cell: str, text: str | None
) -> None:
    path = tmp_path / "book.xlsx"
    _workbook(path, [["x"]])
    _patched(path, _row(1, _inline("k"), _inline("v")) + _row(2, _inline("1"), cell))

    reading, frame = _read(path, Excel())

    assert _cells(frame) == [["1", text]]
    assert reading.facts["formulas"] == cell.count("<f>")


@pytest.mark.parametrize(
    ("shape", "serial", "text"),
    [
        ("yyyy-mm-dd", "45322", "2024-01-31"),
        ("YYYY-MM-DD", "45322", "2024-01-31"),
        ('[$-en-US]d mmm yyyy "days"', "45322", "2024-01-31"),
        ("mmmm", "45322", "2024-01-31"),
        ("d/m/yy h:mm", "45322", "2024-01-31T00:00:00"),
        ("D/M/YY HH:MM", "45322.5", "2024-01-31T12:00:00"),
        ("yyyy-mm-dd", "45322.5", "2024-01-31T12:00:00"),
        ("yyyy-mm-dd", "1", "1900-01-01"),
        ("yyyy-mm-dd", "60", "60"),
        ("yyyy-mm-dd", "-1", "-1"),
        ("yyyy-mm-dd", "2958466", "2958466"),
        ("h:mm", "0.75", "18:00:00"),
        ("[h]:mm", "1.5", "PT36H0M0S"),
        ('0" days"', "3", "3"),
        ("#,##0_d", "3", "3"),
        ("[Red]0.00", "0.5", "0.5"),
    ],
)
def test_the_format_of_a_number_tells_dates_times_and_durations(
    tmp_path: Path, shape: str, serial: str, text: str
) -> None:
    path = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["A1"] = "k"
    book.active["A2"] = 1
    book.active["A2"].number_format = shape
    book.save(path)
    _patched(path, _row(1, _inline("k")) + _row(2, f'<c s="1"><v>{serial}</v></c>'))

    _, frame = _read(path, Excel())

    assert frame["k"].to_list() == [text]


def test_a_title_merged_cells_and_hidden_sheets_do_not_disturb_a_sheet(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Data"
    for row in (
        ["Title"],
        [],
        ["k", None, "v"],
        ["a", None, 1],
        [],
        [None, "x", date(2024, 1, 31)],
    ):
        sheet.append(row)
    sheet["A9"].number_format = "0.00"  # styled, but empty: no record
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("A4:B4")
    book.create_sheet("Lists").sheet_state = "hidden"
    book.create_sheet("Deep").sheet_state = "veryHidden"
    book.create_chartsheet("Chart")
    book.save(path)

    reading, frame = _read(path, Excel(header_row=3))

    assert reading.header == ("k", "", "v")
    assert frame.rows() == [("a", None, "1", 1), (None, "x", "2024-01-31", 3)]
    assert (reading.blank, reading.total) == ([2], 3)
    assert reading.facts["sheet"] == "Data"
    assert reading.facts["hidden_sheets"] == ["Deep", "Lists"]
    assert reading.facts["merged"] == ["A1:C1", "A4:B4"]
    assert reading.facts["skipped"] == 1


class Digits(str):
    """A number as it stands in a JSON text."""


NUMBERS = ["0", "-0", "1e5", "1.0", "12345678901234567890", "1E-7", "0.10", "-12", "1e999"]
JSON_TEXT = st.one_of(AWKWARD, st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
JSON_VALUE = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.sampled_from(NUMBERS).map(Digits), JSON_TEXT, st.just("")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(JSON_TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBER = st.one_of(
    st.sampled_from(["a", "b", "é", "*", '"', "{", "", "\\"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="_"), max_size=3),
)
SPACE = st.sampled_from(["", " ", "\t ", "\r"])


def _json(value: Any, space: str, *, ascii_: bool) -> str:
    """The JSON text of a value, with digits as they stand and white space everywhere."""
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        inner = (
            f"{space}{json.dumps(name, ensure_ascii=ascii_)}{space}:{space}"
            f"{_json(each, space, ascii_=ascii_)}{space}"
            for name, each in value.items()
        )
        return f"{{{','.join(inner)}{space}}}"
    if isinstance(value, list):
        inner = (f"{space}{_json(each, space, ascii_=ascii_)}{space}" for each in value)
        return f"[{','.join(inner)}{space}]"
    return json.dumps(value, ensure_ascii=ascii_)


@contextlib.contextmanager
def _cut(size: int) -> Iterator[None]:
    """Read texts in chunks of so many characters."""
    readers = "jobforge_dagster.medallion.readers"
    with patch(f"{readers}.json_records._CHUNK", size), patch(f"{readers}.text._CHUNK", size):
        yield


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=Digits, parse_float=Digits)


@MANY
@given(
    records=st.lists(
        st.dictionaries(MEMBER, JSON_VALUE, min_size=1, max_size=4), min_size=1, max_size=4
    ),
    around=st.sampled_from([None, "lines", "items", "result.items"]),
    space=SPACE,
    ascii_=st.booleans(),
    chunk=st.sampled_from([1, 2, 3, 7, 1 << 20]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_value_of_json_comes_back(
    tmp_path: Path,
    records: list[dict[str, Any]],
    around: str | None,
    space: str,
    ascii_: bool,
    chunk: int,
    encoding: str,
) -> None:
    def written(value: Any) -> str:
        return _json(value, space, ascii_=ascii_)

    path = tmp_path / "table.json"
    if around == "lines":
        text = "\n".join(map(written, records))
    elif around:
        whole: Any = records
        for name in reversed(around.split(".")):
            other = [{"items": ["]", {"items": None}]}, Digits("1.5"), "\\"]
            whole = {'x"\\[': other, name: whole, "\u00e9": {"items": []}}
        text = written(whole)
    else:
        text = written(records)
    path.write_bytes(text.encode(encoding))

    with _cut(chunk):
        reading, frame = _read(path, Json(records=None if around == "lines" else around))

    told: Any = _loads(text) if around != "lines" else [_loads(line) for line in text.split("\n")]
    for name in around.split(".") if around and around != "lines" else ():
        told = told[name]
    assert list(reading.header) == list(dict.fromkeys(name for each in told for name in each))
    assert not reading.malformed
    assert len(frame) == len(told)
    for cells, record in zip(frame.drop(SOURCE_ROW).iter_rows(named=True), told, strict=True):
        for name, cell in cells.items():
            value = record.get(name)
            if isinstance(value, dict | list):
                assert _loads(cell) == value
                assert cell in text
            elif isinstance(value, bool):
                assert cell == ("true" if value else "false")
            else:
                assert cell == value


PIECES = [
    *'{}[],:"', '"a"', '"b"', "1", "-", "null", "NaN", "\n", "\n", " ", "\\", '\\"', "\\ud800",
    '{"a":1}', '{"a":1,"b":[2]}', "x", "\u00a0", "\t",
]  # fmt: skip
MESS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def _strict(text: str) -> Any:
    """What Python's json makes of a text; ``None`` where it, or the platform, refuses it."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def no(_: str) -> None:
        raise AssertionError

    try:
        return json.loads(
            text, parse_int=Digits, parse_float=Digits, object_pairs_hook=once, parse_constant=no
        )
    except (ValueError, AssertionError):
        return None


def _halved(record: dict[str, Any]) -> bool:
    texts = [*record, *(value for value in record.values() if isinstance(value, str))]
    return any(re.search("[\ud800-\udfff]", text) for text in texts)


@MANY
@given(mess=MESS, chunk=st.sampled_from([1, 3, 1 << 20]))
@example('{"a":1}\n\u00a0\n{"a":"\\ud800"}', 1)
def test_of_any_lines_of_json_those_that_python_reads_are_rows(
    tmp_path: Path, mess: str, chunk: int
) -> None:
    path = tmp_path / "messy.ndjson"
    text = f'{{"k":0}}\n{mess}'
    path.write_bytes(text.encode())

    with _cut(chunk):
        reading, frame = _read(path, Json())

    lines = text.split("\n")
    lines = lines if lines[-1] else lines[:-1]
    good = [
        number
        for number, line in enumerate(lines, start=1)
        if isinstance(_strict(line), dict) and not _halved(_strict(line))
    ]
    assert frame[SOURCE_ROW].to_list() == good
    assert reading.blank == [n for n, line in enumerate(lines, start=1) if not line.strip(" \t\r")]


@MANY
@given(mess=MESS, inside=st.booleans(), chunk=st.sampled_from([1, 3, 1 << 20]))
@example("]} x", True, 1)
@example('],"r":[]', True, 1)
@example("1,", False, 1)
@example(",,{}", True, 1)
@example("", False, 1)
def test_any_json_text_reads_as_python_reads_it_or_is_refused_or_balances(
    tmp_path: Path, mess: str, inside: bool, chunk: int
) -> None:
    path = tmp_path / "messy.json"
    text = f'{{"x":1,"r":[{{"k":0}}{mess}]}}' if inside else f'{{"r":[{{"k":0}}],"x":{mess}}}'
    path.write_bytes(text.encode())
    told = _strict(text)

    with _cut(chunk):
        reading = _refused_or_read(path, Json(records="r"))

    if reading is None:
        assert told is None
        return
    good = told is not None and all(
        isinstance(each, dict) and not _halved(each) for each in told["r"]
    )
    assert good == (not reading.malformed)
    if told is not None:
        assert reading.total == len(told["r"])


# fmt: off
PARQUET: list[tuple[pa.DataType, pl.DataType | type[pl.DataType], st.SearchStrategy[Any]]] = [
    (pa.int8(), pl.Int8, st.integers(-128, 127)),
    (pa.int64(), pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), pl.UInt64, st.integers(0, 2**64 - 1)),
    (pa.float32(), pl.Float32, st.floats(width=32)),
    (pa.float64(), pl.Float64, st.floats()),
    (pa.bool_(), pl.Boolean, st.booleans()),
    (pa.decimal128(38, 9), pl.Decimal(38, 9), st.decimals("-1e28", "1e28", places=9)),
    (pa.string(), pl.String, st.one_of(AWKWARD, st.text(max_size=5))),
    (pa.large_string(), pl.String, st.text(max_size=5)),
    (pa.binary(), pl.Binary, st.binary(max_size=5)),
    (pa.binary(2), pl.Binary, st.binary(min_size=2, max_size=2)),
    (pa.date32(), pl.Date, st.dates()),
    (pa.time64("ns"), pl.Time, st.integers(0, 86_400 * 10**9 - 1)),
    *((pa.timestamp(unit, zone), pl.Datetime(unit, zone), st.integers(-(6 * 10**13), 6 * 10**13))
      for unit in ("ms", "us", "ns") for zone in (None, "UTC", "America/New_York")),
    (pa.timestamp("us", "+05:30"), pl.Datetime("us", "UTC"), st.integers(-(10**13), 10**13)),
    *((pa.duration(unit), pl.Duration(unit), st.integers(-(2**62), 2**62))
      for unit in ("ms", "us", "ns")),
    (pa.duration("s"), pl.Duration("ms"), st.integers(-(10**12), 10**12)),
    (pa.list_(pa.string()), pl.List(pl.String),
     st.lists(st.none() | st.text(max_size=3), max_size=3)),
    (pa.struct([("x", pa.int64()), ("y", pa.list_(pa.float64()))]),
     pl.Struct({"x": pl.Int64, "y": pl.List(pl.Float64)}),
     st.fixed_dictionaries(
         {"x": st.none() | st.integers(0, 9), "y": st.lists(st.floats(), max_size=2)})),
    (pa.map_(pa.string(), pa.int32()), pl.Map(pl.String, pl.Int32),
     st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=3)
     .map(lambda items: [*items.items()])),
    (pa.dictionary(pa.int32(), pa.string()), pl.Categorical, st.sampled_from(["a", "b", "é", ""])),
    (pa.json_(), pl.String, st.sampled_from(["{}", '{"a": 1}'])),
    (pa.null(), pl.Null, st.none()),
]
# fmt: on


def _physical(column: pa.ChunkedArray) -> str:
    """The values beyond every unit and zone that Python cannot show; NaN is one value."""
    dtype = column.type
    if isinstance(dtype, pa.BaseExtensionType):
        return _physical(column.cast(dtype.storage_type))
    if pa.types.is_timestamp(dtype) or pa.types.is_duration(dtype):
        factor = 1000 if pa.types.is_duration(dtype) and dtype.unit == "s" else 1
        values = column.cast(pa.int64()).to_pylist()
        return repr([None if value is None else value * factor for value in values])
    if pa.types.is_time(dtype):
        return repr(column.cast(pa.int64()).to_pylist())
    return repr(column.to_pylist())


@pytest.mark.parametrize(
    ("dtype", "expected", "values"), PARQUET, ids=[str(dtype) for dtype, _, _ in PARQUET]
)
@settings(max_examples=8)
@given(data=st.data())
def test_every_value_of_parquet_comes_back_with_its_type(
    tmp_path: Path,
    dtype: pa.DataType,
    expected: pl.DataType,
    values: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    cells = data.draw(st.lists(st.none() | values, max_size=5))
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"*": pa.array(cells, dtype)}), path, row_group_size=2)

    reading, frame = _read(path, Parquet())

    assert (reading.header, reading.total) == (("*",), len(cells))
    assert reading.facts["types"] == {"*": str(pq.read_schema(path).types[0])}
    assert frame.schema["*"] == expected
    told = pq.ParquetFile(path).read()["*"]
    assert _physical(frame.to_arrow()["*"]) == _physical(told)
    if re.match(r"duration|timestamp.ns|.*tz=|time64|map|extension|null", str(dtype)) is None:
        assert repr(frame["*"].to_list()) == repr(
            [value for (value,) in duckdb.execute(f"from '{path}'").fetchall()]
        )


CONTENTS: dict[str, tuple[Format, Callable[[Path], object]]] = {
    "table.csv": (Csv(), lambda path: path.write_bytes(b'a,b\n1,"x\ny"\n\n2,z\n3\n')),
    "table.json": (
        Json(records="r"),
        lambda path: path.write_bytes(
            '{"n": [1e3, null], "r": [{"a": "é\\n", "b": {"c": [1, true]}}, {"a": 2}, 5]}'.encode()
        ),
    ),
    "table.ndjson": (
        Json(),
        lambda path: path.write_bytes('{"a": "é"}\n\n{"a": 1, "b": [1]}\n'.encode()),
    ),
    "table.xlsx": (
        Excel(),
        lambda path: _workbook(path, [["a", "b"], ["x", 1.5], [], ["é", date(2024, 1, 31)]]),
    ),
    "table.parquet": (
        Parquet(),
        lambda path: pq.write_table(
            pa.table({"a": [1, None, 3], "b": ["x", "é", ""], "c": [[1], [], None]}),
            path,
            write_page_checksum=True,
        ),
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_compressed_the_frame_is_the_same(tmp_path: Path, name: str) -> None:
    format_, write = CONTENTS[name]
    path = tmp_path / name
    write(path)
    reading, frame = _read(path, format_)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(path.read_bytes()))
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, f"folder/{name}")
        archive.writestr("__MACOSX/._x", "")

    for packed in ("packed.gz", "packed.zip"):
        with unpacked(tmp_path / packed, packed, None, LIMIT, tmp_path / "room") as content:
            again, same = _read(content.path, format_)
            assert content.facts["packed"] == ("gzip" if packed.endswith("gz") else "zip")
        assert same.equals(frame)
        assert (again.header, again.malformed, again.blank, again.facts) == (
            (reading.header, reading.malformed, reading.blank, reading.facts)
        )
    assert not list((tmp_path / "room").iterdir())


Damage = list[tuple[str, float, bytes]]
DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "end"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.binary(min_size=1, max_size=3), st.sampled_from([b'"', b"<", b"\n", b"9"])),
    ),
    min_size=1,
    max_size=3,
)


def _damaged(content: bytes, damage: Damage) -> bytes:
    for kind, where, noise in damage:
        at = int(where * len(content))
        if kind == "flip":
            content = content[:at] + noise + content[at + len(noise) :]
        elif kind == "cut":
            content = content[:at] + content[at + len(noise) :]
        elif kind == "insert":
            content = content[:at] + noise + content[at:]
        else:
            content = content[:at]
    return content


@pytest.mark.parametrize("packed", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("name", CONTENTS)
@FEW
@given(damage=DAMAGE)
def test_damaged_bytes_are_refused_or_balance(
    tmp_path: Path, name: str, packed: str, damage: Damage
) -> None:
    format_, write = CONTENTS[name]
    path = tmp_path / name
    if not path.exists():
        write(path)
    content = path.read_bytes()
    if packed == "gzip":
        content = gzip.compress(content, mtime=0)
    elif packed == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(zipfile.ZipInfo(name), content)
        content = archive.getvalue()
    broken = tmp_path / "broken"
    broken.write_bytes(_damaged(content, damage))

    _refused_or_read(broken, format_)


PARTS = [
    "xl/worksheets/sheet1.xml",
    "xl/texts.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
]


@pytest.mark.parametrize("part", PARTS)
@MANY
@given(damage=DAMAGE)
def test_damage_within_a_workbook_is_refused_or_balances(
    tmp_path: Path, part: str, damage: Damage
) -> None:
    format_, write = CONTENTS["table.xlsx"]
    path = tmp_path / "table.xlsx"
    if not path.exists():
        write(path)
        _share_texts(path, "texts.xml")  # where they are, the workbook tells
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(broken, "w") as book:
        for name, content in parts.items():
            book.writestr(name, _damaged(content, damage) if name == part else content)

    _refused_or_read(broken, format_)


# fmt: off
TOKENS = [
    "<row>",
    '<row r="3">', '<row r="x">', "</row>", '<c r="A2">', '<c r="B2" t="s">', "<c>", "</c>",
    '<c t="b">', '<c t="e">', '<c t="q">', '<c s="9">', '<c t="inlineStr">', "<is><t>x</t></is>",
    "<v>1</v>", "<v>x</v>", "<v/>", "<v>-1</v>", "<v>1e999</v>", "<f>1</f>", "<f/>", "&#1;", "&x;",
]
# fmt: on


@MANY
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join))
@example('<row r="2"><c r="A2" t="b"><v>7</v></c></row>')
@example('<row r="x"></row>')
@example('<row r="2"><c r="A2" s="-1"><v>7</v></c></row>')
def test_of_any_rows_of_a_sheet_every_record_is_told_of(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "book.xlsx"
    if not path.exists():
        _workbook(path, [["x"]])
    _patched(path, _row(1, _inline("k"), _inline("v")) + rows)

    _refused_or_read(path, Excel())


def test_nothing_that_parquet_can_do_to_polars_escapes(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": pa.array([b"\xff\xfe"]).view(pa.string())}), path)
    with pytest.raises(DeliveryError, match=r"table\.parquet .*UTF8"):
        _read(path, Parquet())
    pq.write_table(pa.table({"a": pa.array([1], pa.timestamp("us", "Foo/Bar"))}), path)
    with pytest.raises(DeliveryError, match=r"table\.parquet .*Foo/Bar"):
        _read(path, Parquet())
    pq.write_table(pa.table({"a": pa.array([2**60], pa.duration("s"))}), path)
    with pytest.raises(DeliveryError, match=r"table\.parquet .*out of bounds"):
        _read(path, Parquet())
