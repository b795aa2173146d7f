"""The commands of ``jobforge`` that do not ask: what they cost on the star. See ``asking.md``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import count

from measuring import Cost

from fixed_costs.projects import Project

YARDSTICK = "`import dagster`"
TABLE = "gold/dim_noc"
SOURCE = "cops_summary"

READING = (
    "sources",
    "quarantine list",
    "quarantine show",
    f"catalog show {TABLE}",
    f"catalog transitions {TABLE}",
    "catalog gaps",
    "catalog verify",
    "catalog export dcat",
    "catalog rebuild",
    "audit",
)
"""Those that leave the tables as they are."""


def commands(star: Project) -> dict[str, Callable[[], Cost]]:
    """What is to be measured, by what it is called; the first is what it is compared with."""
    folder, changed = star.copy("commands"), star.copy("ingesting")
    for each in (folder, changed):
        star.run(each)
    delivered = sorted((changed / "data" / "source" / "cops").glob("summary*.csv"))[-1]
    numbers = count()

    def jobforge(line: str) -> Cost:
        return star.python(folder, "-m", "jobforge_dagster.cli", *line.split())

    def ingest() -> Cost:
        number = next(numbers)
        file = changed / f"summary-{number}.csv"
        lines = delivered.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[: -1 - number]))
        words = ("ingest", str(file), "--source", SOURCE)
        return star.python(changed, "-m", "jobforge_dagster.cli", *words)

    def rebuild() -> Cost:
        into = folder / "rebuilt"
        shutil.rmtree(into, ignore_errors=True)
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return jobforge(f"rebuild --as-of {moment} --into {into}")

    return {
        YARDSTICK: lambda: star.python(folder, "-c", YARDSTICK.strip("`")),
        **{f"`{line}`": partial(jobforge, line) for line in READING},
        "`ingest FILE --source SOURCE`": ingest,
        "`rebuild --as-of NOW --into FOLDER`": rebuild,
    }
