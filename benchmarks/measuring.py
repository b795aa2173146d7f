"""What a command costs, with everything that it starts: wall time, CPU and peak memory. For Linux.

Imported by the benchmarks; holds nothing that belongs to one of them.

CPU is what the kernel charged the processes of the tree. Memory is the highest sum of what they
held at one moment; of what several share, each that is not large counts its part alone.
"""

from __future__ import annotations

import ctypes
import os
import platform
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

EVERY = 0.025
"""Seconds between two looks at the memory."""
LARGE = 500_000_000
"""Bytes from which on a process counts all that it holds: to find out what it shares takes long."""
GRACE = 1.0
"""Seconds that what the command left running gets to end by itself, before it is ended."""
TAIL = 5_000
"""Characters of its output that a failure tells."""
PR_SET_CHILD_SUBREAPER = 36

_HINDERING = ("PYTHONDONTWRITEBYTECODE", "POLARS_", "_RJEM_")
"""How variables begin that nothing measured is given: without the first it has the bytecode that
what is installed has; of the others, Polars sets some in a benchmark that imports it."""


@dataclass(frozen=True)
class Cost:
    """What a command cost: seconds of wall time, seconds of CPU, bytes of memory at the peak."""

    wall: float
    cpu: float
    peak: int


def measure(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    longest: float = 1800,
) -> Cost:
    """Run a command to its end, in a session of its own, and say what it cost.

    Args:
        command: The program and its arguments.
        env: Its whole environment; by default that of this process.
        cwd: The folder that it runs in.
        longest: Seconds after which it is ended, with all that is in its process group.

    Returns:
        Its cost, from its start to its end; what it leaves running is ended.

    Raises:
        CalledProcessError: It failed. `output` is the tail of what it wrote.
        TimeoutExpired: It took too long; `output` as above.
    """
    given = os.environ if env is None else env
    with tempfile.TemporaryFile() as output, _adopting():
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={name: told for name, told in given.items() if not name.startswith(_HINDERING)},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        tree, ended = _Tree(process.pid), False
        watched = os.pidfd_open(process.pid)
        try:
            ended = tree.watch(watched, began + longest)
            wall = time.perf_counter() - began
        finally:
            os.close(watched)
            tree.reap(time.perf_counter() + GRACE if ended else 0.0)
            process.returncode = tree.code
        if not ended:
            raise subprocess.TimeoutExpired(command, longest, _tail(output))
        if tree.code:
            raise subprocess.CalledProcessError(tree.code, command, _tail(output))
        return Cost(wall, tree.cpu, tree.peak)


def machine(*packages: str) -> dict[str, Any]:
    """Facts of this machine that figures depend on, and the versions of some packages here."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return {
        "processor": ", ".join(sorted(models)) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


class _Tree:
    """A command and all that it starts: the processes of the session that it leads."""

    def __init__(self, leader: int) -> None:
        self.leader, self.code = leader, 0
        self.cpu, self.peak = 0.0, 0
        self._known: dict[str, bool] = {}

    def watch(self, watched: int, until: float) -> bool:
        """Look at the memory until the command has ended: whether it did in time."""
        waiting = select.poll()
        waiting.register(watched, select.POLLIN)
        self.look()
        while not waiting.poll(EVERY * 1_000):
            if time.perf_counter() > until:
                return False
            self.look()
        return True

    def look(self) -> None:
        """Add up what all processes hold now."""
        held: dict[str, int] = {}
        for process in self._members():
            told = _told(process, "status")
            held[process] = _bytes(told, "VmRSS")
            self.peak = max(self.peak, _bytes(told, "VmHWM"))
        if sum(held.values()) > self.peak and len(held) > 1:
            for process in [each for each, size in held.items() if size < LARGE]:
                held[process] = _bytes(_told(process, "smaps_rollup"), "Pss")
        self.peak = max(self.peak, sum(held.values()))

    def _members(self) -> list[str]:
        """The processes of the session; of those that were there before nothing is read again."""
        there = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
        known = self._known
        self._known = {one: known[one] if one in known else self._is_ours(one) for one in there}
        return [each for each, ours in self._known.items() if ours]

    def _is_ours(self, process: str) -> bool:
        try:
            return os.getsid(int(process)) == self.leader
        except OSError:
            return False

    def reap(self, until: float) -> None:
        """Wait for every process of the group, and count its CPU; from some moment on end them."""
        inherited = _highest_here()
        while True:
            try:
                # The group has a process for sure as long as one of it waits to be waited for.
                ended, status, usage = os.wait4(-self.leader, os.WNOHANG)
            except ChildProcessError:
                return
            if ended:
                self.cpu += usage.ru_utime + usage.ru_stime
                # A process begins with the highest figure of the one that started it.
                if usage.ru_maxrss > inherited:
                    self.peak = max(self.peak, usage.ru_maxrss * 1024)
                if ended == self.leader:
                    self.code = os.waitstatus_to_exitcode(status)
            elif time.perf_counter() > until:
                os.killpg(self.leader, signal.SIGKILL)
                time.sleep(EVERY)
            else:
                time.sleep(EVERY)


@contextmanager
def _adopting() -> Iterator[None]:
    """Have processes whose parent ended become children of this one: so that all can be counted."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "Processes without a parent cannot be adopted.")
    try:
        yield
    finally:
        library.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _highest_here() -> int:
    """The most memory that this process has held, in kilobytes."""
    return _bytes(Path("/proc/self/status").read_text("utf-8"), "VmHWM") // 1024


def _told(process: str, what: str) -> str:
    """What the kernel tells of a process; nothing if it has ended since."""
    try:
        return Path(f"/proc/{process}/{what}").read_text("utf-8")
    except OSError:
        return ""


def _bytes(told: str, name: str) -> int:
    """A figure that the kernel told; nothing for a process without memory."""
    _, _, rest = told.partition(f"{name}:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if rest else 0


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL))
    return output.read().decode("utf-8", "replace")
