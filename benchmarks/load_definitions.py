"""What loading the definitions costs, against what no Dagster project on Polars can avoid.

    uv run python benchmarks/load_definitions.py [rounds]

Prints the median ratio of the CPU time of ``import jobforge_dagster.definitions`` to that of
``import dagster, polars``, measured in turns. The aim is less than 2.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

FLOOR = "import dagster, polars"
OURS = "import jobforge_dagster.definitions"


def cpu_seconds(code: str) -> float:
    """CPU time of a fresh interpreter that runs some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    ratios = []
    for _ in range(rounds):
        floor = cpu_seconds(FLOOR)
        ratios.append(cpu_seconds(OURS) / floor)
    low, high = min(ratios), max(ratios)
    print(
        f"definitions / floor: median {statistics.median(ratios):.2f}, "
        f"range {low:.2f} to {high:.2f}, {rounds} rounds"
    )


if __name__ == "__main__":
    main()
