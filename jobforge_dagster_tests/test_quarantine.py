"""Refused rows: what is kept of them, what becomes of them, and how they come back."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from jobforge_dagster.cli import main
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.quality.record import QuarantineRecord
from jobforge_dagster.medallion.storage import publish as publishing
from jobforge_dagster.medallion.storage import waivers
from jobforge_dagster.medallion.storage.quarantine import originals, refusing
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.replay import replay
from jobforge_dagster.orchestration.waive import waiver_for
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import SHOP

FILE = "shop/orders.csv"
BAD = "Order No,Customer,Amount\n1,Ann,5\n2,Bob,-1\n3,Cy,7\n4,Di,-2\n"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def spoilt(domains: Domains) -> Lake:
    """The shop with two orders whose amount is below the least."""
    lake = domains(shop=SHOP)
    lake.drop(FILE, BAD)
    assert lake.run().success
    return lake


def _orders(lake: Lake) -> list[str]:
    return list(lake.table("silver/shop/order")["order_id"])


def _states(lake: Lake) -> dict[str, list[str]]:
    records = [*lake.quarantine(), *lake.resolved()]
    return {
        json.loads(record["original"])["Order No"]: [event["state"] for event in record["history"]]
        for record in records
    }


def _replay(lake: Lake, *tables: str) -> dict[str, Any]:
    outcome = replay(lake.root, tables, packages=lake.packages, instance=lake.instance)
    assert not outcome.failures
    return {each.table: each for each in outcome.tables}


def _waive(
    lake: Lake, record: dict[str, Any], rule: str, until: date, by: str = "me", why: str = "so"
) -> waivers.Waiver:
    """Waive a record as the command does, today."""
    read = {**record, "row": json.loads(record["row"])}
    return waiver_for(
        lake.root, read, rule, by=by, why=why, until=until, today=TODAY, packages=lake.packages
    )


def _same_as_a_full_rebuild(lake: Lake, domains: Domains, tmp_path: Path) -> None:
    fresh = Lake(tmp_path / "fresh", lake.packages)
    fresh.drop(FILE, (lake.root.landing / FILE).read_bytes())
    if lake.root.waivers.exists():
        fresh.root.waivers.write_bytes(lake.root.waivers.read_bytes())
    assert fresh.run().success
    for key in ("silver/shop/order", "gold/dim_customer"):
        ours, theirs = (each.table(key).drop("_ingested_at") for each in (lake, fresh))
        assert ours.equals(theirs), key
    told = [{r["record_id"] for r in each.quarantine()} for each in (lake, fresh)]
    assert told[0] == told[1]


def test_a_record_is_what_its_model_says_and_leads_back_to_its_source(spoilt: Lake) -> None:
    records = spoilt.quarantine("silver")

    assert len(records) == 2
    for record in records:
        told = QuarantineRecord.model_validate(record)
        assert told.state == "open"
        assert told.broken[0].rule == "silver/shop/order:amount.min"
        assert len(told.broken[0].version) == 12
        assert told.run_id == told.judged_by == spoilt.publications("silver/shop/order")[0].run_id
        assert [event.why for event in told.history] == [
            f"breaks silver/shop/order:amount.min@{told.broken[0].version}"
        ]
    assert json.loads(records[0]["original"]) == {
        "Order No": "2",
        "Customer": "Bob",
        "Amount": "-1",
    }
    assert (records[0]["source_file"], records[0]["source_row"]) == (FILE, 2)


STRANGE = [
    "",
    " ",
    "\x00",
    'a"b',
    "a\\b",
    "a\nb",
    "é\u2028",
    "😀",
    "\x7f\x1f",
    "null",
    "N/A",
    "a,b",
]


@pytest.mark.parametrize("combine", ["append", "upsert"])
def test_an_original_is_the_same_whether_the_row_holds_it_or_it_is_read_again(
    domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, combine: str
) -> None:
    shop = SHOP.replace("origin=ORIGIN)", f'origin=ORIGIN, combine="{combine}")')
    packages = domains(shop=shop).packages
    sought: list[int] = []

    def seeking(root: DataRoot, refused: pl.DataFrame) -> pl.DataFrame:
        sought.append(refused.height)
        return originals.originals(root, refused)

    monkeypatch.setattr(refusing, "originals", seeking)
    text = io.StringIO()
    rows = [(number, each, "many") for number, each in enumerate(STRANGE)]
    csv.writer(text).writerows([("Order No", "Customer", "Amount"), *rows])
    found = []
    for lake in (Lake(tmp_path / "held", packages), Lake(tmp_path / "read", packages)):
        lake.drop("shop/orders-1.csv", text.getvalue())
        if found:  # together with rows of other columns, a row has more than was delivered of it
            lake.drop("shop/orders-2.csv", "Order No,Customer,Amount,Note\n99,Ann,1,x\n")
        assert lake.run().success
        found.append([record["original"] for record in lake.quarantine("bronze")])

    held, read = found
    assert held == read
    assert sought == [0, len(STRANGE)]
    assert [tuple(json.loads(each).values()) for each in held] == [
        (str(number), each, amount) for number, each, amount in rows
    ]


def test_a_refused_row_that_cannot_be_told_of_is_a_failure_in_words(domains: Domains) -> None:
    shop = SHOP.replace(
        "@SHOP.silver(schema=Order,",
        """class Raw(dy.Schema):
    \"\"\"One order.\"\"\"

    order_id = dy.Binary(primary_key=True, metadata=meaning("Its number."))
    amount = dy.Int64(nullable=True, min=0, metadata=meaning("Cents."))


@SHOP.silver(schema=Raw,""",
    ).replace('customer").str.strip_chars())', 'order_id").str.decode("hex"))')
    lake = domains(shop=shop.partition("class Customer(")[0])
    lake.drop(FILE, "Order No,Customer,Amount\n61,Ann,1\nff00,Bob,-1\n")

    failure = lake.run().only_failure()

    assert "silver/shop/order: computing it failed" in failure
    assert "The previous table stays." in failure


def test_a_summary_of_the_run_tells_what_was_refused(spoilt: Lake) -> None:
    [log] = spoilt.path.glob("quarantine/_error_logs/*/*.jsonl")
    [line] = [json.loads(line) for line in log.read_text().splitlines()]

    assert (line["table"], line["outcome"]) == ("silver/shop/order", "published")
    assert (line["expected"], line["accepted"], line["rejected"]) == (4, 2, 2)
    tally = line["broken"]["rejected"]["silver/shop/order:amount.min"]
    assert tally["rows"] == 2
    assert tally["examples"][0]["source_row"] == 2
    assert line["run_id"] == log.stem


def test_the_schema_of_the_records_is_in_the_catalog(spoilt: Lake) -> None:
    path = spoilt.path / "catalog/schemas/quarantine_record.schema.json"

    schema = json.loads(path.read_text())

    assert schema.pop("$schema") == "https://json-schema.org/draft/2020-12/schema"
    assert schema == QuarantineRecord.model_json_schema(mode="serialization")
    assert set(schema["required"]) == set(spoilt.quarantine()[0])


def test_a_changed_rule_has_another_version(spoilt: Lake, domains: Domains) -> None:
    before = {r["record_id"]: r for r in spoilt.quarantine("silver")}
    domains(shop=SHOP.replace("min=0", "min=1"))

    assert spoilt.run().success

    after = {r["record_id"]: r for r in spoilt.quarantine("silver")}
    assert after.keys() == before.keys()
    for record_id, record in after.items():
        old = before[record_id]
        assert record["broken"][0]["version"] != old["broken"][0]["version"]
        assert (record["run_id"], record["quarantined_at"]) == (
            old["run_id"],
            old["quarantined_at"],
        )
        assert record["judged_by"] != old["judged_by"]
        assert [event["state"] for event in record["history"]] == ["open", "open"]


def test_a_record_that_stays_keeps_when_and_by_whom_it_was_refused(
    spoilt: Lake, domains: Domains
) -> None:
    before = {record["record_id"]: record for record in spoilt.quarantine("silver")}
    domains(shop=SHOP.replace(".str.strip_chars()", ".str.strip_chars().str.to_uppercase()"))

    assert spoilt.run().success

    after = {record["record_id"]: record for record in spoilt.quarantine("silver")}
    assert after.keys() == before.keys()
    for each, record in after.items():
        assert record["judged_by"] != before[each]["judged_by"]
        for kept in ("run_id", "quarantined_at", "history"):
            assert record[kept] == before[each][kept]


def test_renaming_what_a_rule_says_is_no_new_version(spoilt: Lake, domains: Domains) -> None:
    before = spoilt.quarantine("silver")[0]["broken"][0]["version"]
    domains(shop=SHOP.replace("str.strip_chars()", "str.strip_chars(' ')"))

    spoilt.run()

    assert spoilt.quarantine("silver")[0]["broken"][0]["version"] == before


def test_rows_that_a_mended_rule_lets_in_enter_by_replay_and_downstream_follows(
    spoilt: Lake, domains: Domains, tmp_path: Path
) -> None:
    domains(shop=SHOP.replace("min=0", "min=-1"))

    told = _replay(spoilt)["silver/shop/order"]

    assert (told.before, told.replayed, told.stay) == (2, 1, 1)
    assert _orders(spoilt) == ["1", "2", "3"]
    assert spoilt.table("gold/dim_customer")["customer"].to_list() == ["Ann", "Bob", "Cy"]
    assert _states(spoilt) == {"2": ["open", "replayed"], "4": ["open", "open"]}
    [resolved] = spoilt.resolved()
    assert resolved["state"] == "replayed"
    _same_as_a_full_rebuild(spoilt, domains, tmp_path)


def test_replaying_twice_changes_nothing(spoilt: Lake, domains: Domains) -> None:
    domains(shop=SHOP.replace("min=0", "min=-1"))
    _replay(spoilt)
    before = spoilt.files()

    told = _replay(spoilt)["silver/shop/order"]

    assert (told.replayed, told.stay) == (0, 1)
    assert spoilt.files() == before


def test_a_row_is_never_in_quarantine_and_in_its_table(spoilt: Lake, domains: Domains) -> None:
    for least in ("-1", "0", "-2", "6"):
        domains(shop=SHOP.replace("min=0", f"min={least}"))
        assert spoilt.run().success
        refused = {json.loads(r["original"])["Order No"] for r in spoilt.quarantine("silver")}
        assert refused | set(_orders(spoilt)) == {"1", "2", "3", "4"}
        assert not refused & set(_orders(spoilt))


def test_a_newer_delivery_supersedes_what_was_refused(spoilt: Lake) -> None:
    spoilt.drop(FILE, BAD.replace("-1", "1").replace("-2", "2"))

    assert spoilt.run().success

    assert not spoilt.quarantine("silver")
    assert {record["state"] for record in spoilt.resolved()} == {"superseded"}
    assert _states(spoilt) == {"2": ["open", "superseded"], "4": ["open", "superseded"]}


def test_a_waived_row_enters_until_its_day_and_returns_after_it(
    spoilt: Lake, domains: Domains, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = spoilt.quarantine("silver")[0]
    waiver = _waive(
        spoilt, second, "amount.min", TODAY + timedelta(days=3), by="Zoé", why="a refund"
    )
    assert waiver.where == {"order_id": "2"}

    told = _replay(spoilt, "silver/shop/order")["silver/shop/order"]

    assert (told.waived, told.stay) == (1, 1)
    assert _orders(spoilt) == ["1", "2", "3"]
    assert _states(spoilt)["2"] == ["open", "waived"]
    _same_as_a_full_rebuild(spoilt, domains, tmp_path)
    run = spoilt.run()
    facts = run.metadata["silver/shop/order"]
    assert facts["state"] == "unchanged"
    assert facts["waived"] == 1
    [told] = facts["waivers"].values()
    assert (told["by"], told["why"]) == ("Zoé", "a refund")
    assert told["records"] == [second["record_id"]]

    later = datetime.now(UTC) + timedelta(days=4)
    monkeypatch.setattr("jobforge_dagster.orchestration.assets.now", lambda: later)
    assert spoilt.run().success
    assert _orders(spoilt) == ["1", "3"]
    assert {r["source_row"] for r in spoilt.quarantine("silver")} == {2, 4}


@pytest.mark.parametrize(
    ("dtype", "text"),
    [("Int64", "7"), ("Float64", "7.50"), ("Bool", "true"), ("Date", "2026-02-03")],
)
def test_a_waiver_tells_a_row_by_a_key_of_any_type(domains: Domains, dtype: str, text: str) -> None:
    lake = domains(shop=SHOP.replace("order_id = dy.String(", f"order_id = dy.{dtype}("))
    lake.drop(FILE, f"Order No,Customer,Amount\n{text},Ann,-1\n")
    assert lake.run().success
    [record] = lake.quarantine("silver")
    _waive(lake, record, "amount.min", TODAY)

    assert lake.run().success

    assert lake.table("silver/shop/order").height == 1


@pytest.mark.parametrize(
    ("rule", "until", "says"),
    [
        ("customer.regex", 1, "The row did not break customer.regex. It broke amount.min."),
        ("amount.min", -1, "is past"),
    ],
)
def test_a_waiver_that_cannot_hold_is_refused(
    spoilt: Lake, rule: str, until: int, says: str
) -> None:
    record = spoilt.quarantine("silver")[0]
    with pytest.raises(JobForgeError, match=says):
        _waive(spoilt, record, rule, TODAY + timedelta(days=until))
    assert not spoilt.root.waivers.exists()


def test_keys_and_missing_values_cannot_be_waived(domains: Domains) -> None:
    lake = domains(shop=SHOP)
    lake.drop(FILE, "Order No,Customer,Amount\n1,Ann,5\n2,,1\n3,Cy,7\n")
    lake.run()
    [record] = lake.quarantine("silver")
    with pytest.raises(JobForgeError, match="no rule of silver/shop/order that can be waived"):
        _waive(lake, record, "customer.nullability", TODAY)


def test_a_broken_waiver_file_fails_its_table_with_words(spoilt: Lake) -> None:
    spoilt.root.waivers.write_text("- id: a\n  rule: b\n")
    before = spoilt.table("silver/shop/order")

    run = spoilt.run()

    assert "waivers.yaml" in next(iter(run.failures.values()))
    assert spoilt.table("silver/shop/order").equals(before)


def test_comments_of_the_waiver_file_stay(spoilt: Lake) -> None:
    waivers.add(spoilt.root, _waiver("one"))
    text = spoilt.root.waivers.read_text() + "# Mind the gap.\n"
    spoilt.root.waivers.write_text(text)

    waivers.add(spoilt.root, _waiver("two"))

    assert spoilt.root.waivers.read_text().startswith(text)
    assert [each.id for each in waivers.waivers(spoilt.root)] == ["one", "two"]
    with pytest.raises(JobForgeError, match="several waivers named two"):
        waivers.add(spoilt.root, _waiver("two"))


def _waiver(name: str) -> waivers.Waiver:
    return waivers.Waiver(
        id=name,
        table="silver/shop/order",
        rule="amount.min",
        where={"order_id": "2"},
        by="me",
        why="so",
        given=TODAY,
        until=TODAY,
    )


@pytest.mark.parametrize("moment", ["before the table", "before the quarantine is settled"])
def test_a_crash_leaves_each_record_in_one_place_after_the_next_run(
    spoilt: Lake, domains: Domains, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    domains(shop=SHOP.replace("min=0", "min=-1"))

    def power_cut(*arguments: object) -> None:
        raise SystemError("power cut")

    with monkeypatch.context() as patch:
        where = "sync" if moment == "before the table" else "quarantine.settle"
        patch.setattr(f"{publishing.__name__}.{where}", power_cut)
        assert not spoilt.run().success

    assert spoilt.run().success

    assert _orders(spoilt) == ["1", "2", "3"]
    assert _states(spoilt) == {"2": ["open", "replayed"], "4": ["open", "open"]}
    assert len(spoilt.publications("silver/shop/order")) == 2
    assert len(list(spoilt.path.glob("silver/shop/_metadata/order/*.json"))) == 2
    assert not list(spoilt.path.rglob("*.tmp"))


def test_a_malformed_record_is_superseded_and_stands_again_with_its_delivery(
    domains: Domains,
) -> None:
    lake = domains(shop=SHOP)
    bad = "Order No,Customer,Amount\n1,Ann,2\n9,Zed\n2,Bob,3\n"
    lake.drop(FILE, bad)
    lake.run()
    [first] = lake.quarantine("staged")
    lake.drop(FILE, bad.replace("9,Zed", "9,Zed,1"))
    lake.run()
    assert not lake.quarantine("staged")
    assert [record["state"] for record in lake.resolved()] == ["superseded"]

    lake.drop(FILE, bad)
    lake.run()

    [again] = lake.quarantine("staged")
    assert again["record_id"] == first["record_id"]
    assert [event["state"] for event in again["history"]] == ["open", "superseded", "open"]

    for content in (bad.replace("9,Zed", "9,Zed,1"), bad):
        lake.drop(FILE, content)
        lake.run()
    [last] = lake.quarantine("staged")
    assert [event["state"] for event in last["history"]] == ["open", "superseded"] * 2 + ["open"]


def _cli(lake: Lake, *arguments: str) -> Any:
    result = CliRunner().invoke(
        main, ["quarantine", *arguments], env={"JOBFORGE_DATA_ROOT": str(lake.path)}
    )
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_command_line_lists_and_shows_for_people_and_programs(spoilt: Lake) -> None:
    listed = _cli(spoilt, "list")
    assert "silver/shop/order" in listed.output
    assert "amount.min" in listed.output
    [counted] = json.loads(_cli(spoilt, "list", "--json").output)
    assert (counted["table"], counted["rule"], counted["rows"]) == (
        "silver/shop/order",
        "amount.min",
        2,
    )
    shown = _cli(spoilt, "show", "--rule", "amount.min", "--limit", "1")
    assert "amount is -1, which breaks min 0 (order_id 2)" in shown.output
    assert '"Amount": "-1"' in shown.output
    assert "1 of 2 records" in shown.output
    records = json.loads(_cli(spoilt, "show", "--json").output)
    assert [record["source_row"] for record in records] == [2, 4]
    assert records[0]["original"]["Customer"] == "Bob"
    start = records[0]["record_id"][:6]
    assert "order_id 2" in _cli(spoilt, "show", start).output
    assert json.loads(_cli(spoilt, "list", "--run", "nothing", "--json").output) == []
    assert json.loads(_cli(spoilt, "list", "--table", "gold/x", "--json").output) == []


def test_a_waiver_is_told_to_programs(spoilt: Lake) -> None:
    record = spoilt.quarantine()[0]["record_id"]

    told = json.loads(spoilt.command("quarantine", "waive", record, *WAIVING, "--json").stdout)

    assert (told["table"], told["rule"]) == ("silver/shop/order", "amount.min")
    assert told["until"] == "2999-01-01"


def test_mistakes_on_the_command_line_end_without_a_traceback(spoilt: Lake) -> None:
    for arguments, says in [
        (["show", "nothing"], "No record's id starts with nothing"),
        (["waive", "f" * 16, *WAIVING], "stands for no open record"),
        (["waive", "", *WAIVING], "stands for several open records"),
        (["replay", "--table", "silver/no/such"], "is no bronze, silver or gold table"),
        (["list", "--state", "lost"], "'lost' is not one of"),
    ]:
        result = _cli(spoilt, *arguments)
        assert result.exit_code
        assert says in result.output
        assert "Traceback" not in result.output


WAIVING = ["--rule", "amount.min", "--by", "me", "--why", "so", "--until", "2999-01-01"]


def test_each_deduplicated_row_names_its_survivor(domains: Domains) -> None:
    text = SHOP.replace("import Domain", "import Deduplicate, Domain").replace(
        "@SHOP.silver(schema=Order, inputs=[orders], ",
        "@SHOP.silver(schema=Order, inputs=[orders], "
        'deduplicate=Deduplicate(by=("order_id",), order=("amount",)), ',
    )
    lake = domains(shop=text)
    lake.drop(FILE, "Order No,Customer,Amount\n1,Ann,9\n1,Bob,-3\n1,Cy,3\n2,Di,1\n")

    assert lake.run().success

    # Bob's row would come first, but it is refused: what is kept is the first of the good ones.
    assert lake.table("silver/shop/order")["customer"].to_list() == ["Cy", "Di"]
    fates = {record["source_row"]: record for record in lake.quarantine("silver")}
    assert {row: record["fate"] for row, record in fates.items()} == {
        1: "deduplicated",
        2: "rejected",
    }
    assert json.loads(fates[1]["survivor"]) == {
        "_source_file": FILE,
        "_source_row": 3,
        "order_id": "1",
        "amount": 3,
    }


def test_a_row_whose_own_parent_is_refused_is_refused_too(domains: Domains) -> None:
    text = SHOP.replace(
        "@SHOP.silver(schema=Order, inputs=[orders], ",
        '@SHOP.silver(schema=Order, inputs=[orders], foreign_keys=[references("customer", None)], ',
    )
    lake = domains(shop=text)
    lake.drop(FILE, "Order No,Customer,Amount\na,a,1\nb,a,1\nc,b,-1\nd,c,1\ne,d,1\nf,e,1\n")

    assert lake.run("staged/orders", "bronze/shop/orders", "silver/shop/order").success

    assert _orders(lake) == ["a", "b"]
    broken = {
        record["source_row"]: record["broken"][0]["message"] for record in lake.quarantine("silver")
    }
    assert broken[4] == "customer c is not in silver/shop/order"
    assert set(broken) == {3, 4, 5, 6}


def test_the_originals_of_a_gold_row_are_those_of_its_source(domains: Domains) -> None:
    text = SHOP.replace(
        'amount = dy.Int64(metadata=meaning("Cents, in all."))',
        'amount = dy.Int64(max=9, metadata=meaning("Cents, in all."))',
    ).replace('grain=Groups(["customer"])', 'grain=Groups(["customer"]), max_rejected=1')
    lake = domains(shop=text)
    lake.drop(FILE, "Order No,Customer,Amount\n1, Ann,5\n2,Bob,11\n3,Cy,5\n4,Cy,6\n")

    assert lake.run().success

    records = {json.loads(r["row"])["customer"]: r for r in lake.quarantine("gold")}
    assert json.loads(records["Bob"]["original"]) == {
        "Order No": "2",
        "Customer": "Bob",
        "Amount": "11",
    }
    assert records["Cy"]["original"] is None  # two records stand behind it
    assert records["Cy"]["source_file"] == FILE


def test_quarantine_lies_in_parquet_by_layer_and_day(spoilt: Lake) -> None:
    [file] = spoilt.path.glob("quarantine/*/*/*.parquet")
    layer, day, _ = file.relative_to(spoilt.path / "quarantine").parts
    assert layer == "silver"
    assert day == str(pl.read_parquet(file, glob=False)["quarantined_at"].dt.date()[0])
