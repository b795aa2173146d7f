"""Bad deliveries in each format: a clear error or a quarantined record, nothing half-written."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobforge_dagster.medallion.layers import staged
from jobforge_dagster_tests.conftest import Domains, Lake, Run

Rows = list[list[Any]]
HEADER = ["Order No", "Customer", "Amount"]
GOOD: Rows = [["001", "Ann", 100], ["002", "Bob", 250]]
Cases = dict[str, tuple[bytes, str]]
"""Contents of files that must be refused, by their names, and what must be said of them."""

DOMAIN = '''
import dataframely as dy

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning
from jobforge_dagster.medallion.formats import Csv, Excel, Json, Parquet

SHOP = Domain("shop", title="A shop", owner="team:shop", steward="shop")
ORIGIN = Origin(publisher="A shop", system="Till", licence=Licence("CC0-1.0", "CC0"))


class Order(dy.Schema):
    """One order."""

    order_id = dy.String(primary_key=True, metadata=meaning("Its number.", header="Order No"))
    customer = dy.String(nullable=True, metadata=meaning("Who ordered.", header="Customer"))
    amount = dy.Int64(nullable=True, metadata=meaning("Cents.", header="Amount"))


orders = SHOP.source(
    "orders", files="shop/orders*{ending}", schema=Order, max_rejected=1.0, combine="upsert",
    origin=ORIGIN, {extra})
visits = SHOP.source("visits", files="other/visits.csv", schema=Order, origin=ORIGIN)
'''


def _csv(header: list[str], rows: Rows) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in [header, *rows]).encode()


def _json(header: list[str], rows: Rows) -> bytes:
    inner = (
        ",".join(
            f"{json.dumps(name)}: {json.dumps(cell)}"
            for name, cell in zip(header, row, strict=False)
        )
        for row in rows
    )
    return f"[{', '.join(f'{{{each}}}' for each in inner)}]".encode()


def _ndjson(header: list[str], rows: Rows) -> bytes:
    return b"\n".join(_json(header, [row])[1:-1] for row in rows) + b"\n"


def _excel(header: list[str], rows: Rows) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [header, *rows]:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _parquet(header: list[str], rows: Rows) -> bytes:
    columns = [pa.array([row[place] for row in rows]) for place in range(len(header))]
    return _table(pa.Table.from_arrays(columns, header))


def _table(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, write_page_checksum=True, compression="none")
    return out.getvalue()


FORMATS: dict[str, Callable[[list[str], Rows], bytes]] = {
    "csv": _csv,
    "json": _json,
    "ndjson": _ndjson,
    "xlsx": _excel,
    "parquet": _parquet,
}
every_format = pytest.mark.parametrize("ending", FORMATS)


def _lake(domains: Domains, ending: str, extra: str = "") -> Lake:
    """A shop whose orders come in such files, and another source beside them."""
    told = DOMAIN.replace("{ending}", f".{ending}").replace("{extra}", extra)
    return domains(shop=told)


def _shop(domains: Domains, ending: str, content: bytes | None = None, extra: str = "") -> Lake:
    """Such a shop after a good first run."""
    lake = _lake(domains, ending, extra)
    _drops(lake, f"shop/orders.{ending}", content or FORMATS[ending](HEADER, GOOD))
    return lake


def _drops(lake: Lake, file: str, content: bytes) -> Run:
    lake.drop(file, content)
    lake.drop("other/visits.csv", _csv(HEADER, GOOD))
    run = lake.run()
    assert run.success, run.failures
    return run


def _left_behind(lake: Lake) -> list[Path]:
    return [path for path in lake.path.rglob(".*") if "unpack" in path.name or ".tmp" in path.name]


def _refuses(lake: Lake, ending: str, cases: Cases) -> None:
    """Drop files that must be refused: in words, without a trace, and without harm to others."""
    before = lake.files()
    for name, (content, _) in cases.items():
        lake.drop(f"shop/orders-{name}.{ending}", content)
    lake.drop("other/visits.csv", _csv(HEADER, [["9", "Eve", 7]]))

    run = lake.run()

    assert list(run.failures) == ["staged/orders"], run.failures
    said = run.only_failure().splitlines()
    for name, (_, says) in cases.items():
        [line] = [line for line in said if f"shop/orders-{name}.{ending}" in line]
        assert re.search(says, line), (name, line)
    assert len(said) == len(cases)
    now = lake.files()
    assert {path for path in before.keys() - now.keys() if "visits" not in path} == set()
    assert {path for path, content in before.items() if "orders" in path} == {
        path for path in now if "orders" in path and now[path] == before.get(path)
    }
    if _left_behind(lake):  # a writer of Polars may be heard of after its query failed
        lake.run()
    assert not _left_behind(lake)
    assert not [path for path in now if path.startswith("quarantine/")]
    assert len(lake.manifests("orders")) == 1
    assert lake.table("bronze/shop/visits")["customer"].to_list() == ["Eve"]


def _raws(lake: Lake) -> list[str]:
    return [json.loads(each["original"])["raw"].strip() for each in lake.quarantine("staged")]


def _told(lake: Lake, reasons: list[str]) -> None:
    """Each record below the first two is in quarantine, for its reason."""
    refused = lake.quarantine("staged")
    assert [each["source_row"] for each in refused] == [*range(3, len(reasons) + 3)]
    for each, reason in zip(refused, reasons, strict=True):
        assert re.search(reason, each["broken"][0]["message"]), each["broken"]


def _counted(run: Run, malformed: int) -> None:
    facts = run.metadata["staged/orders"]
    assert (facts["records"], facts["malformed"]) == (malformed + 2, malformed)
    assert facts["dagster/row_count"] == 2


NOT = r"not (CSV|JSON|utf-8|an Excel workbook|a Parquet file)"
NO_FORMAT: Cases = {
    "empty": (b"", "is empty"),
    "image": (b"\x89PNG\r\n\x1a\n\x00\x00\xff", NOT),
    "error-page": (b"<!DocType html><html><body>502</body></html>\n", NOT),
    "old-workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, NOT),
    "noise": (bytes(range(256)) * 4, NOT),
}


@every_format
def test_what_is_not_that_format_is_refused(domains: Domains, ending: str) -> None:
    lake = _shop(domains, ending)
    texts = {"csv": ("json", "ndjson"), "json": ("ndjson",), "ndjson": ("json",)}
    alien: Cases = {
        f"of-{name}": (write(HEADER, GOOD), f"{NOT}|the header is not CSV")
        for name, write in FORMATS.items()
        if name != ending and name not in texts.get(ending, ())
    }
    _refuses(lake, ending, NO_FORMAT | alien)


@pytest.mark.parametrize(
    ("ending", "cases"),
    [
        (
            "csv",
            {
                "header": (b"Order No,Customer,Amount\n", "no records"),
                "blank": (b"Order No,Customer,Amount\n\n\n", "no records"),
                "json": (_json(HEADER, GOOD), "the header is not CSV|no records|not one of"),
            },
        ),
        ("json", {"array": (b"[]", "no records"), "space": (b" \n ", "nothing but white space")}),
        ("ndjson", {"lines": (b"\n\n", "nothing but white space")}),
        (
            "xlsx",
            {"header": (_excel(HEADER, []), "no records"), "none": (_excel([], []), "no headers")},
        ),
        (
            "parquet",
            {
                "rows": (
                    _table(pa.table({name: pa.array([], pa.string()) for name in HEADER})),
                    "no records",
                ),
                "columns": (_table(pa.table({})), "no records"),
            },
        ),
    ],
)
def test_a_file_without_a_record_is_refused(domains: Domains, ending: str, cases: Cases) -> None:
    _refuses(_shop(domains, ending), ending, cases)


@every_format
def test_a_missing_column_is_named_with_the_closest(domains: Domains, ending: str) -> None:
    lake = _lake(domains, ending)
    lake.drop(f"shop/orders.{ending}", FORMATS[ending](["Order Nr", *HEADER[1:]], GOOD))

    run = lake.run("staged/orders", "bronze/shop/orders")

    assert list(run.failures) == ["bronze/shop/orders"]
    assert f"'Order No' is missing from shop/orders.{ending}" in run.only_failure()
    assert "closest is 'Order Nr'" in run.only_failure()


@every_format
def test_an_extra_column_is_kept_as_text_and_reported(domains: Domains, ending: str) -> None:
    lake = _lake(domains, ending)
    rows = [[*row, "007"] for row in GOOD]

    run = _drops(lake, f"shop/orders.{ending}", FORMATS[ending]([*HEADER, " Note "], rows))

    assert lake.staged("orders")[" Note "].to_list() == ["007", "007"]
    assert lake.table("bronze/shop/orders")["Note"].to_list() == ["007", "007"]
    assert run.metadata["bronze/shop/orders"]["extra_columns"] == ["Note"]


@every_format
def test_an_empty_header_is_a_name_too(domains: Domains, ending: str) -> None:
    lake = _lake(domains, ending)
    rows = [["1", "", 2, "x"], ["2", "Bob", 3, 'y"z' if ending != "csv" else '"y\nz"']]
    header = [*HEADER, "note"] if ending == "xlsx" else [*HEADER, ""]
    content = FORMATS[ending](header, rows)
    if ending == "xlsx":
        content = _patched(content, "<t>note</t>", "<t></t>")

    _drops(lake, f"shop/orders.{ending}", content)

    assert lake.staged("orders")[""].to_list() == ["x", "y\nz" if ending == "csv" else 'y"z']


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_duplicate_headers_are_refused(domains: Domains, ending: str) -> None:
    lake = _shop(domains, ending)
    content = FORMATS[ending]([*HEADER, "Amount"], [[*row, 1] for row in GOOD])
    _refuses(lake, ending, {"twice": (content, "'Amount' in columns 3, 4")})


@every_format
def test_a_reserved_name_is_refused_until_it_is_renamed(domains: Domains, ending: str) -> None:
    lake = _shop(domains, ending)
    content = FORMATS[ending]([*HEADER, "_layer"], [["009", "Eve", 1, "top"]])
    _refuses(lake, ending, {"reserved": (content, r'renames=\{"_layer": "layer"\}')})

    lake = _lake(domains, ending, 'renames={"_layer": "layer"}')
    assert lake.run().success

    rows = lake.table("bronze/shop/orders").select("order_id", "layer").rows()
    assert sorted(rows) == [("001", None), ("002", None), ("009", "top")]


@every_format
def test_a_folder_in_the_place_of_a_file_is_refused(domains: Domains, ending: str) -> None:
    lake = _shop(domains, ending)
    before = lake.files()
    path = lake.root.landing / f"shop/orders.{ending}"
    path.unlink()
    path.mkdir()

    run = lake.run()

    assert f"shop/orders.{ending} is a folder" in run.only_failure()
    assert lake.files() == before


def _zip(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


CSV = _csv(HEADER, GOOD)


def _flagged(content: bytes) -> bytes:
    """The same archive, whose members claim to be locked."""
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark) + place
        content = content[:at] + b"\x01\x00" + content[at + 2 :]
    return content


def _lying(content: bytes) -> bytes:
    """The same archive, whose only member claims to have ten bytes."""
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark) + place
        content = content[:at] + struct.pack("<I", 10) + content[at + 4 :]
    return content


BOMB = _csv(HEADER, [["1", "A" * 200_000, 1]])


ARCHIVES: Cases = {
    "up": (_zip(("../orders.csv", CSV)), "'../orders.csv', a path that leads out"),
    "windows-up": (_zip(("a\\..\\..\\o.csv", CSV)), "leads out of the archive"),
    "absolute": (_zip(("/etc/orders.csv", CSV)), "leads out of the archive"),
    "drive": (_zip(("C:\\orders.csv", CSV)), "leads out of the archive"),
    "two": (_zip(("a.csv", CSV), ("b.csv", CSV)), "'a.csv', 'b.csv'; .*member="),
    "twins": (
        _zip(("orders.csv", CSV), ("Orders.csv", CSV)).replace(b"Ord", b"ord"),
        "one is expected",
    ),
    "nothing": (_zip(), "holds nothing"),
    "only-a-folder": (_zip(("folder/", b"")), "holds nothing"),
    "a-dot": (_zip((".", b"")), r"\(\.\)|damaged"),
    "an-empty-member": (_zip(("orders.csv", b"")), "first line is blank"),
    "locked": (_flagged(_zip(("orders.csv", CSV))), "locked by a password"),
    "too-much": (_zip(("o.csv", BOMB)), "more than 100000 bytes.*max_unpacked="),
    "a-lying-size": (_lying(_zip(("orders.csv", BOMB))), "damaged"),
    "cut-off": (_zip(("orders.csv", CSV))[:-30], "damaged"),
    "no-method": (_zip(("o.csv", CSV)).replace(b"\x08\x00", b"\x63\x00"), "damaged"),
    "other-method": (_zip(("o.csv", CSV)).replace(b"\x08\x00", b"\x0e\x00"), "damaged"),
    "cut-off-gzip": (gzip.compress(CSV)[:-9], "damaged"),
    "gzip-with-junk": (gzip.compress(CSV) + b"junk", "damaged"),
    "gzip-with-a-wrong-sum": (gzip.compress(CSV)[:-8] + b"\0" * 8, "damaged"),
    "too-much-gzip": (gzip.compress(BOMB), "more than 100000 bytes"),
    "a-zip-in-a-gzip": (gzip.compress(_zip(("o.csv", CSV))), "zip archive"),
}


def test_a_dangerous_or_damaged_archive_is_refused(domains: Domains) -> None:
    extra = "format=Csv(), max_unpacked=100_000"
    _refuses(_shop(domains, "zip", _zip(("orders.csv", CSV)), extra), "zip", ARCHIVES)


@pytest.mark.parametrize("later", [[["003", "Cid", 1]], [["003"]]], ids=["plain", "exact"])
def test_a_file_that_is_replaced_before_it_is_staged_is_not_mixed_up(
    domains: Domains, monkeypatch: pytest.MonkeyPatch, later: Rows
) -> None:
    stage = staged._stage

    def replaced(*arguments: Any) -> Any:
        new = lake.root.path / "source" / "shop" / "new"
        new.write_bytes(_csv(HEADER, [*GOOD, *later]))
        new.replace(new.with_name("orders.csv"))
        return stage(*arguments)

    lake = _shop(domains, "csv", CSV)
    lake.drop("shop/orders.csv", _csv(HEADER, GOOD[:1]))
    monkeypatch.setattr(staged, "_stage", replaced)

    run = lake.run("staged/orders")

    assert "was replaced while it was read. Run again." in run.only_failure()
    assert [each["rows"] for each in lake.manifests("orders")] == [2]


def test_a_member_is_chosen_by_its_glob_and_a_high_ratio_is_no_harm(domains: Domains) -> None:
    extra = 'format=Csv(), member="*/orders-*.csv"'
    big = _csv(HEADER, [["1", "A" * 5_000_000, 1]])
    content = _zip(("x/orders-2024.csv", big), ("x/readme.csv", CSV), ("orders-1.csv", CSV))
    lake = _shop(domains, "zip", content, extra)

    assert len(lake.staged("orders")["Customer"][0]) == 5_000_000
    facts = lake.manifests("orders")[0]["facts"]
    assert (facts["packed"], facts["member"]) == ("zip", "x/orders-2024.csv")
    _refuses(lake, "zip", {"other": (_zip(("x/o.csv", CSV)), "fits 0")})


@pytest.mark.parametrize("ending", ["json", "ndjson", "xlsx", "parquet"])
@pytest.mark.parametrize("pack", [gzip.compress, lambda content: _zip(("data", content))])
def test_any_format_may_come_compressed(
    domains: Domains, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    lake = _shop(domains, ending, pack(FORMATS[ending](HEADER, GOOD)))

    assert lake.table("bronze/shop/orders")["order_id"].to_list() == ["001", "002"]


def _patched(
    book: bytes, old: str, new: str, *, part: str = "xl/worksheets/sheet1.xml", head: str = ""
) -> bytes:
    """A workbook in one of whose parts a text is replaced."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert old in parts[part], parts[part]
    parts[part] = head + parts[part].replace(old, new, 1)
    return _zip(*((name, content.encode()) for name, content in parts.items()))


BOOK = _excel(HEADER, GOOD)
ATTACK = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
END = "</sheetData>"


def _sheets(*states: str) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(BOOK))
    for place, state in enumerate(states):
        book.create_sheet(f"Extra {place}").sheet_state = state
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


BOOKS: Cases = {
    "entities": (
        _patched(BOOK, "Sheet", "Sheet", part="xl/workbook.xml", head=ATTACK),
        "document type",
    ),
    "dtd": (_patched(BOOK, END, END, head=ATTACK), "document type"),
    "doctype": (_patched(BOOK, END, END, head="<!DOCTYPE x>"), "document type"),
    "far-row": (_patched(BOOK, END, f'<row r="2000000000"><c/></row>{END}'), "row 2000000000"),
    "row-twice": (_patched(BOOK, END, f'<row r="2"><c/></row>{END}'), "row 2 after 3"),
    "a0": (_patched(BOOK, 'r="A2"', 'r="A0"'), "'A0'"),
    "zzzz1": (_patched(BOOK, 'r="C2"', 'r="ZZZZ1"'), "'ZZZZ1'"),
    "xfe": (_patched(BOOK, 'r="C2"', 'r="XFE2"'), "'XFE2'"),
    "cell-twice": (_patched(BOOK, 'r="B2"', 'r="A2"'), "'A2'"),
    "two-sheets": (_sheets("visible"), "Visible: 'Sheet', 'Extra 0'; hidden: none"),
    "namespace": (
        _patched(BOOK, "/spreadsheetml/2006/main", "/x", part="xl/workbook.xml"),
        "Excel|none",
    ),
    "strict": (
        _patched(
            BOOK,
            "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            "http://purl.oclc.org/ooxml/spreadsheetml/main",
            part="xl/workbook.xml",
        ),
        "Strict Open XML",
    ),
    "deep": (
        _patched(BOOK, "<sheetData>", "<a>" * 5000 + "</a>" * 5000 + "<sheetData>"),
        "holds more",
    ),
    "unclosed": (_patched(BOOK, "<sheetData>", "<sheetData><row>"), "damaged"),
    "no-parts": (_zip(("[Content_Types].xml", b""), ("orders.csv", CSV)), "not an Excel workbook"),
}


def test_a_workbook_that_cannot_be_is_refused(domains: Domains) -> None:
    _refuses(_shop(domains, "xlsx"), "xlsx", BOOKS)


def test_a_sheet_is_taken_by_its_name(domains: Domains) -> None:
    lake = _shop(domains, "xlsx", _sheets("visible", "hidden"), 'format=Excel(sheet="Sheet")')
    assert lake.manifests("orders")[0]["facts"]["hidden_sheets"] == ["Extra 1"]

    renamed = _patched(BOOK, 'name="Sheet"', 'name="Tabelle1"', part="xl/workbook.xml")
    _refuses(lake, "xlsx", {"renamed": (renamed, "no sheet 'Sheet'. It has: 'Tabelle1'")})


WRONG_CELLS = [
    ('<c r="C3"><v>2</v></c><c r="E3"><v>9</v></c>', "value in column E, beyond the headers"),
    ('<c r="C3"><f>1+1</f></c>', "column C that holds a formula without its result"),
    ('<c r="C3"><f>1+1</f><v/></c>', "column C that holds a formula without its result"),
    ('<c r="C3" t="s"><v>99</v></c>', "refers to a text, 99, that is not there"),
    ('<c r="C3" t="s"><v>-1</v></c>', "refers to a text, -1, that is not there"),
    ('<c r="C3" s="99"><v>1</v></c>', "refers to a style, 99, that is not there"),
    ('<c r="C3"><v>12abc</v></c>', "holds '12abc', which is no value of its kind"),
    ('<c r="C3"><v>1_000</v></c>', "holds '1_000', which is no value of its kind"),
    ('<c r="C3"><v>1e999</v></c>', "too large"),
    ('<c r="C3" t="b"><v>7</v></c>', "holds '7', which is no boolean"),
    ('<c r="C3" t="q"><v>7</v></c>', r"no value of its kind \(q\)"),
]


def test_wrong_records_of_a_sheet_cost_themselves_alone(domains: Domains) -> None:
    lake = _lake(domains, "xlsx")
    rows = ""
    for number, (cells, _) in enumerate(WRONG_CELLS, start=4):
        placed = re.sub(r'r="([A-Z])3"', rf'r="\g<1>{number}"', cells)
        rows += f'<row r="{number}"><c r="A{number}"><v>{number}</v></c>{placed}</row>'

    run = _drops(lake, "shop/orders.xlsx", _patched(BOOK, END, rows + END))

    assert lake.table("bronze/shop/orders")["order_id"].to_list() == ["001", "002"]
    _told(lake, [reason for _, reason in WRONG_CELLS])
    assert json.loads(_raws(lake)[0]) == {"A": "4", "C": "2", "E": "9"}
    _counted(run, len(WRONG_CELLS))


BOUNDED = """
import resource, sys
from pathlib import Path
import polars as pl
from jobforge_dagster.medallion.formats import format_of
from jobforge_dagster.medallion.readers import base, read
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
base._BATCH = 200
path = Path(sys.argv[1])
reading = read(path, path.name, format_of(path.name))
reading.records.select(pl.all().count()).collect(engine="streaming")
told = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(reading.total, len(reading.malformed), len(reading.blank), told)
"""


def _bounded(path: Path) -> list[int]:
    """Total, malformed, blank records, and the most memory that reading took, in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(path)], capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


def test_a_sheet_that_claims_to_be_huge_takes_neither_time_nor_memory(tmp_path: Path) -> None:
    claims = _patched(BOOK, 'ref="A1:C3"', 'ref="A1:XFD1048576"')
    corner = f'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>{END}'
    (tmp_path / "small.xlsx").write_bytes(BOOK)
    (tmp_path / "huge.xlsx").write_bytes(_patched(claims, END, corner))

    small = _bounded(tmp_path / "small.xlsx")
    huge = _bounded(tmp_path / "huge.xlsx")

    assert small[:3] == [2, 0, 0]
    assert huge[:3] == [1_048_575, 1, 1_048_572]
    assert huge[3] < small[3] + 150_000


@pytest.mark.parametrize("ending", ["json", "xlsx"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, ending: str) -> None:
    used = []
    text = "some text " * 400
    for count in (1_000, 11_000):
        path = tmp_path / f"rows{count}.{ending}"
        if ending == "json":
            record = f'{{"a": 12, "b": ["{text}"]}}'
            path.write_text(f"[{','.join([record] * count)}]")
        else:
            row = f'<row><c><v>1</v></c><c t="inlineStr"><is><t>{text}</t></is></c></row>'
            one = _excel(["a", "b"], [])
            path.write_bytes(_patched(one, END, row * count + END))
        [total, *_, peak] = _bounded(path)
        assert total == count
        used.append(peak)

    assert used[1] < used[0] + 20_000  # KiB; the file has twice as much more


DEEP = "[" * 10_000 + "]" * 10_000
FIRST = '{"Order No": "001", "Customer": "Ann", "Amount": 100}'
LAST = '{"Order No": "003", "Customer": "Eve", "Amount": 5}'


WRONG_RECORDS = [
    ('{"Order No": "2", "Customer": "B", "Customer": "C"}', "the member 'Customer' twice"),
    ('{"Order No": "2", "Customer": {"a": 1, "a": 2}}', "the member 'a' twice in one object"),
    (f'{{"Order No": "2", "Customer": {DEEP}}}', "is nested 10001 deep, more than 100"),
    (DEEP, "is nested 10000 deep, more than 100"),
    ('{"Order No": "2", "Customer": "B", "Amount": NaN}', "holds NaN, which is no JSON number"),
    ('{"Order No": "2", "Amount": [-Infinity]}', "holds -Infinity, which is no JSON number"),
    ('{"Order No": "2", "Customer": "\\ud83d"}', "half of a surrogate pair"),
    ('{"Order No": "2", "Customer": "a\tb"}', "is not JSON .Invalid control character"),
    ('{"Order No": "2", "Customer": "B"} x', "is not JSON .Extra data"),
    ('{"Order No": "2" "Customer": "B"}', "is not JSON .Expecting"),
    ('{"Order No": 02}', "is not JSON .Expecting"),
    ("17", "is no object"),
    ('"text"', "is no object"),
    ("[1, 2]", "is no object"),
]


@pytest.mark.parametrize("ending", ["json", "ndjson"])
def test_wrong_records_of_json_cost_themselves_alone(domains: Domains, ending: str) -> None:
    lake = _lake(domains, ending)
    wrong = [record for record, _ in WRONG_RECORDS]
    records = [FIRST, LAST, *wrong]
    text = "\n".join(records) if ending == "ndjson" else f"[{', '.join(records)}]"

    run = _drops(lake, f"shop/orders.{ending}", text.encode())

    assert lake.table("bronze/shop/orders")["order_id"].to_list() == ["001", "003"]
    _told(lake, [reason for _, reason in WRONG_RECORDS])
    assert _raws(lake) == wrong
    _counted(run, len(wrong))


AROUND = {
    "cut": (f"[{FIRST}, {LAST}", "is cut off: after 1 records"),
    "cut-in-text": (f'[{FIRST}, {{"Order No": "00', "is cut off: after 1 records"),
    "garbage": (f"[{FIRST}] and more", "not JSON: 'and more'.*the end is expected"),
    "bracket": (f"[{FIRST}]]", "the end is expected"),
    "two-arrays": (f"[{FIRST}][{LAST}]", "the end is expected"),
    "mismatch": ('[{"Order No": [1}]', "not JSON: '}'"),
    "open": ("[" * 10_000, "cut off"),
    "deep": (DEEP, "not one of 1 records.*nested 9999 deep"),
    "numbers": ("[1, 2, 3]", "not one of 3 records reads as json; record 1 is no object"),
    "object": (f'{{\n"result": [{FIRST}]}}', r"records=…"),
    "text": ('"text"', "is not JSON: it begins with"),
    "utf-16": (f"[{FIRST}]".encode("utf-16-le").decode("latin-1"), "UTF-16 without a mark"),
}


def test_json_that_is_wrong_around_its_records_is_refused(domains: Domains) -> None:
    cases = {name: (text.encode(), says) for name, (text, says) in AROUND.items()}
    _refuses(_shop(domains, "json"), "json", cases)


ELSEWHERE = {
    "array": (f"[{FIRST}]", "is an array itself; .*'result.items'"),
    "other": (f'{{"result": {{"other": [{FIRST}]}}}}', "no array of records under 'result.items'"),
    "higher": (f'{{"items": [{FIRST}]}}', "no array of records under 'result.items'"),
    "object": (f'{{"result": {{"items": {FIRST}}}}}', "no array of records under 'result.items'"),
    "twice": (f'{{"result": {{"items": [{FIRST}], "items": []}}}}', "has 'result.items' twice"),
    "literal": (f'{{"x": nonsense, "result": {{"items": [{FIRST}]}}}}', "not JSON: 'nonsense'"),
    "colon": (f'{{"x" 1, "result": {{"items": [{FIRST}]}}}}', "not JSON: '1'"),
    "control": (f'{{"a\tb": 1, "result": {{"items": [{FIRST}]}}}}', "not JSON"),
    "comma": (f'{{"result": {{"items": [{FIRST}]}}, }}', "not JSON: '}'.*a name is expected"),
    "cut": (f'{{"result": {{"items": [{FIRST}]}}', "is cut off"),
}


def test_records_that_are_not_where_they_are_declared_are_refused(domains: Domains) -> None:
    good = f'{{"x": [1.5e3, null, {{}}], "result": {{"items": [{FIRST}], "n": true}}}}'
    extra = 'format=Json(records="result.items")'
    cases = {name: (text.encode(), says) for name, (text, says) in ELSEWHERE.items()}
    _refuses(_shop(domains, "json", good.encode(), extra), "json", cases)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_json_with_a_mark_of_its_encoding_reads(domains: Domains, encoding: str) -> None:
    lake = _shop(domains, "json", f"[{FIRST.replace('Ann', 'Zoé')}]".encode(encoding))
    assert lake.staged("orders")["Customer"].to_list() == ["Zoé"]
    assert lake.manifests("orders")[0]["encoding"] == encoding.removesuffix("-sig")


def test_names_without_end_are_no_columns(domains: Domains) -> None:
    lake = _shop(domains, "json")
    records = ",".join(f'{{"{number}": 1}}' for number in range(10_001))
    _refuses(lake, "json", {"names": (f"[{records}]".encode(), "10000 different members")})


GOOD_PARQUET = _parquet(HEADER, GOOD)


def _spoilt_page() -> bytes:
    at = GOOD_PARQUET.index(b"Ann")
    return GOOD_PARQUET[:at] + b"Bnn" + GOOD_PARQUET[at + 3 :]


def _extra(name: str, array: pa.Array) -> bytes:
    table = pq.read_table(io.BytesIO(GOOD_PARQUET))
    return _table(table.append_column(name, array))


PARQUET: Cases = {
    "cut-off": (GOOD_PARQUET[:-10], "not a Parquet file, or it is damaged"),
    "only-begun": (GOOD_PARQUET[:100], "not a Parquet file, or it is damaged"),
    "four-bytes": (b"PAR1", "not a Parquet file, or it is damaged"),
    "wrong-checksum": (_spoilt_page(), "damaged: .*(CRC|checksum)"),
    "float16": (_extra("half", pa.array([1.5, 2.5], pa.float16())), "'half' is halffloat"),
    "decimal256": (
        _extra("big", pa.array([Decimal(1)] * 2, pa.decimal256(60, 2))),
        r"'big' is decimal256\(60, 2\)",
    ),
    "nested-decimal256": (
        _extra("in", pa.array([[Decimal(1)]] * 2, pa.list_(pa.decimal256(60, 2)))),
        r"'in' is decimal256\(60, 2\)",
    ),
    "no-utf-8": (_extra("text", pa.array([b"\xff", b"a"]).view(pa.string())), "UTF8"),
    "no-zone": (_extra("at", pa.array([1, 2], pa.timestamp("us", "Foo/Bar"))), "Foo/Bar"),
    "twins-in-a-struct": (
        _extra(
            "s",
            pa.StructArray.from_arrays([pa.array([1, 2]), pa.array([3, 4])], ["x", "x"]),
        ),
        "multiple fields with name 'x'",
    ),
}


def test_a_parquet_file_that_cannot_be_kept_is_refused(domains: Domains) -> None:
    _refuses(_shop(domains, "parquet"), "parquet", PARQUET)


def test_the_types_of_a_parquet_file_stay_in_staged(domains: Domains) -> None:
    table = pq.read_table(io.BytesIO(GOOD_PARQUET))
    table = table.append_column("at", pa.array([1, None], pa.timestamp("us", UTC.tzname(None))))
    table = table.append_column("price", pa.array([Decimal("1.10"), None], pa.decimal128(9, 2)))
    table = table.append_column("tags", pa.array([["a", None], None]))
    lake = _shop(domains, "parquet", _table(table))

    staged = lake.staged("orders").select(table.column_names).to_arrow()

    assert staged.to_pylist() == table.to_pylist()
    assert [staged.schema.field(name).type for name in ("Amount", "at", "price")] == [
        table.schema.field(name).type for name in ("Amount", "at", "price")
    ]
