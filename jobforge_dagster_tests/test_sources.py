"""What people do with sources: put files in, see what is there, start a domain file."""

from __future__ import annotations

import ast
import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from jobforge_dagster.orchestration.ingest import ingest
from jobforge_dagster_tests.conftest import REAL, Domains, Lake
from jobforge_dagster_tests.shop import ORDERS, SHOP

REAL_FILES = sorted(REAL.glob("*/*.csv")) if REAL.is_dir() else []


def rows_of(lake: Lake) -> dict[str, dict[str, Any]]:
    done = lake.command("sources", "--json")
    assert done.exit_code == 0, done.output
    return {row["source"]: row for row in json.loads(done.output)}


def test_a_file_from_anywhere_is_put_into_the_landing_folder_and_staged(
    domains: Domains, tmp_path: Path
) -> None:
    lake = domains(shop=SHOP)
    file = tmp_path / "orders_2026.csv"
    file.write_text(ORDERS)

    done = lake.command("ingest", str(file))

    assert done.exit_code == 0, done.output
    assert "orders: shop/orders_2026.csv is staged as batch" in done.output
    assert "3 rows, 0 malformed" in done.output
    assert (lake.root.landing / "shop" / "orders_2026.csv").read_text() == ORDERS
    assert lake.staged("orders").height == 3
    assert lake.run().success
    assert "is the same content as batch" in lake.command("ingest", str(file)).output
    assert len(lake.manifests("orders")) == 1


def test_a_file_that_lies_there_already_is_staged_where_it_is(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    path = lake.drop("shop/orders.csv", ORDERS)

    done = lake.command("ingest", str(path), "--json")

    [outcome] = json.loads(done.stdout)
    assert outcome["batches"][0]["file"] == "shop/orders.csv"
    assert outcome["batches"][0]["new"] is True


def test_who_ingests_is_told_how_far_it_is(domains: Domains, tmp_path: Path) -> None:
    lake = domains(shop=SHOP)
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS.splitlines()[0] + "\n" + "1,Ann,2\n" * 100_000)
    told: list[tuple[str, int, int]] = []

    [outcome] = ingest(
        lake.root,
        [file],
        progress=lambda *each: told.append(each),
        packages=lake.packages,
        instance=lake.instance,
    )

    assert outcome.failure is None
    assert told[-1] == ("shop/orders.csv", 100_000, 100_000)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_file_of_another_name_is_taken_for_a_named_source(
    domains: Domains, tmp_path: Path
) -> None:
    lake = domains(shop=SHOP)
    file = tmp_path / "Export (3).csv"
    file.write_text(ORDERS)

    unclaimed = lake.command("ingest", str(file))
    done = lake.command("ingest", str(file), "--source", "orders")

    assert (unclaimed.exit_code, lake.command("ingest", "nothing.csv").exit_code) == (1, 1)
    assert "No source claims a file called 'Export (3).csv'" in unclaimed.output
    assert "jobforge sources suggest" in unclaimed.output
    assert done.exit_code == 0, done.output
    assert lake.manifests("orders")[0]["file"] == "shop/orders.csv"


def test_a_file_that_cannot_be_staged_fails_in_words(domains: Domains, tmp_path: Path) -> None:
    lake = domains(shop=SHOP)
    file = tmp_path / "orders.csv"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")

    done = lake.command("ingest", str(file))

    assert done.exit_code == 1
    assert "orders: shop/orders.csv is not CSV: it looks like a PNG image." in done.output
    assert "Traceback" not in done.output
    assert not lake.manifests("orders")


def test_nothing_is_overwritten_that_was_not_staged(domains: Domains, tmp_path: Path) -> None:
    lake = domains(shop=SHOP)
    files = [tmp_path / place / "orders-1.csv" for place in "ab"]
    for file in files:
        file.parent.mkdir()
        file.write_text(f"{ORDERS}{file.parent.name},Dan,4\n")
    lying = lake.drop("shop/orders.csv", ORDERS)
    renamed = tmp_path / "x.csv"
    renamed.write_text(ORDERS.replace("Ann", "Eve"))

    both = lake.command("ingest", *map(str, files))
    lost = lake.command("ingest", str(renamed), "--source", "orders")

    assert both.exit_code == lost.exit_code == 1
    assert "would both become source/shop/orders-1.csv" in both.output
    assert "was not staged yet" in lost.output
    assert lying.read_text() == ORDERS
    assert lake.run().success
    assert lake.command("ingest", str(renamed), "--source", "orders").exit_code == 0


def test_a_file_of_the_landing_folder_belongs_to_whom_claims_it_there(domains: Domains) -> None:
    other = SHOP.split("LENIENT = 1.0")[1].split("@SHOP")[0]
    other = other.replace('"orders", files="shop/', '"others", files="other/')
    lake = domains(shop=SHOP + other.replace("orders = SHOP", "others = SHOP"))
    path = lake.drop("shop/orders-1.csv", ORDERS)

    done = lake.command("ingest", str(path))

    assert done.exit_code == 0, done.output
    assert "orders: shop/orders-1.csv is staged" in done.output


def test_a_damaged_root_is_told_without_a_traceback(shop: Lake) -> None:
    [manifest] = shop.root.manifests.glob("*.json")
    manifest.write_text("{}")
    (shop.root.cache / "seen").mkdir(parents=True, exist_ok=True)
    (shop.root.cache / "seen" / "orders.json").write_text('{"f": 5}')

    assert "is damaged" in rows_of(shop)["orders"]["state"]
    shutil.rmtree(shop.root.landing)
    shop.root.landing.write_text("no folder")
    done = shop.command("ingest", __file__, "--source", "orders")
    assert (done.exit_code, done.exception is None or isinstance(done.exception, SystemExit)) == (
        1,
        True,
    )


def test_sources_are_listed_with_what_is_missing_due_and_stale(domains: Domains) -> None:
    hourly = SHOP.replace("origin=ORIGIN)", "origin=ORIGIN, cadence=timedelta(hours=1))")
    lake = domains(shop=f"from datetime import timedelta\n{hourly}")
    assert rows_of(lake)["orders"]["state"] == "missing: source/shop/orders*.csv"

    lake.drop("shop/orders.csv", ORDERS)
    assert rows_of(lake)["orders"]["state"] == "due: shop/orders.csv is new"
    assert lake.run().success

    assert rows_of(lake)["orders"]["state"] == "as delivered"
    [manifest] = lake.root.manifests.glob("*.json")
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "received_at": "2026-01-01T00:00:00Z"}))
    row = rows_of(lake)["orders"]
    assert row["state"] == "stale: a delivery is expected every 1:00:00"
    assert (row["files"], row["deliveries"], row["rows"], row["malformed"]) == (1, 1, 3, 0)
    assert row["fresh"] is False
    shown = lake.command("sources").output
    assert "orders" in shown
    assert "stale" in shown


def test_an_unknown_command_of_a_source_is_a_mistake_in_words(shop: Lake) -> None:
    done = shop.command("fetch", "ordres")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no source 'ordres'. Did you mean orders?" in done.stderr


@pytest.mark.skipif(not REAL_FILES, reason="the publishers' files are not here")
@pytest.mark.parametrize("file", REAL_FILES, ids=lambda file: file.name)
def test_a_suggested_domain_file_works_on_a_real_file(
    domains: Domains, shop: Lake, file: Path
) -> None:
    done = shop.command("sources", "suggest", str(file))
    assert done.exit_code == 0, done.output
    lake = domains(shop="", suggested=done.stdout)
    name = done.stdout.split("\n@")[1].split(".")[0].lower()
    (lake.root.landing / name).mkdir(parents=True)
    shutil.copy(file, lake.root.landing / name / file.name)

    run = lake.run()

    assert run.success, run.failures
    bronze = next(key for key in run.metadata if key.startswith("bronze/"))
    gold = next(key for key in run.metadata if key.startswith("gold/"))
    assert run.metadata[bronze]["rejected"] == 0
    assert run.metadata[bronze]["extra_columns"] == []
    assert lake.table(gold).height == lake.table(bronze).height > 0


def _workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("Figures")
    sheet.append(["Code", "When", "Share"])
    for place in range(3):
        sheet.append([f"0{place}", date(2024, 1, place + 1), place / 4])
    book.save(path)


def _json(path: Path) -> None:
    rows = [{"id": 1, "open": True, "tags": ["a"]}, {"id": 2, "open": None, "tags": []}]
    path.write_text(json.dumps({"result": {"items": rows}}))


def _parquet(path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2], "day": [date(2024, 1, 1), None], "_layer": ["x", "y"]})
    frame.write_parquet(path)


def _names_of_ours(path: Path) -> None:
    path.write_text('Meaning,DY,pl,,"a""b\\{x}"\n1,2,3,4,5\n2,3,4,5,6\n')


def _strange_csv(path: Path) -> None:
    path.write_text('class,2019,"a ""b""",filter,2019\u00a0\n1,N/A,x,"1,000",\n2,3,y,2,\n')


@pytest.mark.parametrize(
    ("name", "write", "options", "says"),
    [
        ("book.xlsx", _workbook, ["--sheet", "Figures"], ["dy.Date(", "format=Excel("]),
        ("figures.json", _json, ["--records", "result.items"], ["dy.Bool(", "format=Json("]),
        ("figures.parquet", _parquet, [], ["dy.Date(", "renames={'_layer': 'layer'}"]),
        ("origin.csv", _names_of_ours, [], ["meaning_ =", "dy_ =", "header=''"]),
        ('w" {x}\\.csv', _names_of_ours, [], ["meaning_ ="]),
        ("strange.csv", _strange_csv, [], ["nulls=['N/A']", 'thousands=","', "class_ ="]),
    ],
)
def test_a_suggestion_works_for_every_format(
    domains: Domains,
    shop: Lake,
    tmp_path: Path,
    name: str,
    write: Any,
    options: list[str],
    says: list[str],
) -> None:
    file = tmp_path / name
    write(file)
    if name == "strange.csv":  # headers that differ by padding alone cannot be told apart
        file.write_text(file.read_text().replace("2019\u00a0", "2020"))
    done = shop.command("sources", "suggest", str(file), *options)
    assert done.exit_code == 0, done.output
    for words in says:
        assert words in done.stdout
    lake = domains(shop="", suggested=done.stdout)
    [claimed] = re.findall(r"files=(.*),", done.stdout)
    folder = lake.root.landing / ast.literal_eval(claimed).split("/")[0]
    folder.mkdir(parents=True)
    shutil.copy(file, folder / name)

    run = lake.run()

    assert run.success, run.failures
    bronze = next(key for key in run.metadata if key.startswith("bronze/"))
    assert run.metadata[bronze]["rejected"] == 0


def test_what_cannot_be_read_is_told_in_words(shop: Lake, tmp_path: Path) -> None:
    picture = tmp_path / "picture.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")

    for file, says in (
        (picture, "picture.csv is not CSV"),
        (tmp_path / "none.csv", "is no file"),
        (tmp_path / "what.doc", "its ending tells no format"),
    ):
        done = shop.command("sources", "suggest", str(file))
        assert (done.exit_code, done.stdout) == (1, "")
        assert says in done.stderr
