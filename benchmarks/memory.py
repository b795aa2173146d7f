"""Peak memory of each transition at two sizes, in processes of their own: what grows with rows.

    uv run python benchmarks/memory.py [ROWS ...]

Prints, for each size, the peak of the process that makes the table and how much of it is above a
process that only imports what it needs; then what a row costs between the sizes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = (1_000_000, 10_000_000)
STEPS = {
    "nothing": "",
    "staged": "staged/vacancies",
    "bronze": "bronze/vacancies/vacancies",
    "silver": "silver/vacancies/vacancy",
}

SCRIPT = """
import sys
import jobforge_dagster
import dagster as dg
import polars, pyarrow.parquet
from pathlib import Path
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.build import build_definitions
defs = build_definitions(["workload"], DataRoot(Path(sys.argv[1])))
if sys.argv[2]:
    instance = dg.DagsterInstance.ephemeral(
        settings={"python_logs": {"python_log_level": "WARNING"}})
    job = defs.resolve_implicit_global_asset_job_def()
    job.execute_in_process(asset_selection=[dg.AssetKey(sys.argv[2].split("/"))], instance=instance)
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def peak(root: Path, table: str) -> int:
    """Peak resident memory of a process that makes one table, in bytes."""
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root), table],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(told.stdout.split()[-1]) * 1024


def main() -> None:
    """Measure and print."""
    from workload import vacancies

    sizes = [int(each) for each in sys.argv[1:]] or list(SIZES)
    peaks: dict[int, dict[str, int]] = {}
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "data"
            (root / "source").mkdir(parents=True)
            vacancies.write(str(root / "source" / "vacancies.csv"), rows)
            peaks[rows] = {step: peak(root, table) for step, table in STEPS.items()}
    for rows, measured in peaks.items():
        for step, most in measured.items():
            above = (most - measured["nothing"]) / 1e6
            print(f"{rows:>11,} rows  {step:8} {most / 1e6:7,.0f} MB  ({above:+,.0f} MB)")
    if len(sizes) > 1:
        few, many = min(sizes), max(sizes)
        for step in list(STEPS)[1:]:
            grown = (peaks[many][step] - peaks[few][step]) / (many - few)
            print(f"{step:8} {grown:6,.0f} bytes a row")


if __name__ == "__main__":
    main()
