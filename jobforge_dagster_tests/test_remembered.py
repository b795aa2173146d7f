"""What is remembered of a file is what would be found out now."""

import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge_dagster.medallion.storage import remembered as module
from jobforge_dagster.medallion.storage.remembered import follows_from_code, remembered
from jobforge_dagster.medallion.storage.root import DataRoot

_STEPS = st.lists(
    st.sampled_from(["look", "replace", "write", "touch", "rest", "newer code", "tear", "forget"]),
    max_size=12,
)


@given(_STEPS)
def test_it_is_what_would_be_found_out_now(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    root = DataRoot(tmp_path_factory.mktemp("data"))
    file, kept = root.path / "file", root.cache / "remembered" / "what.json"
    file.write_text("0")
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        for number, step in enumerate(["look", *steps, "look"]):
            if step in ("replace", "write", "touch"):
                patch.undo()
            if step == "replace":
                (root.path / "new").write_text(str(number % 10))
                (root.path / "new").replace(file)
            elif step == "write":
                file.write_text(str(number % 10))
            elif step == "touch":
                file.touch()
            elif step == "rest":
                time.sleep(0.01)  # the clock of a file system ticks less often than ours
                _settled(patch)
            elif step == "newer code":
                code += 1
            elif step == "tear" and kept.exists():
                kept.write_bytes(kept.read_bytes()[: number * 7])
            elif step == "forget":
                kept.unlink(missing_ok=True)
            now = [file.read_text(), code]
            assert remembered(root, "what", file, now.copy, by=f"code {code}") == now


def _settled(patch: pytest.MonkeyPatch) -> None:
    """Let a minute pass."""
    now = time.time()
    patch.setattr(time, "time", lambda: now + 60)


def test_a_file_that_stands_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, file = DataRoot(tmp_path), tmp_path / "file"
    file.write_text("a")
    looks: list[int] = []

    def look() -> int:
        looks.append(1)
        return len(looks)

    assert [remembered(root, "a/b", file, look, by="1") for _ in range(2)] == [1, 2]
    _settled(monkeypatch)
    assert [remembered(root, "a/b", file, look, by="1") for _ in range(3)] == [3, 3, 3]
    assert remembered(root, "a/b", file, look, by="2") == 4


def test_where_nothing_can_be_kept_it_is_found_out_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, file = DataRoot(tmp_path), tmp_path / "file"
    file.write_text("a")
    root.cache.write_text("no folder")
    _settled(monkeypatch)
    assert remembered(root, "what", file, lambda: 1, by="") == 1
    assert remembered(root, "what", file, lambda: 2, by="") == 2


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of bytecode of a platform that stands elsewhere, with a data root beside it."""
    beside = tmp_path / "code" / "__pycache__"
    beside.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(beside.parent / "remembered.py"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setenv("JOBFORGE_DATA_ROOT", str(tmp_path / "data"))
    return beside


def _found_out(*codes: str) -> list[int]:
    """What is told of each of these versions of the code, one after the other."""
    looks = iter(range(len(codes)))
    return [follows_from_code("what", code, lambda: next(looks)) for code in codes]


def test_what_follows_from_code_is_found_out_once_for_all_data(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _found_out("1", "1", "2", "2", "1") == [0, 0, 1, 1, 2]
    monkeypatch.setenv("JOBFORGE_DATA_ROOT", str(tmp_path / "elsewhere"))
    assert _found_out("0", "0") == [0, 0]
    kept = code / "what.kept"
    kept.write_bytes(kept.read_bytes()[:-2])
    assert _found_out("1", "0", "0") == [0, 1, 1]
    assert not (tmp_path / "elsewhere").exists()


def test_without_bytecode_it_is_kept_with_the_data_if_there_are_any(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert _found_out("1", "1") == [0, 1]
    assert not (tmp_path / "data").exists()
    DataRoot(tmp_path / "data").cache.mkdir(parents=True)
    assert _found_out("1", "1") == [0, 0]
    assert not list(code.iterdir())
