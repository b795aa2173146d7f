"""Rebuild: the tables as they stood at a moment, to the byte."""

from __future__ import annotations

import copy
import io
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.rebuild import rebuild
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import SHOP

HEAD = "Order No,Customer,Amount\n"
TABLES = ["bronze/shop/orders", "silver/shop/order", "gold/dim_customer"]
CONTENTS = [
    f"{HEAD}1,Ann,10\n2,Bob,-1\n",
    f"{HEAD}1,Ann,10\n2,Bob,2\n3,Cy,-3\n",
    f"{HEAD}1,Ann,10\n4,Dan,4\n5,Eve,-5\n",
]


class Story:
    """A shop with three deliveries: the bytes of its tables after each, and when that was."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.tables: list[dict[str, bytes]] = []
        self.moments: list[datetime] = []
        self.refused: list[set[str]] = []
        for content in CONTENTS:
            lake.drop("shop/orders.csv", content)
            assert lake.run().success
            self.tables.append(self.bytes(lake.root))
            self.moments.append(datetime.now(UTC))
            self.refused.append({row["record_id"] for row in lake.quarantine()})
            time.sleep(0.01)

    @staticmethod
    def bytes(root: DataRoot) -> dict[str, bytes]:
        return {key: root.table(key).read_bytes() for key in TABLES}

    def rebuild(self, as_of: str, into: Path | None = None) -> Any:
        lake = self.lake
        return rebuild(lake.root, as_of, into, packages=lake.packages, instance=lake.instance)


_told: dict[str, tuple[Path, Story]] = {}


@pytest.fixture(params=["snapshot", "append", "upsert"])
def story(
    domains: Domains, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    """A story of one's own; each is told only once, and copied."""
    declared = SHOP.replace("origin=ORIGIN)", f"origin=ORIGIN, combine={request.param!r})")
    if request.param == "append":
        declared = declared.replace("inputs=[orders],", "inputs=[orders], deduplicate=FIRST,")
        declared = f"""
from jobforge_dagster.medallion.declare import Deduplicate
FIRST = Deduplicate(by=("order_id",), order=("amount",))
{declared}"""
    lake = domains(shop=declared)
    if request.param not in _told:
        story = Story(lake)
        _told[request.param] = (tmp_path_factory.mktemp("story"), story)
        shutil.copytree(lake.path, _told[request.param][0] / "data")
        return story
    folder, told = _told[request.param]
    shutil.copytree(folder / "data", lake.path)
    story = copy.copy(told)
    story.lake = lake
    return story


@pytest.mark.parametrize("then", [0, 1, 2])
def test_another_root_gets_the_bytes_of_then(story: Story, then: int, tmp_path: Path) -> None:
    before = story.lake.files()

    rebuilt = story.rebuild(story.moments[then].isoformat(), tmp_path / "then")

    assert not rebuilt.failures
    assert sorted(rebuilt.as_recorded) == sorted(TABLES)
    assert Story.bytes(DataRoot(tmp_path / "then")) == story.tables[then]
    assert story.lake.files() == before


def test_a_batch_stands_for_the_moment_of_its_arrival(story: Story, tmp_path: Path) -> None:
    second = story.lake.manifests("orders")[1]["batch_id"]

    rebuilt = story.rebuild(second[:8], tmp_path / "then")

    assert sorted(rebuilt.as_recorded) == sorted(TABLES)
    assert Story.bytes(DataRoot(tmp_path / "then")) == story.tables[1]


@pytest.mark.parametrize("then", [0, 1])
def test_in_place_the_tables_are_set_back_and_the_next_run_brings_them_forward(
    story: Story, then: int
) -> None:
    lake = story.lake
    published = {key: lake.publications(key) for key in TABLES}
    records = sorted(lake.path.glob("*/**/_metadata/**/*.json"))
    refused = {row["record_id"] for row in [*lake.quarantine(), *lake.resolved()]}

    rebuilt = story.rebuild(story.moments[then].isoformat())

    assert not rebuilt.failures
    assert Story.bytes(lake.root) == story.tables[then]
    assert {row["record_id"] for row in lake.quarantine()} == story.refused[then]
    assert {row["state"] for row in lake.quarantine()} == {"open"}
    assert {row["record_id"] for row in [*lake.quarantine(), *lake.resolved()]} == refused
    assert lake.run().success
    assert {key: lake.table(key).drop("_ingested_at").rows() for key in TABLES} == _rows(story)
    assert set(records) < set(lake.path.glob("*/**/_metadata/**/*.json"))
    for key in TABLES:
        history = lake.publications(key)
        assert history[:-1] == published[key][: then + 1]
    assert {row["record_id"] for row in lake.quarantine()} == story.refused[2]
    assert {row["record_id"] for row in [*lake.quarantine(), *lake.resolved()]} == refused
    assert set(lake.run().states().values()) == {"unchanged"}


def _rows(story: Story) -> dict[str, list[tuple[Any, ...]]]:
    return {
        key: pl.read_parquet(io.BytesIO(content)).drop("_ingested_at").rows()
        for key, content in story.tables[2].items()
    }


def test_another_code_makes_the_tables_anew(story: Story, domains: Domains, tmp_path: Path) -> None:
    module = next((story.lake.path.parent / "packages").glob("*/shop.py"))
    domains(shop=module.read_text().replace("str.strip_chars()", "str.to_uppercase()"))

    rebuilt = story.rebuild(story.moments[0].isoformat(), tmp_path / "then")

    assert rebuilt.as_recorded == ("bronze/shop/orders",)
    assert set(rebuilt.anew) == {"silver/shop/order", "gold/dim_customer"}
    assert Lake(tmp_path / "then").table("silver/shop/order")["customer"].to_list() == ["ANN"]


def test_what_was_made_later_of_the_same_deliveries_is_not_taken_for_what_was_then(
    story: Story, domains: Domains, tmp_path: Path
) -> None:
    module = next((story.lake.path.parent / "packages").glob("*/shop.py"))
    then = story.moments[2].isoformat()
    domains(shop=module.read_text().replace("str.strip_chars()", "str.to_uppercase()"))
    assert story.lake.run().success

    rebuilt = story.rebuild(then, tmp_path / "then")

    assert rebuilt.as_recorded == ("bronze/shop/orders",)
    assert set(rebuilt.anew) == {"silver/shop/order", "gold/dim_customer"}


def test_a_lost_table_does_not_cost_the_records_of_its_publications(story: Story) -> None:
    lake = story.lake
    for key in TABLES:
        lake.root.table(key).unlink()
    records = set(lake.path.glob("*/**/_metadata/**/*.json"))

    assert not story.rebuild(story.moments[0].isoformat()).failures
    assert lake.run().success

    assert records < set(lake.path.glob("*/**/_metadata/**/*.json"))
    rebuilt = story.rebuild(story.moments[1].isoformat())
    assert sorted(rebuilt.as_recorded) == sorted(TABLES)


def test_malformed_records_and_waivers_are_taken_along(shop: Lake, tmp_path: Path) -> None:
    shop.drop("shop/orders.csv", f"{HEAD}1,Ann,10\n2,Bob\n")
    assert shop.run().success
    shop.root.waivers.write_text("# ours\n")
    now = datetime.now(UTC).isoformat()

    rebuilt = rebuild(shop.root, now, tmp_path / "then", packages=shop.packages)

    there = Lake(tmp_path / "then", packages=shop.packages)
    assert not rebuilt.failures
    assert [row["record_id"] for row in there.quarantine()] == [
        row["record_id"] for row in shop.quarantine()
    ]
    with there.root.waivers.open("a") as file:
        file.write("# theirs\n")
    assert shop.root.waivers.read_text() == "# ours\n"


def test_an_altered_staged_file_is_found(story: Story, tmp_path: Path) -> None:
    first = story.lake.path / story.lake.manifests("orders")[0]["staged_file"]
    altered = pl.read_parquet(first).with_columns(Customer=pl.lit("Eve"))
    altered.write_parquet(first)

    rebuilt = story.rebuild(story.moments[0].isoformat(), tmp_path / "then")

    assert "is not what was published" in rebuilt.failures["bronze/shop/orders"]


@pytest.mark.parametrize(
    ("as_of", "says"),
    [
        ("yesterday", "'yesterday' is no time (such as 2026-03-01T12:00) and no batch"),
        ("2001-01-01", "Nothing had arrived by 2001-01-01 00:00:00 UTC"),
        ("", "'' is no time"),
        ("9999-12-31T23:59:59-05:00", "is no time"),
    ],
)
def test_a_moment_that_is_none_is_told(shop: Lake, tmp_path: Path, as_of: str, says: str) -> None:
    with pytest.raises(JobForgeError) as raised:
        rebuild(shop.root, as_of, tmp_path / "then", packages=shop.packages)
    assert says in str(raised.value)


def test_the_command_says_what_was_made(shop: Lake, tmp_path: Path) -> None:
    now = datetime.now(UTC).isoformat()
    into = str(tmp_path / "then")

    done = shop.command("rebuild", "--as-of", now, "--into", into)

    assert done.exit_code == 0, done.output
    assert "3 tables are what was published then" in done.output
    again = shop.command("rebuild", "--as-of", now, "--into", into)
    assert (again.exit_code, "is not an empty folder" in again.output) == (1, True)
    within = shop.command("rebuild", "--as-of", now, "--into", str(shop.path / "source" / "x"))
    assert (within.exit_code, "within the data root" in within.output) == (1, True)
    nowhere = shop.command("rebuild", "--as-of", now)
    assert (nowhere.exit_code, "Say where" in nowhere.output) == (2, True)
