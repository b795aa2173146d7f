"""What a new delivery costs a source that has many, and what a look at the landing folder costs.

    uv run python benchmarks/deliveries.py [ROUNDS]

Lakes with 10, 100 and 1,000 deliveries of a thousand records each get one more, in turns; the run
stages it and makes bronze. Prints the medians as a Markdown table, as multiples of the same run
where nothing is new; then the sensor's look at 10,000 files, as a share of a second.
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
        self.run()

    def deliver(self) -> None:
        """Drop one more file; every second record of it has a key that was delivered before."""
        path = self.root.landing / self.kind / f"{self.count:06}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        first = self.count * RECORDS // 2
        rows = (f"{first + place},{self.count},{place * 37 % 101}\n" for place in range(RECORDS))
        path.write_text("sensor,day,value\n" + "".join(rows))
        self.count += 1

    def run(self) -> float:
        """Seconds of CPU that staging and bronze take."""
        keys = (f"staged/{self.kind}", f"bronze/readings/{self.kind}")
        instance = dg.DagsterInstance.ephemeral(
            settings={"python_logs": {"python_log_level": "WARNING"}}
        )
        began = time.process_time()
        result = self.job.execute_in_process(
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys], instance=instance
        )
        assert result.success
        return time.process_time() - began


def cost_of_a_delivery(rounds: int, folder: Path) -> None:
    """Print what one more delivery costs, by the number that are there."""
    print("| source | deliveries | one more costs | of it, as where nothing is new |")
    print("|---|---:|---:|---:|")
    for kind in KINDS:
        lakes = {size: Lake(folder / f"{kind}-{size}", kind, size) for size in SIZES}
        time.sleep(2.1)  # until the file system's clock tells these writes from later ones
        for lake in lakes.values():
            lake.run()
        new: dict[int, list[float]] = {size: [] for size in SIZES}
        same: dict[int, list[float]] = {size: [] for size in SIZES}
        for _ in range(rounds):
            for size, lake in lakes.items():
                lake.deliver()
                new[size].append(lake.run())
                same[size].append(lake.run())
        base = statistics.median(new[SIZES[0]])
        for size in SIZES:
            one, none = statistics.median(new[size]), statistics.median(same[size])
            print(f"| {kind} | {size:,} | {one / base:.2f} | {none / base:.2f} |")


def cost_of_a_look(folder: Path) -> None:
    """Print what the sensor's look costs, once it has seen every file."""
    lake = Lake(folder / "many", "append", 0)
    for place in range(FILES):
        path = lake.root.landing / "append" / f"{place:06}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"sensor,day,value\n{place},1,1\n")
    time.sleep(2.1)
    lake.run()
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
