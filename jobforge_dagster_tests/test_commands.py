"""What holds for every command of ``jobforge``: its help, its examples, and how it tells errors."""

from __future__ import annotations

import errno
import json
import math
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from jobforge_dagster.asking.values import short
from jobforge_dagster.cli import main
from jobforge_dagster.cli.common import print_json, print_rows
from jobforge_dagster_tests.conftest import Lake

Path = tuple[str, ...]

INTERACTIVE = {("shell",)}
"""Commands that have nothing to tell a program."""

HEAVY = {"polars", "duckdb", "dagster", "dataframely", "structlog", "httpx", "yaml"}


def _walk(command: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every command that can be run, by its words; a group, if it does something alone."""
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        yield path, command
    for name, each in below.items():
        yield from _walk(each, (*path, name))


COMMANDS = dict(_walk(get_command(main)))


def _run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


def _examples(command: Any) -> list[str]:
    lines = (command.epilog or "").replace("\\[", "[").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("jobforge ")]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_has_help_examples_and_json(path: Path) -> None:
    command = COMMANDS[path]

    told = _run(*path, "--help", COLUMNS="1000")

    assert told.exit_code == 0
    assert command.help.strip()
    for line in command.help.replace("\\[", "[").splitlines():
        assert line.strip() in told.output
    assert f"Usage: jobforge {' '.join(path)}" in told.output
    assert _examples(command), "It has no example."
    for example in _examples(command):
        assert example in told.output
    options = {name for parameter in command.params for name in parameter.opts}
    assert path in INTERACTIVE or "--json" in options


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_examples_of_a_command_can_be_typed(path: Path) -> None:
    for example in _examples(COMMANDS[path]):
        words = shlex.split(example)
        ends = [words.index(sign) for sign in (">", "|", "<", "&&") if sign in words]
        words = words[: min(ends, default=None)]
        assert tuple(words[1 : 1 + len(path)]) == path
        COMMANDS[path].make_context("jobforge", words[1 + len(path) :])


def test_help_loads_nothing_heavy(tmp_path: Any) -> None:
    program = f"""
import contextlib, io, json, sys
from jobforge_dagster.cli import main
for path in {[[*path, "--help"] for path in COMMANDS]}:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main(path)
print(json.dumps(sorted(sys.modules)))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=True
    )

    loaded = json.loads(told.stdout)
    assert "rich" in loaded
    assert not HEAVY & {*loaded}
    assert not [name for name in loaded if name.startswith("jobforge_dagster.catalog")]


def test_the_program_tells_its_version() -> None:
    told = _run("--version")

    assert (told.exit_code, told.output) == (0, f"jobforge {version('jobforge-dagster')}\n")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("catalg",), "'catalog'"),
        (("catalog", "transition"), "'transitions'"),
        (("catalog", "gaps", "--jso"), "--json"),
        (("--versio",), "--version"),
        (("quarantine", "list", "--state", "opn"), "'open'"),
    ],
)
def test_the_nearest_right_word_is_told(typed: Path, meant: str) -> None:
    told = _run(*typed)

    assert (told.exit_code, told.stdout) == (2, "")
    assert "Usage: jobforge" in told.stderr
    [line] = [line for line in told.stderr.splitlines() if line.startswith("Error: ")]
    assert meant in line


@pytest.mark.parametrize("group", [(), ("catalog",), ("quarantine",)], ids=str)
def test_a_group_alone_shows_its_help(group: Path) -> None:
    told = _run(*group)

    assert told.exit_code == 2
    assert "Usage: jobforge" in told.stdout
    assert "Error" not in told.output


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
        (PermissionError(13, "Permission denied", "x.json"), 1, "Permission denied: x.json"),
    ],
    ids=["interrupt", "pipe", "disk"],
)
def test_what_stops_a_command_is_told_once_and_in_words(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, code: int, said: str
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr("jobforge_dagster.cli.telling.tell_gaps", stop)

    told = Lake(tmp_path / "data").command("catalog", "gaps")

    assert isinstance(told.exception, SystemExit)
    assert (told.exit_code, told.stdout) == (code, "")
    assert told.stderr == (f"Error: {said}\n" if said else "")


def test_what_programs_read_is_json_whatever_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [math.nan, -math.inf, 1.5, b"\x1b", datetime(2024, 2, 29)], "b": {1: None}})

    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told == {"a": ["nan", "-inf", 1.5, "1b", "2024-02-29T00:00:00"], "b": {"1": None}}


STEERING = "a\x1b[2J\x9b31m\u202eb\rc\x07"


def test_what_people_read_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([STEERING], [[STEERING], [[STEERING]], ["two\nlines"]], nothing="")

    told = capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in told)
    assert r"a\x1b[2J\x9b31m\u202eb\rc\x07" in told
    assert [line.strip() for line in told.splitlines()][-3:-1] == ["two", "lines"]


def test_an_error_does_not_steer_the_terminal(tmp_path: Any) -> None:
    told = Lake(tmp_path / "data").command("query", f"FROM '{STEERING}'")

    assert (told.exit_code, told.stderr.startswith("Error: ")) == (1, True)
    assert all(each.isprintable() or each == "\n" for each in told.stderr)


def test_a_value_is_cut_to_what_fits() -> None:
    assert (short("abcde", 5), short("abcdef", 5), short(None, 5)) == ("abcde", "abcd…", "")
