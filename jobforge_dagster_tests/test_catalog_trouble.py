"""Trouble: what is damaged, cut off, too new or not ours is mended or refused in words."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jobforge_dagster.catalog import chain, store
from jobforge_dagster.catalog.store import CatalogError
from jobforge_dagster.catalog.verify import verify
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration import event_log
from jobforge_dagster.orchestration import history as projector
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.history import ALL, BIN, Project, built_shop, told_anew, until
from jobforge_dagster_tests.shop import ORDERS, SHOP

MORE = f"{ORDERS}004,Dan,4\n"
DOCUMENTS = {
    "table": "tables/silver/order.json",
    "run": "runs/*.json",
    "transition": "lineage/silver/shop/order/*.json",
    "schema": "schemas/run.schema.json",
}


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    return built_shop(tmp_path, tmp_path_factory, monkeypatch)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the projector says of its failures."""
    heard: list[str] = []
    monkeypatch.setattr(projector, "_told", set())
    monkeypatch.setattr(projector, "tell", lambda event, **told: heard.append(f"{event} {told}"))
    return heard


def _one(project: Project, pattern: str) -> Path:
    [path] = project.catalog.glob(pattern)
    return path


def _damages(content: bytes) -> dict[str, bytes]:
    return {
        "corrupted": content.replace(b'"', b"'"),
        "truncated": content[: len(content) // 2],
        "empty": b"",
        "no-text": b"\xff\xfe\x00\x01",
        "another": b'{"document_version": "1.0"}\n',
    }


@pytest.mark.parametrize("damage", ["truncated", "empty", "no-text", "another"])
def test_what_is_damaged_is_made_again_from_the_history(project: Project, damage: str) -> None:
    tables, whole = project.lake.files(), project.documents()
    for pattern in DOCUMENTS.values():
        path = _one(project, pattern)
        path.write_bytes(_damages(path.read_bytes())[damage])

    shown = project.command("catalog", "show", "silver/shop/order")
    verified = project.command("catalog", "verify")
    rebuilt = project.command("catalog", "rebuild")

    assert shown.exit_code == 1
    assert "tables/silver/order.json is damaged" in shown.output
    assert "jobforge catalog rebuild" in shown.output
    assert verified.exit_code == 1
    assert "it is damaged" in verified.output
    assert rebuilt.exit_code == 0, rebuilt.output
    assert "; 4 were not there as they should be, 0 were there" in rebuilt.output
    assert project.documents() == whole
    assert project.lake.files() == tables


@pytest.mark.parametrize("damage", ["truncated", "empty"])
def test_a_damaged_table_document_is_mended_by_the_next_run(project: Project, damage: str) -> None:
    path = _one(project, DOCUMENTS["table"])
    before = path.read_bytes()
    path.write_bytes(_damages(before)[damage])

    assert project.run().success

    assert path.read_bytes() == before
    assert project.verify().findings == []


def test_a_damaged_transition_stops_no_run_and_stays_to_be_found(project: Project) -> None:
    path = _one(project, DOCUMENTS["transition"])
    path.write_bytes(path.read_bytes()[:100])
    project.deliver(MORE)

    assert project.run().success

    findings = project.verify().findings
    assert [path.name in finding for finding in findings] == [True]
    project.retell()
    assert project.verify().findings == []
    told_anew(project)


def _index(project: Project) -> Path:
    return project.catalog / "lineage" / "index.jsonl"


@pytest.mark.parametrize("left", [None, b""], ids=["gone", "emptied"])
def test_a_lost_index_is_written_again_from_the_records(
    project: Project, left: bytes | None
) -> None:
    whole = project.documents("lineage")
    _index(project).unlink()
    if left is not None:
        _index(project).write_bytes(left)

    assert project.run().success

    assert project.documents("lineage") == whole
    assert project.verify().findings == []


def test_a_torn_last_line_is_cut_off_and_told_again(project: Project) -> None:
    whole = project.documents("lineage")
    content = _index(project).read_bytes()
    _index(project).write_bytes(content[:-20])

    assert project.verify().records == 3
    assert project.run().success

    assert project.verify().records == 4
    assert project.verify().findings == []
    last = json.loads(content.splitlines()[-1])["record"]
    first = {name: text for name, text in whole.items() if not name.endswith((last, ".jsonl"))}
    assert first.items() < project.documents("lineage").items()


def test_a_torn_line_after_the_last_is_cut_off(project: Project) -> None:
    whole = project.documents("lineage")
    with _index(project).open("ab") as file:
        file.write(b'{"sequence": 5, "transit')

    assert project.run().success

    assert project.documents("lineage") == whole


def test_a_damaged_end_of_the_index_is_told_and_mended_by_deleting_it(
    project: Project, said: list[str]
) -> None:
    whole = _index(project).read_bytes()
    _index(project).write_bytes(whole[:-3] + b"\n")
    project.deliver(MORE)

    assert project.run().success

    [told] = said
    assert "The last line of catalog/lineage/index.jsonl is damaged" in told
    assert len(project.transitions()) == 4
    _index(project).unlink()
    assert project.run().success
    assert len(project.transitions()) == 8
    assert project.verify().findings == []
    told_anew(project)


def test_a_record_without_its_line_is_mended_by_the_next_writer(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.deliver(MORE)
    real = chain.append_line

    def cut_off(path: Path, line: str) -> None:
        if json.loads(line)["table"] == "silver/shop/order":
            raise OSError("the power went")
        real(path, line)

    with monkeypatch.context() as patched:
        patched.setattr(chain, "append_line", cut_off)
        assert project.run().success
    assert [finding for finding in project.verify().findings if "no line of it" in finding]

    assert project.run().success

    assert project.verify().findings == []
    assert [each.table for each in project.transitions()][4:] == [
        "staged/orders",
        "bronze/shop/orders",
        "silver/shop/order",
        "gold/dim_customer",
    ]
    told_anew(project)


NEWER = b'{\n  "document_version": "2.0",\n  "told": "in another way"\n}\n'


@pytest.mark.parametrize("kind", ["table", "transition"])
def test_a_newer_document_is_left_as_it_is_and_said_so(
    project: Project, kind: str, said: list[str]
) -> None:
    path = _one(project, DOCUMENTS[kind])
    before = path.read_bytes()
    path.write_bytes(NEWER)
    project.deliver(MORE)

    assert project.run().success

    assert path.read_bytes() == NEWER
    if kind == "table":
        [told] = said
        assert "has version 2.0 and this JobForge knows 1.0. It was left as it is" in told
        assert "use the newer JobForge, or move it away" in told
    assert project.lake.table("gold/dim_customer").height == 3
    path.write_bytes(before)
    assert project.run().success
    assert project.verify().findings == []
    assert project.table("gold/dim_customer").technical.rows == 3
    told_anew(project)


@pytest.mark.parametrize("kind", ["table", "run", "transition"])
def test_no_command_overwrites_a_newer_document(project: Project, kind: str) -> None:
    path = _one(project, DOCUMENTS[kind])
    path.write_bytes(NEWER)

    told = project.command("catalog", "rebuild")

    assert path.read_bytes() == NEWER
    assert told.exit_code == 1
    assert "version 2.0" in told.output


def test_a_newer_document_is_refused_in_words_by_those_that_read_it(project: Project) -> None:
    _one(project, DOCUMENTS["table"]).write_bytes(NEWER)

    for arguments in (("show", "silver/shop/order"), ("gaps",), ("export", "odcs")):
        told = project.command("catalog", *arguments)
        assert told.exit_code == 1, arguments
        assert "order.json has version 2.0" in told.output


def test_a_read_only_catalog_fails_no_run_and_is_caught_up(
    project: Project, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    before = project.documents()
    project.deliver(MORE)

    def refused(path: Path) -> Any:
        raise PermissionError(30, "Read-only file system", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(store, "replacing", refused)
        assert project.run().success
    assert len(said) == 1, said
    assert "Read-only file system" in said[0]
    assert project.documents() == before
    assert project.lake.table("gold/dim_customer").height == 3

    assert project.run().success

    assert [run.status for run in project.runs()] == ["success"] * 3
    assert len(project.transitions()) == 8
    told_anew(project)


def test_a_catalog_that_is_no_folder_fails_no_run_and_no_command_with_a_traceback(
    project: Project,
) -> None:
    kept = project.folder / "kept"
    project.catalog.rename(kept)
    project.catalog.write_text("not a folder")
    project.deliver(MORE)

    assert project.run().success

    for arguments in (("verify",), ("rebuild",), ("show", "gold/dim_customer"), ("gaps",)):
        told = project.command("catalog", *arguments)
        assert told.exit_code in (0, 1), arguments
        assert told.exception is None or isinstance(told.exception, SystemExit), arguments
    project.catalog.unlink()
    kept.rename(project.catalog)
    assert project.run().success
    assert len(project.transitions()) == 8
    told_anew(project)


def test_a_deleted_catalog_is_whole_again_after_the_next_run(project: Project) -> None:
    project.deliver(MORE)
    assert project.run().success
    whole = project.documents()
    shutil.rmtree(project.catalog)

    assert project.run().success

    assert whole.items() <= project.documents().items()
    told_anew(project)


def test_a_deleted_cache_costs_nothing(project: Project) -> None:
    whole = project.documents("lineage", "tables", "schemas")
    times = project.times("lineage", "tables", "schemas")
    shutil.rmtree(project.lake.root.cache)

    assert project.run().success

    assert project.documents("lineage", "tables", "schemas") == whole
    assert project.times("lineage", "tables", "schemas") == times
    told_anew(project)


@pytest.mark.parametrize(
    "content",
    [b"[]", b'{"x": "y"}', b"\xff", b'{"%s": "many"}', b'{"%s": 1e9}'],
    ids=["list", "foreign", "no-text", "text", "far-ahead"],
)
def test_a_damaged_note_of_how_far_it_came_costs_nothing(project: Project, content: bytes) -> None:
    log: Any = project.lake.instance.event_log_storage
    (project.lake.root.cache / "catalog.json").write_bytes(
        content.replace(b"%s", str(log.identity()).encode())
    )
    project.deliver(MORE)

    assert project.run().success

    assert len(project.transitions()) == 8
    told_anew(project)


def test_what_stands_is_told_with_the_end_of_the_run(project: Project) -> None:
    """Events that change nothing are not told one by one, and not read again for that."""
    log: Any = project.lake.instance.event_log_storage
    notes: list[int] = []
    note = projector.note

    def noted(root: Any, log: Any, event_id: int) -> None:
        notes.append(event_id)
        note(root, log, event_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projector, "note", noted)
        patch.setattr(log, "told_since", _fails)
        assert project.run().success

    assert len(notes) == 2  # its beginning and its end
    assert log.waiting == []
    assert log.is_all_since(notes[-1], [])
    told_anew(project)


def test_what_waited_when_a_process_was_killed_is_told_by_the_next(project: Project) -> None:
    assert project.run().success
    log: Any = project.lake.instance.event_log_storage
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr(event_log, "catch_up", lambda *_: None)
        assert project.run().success
    log.waiting = []
    project.deliver(MORE)

    assert project.run().success

    assert [run.status for run in project.runs()] == ["success"] * len(project.runs())
    told_anew(project)


def test_another_history_is_told_from_its_beginning(project: Project) -> None:
    before = project.documents()
    project.lake.instance.dispose()
    shutil.rmtree(project.folder / ".dagster")
    project.open()
    project.deliver(MORE)

    assert project.run().success

    assert len(project.runs()) == 2
    assert len(project.transitions()) == 8
    assert project.verify().findings == []
    kept = project.documents("lineage")
    assert all(kept[name] == before[name] for name in kept.keys() & before if "index" not in name)
    with pytest.raises(CatalogError, match="records of the catalog are not in this history"):
        project.retell()
    assert project.documents("lineage") == kept


def test_a_history_that_was_set_back_from_a_backup_is_told_on(project: Project) -> None:
    backup = project.folder / "backup"
    project.lake.instance.dispose()
    shutil.copytree(project.folder / ".dagster", backup)
    project.open()
    assert project.run().success
    assert project.run().success
    project.lake.instance.dispose()
    shutil.rmtree(project.folder / ".dagster")
    backup.rename(project.folder / ".dagster")
    project.open()
    project.deliver(MORE)

    assert project.run().success

    assert len(project.transitions()) == 8
    assert project.verify().findings == []


def test_two_data_roots_of_one_history_do_not_tell_of_each_other(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = project.documents()
    other = Lake(project.folder / "other", project.lake.packages, project.lake.instance)
    monkeypatch.setenv("JOBFORGE_DATA_ROOT", str(other.path))
    assert not other.run("gold/dim_customer").success
    monkeypatch.setenv("JOBFORGE_DATA_ROOT", str(project.lake.path))

    assert project.run().success

    assert [each.status for each in project.transitions()] == ["success"] * 4
    assert {run.status for run in project.runs()} == {"success"}
    assert whole.items() <= project.documents().items()
    told_anew(project)


SLOW = SHOP.replace(
    'return orders.with_columns(pl.col("customer").str.strip_chars())',
    """
    import os
    import time
    from pathlib import Path

    (Path.cwd() / f"began-{os.getpid()}").touch()
    for _ in range(600):
        if len(list(Path.cwd().glob("began-*"))) > 1:
            break
        time.sleep(0.05)
    return orders.with_columns(pl.col("customer").str.strip_chars())""",
)


def test_two_runs_at_once_leave_one_whole_chain(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(domains(shop=SLOW), monkeypatch)
    project.deliver(ORDERS)

    with project.started(*ALL) as one, project.started(*ALL) as other:
        until(lambda: one.poll() is not None and other.poll() is not None, 90)
        log = (project.folder / "process.log").read_text()
        assert (one.returncode, other.returncode) == (0, 0), log

    assert len(list(project.folder.glob("began-*"))) == 2
    assert "catalog_failed" not in log
    assert [run.status for run in project.runs()] == ["success"] * 2
    # Both may have published a table in the same moment, and told of it in the other order.
    assert project.run().success
    assert project.verify().findings == [], log
    told_anew(project)


def test_a_command_waits_for_who_writes_and_sees_whole_documents(project: Project) -> None:
    program = [BIN / "jobforge", "catalog", "rebuild"]
    with store.writing(project.lake.root):
        process = subprocess.Popen(
            program, cwd=project.folder, env=project.environment(), stdout=subprocess.PIPE
        )
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(3)
        except BaseException:
            process.kill()
            raise
    assert process.wait(60) == 0


def test_no_root_is_no_trouble(tmp_path: Path) -> None:
    assert chain.head(DataRoot(tmp_path / "nowhere")) is None
    assert not (tmp_path / "nowhere").exists()


def test_a_record_without_its_line_is_mended_on_a_temporary_instance_too(shop: Lake) -> None:
    root = shop.root
    lines = chain.index(root).read_text("utf-8").splitlines(keepends=True)
    chain.index(root).write_text("".join(lines[:-1]), "utf-8")

    assert shop.run().success

    assert chain.index(root).read_text("utf-8").count("\n") == 4
    assert verify(root).findings == []


def test_a_document_that_changed_to_and_fro_while_the_catalog_was_away_is_the_last(
    project: Project, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    whole = project.documents("tables")
    path = project.lake.path / "catalog"
    path.rename(project.folder / "kept")
    path.write_text("not a folder")
    project.deliver(MORE)
    assert project.run().success
    path.unlink()
    (project.folder / "kept").rename(path)
    with monkeypatch.context() as broken:
        broken.setattr(projector, "_catch_up", _fails)
        back = project.lake.publications("gold/dim_customer")[0].written_at.isoformat()
        assert project.command("rebuild", "--as-of", back, "--in-place").exit_code == 0

    assert project.command("catalog", "rebuild").exit_code == 0

    assert {name: text for name, text in whole.items() if "staged" not in name}.items() <= (
        project.documents("tables").items()
    )


def _fails(*_: Any) -> None:
    raise OSError("no room")
