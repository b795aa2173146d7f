"""What the catalog costs: telling it of a run, and a history that has grown long.

    uv run python benchmarks/catalog.py [ROUNDS]

Every run and every command is a process of its own, in turns; what counts is its CPU, that of its
children included. Prints medians of the ratios of each turn as Markdown tables: first a run of
everything that is declared, recorded as Dagster does, in our log, and with the catalog; then runs,
commands and links of the chain with a history of 10,000 runs, as multiples of what they cost with
none.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import yaml
from dagster import EventLogEntry
from dagster._serdes import deserialize_value

from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.describe import table as describing
from jobforge_dagster.catalog.documents import GlossaryDocument
from jobforge_dagster.catalog.documents.transition import TransitionFacts
from jobforge_dagster.catalog.project import Facts, packed
from jobforge_dagster.catalog.store import run_path
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration import assets, event_log, glossary
from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster.orchestration.history import facts_of, note
from jobforge_dagster.orchestration.launch import run_tables
from jobforge_dagster.orchestration.telling import Step

PROJECT = Path(__file__).parents[1]
REAL = PROJECT.parent / "shared" / "real_sources"
VARIANTS = ("stock", "log", "catalog")
PARTS = ("describing", "lineage", "packing", "projecting")

RUNS = 10_000
STAGED, BRONZE = "staged/append", "bronze/readings/append"
APPENDED = 100
SHORT = 3
"""Times that a round measures what is soon done."""
LONGEST = 180
"""Seconds after which making the catalog again is given up."""

COMMAND = """
import sys, time
from jobforge_dagster.cli import main
began = time.process_time()
failed = main(sys.argv[1:], standalone_mode=False)
print("\\n", time.process_time() - began)
sys.exit(failed)
"""


@dataclass
class Cost:
    """Seconds of CPU: of a process, of the run or the command in it, and of parts of that."""

    process: float
    within: float
    parts: dict[str, float] = field(default_factory=dict)


class Stopwatch:
    """CPU of some functions; what one of them calls of another counts for the other alone."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(PARTS, 0.0)
        self._within: list[float] = []

    def on(self, part: str, owner: Any, *names: str) -> None:
        """Have the calls of some functions counted as part of something."""
        for name in names:
            setattr(owner, name, self._timed(part, getattr(owner, name)))

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*values: Any, **named: Any) -> Any:
            self._within.append(0.0)
            began = time.process_time()
            try:
                return function(*values, **named)
            finally:
                spent = time.process_time() - began
                self.spent[part] += spent - self._within.pop()
                if self._within:
                    self._within[-1] += spent

        return timed


def measured() -> Stopwatch:
    """Measure what the catalog is told by."""
    watch = Stopwatch()
    watch.on("describing", Step, "staged", "published", "glossary")
    watch.on("describing", glossary, "glossary_document")
    watch.on("lineage", assets, "table_sources", "bronze_sources", "lineage_metadata")
    watch.on("lineage", describing, "staged_sources")
    watch.on("packing", assets, "carried")
    watch.on("packing", glossary, "carried")
    watch.on("projecting", event_log, "catch_up")
    return watch


def told_nothing() -> None:
    """Tell the catalog nothing, and find out nothing that only it is told."""
    nothing = Facts(root="", platform="")
    answers: tuple[tuple[Any, Mapping[str, Any]], ...] = (
        (assets, {"table_sources": None, "bronze_sources": None, "carried": {}}),
        (glossary, {"glossary_document": GlossaryDocument(terms=(), unused=()), "carried": {}}),
        (Step, dict.fromkeys(("staged", "published", "glossary"), nothing)),
        (Step, {"tell_if_the_log_does_not": None}),
        (event_log, {"catch_up": None}),
    )
    for owner, told in answers:
        for name, answer in told.items():
            setattr(owner, name, lambda *_, answer=answer: answer)


def run_here(variant: str, keys: Iterable[str]) -> None:
    """Make tables in this process, by default all, and print what it cost."""
    watch = measured() if variant == "catalog" else None
    if watch is None:
        told_nothing()
    defs = build_definitions()
    selection = [dg.AssetKey(key.split("/")) for key in keys]
    selection = selection or sorted(defs.resolve_asset_graph().get_all_asset_keys())
    began = time.process_time()
    result = run_tables(defs, selection, "benchmark", DataRoot.from_environment())
    within = time.process_time() - began
    assert result.success
    print(json.dumps({"within": within, "parts": watch.spent if watch else {}}))


class Lake:
    """A folder to run in: a data root, a configuration, and its own history."""

    def __init__(self, folder: Path, variant: str = "catalog", packages: str = "") -> None:
        self.folder, self.variant = folder, variant
        self.root = DataRoot(folder / "data")
        self.history = folder / ".dagster" / "history"
        self.environment = {
            **{name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"},
            "JOBFORGE_DATA_ROOT": "data",
            "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parent, PROJECT))),
        }
        if packages:
            self.environment["JOBFORGE_DOMAINS"] = packages
        settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text("utf-8"))
        if variant == "stock":
            settings["storage"] = {"sqlite": {"base_dir": ".dagster"}}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dagster.yaml").write_text(yaml.safe_dump(settings), "utf-8")

    def run(self, *keys: str) -> Cost:
        """What it costs to make some tables, by default all."""
        return self._process([__file__, "--run", self.variant, *keys], json.loads)

    def command(self, *arguments: str, longest: int | None = None) -> Cost:
        """What a command of the platform costs; given up after so many seconds."""
        told = ["-c", COMMAND, *arguments]
        return self._process(told, lambda text: {"within": float(text)}, longest)

    def _process(
        self, told: list[str], read: Callable[[str], dict[str, Any]], longest: int | None = None
    ) -> Cost:
        began = _of_children()
        done = subprocess.run(
            [sys.executable, *told],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=longest,
        )
        process = _of_children() - began
        if done.returncode:
            raise SystemExit(f"{done.stderr[-5_000:]}\nended with {done.returncode}")
        return Cost(process, **read(done.stdout.splitlines()[-1]))


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ratio(costs: Sequence[Cost], base: Sequence[Cost], what: str) -> float:
    """The median of the ratios of each turn: what else the machine does differs less within one."""
    pairs = zip(costs, base, strict=True)
    ratios = [float(getattr(one, what) / getattr(other, what)) for one, other in pairs]
    return statistics.median(ratios)


def cost_of_telling(rounds: int, folder: Path) -> None:
    """Print what a run of everything costs in each variant, and what the telling is made of."""
    costs: dict[tuple[str, str], list[Cost]] = {
        (when, variant): [] for when in ("first", "unchanged") for variant in VARIANTS
    }
    for number in range(rounds):
        for place in range(len(VARIANTS)):
            variant = VARIANTS[(place + number) % len(VARIANTS)]
            lake = Lake(folder / variant, variant)
            shutil.copytree(PROJECT / "data" / "source", lake.root.landing)
            if REAL.is_dir():
                shutil.copytree(REAL, lake.root.landing, dirs_exist_ok=True)
            for when in ("first", "unchanged"):
                costs[when, variant].append(lake.run())
            shutil.rmtree(lake.folder)
    print("| run | measured | log : stock | catalog : log | catalog : stock |")
    print("|---|---|---:|---:|---:|")
    for when in ("first", "unchanged"):
        for what in ("within", "process"):
            stock, log, catalog = (costs[when, variant] for variant in VARIANTS)
            pairs = ((log, stock), (catalog, log), (catalog, stock))
            ratios = " | ".join(f"{_ratio(*pair, what):.2f}" for pair in pairs)
            print(f"| {when} | {'the run' if what == 'within' else 'the process'} | {ratios} |")
    print(f"\n| run | {' | '.join(PARTS)} | together |")
    print(f"|---|{'---:|' * (len(PARTS) + 1)}")
    for when in ("first", "unchanged"):
        shares = [
            statistics.median(cost.parts[part] / cost.within for cost in costs[when, "catalog"])
            for part in PARTS
        ]
        total = statistics.median(
            sum(cost.parts.values()) / cost.within for cost in costs[when, "catalog"]
        )
        print(f"| {when} | {' | '.join(f'{share:.1%}' for share in (*shares, total))} |")


def deliver(lake: Lake, number: int) -> None:
    """Drop one more file of a hundred readings."""
    path = lake.root.landing / "append" / f"{number:06}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (f"{number * 100 + place},{number},{place}\n" for place in range(100))
    path.write_text("sensor,day,value\n" + "".join(rows))


def with_history(lake: Lake, runs: int) -> None:
    """Let the last run of a lake, which made bronze, have happened so often more.

    The rows of its events and of the run itself are copied, in their order, with new ids; so are
    its document and the record of its publication. Each copy tells of a transition of its own.
    """
    with closing(sqlite3.connect(lake.history / "event_log.db")) as log:
        run_id, first, last = log.execute(
            "SELECT run_id, min(id), max(id) FROM event_logs GROUP BY run_id ORDER BY 2 DESC"
        ).fetchone()
        [(text,)] = log.execute(
            "SELECT event FROM event_logs WHERE run_id = ? AND asset_key = ? "
            "AND dagster_event_type = 'ASSET_MATERIALIZATION'",
            (run_id, json.dumps(BRONZE.split("/"))),
        ).fetchall()
        entry = deserialize_value(text, EventLogEntry)
        facts = facts_of(entry)
        assert facts is not None
        assert packed(facts) in text
        [made] = facts.transitions
        again = [_again(made, number + 1) for number in range(runs)]
        told = [packed(facts.model_copy(update={"transitions": (each,)})) for each in again]
        copies = [
            (each.run_id, (number + 1) * (last - first + 1), facts_again)
            for number, (each, facts_again) in enumerate(zip(again, told, strict=True))
        ]
        renamed = f"replace(%s, '{run_id}', to_run)"
        ours, events = f"run_id = '{run_id}'", f"event_id BETWEEN {first} AND {last}"
        event = f"replace({renamed % 'event'}, '{packed(facts)}', told)"
        run = {"run_id": "to_run"}
        _copy(log, copies, "event_logs", ours, run | {"id": "id + shift", "event": event})
        _copy(log, copies, "asset_event_tags", events, {"event_id": "event_id + shift"})
        ids = ("evaluation_event_storage_id", "materialization_event_storage_id")
        check = {name: f"{name} + shift" for name in ids}
        check["evaluation_event"] = renamed % "evaluation_event"
        _copy(log, copies, "asset_check_executions", ours, run | check)
        newest = log.execute("SELECT max(id) FROM event_logs").fetchone()[0]
    with closing(sqlite3.connect(lake.history / "runs.db")) as kept:
        _copy(kept, copies, "runs", ours, run | {"run_body": renamed % "run_body"})
        _copy(kept, copies, "run_tags", ours, run)
    note(lake.root, event_log.EmbeddedEventLog(str(lake.history)), newest)
    at = datetime.fromtimestamp(entry.timestamp, UTC)
    document = run_path(lake.root, run_id).read_text("utf-8")
    record = lake.root.publication(BRONZE, run_id, made.started_at)
    publication = json.loads(record.read_text("utf-8"))
    for each in again:
        chain.append(lake.root, each, at)
        run_path(lake.root, each.run_id).write_text(document.replace(run_id, each.run_id), "utf-8")
        before = made.started_at - (each.started_at - made.started_at)  # what stands is the newest
        publication |= {"run_id": each.run_id, "written_at": before.isoformat()}
        copy = lake.root.publication(BRONZE, each.run_id, before)
        copy.write_text(json.dumps(publication), "utf-8")


def _again(made: TransitionFacts, number: int) -> TransitionFacts:
    """A transition as another run would have made it, some microseconds later."""
    at = made.started_at + timedelta(microseconds=number)
    ids = {"run_id": str(uuid4()), "transition_id": str(uuid4())}
    return made.model_copy(update={**ids, "started_at": at})


def _copy(
    database: sqlite3.Connection,
    copies: Iterable[tuple[str, int, str]],
    table: str,
    which: str,
    changed: Mapping[str, str],
) -> None:
    """Copy some rows of a table once for each copy, with what is changed."""
    database.execute("CREATE TEMP TABLE IF NOT EXISTS copies (to_run, shift, told)")
    database.execute("DELETE FROM copies")
    database.executemany("INSERT INTO copies VALUES (?, ?, ?)", copies)
    every = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    names = [name for name in every if name != "id" or name in changed]
    values = ", ".join(changed.get(name, name) for name in names)
    database.execute(
        f"INSERT INTO {table} ({', '.join(names)}) "
        f"SELECT {values} FROM copies CROSS JOIN {table} WHERE {which} ORDER BY shift, id"
    )
    database.commit()


def append(root: DataRoot, made: TransitionFacts) -> float:
    """Seconds of CPU that it takes to append transitions to the chain."""
    new = [_again(made, number) for number in range(APPENDED)]
    at = datetime.now(UTC)
    began = time.process_time()
    for each in new:
        assert chain.append(root, each, at)
    return time.process_time() - began


def cost_of_history(rounds: int, folder: Path) -> None:
    """Print what grows with the history, as multiples of what it costs without one."""
    base = Lake(folder / "base", packages="workload.readings")
    deliver(base, 0)
    base.run(STAGED, BRONZE)
    deliver(base, 1)
    base.run(STAGED)
    base.run(STAGED, BRONZE)
    lakes, chains = {}, {}
    [*_, last] = chain.lines(base.root)
    facts = json.loads((chain.lineage(base.root) / json.loads(last)["record"]).read_bytes())
    made = TransitionFacts(**{name: facts[name] for name in TransitionFacts.model_fields})
    for size in (0, RUNS):
        shutil.copytree(base.folder, folder / str(size))
        lakes[size] = Lake(folder / str(size), packages="workload.readings")
        with_history(lakes[size], size)
        chains[size] = DataRoot(folder / f"chain-{size}")
        if size:
            shutil.copytree(lakes[size].root.catalog, chains[size].catalog)
    time.sleep(2.1)  # until the file system's clock tells these writes from later ones
    for lake in lakes.values():
        lake.run(STAGED, BRONZE)
    costs: dict[tuple[str, int], list[Cost]] = {}

    def keep(what: str, size: int, cost: Cost) -> None:
        costs.setdefault((what, size), []).append(cost)

    for number in range(rounds):
        turns = sorted(lakes, reverse=bool(number % 2))
        for size in turns:
            keep("a run that changes nothing", size, lakes[size].run(STAGED, BRONZE))
        for size in turns:
            deliver(lakes[size], number + 2)
            lakes[size].run(STAGED)
        for size in turns:
            keep("a run that changes one table", size, lakes[size].run(STAGED, BRONZE))
        for _ in range(SHORT):
            for size in turns:
                keep("catalog show TABLE", size, lakes[size].command("catalog", "show", BRONZE))
            for size in turns:
                told = ("catalog", "transitions", BRONZE, "--last", "5")
                keep(f"{' '.join(told[:2])} TABLE --last 5", size, lakes[size].command(*told))
            shutil.rmtree(chains[0].path, ignore_errors=True)
            for size in turns:
                appended = append(chains[size], made)
                keep("chain.append", size, Cost(appended, appended))
    print(f"| with a history of {RUNS:,} runs : none | alone | the process |")
    print("|---|---:|---:|")
    for what in dict.fromkeys(what for what, _ in costs):
        ratios = [_ratio(costs[what, RUNS], costs[what, 0], each) for each in ("within", "process")]
        print(f"| {what} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    print()
    for what in ("verify", "rebuild"):
        began = time.perf_counter()
        try:
            lakes[RUNS].command("catalog", what, longest=LONGEST)
            seconds = f"{time.perf_counter() - began:.0f} s"
        except subprocess.TimeoutExpired:
            seconds = f"given up after {LONGEST} s"
        print(f"`catalog {what}` with {RUNS:,} runs: {seconds}.")


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--run"]:
        run_here(sys.argv[2], sys.argv[3:])
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        cost_of_telling(rounds, Path(folder))
        print()
        cost_of_history(rounds, Path(folder))


if __name__ == "__main__":
    main()
