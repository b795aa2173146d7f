"""One look of the sensor ``deliveries``, once everything is loaded. Run in a process of its own.

    python tick.py MODULE

Prints as JSON the medians of the seconds of wall time and of CPU that an evaluation takes.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time

import dagster as dg

TIMES = 20


def main() -> None:
    """Measure and print."""
    defs: dg.Definitions = importlib.import_module(sys.argv[1]).defs
    sensor = defs.resolve_sensor_def("deliveries")
    walls, cpus = [], []
    cursor: str | None = None
    with dg.DagsterInstance.get() as instance:
        for _ in range(TIMES + 1):
            with dg.build_sensor_context(
                instance=instance, cursor=cursor, definitions=defs
            ) as context:
                wall, cpu = time.perf_counter(), time.process_time()
                seen = sensor.evaluate_tick(context)
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
            if seen.run_requests:
                raise SystemExit(f"Something is due: {seen.run_requests}")
            cursor = seen.cursor
    print(json.dumps({"wall": statistics.median(walls[1:]), "cpu": statistics.median(cpus[1:])}))


if __name__ == "__main__":
    main()
