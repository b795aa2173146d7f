"""What a new delivery costs a source that has many, and what a look at the landing folder costs.

    uv run python benchmarks/deliveries.py [ROUNDS]

Lakes with 10, 100 and 1,000 deliveries of a thousand records each get one more, in turns; a run
stages it, another makes bronze. Prints the medians of their CPU as a Markdown table, as multiples
of staging one more where there are ten; then the seconds of the sensor's look at 10,000 files.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from jobforge_dagster.medallion.discovery import discover
from jobforge_dagster.medallion.storage.noticing import look
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.build import build_definitions

SIZES = (10, 100, 1_000)
RECORDS = 1_000
FILES = 10_000
PACKAGE = ("workload.readings",)
KINDS = ("append", "upsert")


class Lake:
    """A data root with many deliveries of one source."""

    def __init__(self, path: Path, kind: str, deliveries: int) -> None:
        self.root, self.kind, self.count = DataRoot(path), kind, 0
        self.job = build_definitions(PACKAGE, self.root).resolve_implicit_global_asset_job_def()
        for _ in range(deliveries):
            self.deliver()
        self.stage()
        self.make()

    def deliver(self) -> None:
        """Drop one more file; every second record of it has a key that was delivered before."""
        path = self.root.landing / self.kind / f"{self.count:06}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        first = self.count * RECORDS // 2
        rows = (f"{first + place},{self.count},{place * 37 % 101}\n" for place in range(RECORDS))
        path.write_text("sensor,day,value\n" + "".join(rows))
        self.count += 1

    def stage(self) -> float:
        """Seconds of CPU that staging takes."""
        return self._run(f"staged/{self.kind}")

    def make(self) -> float:
        """Seconds of CPU that bronze takes."""
        return self._run(f"bronze/readings/{self.kind}")

    def _run(self, key: str) -> float:
        instance = dg.DagsterInstance.ephemeral(
            settings={"python_logs": {"python_log_level": "WARNING"}}
        )
        began = time.process_time()
        result = self.job.execute_in_process(
            asset_selection=[dg.AssetKey(key.split("/"))], instance=instance
        )
        assert result.success
        return time.process_time() - began


def cost_of_a_delivery(rounds: int, folder: Path) -> None:
    """Print what one more delivery costs, by the number that are there."""
    print("| source | deliveries | staging one more | nothing new | bronze with it | unchanged |")
    print("|---|---:|---:|---:|---:|---:|")
    base = 0.0
    for kind in KINDS:
        lakes = {size: Lake(folder / f"{kind}-{size}", kind, size) for size in SIZES}
        time.sleep(2.1)  # until the file system's clock tells these writes from later ones
        for lake in lakes.values():
            lake.stage()
        costs: dict[int, list[tuple[float, ...]]] = {size: [] for size in SIZES}
        for _ in range(rounds):
            for size, lake in lakes.items():
                lake.deliver()
                staged, same = lake.stage(), lake.stage()
                costs[size].append((staged, same, lake.make(), lake.make()))
        for size in SIZES:
            medians = [statistics.median(each) for each in zip(*costs[size], strict=True)]
            base = base or medians[0]
            shown = " | ".join(f"{median / base:.1f}" for median in medians)
            print(f"| {kind} | {size:,} | {shown} |")


def cost_of_a_look(folder: Path) -> None:
    """Print what the sensor's look costs, once it has seen every file."""
    lake = Lake(folder / "many", "append", 0)
    for place in range(FILES):
        path = lake.root.landing / "append" / f"{place:06}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"sensor,day,value\n{place},1,1\n")
    time.sleep(2.1)
    lake.stage()
    lake.make()
    declared = discover(PACKAGE)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        found = look(lake.root, declared, datetime.now(UTC), {})
        seconds.append(time.perf_counter() - began)
        assert found.files == FILES
        assert not found.due
    print(f"\nA look at {FILES:,} files that were seen: {statistics.median(seconds):.2f} s.")


def main() -> None:
    """Measure and print."""
    sys.path.insert(0, str(Path(__file__).parent))
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        cost_of_a_delivery(rounds, Path(folder))
        cost_of_a_look(Path(folder))


if __name__ == "__main__":
    main()
