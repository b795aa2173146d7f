"""Bad deliveries: a clear error or a quarantined row, and the previous tables stay as they were."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import ORDERS, SHOP

FILE = "shop/orders.csv"


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _no_file(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("/proc/self/status")


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.csv")


def _content(content: str | bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(_content(b""), ["shop/orders.csv is empty (0 bytes)"], id="empty"),
        pytest.param(
            _content("Order No,Customer,Amount\n"),
            ["has a header but no records"],
            id="header-only",
        ),
        pytest.param(
            _content(b"\x89PNG\r\n\x1a\n\x00\x00"),
            ["shop/orders.csv is not CSV", "PNG"],
            id="an-image",
        ),
        pytest.param(
            _content("<!DOCTYPE html><html><body>Not found</body></html>"),
            ["is not CSV", "HTML page"],
            id="an-error-page",
        ),
        pytest.param(
            _content("Order No^Customer^Amount\n1^a,b^2\n2^c,d,e^3\n"),
            ["not one of 2 records reads as CSV", "delimiter"],
            id="a-delimiter-that-nobody-uses",
        ),
        pytest.param(
            _content("Order No,Customer,Customer\n1,a,2\n"),
            ["'Customer' in columns 2, 3"],
            id="duplicate-headers",
        ),
        pytest.param(
            _content("Order No,Customer,Amount\n1,Zoé,2\n".encode("latin-1")),
            ["is not utf-8", "0xE9", 'encoding="cp1252"'],
            id="latin-1",
        ),
        pytest.param(
            _content("Order No,Customer,Amount\n1,Ann,2\n".encode("utf-16-le")),
            ["NUL"],
            id="utf-16-without-a-mark",
        ),
        pytest.param(
            _content("Order No,Customer,_batch_id\n1,Ann,2\n"),
            ["column 3 is called _batch_id", 'renames={"_batch_id": "batch_id"}'],
            id="reserved-name",
        ),
        pytest.param(
            _content("Order No,Customer,\u00a0_batch_id \n1,Ann,2\n"),
            ["column 3 is called _batch_id"],
            id="padded-reserved-name",
        ),
        pytest.param(_content(b"\xef\xbb\xbf"), ["the first line is blank"], id="only-a-mark"),
        pytest.param(
            _content("Order No,Customer,_source_row\n1,Ann,2\n"),
            ["column 3 is called _source_row"],
            id="reserved-row-number",
        ),
        pytest.param(_folder, ["shop/orders.csv is a folder"], id="a-folder"),
        pytest.param(_no_file, ["shop/orders.csv is no regular file"], id="a-pipe"),
        pytest.param(_link_out, ["is a link out of the landing folder"], id="a-link-out"),
        pytest.param(_dangling, ["shop/orders.csv cannot be read"], id="a-dangling-link"),
    ],
)
def test_a_delivery_that_cannot_be_staged_is_refused(
    shop: Lake, damage: Callable[[Path], None], says: list[str]
) -> None:
    before = shop.files()
    damage(shop.root.landing / FILE)

    run = shop.run()

    assert not run.success
    assert list(run.failures) == ["staged/orders"]
    for words in says:
        assert words in run.only_failure()
    assert shop.files() == before


def test_a_missing_column_is_named_with_the_closest(shop: Lake) -> None:
    tables = {path: shop.files()[path] for path in shop.files() if not path.startswith("staged")}
    shop.drop(FILE, "Order Nr,Customer,Amount\n1,Ann,2\n")

    run = shop.run()

    assert list(run.failures) == ["bronze/shop/orders"]
    assert "'Order No' is missing from shop/orders.csv" in run.only_failure()
    assert "'Order Nr', 'Customer', 'Amount'" in run.only_failure()
    assert "closest is 'Order Nr'" in run.only_failure()
    now = shop.files()
    assert {path: now[path] for path in tables} == tables


def test_an_extra_column_is_kept_as_text_and_reported(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customer,Amount, Note \n1,Ann,2,007\n")

    run = shop.run()

    assert run.success
    assert shop.staged("orders")[" Note "].to_list() == ["007"]
    assert shop.table("bronze/shop/orders")["Note"].to_list() == ["007"]
    assert run.metadata["bronze/shop/orders"]["extra_columns"] == ["Note"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("9,Zed", "has 2 cells where the header has 3"),
        ("9,Zed,1,2", "has 4 cells where the header has 3"),
        ('9,"Zed,1', "is not CSV"),
        ('9,"Zed"x,1', "is not CSV"),
    ],
)
def test_a_malformed_record_goes_to_quarantine_with_its_text(
    shop: Lake, bad: str, reason: str
) -> None:
    shop.drop(FILE, f"Order No,Customer,Amount\n1,Ann,2\n{bad}\n2,Bob,3\n")

    run = shop.run()

    assert run.success
    assert shop.table("silver/shop/order")["order_id"].to_list() == ["1", "2"]
    [record] = shop.quarantine("staged")
    assert json.loads(record["original"]) == {"raw": f"{bad}\n"}
    assert record["source_row"] == 2
    assert record["broken"][0]["rule"] == "staged/orders:record_shape"
    assert reason in record["broken"][0]["message"]
    facts = run.metadata["staged/orders"]
    assert (facts["records"], facts["dagster/row_count"], facts["malformed"]) == (3, 2, 1)


def test_a_header_is_never_taken_for_a_pattern(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customer,Amount,*,^O.*$,\n1,Ann,2,a,b,c\n2,Bob,x,d,e,f\n")

    run = shop.run()

    assert run.success, run.failures
    assert shop.staged("orders").select("*").row(0)[3:6] == ("a", "b", "c")
    bronze = shop.table("bronze/shop/orders")
    assert bronze.columns[3:6] == ["*", "^O.*$", ""]
    assert bronze.row(0)[3:6] == ("a", "b", "c")
    [record] = shop.quarantine("bronze")
    assert list(json.loads(record["original"]).values()) == ["2", "Bob", "x", "d", "e", "f"]


def test_blank_lines_are_counted_not_lost(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customer,Amount\n1,Ann,2\n\n2,Bob,3\n\n")

    run = shop.run()

    assert shop.manifests("orders")[-1]["blank"] == [[2, 2], [4, 4]]
    assert run.metadata["staged/orders"]["records"] == 4
    assert shop.staged("orders")["_source_row"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ('"1,250"', "bronze/shop/orders:cast.amount"),
        ("12.50", "bronze/shop/orders:cast.amount"),
        ("1e3", "bronze/shop/orders:cast.amount"),
        ("nan", "bronze/shop/orders:cast.amount"),
        ("1e999", "bronze/shop/orders:cast.amount"),
        ("99999999999999999999", "bronze/shop/orders:cast.amount"),
    ],
)
def test_a_value_that_does_not_cast_is_quarantined_with_its_text(
    shop: Lake, cell: str, rule: str
) -> None:
    shop.drop(FILE, f"Order No,Customer,Amount\n1,Ann,2\n2, Bob,{cell}\n")

    run = shop.run()

    assert run.success
    assert shop.table("bronze/shop/orders").height == 1
    assert run.metadata["bronze/shop/orders"]["rejected"] == 1
    [record] = shop.quarantine("bronze")
    text = cell.strip('"')
    assert json.loads(record["original"]) == {"Order No": "2", "Customer": " Bob", "Amount": text}
    assert [broken["rule"] for broken in record["broken"]] == [rule]
    assert f"'{text}' in column amount does not read as Int64" in record["broken"][0]["message"]
    assert (record["source_file"], record["source_row"]) == (FILE, 2)


def test_a_nul_character_stays_in_staged_and_its_row_goes_to_quarantine(shop: Lake) -> None:
    shop.drop(FILE, b"Order No,Customer,Amount\n1,A\x00n,2\n2,Bob,3\n")

    assert shop.run().success

    assert shop.staged("orders")["Customer"].to_list() == ["A\x00n", "Bob"]
    assert shop.table("bronze/shop/orders")["order_id"].to_list() == ["2"]
    [record] = shop.quarantine("bronze")
    assert json.loads(record["original"])["Customer"] == "A\x00n"
    assert "holds a NUL character" in record["broken"][0]["message"]


def test_two_snapshots_at_once_are_an_error_that_names_both(shop: Lake) -> None:
    before = shop.files()
    shop.drop("shop/orders-2.csv", f"{ORDERS}004,Dan,4\n")
    shop.drop("shop/orders-3.csv", f"{ORDERS}005,Eve,5\n")

    run = shop.run()

    assert "shop/orders-2.csv and shop/orders-3.csv came at once" in run.only_failure()
    assert shop.files() == before


def test_headers_that_differ_by_padding_alone_are_refused(shop: Lake) -> None:
    shop.drop(FILE, "Order No,Customer,Amount,Amount \n1,Ann,2,3\n")

    run = shop.run()

    assert "'Amount' and 'Amount '" in run.only_failure()
    assert shop.table("silver/shop/order").height == 3


def test_a_declared_encoding_and_a_rename_mend_what_was_refused(domains: Domains) -> None:
    declared = f"from jobforge_dagster.medallion.formats import Csv\n{SHOP}".replace(
        "origin=ORIGIN)",
        'origin=ORIGIN, format=Csv(encoding="cp1252"), renames={"_layer": "layer"})',
    )
    lake = domains(shop=declared)
    lake.drop(FILE, "Order No,Customer,Amount,_layer\n1,Zoé,2,top\n".encode("cp1252"))

    assert lake.run().success

    assert lake.table("bronze/shop/orders").select("customer", "layer").row(0) == ("Zoé", "top")
    assert lake.manifests("orders")[0]["encoding"] == "cp1252"
