"""Where the peers live: a virtual environment for each, of the versions that its folder pins.

    uv run python benchmarks/speed/environments.py

Set-up is the only thing here that needs a network, and happens once: what is already there, with
the same requirements and the same Python, is left alone.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".environments"
"""Where the environments are by default; git ignores it."""
PEERS = ("dbt", "sqlmesh", "dlt", "naive")


def requirements(peer: str) -> Path:
    """The file that pins the versions of a peer."""
    return HERE / peer / "requirements.txt"


def program(peer: str, name: str, folder: Path = FOLDER) -> Path:
    """A program of a peer's environment."""
    return folder / peer / "bin" / name


def set_up(folder: Path = FOLDER) -> None:
    """Make the environments that are missing or out of date.

    Args:
        folder: where they go, one folder for each peer.

    Raises:
        FileNotFoundError: there is no ``uv``.
        subprocess.CalledProcessError: an environment cannot be made, for example without a network.
    """
    for peer in PEERS:
        place, pinned = folder / peer, requirements(peer)
        wanted = hashlib.sha256(pinned.read_bytes() + sys.version.encode()).hexdigest()
        # Written last, so that what was cut off half-way is made again.
        done = place / "made-from"
        if done.is_file() and done.read_text("utf-8") == wanted:
            continue
        print(f"Setting up {peer} ...", flush=True)
        subprocess.run(
            ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, place], check=True
        )
        subprocess.run(
            [
                *("uv", "pip", "install", "--quiet", "--compile-bytecode"),
                *("--python", program(peer, "python", folder), "--requirements", pinned),
            ],
            check=True,
        )
        done.write_text(wanted, "utf-8")


if __name__ == "__main__":
    set_up()
