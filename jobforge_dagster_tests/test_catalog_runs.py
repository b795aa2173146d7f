"""Every run leaves its record, however it was started and however it ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from jobforge_dagster.catalog.documents.run import RunDocument, StepOutcome
from jobforge_dagster.catalog.store import CatalogError
from jobforge_dagster.medallion.storage import publish as publishing
from jobforge_dagster.orchestration import assets, failures, io_manager
from jobforge_dagster.orchestration import history as projector
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster.orchestration.telling import Step
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.history import (
    ALL,
    HEAD,
    Files,
    Project,
    built_shop,
    told_anew,
    until,
)
from jobforge_dagster_tests.shop import ORDERS, SHOP

KEYS = ["staged/orders", "bronze/shop/orders", "silver/shop/order", "gold/dim_customer"]
MIXED = f"{ORDERS}004,Dan,-4\n"


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    return built_shop(tmp_path, tmp_path_factory, monkeypatch)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "IO_RETRIES", dg.RetryPolicy(max_retries=2, delay=0))


def _steps(run: RunDocument) -> dict[str, StepOutcome]:
    return {step.step.replace("__", "/"): step for step in run.steps}


def _outcomes(run: RunDocument) -> dict[str, str]:
    return {key: step.outcome for key, step in _steps(run).items()}


def _facts(documents: Files) -> dict[str, Any]:
    """What documents say, but for ids, times and what is bound to them."""
    found: dict[str, Any] = {}
    for name, content in documents.items():
        if name.startswith("schemas/") or name.endswith(".jsonl"):
            continue
        text = content.decode()
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
        text = re.sub(r"\d{4}-\d\d-\d\d/", "DAY/", text)
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
        text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
        text = re.sub(r"\.csv\.[0-9a-f]{8}-[0-9a-f]{8}\.", ".csv.", text)
        told = json.loads(text)
        for field in ("started_by", "configuration"):
            told.pop(field, None)
        for column in told.get("columns", ()):
            column["statistics"] = column["examples"] = None
        if "technical" in told:
            told["technical"]["bytes"] = None
        found.setdefault(re.sub(r"[^/]*\.json$", "", name), []).append(told)
    return {
        folder: sorted(each, key=lambda told: json.dumps(told, sort_keys=True))
        for folder, each in found.items()
    }


def _tables(project: Project) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table, but for when they were made."""
    return {key: project.lake.table(key).drop("_ingested_at").to_dicts() for key in KEYS[1:]}


def _by_dagster(project: Project) -> None:
    done = project.dagster(*ALL)
    assert done.returncode == 0, done.stderr


def _by_processes(project: Project) -> None:
    config = {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}}
    done = project.dagster(*ALL, "--config-json", json.dumps(config))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", [_by_dagster, _by_processes], ids=["command", "processes"])
def test_every_way_to_run_leaves_the_same_tables_and_documents(
    project: Project, how: Callable[[Project], None], tmp_path: Path
) -> None:
    for folder in ("data", ".dagster"):
        shutil.copytree(project.folder / folder, project.folder / "apart" / folder)
    project.deliver(MIXED)
    assert project.run().success
    wanted = project.documents()
    tables = _tables(project)
    project.lake.instance.dispose()
    for folder in ("data", ".dagster"):
        shutil.rmtree(project.folder / folder)
        (project.folder / "apart" / folder).rename(project.folder / folder)
    project.open()
    project.deliver(MIXED)

    how(project)

    assert _tables(project) == tables
    assert _facts(project.documents()) == _facts(wanted)
    assert project.runs()[-1].started_by.user
    told_anew(project)


def test_the_commands_leave_records_that_name_them(project: Project) -> None:
    first = project.runs()[0]
    file = project.folder / "orders.csv"
    file.write_text(MIXED)
    moment = first.ended_at
    assert moment

    ingested = project.command("ingest", str(file))
    assert project.run().success
    replayed = project.command("quarantine", "replay")
    rebuilt = project.command("rebuild", "--as-of", moment.isoformat(), "--in-place")

    for done in (ingested, replayed, rebuilt):
        assert done.exit_code == 0, done.output
    _, ingest, whole, replay, rebuild = project.runs()
    assert [run.started_by.name for run in (ingest, whole, replay, rebuild)] == [
        "jobforge ingest",
        None,
        "jobforge quarantine replay",
        "jobforge rebuild",
    ]
    assert all(run.status == "success" and run.job == "tables" for run in project.runs())
    assert all(run.started_by.user for run in (ingest, replay, rebuild))
    assert _outcomes(ingest) == {"staged/orders": "published"}
    assert _outcomes(replay) == dict.fromkeys(KEYS[1:], "unchanged")
    assert _outcomes(rebuild) == dict.fromkeys(KEYS[1:], "published")
    back = project.transitions("silver/shop/order")[-1]
    assert back.run_id == rebuild.run_id
    assert back.output_sha256 == project.transitions("silver/shop/order")[0].output_sha256
    assert any("set back to the publication of" in each for each in back.transforms_applied)
    assert project.verify().findings == []
    assert project.table("silver/shop/order").technical.updated_by_run == first.run_id
    told_anew(project)


def test_a_run_says_what_each_step_did_and_the_sums(project: Project) -> None:
    project.deliver(f"{MIXED}005\n")

    assert project.run().success

    run = project.runs()[-1]
    steps = _steps(run)
    staged, silver = steps["staged/orders"], steps["silver/shop/order"]
    assert (staged.rows, staged.quarantined, staged.attempts) == (4, 1, 1)
    assert (silver.rows, silver.quarantined, silver.deduplicated) == (3, 1, 0)
    failed = {check.check: check.rows for check in silver.checks if not check.passed}
    assert failed == {"amount__min": 1}
    assert run.totals.steps == run.totals.published == 4
    assert run.totals.rows_published == 4 + 4 + 3 + 2
    assert run.totals.rows_quarantined == 2
    assert run.totals.checks_failed == 2
    told = {each.table: each.status for each in project.transitions()[4:]}
    assert told["staged/orders"] == told["silver/shop/order"] == "partial"
    assert told["gold/dim_customer"] == "success"
    assert run.started_at is not None
    assert run.ended_at is not None
    assert all(
        run.started_at <= step.started_at <= step.ended_at <= run.ended_at
        for step in run.steps
        if step.started_at and step.ended_at
    )


BODY = 'return orders.with_columns(pl.col("customer").str.strip_chars())'


def _failing(how: str) -> str:
    return SHOP.replace(BODY, f"{how}\n    {BODY}")


@pytest.mark.parametrize(
    ("how", "says", "attempts"),
    [
        ('raise OSError(5, "the disk is tired")', "the disk is tired", 3),
        ('raise ValueError("a bug of ours")', "ValueError: a bug of ours", 1),
        ("orders = orders.head(1)", "its rows do not balance", 1),
    ],
    ids=["os-error", "bug", "contract"],
)
def test_a_failed_step_tells_why_and_what_was_not_reached(
    domains: Domains, monkeypatch: pytest.MonkeyPatch, how: str, says: str, attempts: int
) -> None:
    project = Project(domains(shop=_failing(how)), monkeypatch)
    project.deliver(ORDERS)

    assert not project.run().success

    [run] = project.runs()
    steps = _steps(run)
    assert run.status == "failed"
    assert _outcomes(run) == {
        "staged/orders": "published",
        "bronze/shop/orders": "published",
        "silver/shop/order": "failed",
        "gold/dim_customer": "not reached",
    }
    assert steps["silver/shop/order"].attempts == attempts
    assert says in str(steps["silver/shop/order"].error)
    [failed] = project.transitions("silver/shop/order")
    assert (failed.status, failed.target_file, failed.output_sha256) == ("failed", None, None)
    assert failed.run_id == run.run_id
    assert says in "\n".join(failed.errors)
    assert says in str(run.error)
    assert run.totals.failed == 1
    assert project.verify().findings == []
    assert str(project.folder) not in b"".join(project.documents().values()).decode()
    told_anew(project)


def test_a_failed_step_on_a_temporary_instance_tells_why(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = domains(shop=_failing('raise OSError(5, "the disk is tired")'))
    project = Project(lake, monkeypatch)
    lake.instance = dg.DagsterInstance.ephemeral()
    project.deliver(ORDERS)

    assert not project.run().success

    [failed] = project.transitions("silver/shop/order")
    assert failed.status == "failed"
    assert "the disk is tired" in "\n".join(failed.errors)


def test_too_many_refused_rows_leave_a_failed_transition_with_its_counts(project: Project) -> None:
    project.deliver(MIXED)

    assert not project.run(quality={"max_rejected": 0.0}).success

    run = project.runs()[-1]
    first, failed = project.transitions("silver/shop/order")
    assert (first.status, failed.status) == ("success", "failed")
    assert (failed.row_count_in, failed.rows_expected, failed.target_file) == (4, 4, None)
    assert "1 of 4 rows (25.0%) are refused" in failed.errors[0]
    assert run.configuration["resources"]["quality"]["config"] == {"max_rejected": 0.0}
    assert project.table("silver/shop/order").technical.rows == 3
    assert project.verify().findings == []


def test_an_absent_source_is_told_and_what_needs_it_is_skipped(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(domains(shop=SHOP), monkeypatch)

    assert project.run().success

    [run] = project.runs()
    assert run.status == "success"
    assert _outcomes(run) == {
        "staged/orders": "absent",
        **dict.fromkeys(KEYS[1:], "skipped"),
    }
    assert project.transitions() == []
    assert project.tables() == {}
    told_anew(project)


def _interrupted(*_: Any, **__: Any) -> None:
    raise DagsterExecutionInterruptedError


def test_a_cancelled_run_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.deliver(MIXED)
    with monkeypatch.context() as patched:
        patched.setattr(assets.promoted, "build", _interrupted)
        with suppress(DagsterExecutionInterruptedError):
            assert not project.run().success

    run = project.runs()[-1]
    assert run.status in ("cancelled", "failed")
    assert run.ended_at
    outcomes = _outcomes(run)
    assert outcomes["bronze/shop/orders"] == "published"
    assert outcomes["silver/shop/order"] in ("interrupted", "failed")
    assert outcomes["gold/dim_customer"] == "not reached"
    assert project.run().success
    assert project.verify().findings == []
    told_anew(project)


WAITS = """
    import time
    from pathlib import Path

    Path("began").touch()
    while not Path("go on").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def waiting(domains: Domains, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A shop whose silver table waits for a file."""
    made = Project(domains(shop=_failing(WAITS.strip())), monkeypatch)
    made.deliver(ORDERS)
    return made


def _is_told_as_killed(run: RunDocument) -> None:
    assert run.status == "failed"
    assert run.error
    assert "was killed" in run.error
    assert run.ended_at
    assert _outcomes(run) == {
        "staged/orders": "published",
        "bronze/shop/orders": "published",
        "silver/shop/order": "interrupted",
        "gold/dim_customer": "not reached",
    }


def test_a_killed_run_is_told_by_the_next_command(waiting: Project) -> None:
    with waiting.started(*ALL) as process:
        until((waiting.folder / "began").exists)
        assert [run.status for run in waiting.runs()] == ["started"]
        alive = waiting.command("catalog", "verify")
        assert alive.exit_code == 0, alive.output
        assert [run.status for run in waiting.runs()] == ["started"]
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)

    told = waiting.command("catalog", "verify")

    assert told.exit_code == 0, told.output
    [run] = waiting.runs()
    _is_told_as_killed(run)
    assert [each.status for each in waiting.transitions()] == ["success"] * 2
    (waiting.folder / "go on").touch()
    waiting.open()
    assert waiting.run().success
    assert [run.status for run in waiting.runs()] == ["failed", "success"]
    told_anew(waiting)


def test_a_killed_run_is_told_although_another_history_was_asked_first(waiting: Project) -> None:
    with waiting.started(*ALL) as process:
        until((waiting.folder / "began").exists)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    configuration = waiting.folder / "dagster.yaml"
    configuration.rename(waiting.folder / "kept.yaml")
    assert waiting.command("catalog", "verify").exit_code == 0
    (waiting.folder / "kept.yaml").rename(configuration)
    (waiting.folder / "go on").touch()
    waiting.open()

    done = waiting.dagster(*ALL)

    assert done.returncode == 0, done.stderr
    killed, last = waiting.runs()
    _is_told_as_killed(killed)
    assert last.status == "success"


def test_a_run_that_was_killed_while_it_was_cancelled_is_cancelled(waiting: Project) -> None:
    with waiting.started(*ALL) as process:
        until((waiting.folder / "began").exists)
        [started] = waiting.lake.instance.get_runs()
        waiting.lake.instance.report_run_canceling(started)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)

    assert waiting.command("catalog", "gaps").exit_code == 0

    [run] = waiting.runs()
    assert run.status == "cancelled"
    assert _outcomes(run)["silver/shop/order"] == "interrupted"
    waiting.open()
    told_anew(waiting)


def _cut_off_before_it_tells(project: Project, *keys: str) -> None:
    """What a process leaves that is killed once its tables stand, before it can tell of them."""
    instance = project.lake.instance
    project.lake.instance = dg.DagsterInstance.ephemeral()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Step, "tell_if_the_log_does_not", lambda *_: None)
        assert project.run(*keys).success
    project.lake.instance = instance


@pytest.mark.parametrize("temporary", [False, True], ids=["history", "temporary"])
def test_what_was_published_without_a_word_is_told_by_the_next_run(
    project: Project, temporary: bool
) -> None:
    if temporary:
        project.lake.instance = dg.DagsterInstance.ephemeral()
    project.deliver(MIXED)
    _cut_off_before_it_tells(project)
    findings = project.verify().findings
    assert [finding.partition(": ")[2][:30] for finding in findings] == [
        *["it is not what its last transi"] * 3,
        "no transition tells of it.",
    ]

    assert project.run().success

    assert project.verify().findings == []
    assert len(project.transitions()) == 8
    assert project.table("bronze/shop/orders").technical.rows == 4
    if not temporary:
        told_anew(project)


@pytest.mark.parametrize("temporary", [False, True], ids=["history", "temporary"])
def test_a_delivery_that_was_staged_without_a_word_is_told_though_another_came(
    project: Project, temporary: bool
) -> None:
    if temporary:
        project.lake.instance = dg.DagsterInstance.ephemeral()
    project.deliver(MIXED)
    _cut_off_before_it_tells(project, "staged/orders")
    project.deliver(f"{HEAD}9,Zoe,9\n")

    assert project.run().success

    assert project.verify().findings == []
    assert len(project.transitions("staged/orders")) == 3


def test_a_publication_that_nobody_told_of_is_told_though_another_came(project: Project) -> None:
    project.deliver(MIXED)
    _cut_off_before_it_tells(project)
    project.deliver(f"{HEAD}9,Zoe,9\n")

    assert project.run().success

    told = [each.output_sha256 for each in project.transitions("silver/shop/order")]
    assert told == [each.sha256 for each in project.lake.publications("silver/shop/order")]


@pytest.mark.parametrize("combine", ["append", "upsert"])
def test_deliveries_that_come_at_once_are_all_told_of(
    domains: Domains, monkeypatch: pytest.MonkeyPatch, combine: str
) -> None:
    text = SHOP.replace("origin=ORIGIN)", f"origin=ORIGIN, combine={combine!r})")
    project = Project(domains(shop=text), monkeypatch)
    for number in range(5):
        project.deliver(f"{HEAD}{number},Zoe,9\n", f"shop/orders-{number}.csv")

    assert project.run().success

    assert len(project.transitions("staged/orders")) == 5
    assert project.verify().findings == []
    staged = project.table("staged/orders")
    assert (staged.technical.files, staged.technical.rows) == (5, 5)
    told_anew(project)


def _full_story(domains: Domains, project: Project) -> None:
    """Runs of every kind that there is."""
    lake = project.lake
    assert project.run().success  # absent
    project.deliver(ORDERS)
    assert project.run().success  # published
    first = lake.publications("gold/dim_customer")[-1].written_at
    assert project.run().success  # unchanged
    project.deliver(f"{MIXED}005\n")
    assert project.run().success  # rejected rows, a second delivery
    lake.drop("shop/orders.csv", b"\x89PNG\r\n\x1a\n\x00\x00")
    assert not project.run().success  # failed by data
    project.deliver(f"{HEAD}9,Zoe,9\n")
    domains(shop=_failing('raise OSError(5, "the disk is tired")'))
    assert not project.run().success  # failed by the disk
    domains(shop=SHOP)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(assets.promoted, "build", _interrupted)
        with suppress(DagsterExecutionInterruptedError):
            assert not project.run().success  # cancelled
    assert project.run().success
    batch = lake.manifests("orders")[-1]["batch_id"]
    done = project.command(
        "sources", "withdraw", "orders", batch, "--by", "team:shop", "--why", "not ours"
    )
    assert done.exit_code == 0, done.output
    assert project.run().success  # withdrawn
    back = project.command("rebuild", "--as-of", first.isoformat(), "--in-place")
    assert back.exit_code == 0, back.output


def test_the_documents_follow_from_the_history_alone(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(domains(shop=SHOP), monkeypatch)
    _full_story(domains, project)
    whole, tables = project.documents(), project.lake.files()
    assert project.verify().findings == []
    statuses = {run.status for run in project.runs()}
    assert {"success", "failed"} <= statuses
    assert {each.status for each in project.transitions()} == {"success", "partial", "failed"}

    told_anew(project)
    shutil.rmtree(project.catalog)
    done = project.command("catalog", "rebuild")
    assert done.exit_code == 0, done.output
    assert project.documents() == whole
    shutil.rmtree(project.catalog)
    shutil.rmtree(project.lake.root.cache)
    assert project.command("catalog", "rebuild").exit_code == 0
    assert project.documents() == whole
    assert project.lake.files() == tables
    assert project.run().success
    told_anew(project)


def test_a_rebuild_refuses_to_forget_what_the_history_does_not_tell_of(project: Project) -> None:
    project.lake.instance = dg.DagsterInstance.ephemeral()
    project.deliver(MIXED)
    assert project.run().success
    project.open()
    whole, times = project.documents(), project.times(".")

    for _ in range(2):
        done = project.command("catalog", "rebuild")
        assert done.exit_code == 1
        assert "records of the catalog are not in this history" in done.output
        assert "--discard" in done.output
        assert (project.documents(), project.times(".")) == (whole, times)
    assert not list(project.lake.root.cache.glob("catalog-*"))

    assert project.command("catalog", "rebuild", "--discard").exit_code == 0
    assert len(project.transitions()) == 4


@pytest.mark.parametrize("left", [None, b"", b"{}\n"], ids=["gone", "emptied", "damaged"])
def test_a_lost_index_is_no_reason_to_forget(project: Project, left: bytes | None) -> None:
    project.lake.instance = dg.DagsterInstance.ephemeral()
    project.deliver(MIXED)
    assert project.run().success
    project.open()
    index = project.catalog / "lineage" / "index.jsonl"
    index.unlink()
    if left is not None:
        index.write_bytes(left)

    done = project.command("catalog", "rebuild")

    assert done.exit_code == 1, done.output
    assert len(project.transitions()) == 8


def test_runs_on_a_temporary_instance_tell_of_their_tables(shop: Lake) -> None:
    made = {path.relative_to(shop.root.catalog).parts[0] for path in shop.root.catalog.rglob("*")}

    assert made == {"schemas", "tables", "lineage"}
    told = shop.command("catalog", "transitions", "gold/dim_customer", "--json")
    assert [each["status"] for each in json.loads(told.output)] == ["success"]
    assert shop.command("catalog", "verify").exit_code == 0


def test_a_projector_that_fails_costs_no_run_and_no_event(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(projector, "_told", set())
    monkeypatch.setattr(projector, "tell", lambda event, **_: said.append(event))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    project.deliver(MIXED)
    with monkeypatch.context() as patched:
        patched.setattr("jobforge_dagster.catalog.project.put", full)
        patched.setattr("jobforge_dagster.catalog.chain.put", full)
        assert project.run().success
        project.deliver(f"{HEAD}9,Zoe,9\n")
        assert project.run().success
    assert said == ["catalog_failed"]
    assert len(project.transitions()) == 4

    assert project.run("staged/orders").success

    assert len(project.transitions()) == 12
    assert [run.status for run in project.runs()] == ["success"] * 4
    assert project.verify().findings == []
    told_anew(project)


def test_a_rebuild_needs_a_history(shop: Lake) -> None:
    done = shop.command("catalog", "rebuild")

    assert done.exit_code == 1
    assert "There is no history to make the catalog from" in done.output
    with pytest.raises(CatalogError):
        Project.retell(_Stub(shop))  # type: ignore[arg-type]


class _Stub:
    """A project whose history is a temporary one."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake


def test_a_job_that_makes_no_table_leaves_a_record(project: Project) -> None:
    defs = build_definitions(project.lake.packages, project.lake.root)
    result = defs.resolve_job_def("fetch_sources").execute_in_process(
        instance=project.lake.instance,
        raise_on_error=False,
        run_config={"ops": {"fetch": {"config": {"sources": ["nobody"]}}}},
    )

    assert not result.success
    run = project.runs()[-1]
    assert (run.job, run.status) == ("fetch_sources", "failed")
    assert "No source that can be downloaded is called nobody" in str(run.steps[0].error)
    assert len(project.transitions()) == 4
    told_anew(project)


def test_the_record_of_a_run_under_way_says_that_it_started(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[RunDocument]] = []
    real = publishing.publish

    def looking(*given: Any) -> None:
        seen.append(project.runs())
        real(*given)

    monkeypatch.setattr(io_manager, "publish", looking)
    project.deliver(MIXED)
    assert project.run().success

    assert [run.status for run in seen[0]] == ["success", "started"]
    assert seen[0][1].ended_at is None
    assert project.runs()[-1].status == "success"


def test_an_interrupted_command_is_not_tried_again(waiting: Project) -> None:
    with waiting.started(*ALL) as process:
        until((waiting.folder / "began").exists)
        process.send_signal(signal.SIGINT)
        until(lambda: process.poll() is not None or _attempts(waiting) > 1, 20)

    assert _attempts(waiting) == 1
    assert process.returncode
    [run] = waiting.runs()
    assert run.status == "failed"
    assert "interrupted" in str(run.error)
    assert _outcomes(run)["silver/shop/order"] in ("interrupted", "failed")
    assert _outcomes(run)["gold/dim_customer"] == "not reached"
    waiting.open()
    told_anew(waiting)


def _attempts(project: Project) -> int:
    instance = project.lake.instance
    [run] = instance.get_runs()
    tried = (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_RESTARTED)
    return sum(
        event.dagster_event is not None and event.dagster_event.step_key == "silver__shop__order"
        for kind in tried
        for event in instance.all_logs(run.run_id, of_type=kind)
    )
