"""The reader gives back what a file holds, or says which record it cannot represent."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge_dagster.medallion.formats import Csv
from jobforge_dagster.medallion.provenance import SOURCE_ROW
from jobforge_dagster.medallion.readers import Reading, plain, read, text

# fmt: off
AWKWARD = st.sampled_from([
    "", " ", "\u00a0x\u00a0", "00010", "1e5", "NA", "N/A", "null", "#c", "a,b", 'say "hi"', "é",
    "😀", "a\nb", "a\r\nb", "2024-01-31", "-0", "\ufeff", "\x00", "'", "=1+1", "a;b", "a\tb", "\\n",
])
# fmt: on
CELL = st.one_of(
    AWKWARD, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    width = draw(st.integers(1, 5))
    header = draw(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6).filter(
                lambda name: not name.strip().startswith("__")  # reserved
            ),
            min_size=width,
            max_size=width,
            unique=True,
        ).filter(lambda names: names[0][0] != "\ufeff" and not names[0].startswith(("<", "%")))
    )
    rows = draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=8))
    return header, rows


def _read(path: Path, delimiter: str = ",") -> tuple[Reading, pl.DataFrame]:
    reading = read(path, path.name, Csv(delimiter=delimiter))
    return reading, reading.records.collect()


@given(
    table=tables(),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from([",", ";", "\t", "|", "^", "."]),
)
def test_every_value_of_a_well_formed_file_comes_back(
    tmp_path: Path,
    table: tuple[list[str], list[list[str]]],
    end: str,
    bom: bool,
    quoting: int,
    delimiter: str,
) -> None:
    header, rows = table
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting, delimiter=delimiter).writerows(
        [header, *rows]
    )
    path = tmp_path / "table.csv"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())

    reading, frame = _read(path, delimiter)

    assert list(reading.header) == header
    assert [list(row[:-1]) for row in frame.rows()] == rows
    assert frame[SOURCE_ROW].to_list() == list(range(1, len(rows) + 1))
    assert not reading.malformed
    assert reading.total == len(rows)


@given(
    st.lists(
        st.sampled_from(["a", "1", ",", '"', "\n", "\r\n", " ", "é", "a,1\n", '"a",1\n']),
        max_size=40,
    ).map("".join)
)
def test_of_any_text_every_record_is_a_row_malformed_or_blank(tmp_path: Path, text: str) -> None:
    path = tmp_path / "messy.csv"
    path.write_bytes(f"x,y\n{text}".encode())

    reading, frame = _read(path)

    assert frame.height + len(reading.malformed) + len(reading.blank) == reading.total
    numbers = [
        *frame[SOURCE_ROW],
        *(record.row for record in reading.malformed),
        *reading.blank,
    ]
    assert sorted(numbers) == list(range(1, reading.total + 1))
    strict = _strictly(text)
    if strict is not None:
        wide = [row for row in strict if len(row) == 2]
        assert [list(row[:-1]) for row in frame.rows()] == wide
        assert len(reading.malformed) == sum(len(row) not in (0, 2) for row in strict)


def _strictly(text: str) -> list[list[str]] | None:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None


PIECES = ["", "a", "é", "\ufeff", " ", "\0", ";", ",", '"', '""', '"a;b"', '"""a"""', "\n", "\r\n"]
PIECES += ["x" * 61, f'"{";" * 61}"', f'"{chr(10)}"']


@st.composite
def lines_of_two_cells(draw: st.DrawFn) -> str:
    """Lines that are records but for a piece that may have got in somewhere."""
    cell = st.sampled_from(["", "a", "é", '""', '"a;b"', '""""', '"a""b"', "x" * 62, '"; ;"'])
    rows = draw(st.lists(st.tuples(cell, cell, st.sampled_from(["\n", "\r\n"])), max_size=20))
    body = "".join(f"{left};{right}{end}" for left, right, end in rows)
    if draw(st.booleans()):
        body = body.removesuffix("\n").removesuffix("\r")
    place = draw(st.integers(0, len(body)))
    return body[:place] + draw(st.sampled_from(["", *PIECES])) + body[place:]


@given(
    body=st.one_of(
        lines_of_two_cells(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
    ).filter(lambda body: not re.search(r"\r(?!\n)", body)),
    chunk=st.sampled_from([64, 128, 1 << 20]),
)
def test_a_file_is_plain_if_every_line_is_a_record(tmp_path: Path, body: str, chunk: int) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(f"one;two\n{body}".encode())
    cell = r'(?:"(?:[^"]|"")*"|[^";]*)'
    *whole, rest = body.split("\n")
    lines = [line.removesuffix("\r") for line in whole] + [rest] * bool(rest)
    regular = all(re.fullmatch(f"{cell};{cell}", line) for line in lines)

    with patch.object(plain, "_CHUNK", chunk):
        records = plain.plain_records(path, ";", 2)

    assert records == (len(lines) if regular and not body.startswith("\ufeff") else None)


@pytest.mark.parametrize(
    ("line", "regular"),
    [
        ('"a";"b"', True),
        ('"a""b";""""', True),
        ('"a;";"";', False),
        ('"a"b;c', False),
        ('a"b";c', False),
        ('a;b""', False),
        ('a;"b', False),
        ("a;b;", False),
        ("a", False),
    ],
)
def test_a_line_is_judged_alike_wherever_a_piece_of_the_file_ends(
    tmp_path: Path, line: str, regular: bool
) -> None:
    path = tmp_path / "table.csv"
    found = set()
    for before in range(130):
        path.write_bytes(f"one;two\n{'x' * before};\r\n{line}\r\n{'y' * 130};\n".encode())
        with patch.object(plain, "_CHUNK", 64):
            found.add(plain.plain_records(path, ";", 2))

    assert found == {3 if regular else None}


@given(
    ends=st.lists(st.sampled_from(["a", "é", "\n", "\r\n", "\r"]), max_size=12),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16-le"]),
    chunk=st.integers(1, 8),
)
def test_line_endings_are_told_wherever_a_piece_of_the_file_ends(
    tmp_path: Path, ends: list[str], encoding: str, chunk: int
) -> None:
    path = tmp_path / "table.csv"
    content = "".join(ends)
    path.write_bytes(content.encode(encoding))
    found = set(re.findall(r"\r\n|\r|\n", content))

    with patch.object(text, "_CHUNK", chunk):
        told = text.inspect(path, path.name, encoding, "CSV").line_ending

    if "\r" in found:
        assert told == "CR"
    else:
        named = [name for name, end in (("LF", "\n"), ("CRLF", "\r\n")) if end in found]
        assert told == (" and ".join(named) or "none")


@pytest.mark.parametrize(
    ("body", "rows", "malformed", "blank"),
    [
        ("1,2,3\n4\n5,6\n", [("5", "6", 3)], [(1, "1,2,3\n"), (2, "4\n")], []),
        ("1,2\n\n3,4\n\n", [("1", "2", 1), ("3", "4", 3)], [], [2, 4]),
        ('1,"x\n2,3\n4,5\n', [("2", "3", 2), ("4", "5", 3)], [(1, '1,"x\n')], []),
        ('1,"x\n2,"y"\n4,5\n', [("2", "y", 2), ("4", "5", 3)], [(1, '1,"x\n')], []),
        ('1,"x"y\n4,5\n', [("4", "5", 2)], [(1, '1,"x"y\n')], []),
        ('1,x"y\n', [("1", 'x"y', 1)], [], []),
        ("\ufeff,2\n3,4\n", [("\ufeff", "2", 1), ("3", "4", 2)], [], []),
        ("1,2\r3,4\r", [("1", "2", 1), ("3", "4", 2)], [], []),
        ('1,"a\nb"\n2,c\n', [("1", "a\nb", 1), ("2", "c", 2)], [], []),
    ],
)
def test_a_wrong_record_costs_itself_alone(
    tmp_path: Path,
    body: str,
    rows: list[tuple[str, str, int]],
    malformed: list[tuple[int, str]],
    blank: list[int],
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(f"a,b\n{body}".encode())

    reading, frame = _read(path)

    assert frame.rows() == rows
    assert [(record.row, record.text) for record in reading.malformed] == malformed
    assert reading.blank == blank


def test_in_a_file_of_one_column_an_empty_line_is_an_empty_value(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_bytes(b"a\n1\n\n2\n")

    reading, frame = _read(path)

    assert frame["a"].to_list() == ["1", "", "2"]
    assert not reading.blank


def test_a_header_is_never_taken_for_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,*,^a.*$\n1,2,3\n")

    reading, frame = _read(path)

    assert (reading.facts["reader"], frame.columns) == ("plain", ["a", "*", "^a.*$", SOURCE_ROW])
    assert frame.row(0) == ("1", "2", "3", 1)


def test_the_proven_plain_file_and_the_exact_reading_agree(tmp_path: Path) -> None:
    regular = tmp_path / "regular.csv"
    regular.write_bytes(b'a,b\n1,"x, ""y"""\n2,\n3,"",\n'.replace(b'"",', b'""'))
    messy = tmp_path / "messy.csv"
    messy.write_bytes(regular.read_bytes() + b"\n")

    plain, plain_frame = _read(regular)
    exact, exact_frame = _read(messy)

    assert (plain.facts["reader"], exact.facts["reader"]) == ("plain", "exact")
    assert plain_frame.equals(exact_frame)
    assert plain_frame.rows() == [("1", 'x, "y"', 1), ("2", "", 2), ("3", "", 3)]


@pytest.mark.parametrize("name", ["what?.csv", "a*b.csv", "[x].csv", "year=2024.csv", "a b'c.csv"])
def test_a_name_is_never_taken_for_a_pattern(tmp_path: Path, name: str) -> None:
    (tmp_path / "whatX.csv").write_bytes(b"a,b\nother,file\n")
    path = tmp_path / name
    path.write_bytes(b"a,b\nthis,one\n")

    _, frame = _read(path)

    assert frame.columns == ["a", "b", SOURCE_ROW]
    assert frame.rows() == [("this", "one", 1)]
