"""The sensor: what is delivered is noticed by its content, asked for, tried again, and told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRun

from jobforge_dagster.medallion.storage import landing, living
from jobforge_dagster.orchestration import sensors
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster_tests.conftest import ROOT, Domains, Lake
from jobforge_dagster_tests.made import made_sample
from jobforge_dagster_tests.shop import ORDERS, SHOP

FILE = "shop/orders.csv"
ALL = ["bronze/shop/orders", "gold/dim_customer", "silver/shop/order", "staged/orders"]


@dataclass
class Tick:
    """What one evaluation of the sensor said and asked for."""

    said: str
    asked: list[str]
    tags: dict[str, str]


class Watch:
    """A lake with its sensor, evaluated as the daemon does, by hand."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.cursor: str | None = None

    def tick(self) -> Tick:
        defs = build_definitions(self.lake.packages, self.lake.root)
        [sensor] = defs.sensors or ()
        assert isinstance(sensor, dg.SensorDefinition)
        with dg.build_sensor_context(
            instance=self.lake.instance, cursor=self.cursor, definitions=defs
        ) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        said = result.skip_reason.skip_message if result.skip_reason else ""
        requests = result.run_requests or []
        assert len(requests) <= 1
        asked = [key.to_user_string() for request in requests for key in request.asset_selection]
        return Tick(said or "", sorted(asked), dict(requests[0].tags) if requests else {})

    def answer(self, tick: Tick) -> bool:
        """Run what was asked for."""
        defs = build_definitions(self.lake.packages, self.lake.root)
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[dg.AssetKey(key.split("/")) for key in tick.asked],
            instance=self.lake.instance,
            tags=tick.tags,
            raise_on_error=False,
        )
        return result.success


AT_ONCE = SHOP.replace("origin=ORIGIN)", "origin=ORIGIN, still=timedelta(0))")
AT_ONCE = f"from datetime import timedelta\n{AT_ONCE}"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "PAUSES", (0, 0, 0))


@pytest.fixture
def watch(domains: Domains) -> Watch:
    """A built shop whose files need not lie still."""
    lake = domains(shop=AT_ONCE)
    lake.drop(FILE, ORDERS)
    assert lake.run().success
    return Watch(lake)


def test_nothing_is_asked_for_while_nothing_changed(watch: Watch) -> None:
    tick = watch.tick()

    assert tick.asked == []
    assert tick.said == "1 files in the landing folder. Nothing is due."


def test_a_first_file_is_asked_for_with_all_that_depends_on_it(domains: Domains) -> None:
    watch = Watch(domains(shop=AT_ONCE))
    watch.lake.drop(FILE, ORDERS)

    tick = watch.tick()

    assert tick.asked == ALL
    assert watch.answer(tick)
    assert watch.tick().asked == []


TWO = """
class Lamp(dy.Schema):
    \"\"\"One lamp.\"\"\"
    lamp = dy.String(primary_key=True, metadata=meaning("Its name."))


lamps = SHOP.source("lamps", files="shop/lamps.csv", schema=Lamp, origin=ORIGIN,
    still=timedelta(0))


@SHOP.silver(schema=Lamp, inputs=[lamps])
def lamp(lamps: pl.LazyFrame) -> pl.LazyFrame:
    return lamps


@SHOP.gold(schema=Lamp, inputs=[lamp])
def dim_lamp(lamps: pl.LazyFrame) -> pl.LazyFrame:
    return lamps
"""


def test_exactly_the_tables_that_depend_on_a_changed_file_are_asked_for(domains: Domains) -> None:
    watch = Watch(domains(shop=AT_ONCE + TWO))
    watch.lake.drop(FILE, ORDERS)
    watch.lake.drop("shop/lamps.csv", "lamp\nred\n")
    assert watch.lake.run().success
    watch.lake.drop("shop/lamps.csv", "lamp\nred\nblue\n")

    tick = watch.tick()

    assert tick.asked == [
        "bronze/shop/lamps",
        "gold/dim_lamp",
        "silver/shop/lamp",
        "staged/lamps",
    ]


LAMPS_OF_ORDERS = """
@SHOP.gold(schema=Lamp, inputs=[lamp, order], name="lit")
def lit(lamps: pl.LazyFrame, orders: pl.LazyFrame) -> pl.LazyFrame:
    return lamps
"""


def test_a_table_whose_other_inputs_were_never_made_is_left_for_later(domains: Domains) -> None:
    watch = Watch(domains(shop=AT_ONCE + TWO + LAMPS_OF_ORDERS))
    watch.lake.drop("shop/lamps.csv", "lamp\nred\n")

    first = watch.tick()
    assert watch.answer(first)
    watch.lake.drop(FILE, ORDERS)
    second = watch.tick()

    assert "gold/lit" not in first.asked
    assert second.asked == sorted([*ALL, "gold/lit"])
    assert watch.answer(second)
    assert watch.tick().asked == []


@pytest.mark.parametrize("when", [1.0, time.time() + 10**8], ids=["long-ago", "in-the-future"])
def test_no_clock_hides_a_changed_content(watch: Watch, when: float) -> None:
    size = (watch.lake.root.landing / FILE).stat().st_size
    path = watch.lake.drop(FILE, ORDERS.replace("Ann", "Eve"))
    os.utime(path, (when, when))
    assert path.stat().st_size == size

    assert watch.tick().asked == ALL


def test_a_content_that_pretends_to_be_the_old_one_is_noticed(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "_RACY", 0.0)
    path = watch.lake.root.landing / FILE
    assert watch.tick().asked == []
    assert list(watch.lake.root.cache.glob("seen/orders.json"))
    before = path.stat()
    with path.open("r+") as file:
        file.write(ORDERS.replace("Ann", "Eve"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    tick = watch.tick()

    now = path.stat()
    assert (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert tick.asked == ALL


def test_the_same_content_under_another_name_is_nothing_new(watch: Watch) -> None:
    watch.lake.drop("shop/orders-copy.csv", ORDERS)

    assert watch.tick().asked == []


def test_a_lost_cursor_loses_nothing(watch: Watch) -> None:
    watch.lake.drop(FILE, f"{ORDERS}004,Dan,4\n")
    watch.cursor = "no cursor of ours"

    assert watch.tick().asked == ALL


def test_a_file_waits_until_nothing_was_written_for_as_long_as_declared(domains: Domains) -> None:
    patient = AT_ONCE.replace("timedelta(0)", "timedelta(seconds=1)")
    watch = Watch(domains(shop=patient))
    path = watch.lake.drop(FILE, ORDERS[:30])

    first = watch.tick()
    time.sleep(0.6)
    with path.open("a") as file:
        file.write(ORDERS[30:])
    second = watch.tick()
    time.sleep(1.1)
    third = watch.tick()

    assert (first.asked, second.asked) == ([], [])
    assert f"Still growing: {FILE}." in second.said
    assert third.asked == ALL


def test_a_file_that_fails_is_tried_again_a_few_times_and_then_told(watch: Watch) -> None:
    watch.lake.drop(FILE, b"\x89PNG\r\n\x1a\n\x00\x00")
    for _ in range(3):
        tick = watch.tick()
        assert tick.asked == ALL
        assert not watch.answer(tick)

    told = watch.tick()

    assert told.asked == []
    assert "Given up after 3 runs: staged/orders." in told.said
    watch.lake.drop(FILE, f"{ORDERS}004,Dan,4\n")
    tick = watch.tick()
    assert tick.asked == ALL
    assert watch.answer(tick)
    assert watch.tick().asked == []


def test_between_two_attempts_there_is_a_pause(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "PAUSES", (0, 3600))
    watch.lake.drop(FILE, b"\x89PNG\r\n\x1a\n\x00\x00")
    assert not watch.answer(watch.tick())

    waiting = watch.tick()

    assert waiting.asked == []
    assert "Due: staged/orders" in waiting.said
    monkeypatch.setattr(sensors, "PAUSES", (0, 0))
    assert watch.tick().asked == ALL


def test_contents_that_come_and_go_are_asked_for_each_time(watch: Watch) -> None:
    for place in range(5):
        watch.lake.drop(FILE, ORDERS if place % 2 else f"{ORDERS}004,Dan,4\n")
        tick = watch.tick()
        assert tick.asked == ALL
        assert watch.answer(tick)


def test_what_was_staged_beside_a_bad_file_reaches_its_table_in_the_end(domains: Domains) -> None:
    watch = Watch(domains(shop=AT_ONCE.replace("still=", 'combine="append", still=')))
    watch.lake.drop("shop/orders-1.csv", ORDERS)
    watch.lake.drop("shop/orders-bad.csv", b"\x89PNG\r\n\x1a\n")
    asked = []
    while (tick := watch.tick()).asked:
        asked.append(tick.asked)
        watch.answer(tick)
        assert len(asked) < 10

    assert asked[-1] == [key for key in ALL if key != "staged/orders"]
    assert watch.lake.table("gold/dim_customer").height == 2
    assert "Given up after 3 runs: staged/orders." in tick.said


def test_a_folder_that_is_no_ones_holds_up_nobody(watch: Watch) -> None:
    (watch.lake.root.landing / "shop" / "elsewhere").symlink_to("/root")
    watch.lake.drop(FILE, f"{ORDERS}004,Dan,4\n")

    assert watch.tick().asked == ALL


def test_one_failing_source_does_not_hold_up_another(domains: Domains) -> None:
    watch = Watch(domains(shop=AT_ONCE + TWO))
    watch.lake.drop(FILE, b"\x89PNG\r\n\x1a\n\x00\x00")
    watch.lake.drop("shop/lamps.csv", "lamp\nred\n")

    assert not watch.answer(watch.tick())

    assert watch.lake.table("gold/dim_lamp").height == 1
    assert watch.tick().asked == ALL


def test_what_a_crash_left_between_two_tables_is_asked_for(watch: Watch) -> None:
    watch.lake.drop(FILE, f"{ORDERS}004,Dan,4\n")
    assert watch.lake.run("staged/orders").success

    tick = watch.tick()

    assert tick.asked == [key for key in ALL if key != "staged/orders"]
    assert watch.lake.run("bronze/shop/orders").success
    assert watch.tick().asked == ["gold/dim_customer", "silver/shop/order"]


def test_a_file_that_vanishes_between_sensor_and_run_changes_nothing(watch: Watch) -> None:
    path = watch.lake.drop(FILE, f"{ORDERS}004,Dan,4\n")
    tick = watch.tick()
    before = watch.lake.files()
    path.unlink()

    assert watch.answer(tick)

    assert watch.lake.files() == before


@dg.job
def another() -> None:
    """A job of someone else."""


def _under_way(instance: dg.DagsterInstance) -> str:
    """The id of a run that the history says has started."""
    run = instance.create_run_for_job(another)
    assert isinstance(run, DagsterRun)
    instance.report_dagster_event(
        dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="another", message=""),
        run.run_id,
    )
    return run.run_id


@pytest.mark.parametrize("lives", [True, False], ids=["alive", "killed"])
def test_a_run_under_way_is_waited_for_unless_its_process_is_gone(
    watch: Watch, lives: bool, tmp_path: Path
) -> None:
    watch.lake.instance = dg.DagsterInstance.local_temp(str(tmp_path))
    run_id = _under_way(watch.lake.instance)
    watch.lake.drop(FILE, f"{ORDERS}004,Dan,4\n")

    if lives:
        living.hold(watch.lake.root, run_id)
    else:  # what a killed process leaves: a file that nobody holds
        held = watch.lake.root.cache / "runs" / run_id
        held.parent.mkdir(parents=True, exist_ok=True)
        held.touch()
    tick = watch.tick()
    living.release(run_id)

    assert tick.asked == ([] if lives else ALL)
    assert ("Waiting for run" in tick.said) == lives
    run = watch.lake.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.is_failure_or_canceled != lives


def test_the_daemon_notices_a_file_and_makes_its_gold_table(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sample_lake = made_sample(tmp_path_factory, tmp_path)
    titles = sample_lake.root.landing / "job_titles" / "job_titles.csv"
    before = sample_lake.table("gold/dim_job_title").height
    # Nor the warehouse, whose views are made for the folder that they lie in.
    others = {
        path: facts
        for path, facts in sample_lake.files().items()
        if "job_" not in path and not path.startswith("warehouse.")
    }
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "JOBFORGE_DATA_ROOT": str(sample_lake.path),
    }
    program = Path(sys.executable).with_name("dagster-daemon")
    with (tmp_path / "daemon.log").open("w") as log:
        daemon = subprocess.Popen(
            [program, "run", "-m", "jobforge_dagster.definitions"],
            env=environment,
            cwd=home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            lines = titles.read_text("utf-8").splitlines(keepends=True)
            titles.write_text("".join(lines[:-1]), "utf-8")
            until = time.monotonic() + 180
            while sample_lake.table("gold/dim_job_title").height == before:
                assert time.monotonic() < until, (tmp_path / "daemon.log").read_text()
                assert daemon.poll() is None, (tmp_path / "daemon.log").read_text()
                time.sleep(0.5)
        finally:
            os.killpg(daemon.pid, 9)
            daemon.wait()

    assert sample_lake.table("gold/dim_job_title").height == before - 1
    now = sample_lake.files()
    assert {path: now.get(path) for path in others} == others
    [arrival] = [
        json.loads(line)
        for line in (sample_lake.root.staged / "job_titles" / "_arrivals.jsonl")
        .read_text()
        .splitlines()[1:]
    ]
    assert arrival["counts"]
