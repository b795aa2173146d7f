"""From the start of ``dagster dev`` to its first page: answered, and the assets listed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from measuring import Cost

from fixed_costs.projects import Project

LONGEST = 300
"""Seconds after which the page is given up."""
EVERY = 0.05
"""Seconds between two questions."""
GRACE = 15
"""Seconds that the servers get to end by themselves."""
TICKS = os.sysconf("SC_CLK_TCK")
ASSETS = "{ assetNodes { assetKey { path } } }"


def first_page(project: Project, steps: int) -> Cost:
    """What it costs until the first page is there; the peak is not measured.

    Args:
        project: it is shown in the folder in which it has run.
        steps: how many assets it has.

    Raises:
        SystemExit: the server ended, or did not answer in time.
    """
    address = f"http://127.0.0.1:{_free_port()}"
    words = ("dev", "-h", "127.0.0.1", "-p", address.rpartition(":")[2], "-m", project.module)
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "dagster", *words],
            env=project.environment(project.kept),
            cwd=project.kept,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while not (_answers(address) and _assets(address) == steps):
                if server.poll() is not None or time.perf_counter() - began > LONGEST:
                    output.seek(0)
                    told = output.read().decode("utf-8", "replace")
                    raise SystemExit(f"There is no page:\n{told[-5_000:]}")
                time.sleep(EVERY)
            return Cost(time.perf_counter() - began, _cpu(server.pid), 0)
        finally:
            _end(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=LONGEST) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def _assets(address: str) -> int:
    """How many assets the server knows."""
    question = urllib.request.Request(
        f"{address}/graphql",
        json.dumps({"query": ASSETS}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(question, timeout=LONGEST) as answer:
        return len(json.load(answer)["data"]["assetNodes"])


def _cpu(session: int) -> float:
    """Seconds of CPU that the processes of a session used, and those that they waited for."""
    return sum(sum(int(field) for field in each[11:15]) for each in _members(session)) / TICKS


def _members(session: int) -> Iterator[list[str]]:
    """For each process of a session, what the kernel tells of it after its name."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                told = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
            except OSError:  # it has ended since
                continue
            if int(told[3]) == session:
                yield told


def _end(server: subprocess.Popen[bytes]) -> None:
    """End what was started, and nothing else: its process group is its own."""
    os.killpg(server.pid, signal.SIGINT)
    until = time.monotonic() + GRACE
    while time.monotonic() < until and any(each[0] != "Z" for each in _members(server.pid)):
        server.poll()
        time.sleep(EVERY)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
