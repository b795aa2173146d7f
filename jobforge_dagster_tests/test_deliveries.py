"""Deliveries: known by content, kept for ever, and combined as the source says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge_dagster.medallion.storage import compacted
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import ORDERS, SHOP

HEAD = "Order No,Customer,Amount\n"
FIRST, SECOND = f"{HEAD}1,Ann,10\n2,Bob,20\n", f"{HEAD}2,Bob,25\n3,Cy,30\n"


def combined(how: str) -> str:
    return SHOP.replace("origin=ORIGIN)", f"origin=ORIGIN, combine={how!r})")


def history(lake: Lake) -> list[dict[str, Any]]:
    log = lake.root.staged / "orders" / "_arrivals.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


def orders(lake: Lake) -> list[tuple[Any, ...]]:
    table = lake.table("bronze/shop/orders").select("order_id", "customer", "amount", "_source_row")
    return sorted(table.rows())


def test_the_same_content_under_another_name_is_the_same_batch(shop: Lake) -> None:
    before = shop.files()
    shop.drop("shop/orders again.csv", ORDERS)

    run = shop.run()

    assert set(run.states().values()) == {"unchanged"}
    log = "staged/orders/_arrivals.jsonl"
    now = shop.files()
    assert {path: now[path] for path in now if path != log} == {
        path: before[path] for path in before if path != log
    }
    first, again = history(shop)
    assert (again["batch_id"], again["file"]) == (first["batch_id"], "shop/orders again.csv")
    assert not again["counts"]
    shop.run()
    assert len(history(shop)) == 2


def test_of_snapshots_the_newest_stands_and_the_older_are_kept(shop: Lake) -> None:
    shop.drop("shop/orders-2.csv", SECOND)

    assert shop.run().success

    assert [row[0] for row in orders(shop)] == ["2", "3"]
    assert len(shop.manifests("orders")) == 2
    assert set(shop.run().states().values()) == {"unchanged"}


def test_a_renamed_snapshot_stands_where_the_one_in_force_has_left(shop: Lake) -> None:
    shop.drop("shop/orders-2.csv", SECOND)
    shop.run()
    for name in ("orders.csv", "orders-2.csv"):
        (shop.root.landing / "shop" / name).unlink()
    shop.drop("shop/orders-3.csv", ORDERS)

    assert shop.run().success

    assert [row[0] for row in orders(shop)] == ["001", "002", "003"]
    assert len(shop.manifests("orders")) == 2


def test_an_appending_source_has_the_records_of_all_its_deliveries(domains: Domains) -> None:
    lake = domains(shop=combined("append"))
    lake.drop("shop/orders-1.csv", FIRST)
    lake.drop("shop/orders-2.csv", SECOND)

    run = lake.run()

    assert orders(lake) == [
        ("1", "Ann", 10, 1),
        ("2", "Bob", 20, 2),
        ("2", "Bob", 25, 1),
        ("3", "Cy", 30, 2),
    ]
    facts = run.metadata["staged/orders"]
    assert (facts["deliveries"], facts["new_deliveries"], facts["dagster/row_count"]) == (2, 2, 4)
    lake.drop("shop/orders-3.csv", f"{HEAD}4,Dan,40\n")
    run = lake.run()
    assert run.metadata["staged/orders"]["new_deliveries"] == 1
    assert len(orders(lake)) == 5


def test_an_appended_delivery_may_have_other_columns(domains: Domains) -> None:
    lake = domains(shop=combined("append"))
    lake.drop("shop/orders-1.csv", FIRST)
    lake.drop("shop/orders-2.csv", "Note,Amount,Order No,Customer\nlate,30,3,Cy\n")

    run = lake.run()

    table = lake.table("bronze/shop/orders").sort("order_id")
    assert table["Note"].to_list() == [None, None, "late"]
    assert table["amount"].to_list() == [10, 20, 30]
    assert run.metadata["bronze/shop/orders"]["extra_columns"] == ["Note"]


def test_a_bad_file_does_not_keep_the_other_deliveries_from_being_staged(domains: Domains) -> None:
    lake = domains(shop=combined("append"))
    lake.drop("shop/orders-1.csv", FIRST)
    lake.drop("shop/orders-2.csv", b"\x89PNG\r\n\x1a\n")

    run = lake.run()

    assert "shop/orders-2.csv is not CSV" in run.only_failure()
    assert [manifest["file"] for manifest in lake.manifests("orders")] == ["shop/orders-1.csv"]
    lake.drop("shop/orders-2.csv", SECOND)
    assert lake.run().success
    assert len(orders(lake)) == 4


def test_of_each_key_the_newest_record_is_upserted(domains: Domains) -> None:
    lake = domains(shop=combined("upsert"))
    lake.drop("shop/orders-1.csv", FIRST)
    assert lake.run().success
    lake.drop("shop/orders-2.csv", SECOND)

    run = lake.run()

    assert orders(lake) == [("1", "Ann", 10, 1), ("2", "Bob", 25, 1), ("3", "Cy", 30, 2)]
    assert run.metadata["bronze/shop/orders"]["equation"].startswith("3 = 3 accepted")
    assert not lake.quarantine()


def test_within_a_delivery_the_last_record_of_a_key_is_the_newest(domains: Domains) -> None:
    lake = domains(shop=combined("upsert"))
    lake.drop("shop/orders.csv", f"{HEAD}1,Ann,10\n1,Ann,11\n")

    assert lake.run().success

    assert orders(lake) == [("1", "Ann", 11, 2)]


def test_keys_are_compared_by_their_values_and_those_without_one_stay_apart(
    domains: Domains,
) -> None:
    number = combined("upsert").replace("order_id = dy.String(", "order_id = dy.Int64(")
    lake = domains(shop=number)
    lake.drop("shop/orders-1.csv", f"{HEAD}1,Ann,10\n2,Bob,20\n,Nil,1\n,Nul,2\n")
    assert lake.run().success
    lake.drop("shop/orders-2.csv", f"{HEAD} 1,Ann,11\n02,Bob,21\nx,Xi,1\n")

    assert lake.run().success

    assert lake.table("silver/shop/order").select("order_id", "amount").rows() == [(1, 11), (2, 21)]
    refused = {json.loads(row["original"])["Customer"] for row in lake.quarantine()}
    assert refused == {"Nil", "Nul", "Xi"}


def test_many_deliveries_of_two_shapes_are_read_through_the_cache(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacted, "LOOSE", 1)
    lake = domains(shop=combined("append"))
    for place in range(3):
        lake.drop(f"shop/orders-{place}.csv", f"{HEAD}{place},Ann,{place}\n")
        lake.drop(f"shop/orders-n{place}.csv", f"Note,{HEAD}n,n{place},Ann,{place}\n")

    assert lake.run().success

    assert [row[0] for row in orders(lake)] == ["0", "1", "2", "n0", "n1", "n2"]


def test_a_declaration_that_is_taken_back_reads_as_before(domains: Domains) -> None:
    other = combined("append").replace(
        "origin=ORIGIN,", 'origin=ORIGIN, renames={"Amount": "Amount "},'
    )
    lake = domains(shop=combined("append"))
    lake.drop("shop/orders.csv", FIRST)
    assert lake.run().success
    first = lake.manifests("orders")[0]["batch_id"]
    for declared, back in ((other, False), (combined("append"), True)):
        domains(shop=declared)
        assert lake.run().success
        batches = lake.table("bronze/shop/orders")["_batch_id"].unique().to_list()
        assert (batches == [first]) == back


def test_what_cannot_be_read_anew_because_it_left_is_told(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    path = lake.drop("shop/orders.csv", FIRST)
    assert lake.run().metadata["staged/orders"]["read_formerly"] == 0
    path.unlink()
    read = SHOP.replace("origin=ORIGIN)", 'origin=ORIGIN, format=Csv(encoding="cp1252"))')
    domains(shop=f"from jobforge_dagster.medallion.formats import Csv\n{read}")

    run = lake.run()

    assert run.success
    assert run.metadata["staged/orders"]["read_formerly"] == 1


def test_what_stands_and_cannot_be_read_for_a_moment_still_stands(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop("shop/orders-1.csv", FIRST)
    assert lake.run().success
    second = lake.drop("shop/orders-2.csv", SECOND)
    assert lake.run().success
    second.write_text("")
    (lake.root.landing / "shop/orders-1.csv").rename(lake.root.landing / "shop/orders-old.csv")
    assert not lake.run().success
    second.write_text(SECOND)

    assert lake.run().success

    assert [row[0] for row in orders(lake)] == ["2", "3"]


def test_a_delivery_that_came_by_mistake_is_withdrawn_and_counts_if_it_comes_anew(
    domains: Domains,
) -> None:
    lake = domains(shop=combined("append"))
    lake.drop("shop/orders-1.csv", FIRST)
    bad = lake.drop("shop/orders-2.csv", "Order No,Customer\n9,Eve\n")
    failed = lake.run()
    assert "jobforge sources withdraw" in failed.only_failure()
    [batch] = [each["batch_id"] for each in lake.manifests("orders") if each["rows"] == 1]
    withdrawing = ("sources", "withdraw", "orders", batch[:8], "--by", "team:shop", "--why", "no")

    done = lake.command(*withdrawing)

    assert done.exit_code == 0, done.output
    assert lake.run().success
    assert [row[0] for row in orders(lake)] == ["1", "2"]
    assert history(lake)[-1]["withdrawn"] == "team:shop: no"
    bad.rename(bad.with_name("orders-3.csv"))
    assert "is missing from shop/orders-2.csv" in lake.run().only_failure()
    told = json.loads(lake.command(*withdrawing, "--json").stdout)
    assert (told["source"], told["batch_id"]) == ("orders", batch)
    bad.write_text(SECOND)
    assert lake.run().success
    assert len(orders(lake)) == 4
    again = lake.command(*withdrawing)
    assert (again.exit_code, "stands for 0 of the 2" in again.output) == (1, True)


STAGE = """
import sys
from pathlib import Path
sys.path.insert(0, {packages!r})
from jobforge_dagster_tests.conftest import Lake
assert Lake(Path({path!r}), packages={names!r}).run("staged/orders").success
"""


def test_two_processes_that_stage_at_once_agree(domains: Domains) -> None:
    lake = domains(shop=combined("append"))
    for place in range(20):
        lake.drop(f"shop/orders-{place:02}.csv", f"{HEAD}{place},Ann,{place}\n")
    script = STAGE.format(
        packages=str(lake.path.parent / "packages"), path=str(lake.path), names=lake.packages
    )
    both = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]

    assert [process.wait() for process in both] == [0, 0]

    assert len(history(lake)) == len(lake.manifests("orders")) == 20
    assert len(list(lake.root.staged.glob("orders/*/*.parquet"))) == 20


ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), min_size=1, max_size=5)


@pytest.mark.parametrize("loose", [compacted.LOOSE, 1])
@settings(max_examples=5)
@given(deliveries=st.lists(ROWS, min_size=1, max_size=4))
def test_combining_is_what_a_dictionary_does(
    domains: Domains,
    monkeypatch: pytest.MonkeyPatch,
    loose: int,
    deliveries: list[list[tuple[int, int]]],
) -> None:
    monkeypatch.setattr(compacted, "LOOSE", loose)
    for how in ("append", "upsert", "snapshot"):
        lake = domains(shop=combined(how))
        lake = Lake(lake.path.parent / f"{how}-{os.urandom(4).hex()}", packages=lake.packages)
        contents: list[list[tuple[int, int]]] = []
        for place, rows in enumerate(deliveries):
            text = HEAD + "".join(f"{key},c,{amount}\n" for key, amount in rows)
            lake.drop("shop/orders.csv", text)
            os.utime(lake.root.landing / "shop" / "orders.csv", (place + 1, place + 1))
            assert lake.run("staged/orders", "bronze/shop/orders").success
            contents = [each for each in contents if each != rows] + [rows]
        found = lake.table("bronze/shop/orders").select("order_id", "amount").rows()
        wanted = {
            "append": [row for rows in contents for row in rows],
            "upsert": list(dict(row for rows in contents for row in rows).items()),
            "snapshot": contents[-1],
        }[how]
        assert sorted(found) == sorted((str(key), amount) for key, amount in wanted)


def test_a_declaration_that_is_mended_replaces_what_was_staged_otherwise(domains: Domains) -> None:
    lake = domains(shop=combined("append"))
    lake.drop("shop/orders-1.csv", FIRST.replace("Ann", "Zoé").encode("cp1252"))
    lake.drop("shop/orders-2.csv", SECOND)
    assert "is not utf-8" in lake.run().only_failure()

    mended = combined("append").replace(
        "origin=ORIGIN,", 'origin=ORIGIN, format=Csv(encoding="cp1252"),'
    )
    domains(shop=f"from jobforge_dagster.medallion.formats import Csv\n{mended}")

    assert lake.run().success
    assert [row[1] for row in orders(lake)] == ["Zoé", "Bob", "Bob", "Cy"]


def test_records_are_in_the_order_of_their_deliveries_through_the_cache_too(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacted, "LOOSE", 1)
    lake = domains(shop=combined("append"))
    for key in ("1", "2", "3", "1"):
        lake.drop("shop/orders.csv", f"{HEAD}{key},Ann,{key}\n")
        assert lake.run().success

    assert lake.table("bronze/shop/orders")["order_id"].to_list() == ["2", "3", "1"]


def test_a_damaged_or_stale_cache_is_made_again(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacted, "LOOSE", 1)
    lake = domains(shop=combined("append"))
    for place in range(3):
        lake.drop(f"shop/orders-{place}.csv", f"{HEAD}{place},Ann,{place}\n")
    assert lake.run().success
    [cached] = lake.root.cache.glob("deliveries/orders/*/*.parquet")
    cached.write_bytes(b"PAR1 no more")
    lake.drop("shop/orders-3.csv", f"{HEAD}3,Ann,3\n")

    assert lake.run().success

    assert [row[0] for row in orders(lake)] == ["0", "1", "2", "3"]


def test_a_mended_declaration_reads_a_snapshot_and_its_forerunner_again(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    for name, content in (("z", FIRST), ("a", SECOND)):
        lake.drop(f"shop/orders-{name}.csv", content)
        assert lake.run().success
    before = orders(lake)
    read = SHOP.replace("origin=ORIGIN)", 'origin=ORIGIN, format=Csv(encoding="cp1252"))')
    domains(shop=f"from jobforge_dagster.medallion.formats import Csv\n{read}")

    assert lake.run().success

    assert orders(lake) == before
    assert len(lake.manifests("orders")) == 4


def test_what_is_read_otherwise_keeps_its_place_among_the_deliveries(domains: Domains) -> None:
    lake = domains(shop=combined("upsert"))
    for name, content in (("z", FIRST), ("a", SECOND)):
        lake.drop(f"shop/orders-{name}.csv", content)
        assert lake.run().success
    before = orders(lake)
    read = combined("upsert").replace(
        "origin=ORIGIN,", 'origin=ORIGIN, format=Csv(encoding="cp1252"),'
    )
    domains(shop=f"from jobforge_dagster.medallion.formats import Csv\n{read}")

    assert lake.run().success

    assert orders(lake) == before


def test_a_manifest_tells_all_that_is_known_of_a_delivery(shop: Lake) -> None:
    [manifest] = shop.manifests("orders")

    known = {name: manifest[name] for name in ("source", "file", "format", "encoding", "rows")}
    assert known == {
        "source": "orders",
        "file": "shop/orders.csv",
        "format": "csv",
        "encoding": "utf-8",
        "rows": 3,
    }
    assert manifest["size"] == len(ORDERS)
    assert manifest["facts"]["delimiter"] == ","
    assert manifest["facts"]["encoding_told_by"] == "content"
    assert (manifest["publisher"], manifest["licence"]) == ("A shop", "CC0-1.0")
    staged = pl.read_parquet(shop.path / manifest["staged_file"])
    assert staged["_batch_id"].unique().to_list() == [manifest["batch_id"]]
    assert staged["_source_file"].unique().to_list() == ["shop/orders.csv"]


def test_a_damaged_manifest_is_told_and_nothing_is_made_of_it(shop: Lake) -> None:
    [path] = shop.root.manifests.glob("*.json")
    path.write_text(path.read_text().replace('"rows": 3', '"rows": "many"'))
    before = shop.files()

    run = shop.run()

    assert f"staged/_manifests/{path.name} is damaged: rows" in run.failures["staged/orders"]
    assert shop.files() == before


def test_a_lost_staged_file_is_told_and_nothing_is_made_of_it(shop: Lake) -> None:
    [manifest] = shop.manifests("orders")
    (shop.path / manifest["staged_file"]).unlink()

    run = shop.run()

    assert f"names {manifest['staged_file']}, which is gone" in run.only_failure()


def test_a_source_that_left_is_mentioned(shop: Lake) -> None:
    (shop.root.landing / "shop" / "orders.csv").unlink()

    run = shop.run()

    assert run.success
    assert run.metadata["staged/orders"]["in_landing_folder"] is False


def test_a_glob_may_go_through_folders(domains: Domains) -> None:
    deep = combined("append").replace("shop/orders*.csv", "shop/**/orders*.csv")
    lake = domains(shop=deep)
    lake.drop("shop/orders.csv", FIRST)
    lake.drop("shop/2025/q1/orders.csv", SECOND)
    lake.drop("shop/2025/q1/others.csv", "not,ours\n1,2\n")

    assert lake.run().success

    assert sorted(manifest["file"] for manifest in lake.manifests("orders")) == [
        "shop/2025/q1/orders.csv",
        "shop/orders.csv",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "a b.csv",
        "a[1].csv",
        "b[.csv",
        "it's.csv",
        'say "hi".csv',
        "a..b.csv",
        "é😀.csv",
        "year=2024.csv",
        f"{'n' * 240}.csv",
    ],
)
def test_a_strange_name_is_only_a_name(domains: Domains, name: str) -> None:
    lake = domains(shop=SHOP.replace("shop/orders*.csv", "shop/*.csv"))
    lake.drop(f"shop/{name}", FIRST)

    assert lake.run().success

    assert lake.table("gold/dim_customer").height == 2
    assert lake.manifests("orders")[0]["file"] == f"shop/{name}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (b"new\nline.csv", "'shop/new\\nline.csv' has a name that is not UTF-8"),
        (b"latin-\xe9.csv", "'shop/latin-\\udce9.csv' has a name that is not UTF-8"),
        (b"a|b.csv", "shop/a|b.csv has '|' in its name"),
    ],
)
def test_a_name_that_cannot_be_told_is_refused(domains: Domains, name: bytes, says: str) -> None:
    lake = domains(shop=SHOP.replace("shop/orders*.csv", "shop/*.csv"))
    folder = lake.root.landing / "shop"
    folder.mkdir(parents=True)
    (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_text(FIRST)

    run = lake.run()

    assert says in run.only_failure()
    assert not lake.files()


def test_a_folder_that_is_a_link_out_of_the_landing_folder_is_refused(
    domains: Domains, tmp_path: Path
) -> None:
    lake = domains(shop=SHOP)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "orders.csv").write_text(FIRST)
    lake.root.landing.mkdir(parents=True)
    (lake.root.landing / "shop").symlink_to(tmp_path / "elsewhere")

    run = lake.run()

    assert "shop is a link out of the landing folder" in run.only_failure()


def test_a_folder_that_cannot_be_read_is_told(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = domains(shop=SHOP)
    closed = lake.drop("shop/orders.csv", FIRST).parent
    scandir = os.scandir

    def denied(folder: str) -> Any:
        if folder == str(closed):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", denied)

    assert "shop cannot be read: Permission denied" in lake.run().only_failure()
    assert "shop cannot be read" in json.loads(lake.command("sources", "--json").output)[0]["state"]


FULL = """
import os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, {packages!r})
if not os.path.ismount({staged!r}):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
from jobforge_dagster_tests.conftest import Lake
lake = Lake(Path({path!r}), packages={names!r})
print(lake.run().failures["staged/orders"], sorted(lake.files()))
"""


def test_a_full_disk_is_told_and_leaves_nothing_half_written(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    rows = "".join(f"{place},{os.urandom(40).hex()},1\n" for place in range(100_000))
    lake.drop("shop/orders.csv", HEAD + rows)
    lake.root.staged.mkdir()
    script = FULL.format(
        packages=str(lake.path.parent / "packages"),
        path=str(lake.path),
        staged=str(lake.root.staged),
        names=lake.packages,
    )
    # Not every machine lets a test have a small disk of its own. Where it does not, a limit on the
    # size of a file fails in the same call, with an error of the same family.
    mounted = f'mount -t tmpfs -o size=1m tmpfs "{lake.root.staged}"'
    small = ["unshare", "-rm", "sh", "-c", f'{mounted} && exec "$@"', "sh"]
    able = shutil.which("unshare") and not subprocess.run([*small, "true"], check=False).returncode
    done = subprocess.run(
        [*(small if able else ()), sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "shop/orders.csv: there is no room to stage it" in done.stdout, done.stderr
    assert done.stdout.rstrip().endswith("[]")
