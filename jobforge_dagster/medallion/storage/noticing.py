"""Noticing: what is due, told by comparing the landing folder, the deliveries and the tables.

Nothing here remembers what was seen before, but for files that may still grow. What is due follows
from contents: a file that no manifest knows, a table that was made from other deliveries than those
in force, a table whose input was made again. So nothing is missed because of a clock or a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.discovery import Declarations
from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.fingerprint import source_version, table_version
from jobforge_dagster.medallion.hashing import digest
from jobforge_dagster.medallion.storage import deliveries, parquet
from jobforge_dagster.medallion.storage.deliveries import Arrival
from jobforge_dagster.medallion.storage.landing import Landed, Seen, matching, walk
from jobforge_dagster.medallion.storage.publish import fingerprint_of
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.warehouse import VIEWS

Growing = Mapping[str, tuple[int, int, float]]
"""Files that may still grow: size, time of modification, and since when both are still."""


@dataclass(frozen=True)
class Due:
    """A source or table that must be made.

    Attributes:
        key: of the staged or other table to begin with.
        token: changes when something else is due of it.
        why: for people.
        after: key of a table that is made first, if that is due too.
    """

    key: str
    token: str
    why: str
    after: str | None = None


@dataclass(frozen=True)
class Look:
    """What one look at the data root tells."""

    due: tuple[Due, ...]
    growing: Growing
    files: int


def look(
    root: DataRoot, declared: Declarations, at: datetime, growing: Growing | None = None
) -> Look:
    """Compare the landing folder with what is staged, and what is staged with the tables.

    Args:
        root: the data root.
        declared: sources, tables and marts.
        at: now, UTC.
        growing: as the last look left it; without it, every file is believed to be whole.
    """
    files = walk(root)
    still: dict[str, tuple[int, int, float]] = {}
    due: list[Due] = []
    for source in declared.sources:
        log = deliveries.arrivals(root, source)
        there = matching(source, files)
        found, waiting = _whole(root, source, there, growing, at.timestamp())
        still |= waiting
        due.extend(_delivered(source, log, found, there, at))
        due.extend(_made_from_others(root, source, log))
    for table in declared.tables:
        due.extend(_outdated(root, table))
    return Look(tuple(due), still, sum(each.stamp is not None for each in files))


def follow(declared: Declarations, due: Iterable[str], stands: Callable[[str], bool]) -> list[str]:
    """The keys to make: what is due, and what depends on it and can be made.

    A table whose other inputs were never made is left for when they are.

    Args:
        declared: sources and tables.
        due: keys to begin with.
        stands: whether the table of a key was made before.
    """
    chosen = dict.fromkeys(due)
    for source in declared.sources:
        if source.staged_key in chosen:
            chosen[source.key] = None
    waiting = list(declared.tables)
    while waiting:
        left = []
        for table in waiting:
            known = [upstream.key for upstream in table.upstream]
            touched = table.key in chosen or any(key in chosen for key in known)
            can = all(key in chosen or stands(key) for key in known)
            if touched and can:
                chosen[table.key] = None
            else:
                left.append(table)
        if len(left) == len(waiting):
            break
        waiting = left
    able = {*chosen} - {table.key for table in waiting}
    for mart in declared.marts:
        read = [table.key for table in mart.reads]
        if any(key in able for key in read) and all(key in able or stands(key) for key in read):
            able.add(mart.key)
    if declared.marts and any(
        table.layer == "gold" and table.key in able for table in declared.tables
    ):
        able.add(VIEWS)
    return sorted(able)


def _whole(
    root: DataRoot,
    source: Source,
    there: Sequence[Landed],
    growing: Growing | None,
    now: float,
) -> tuple[dict[Landed, str | DeliveryError], dict[str, tuple[int, int, float]]]:
    """The files that are believed to be whole, with the sha256 of each or why there is none.

    Returns:
        These, and those that may still grow.
    """
    seen = Seen(root, source)
    found: dict[Landed, str | DeliveryError] = {}
    still: dict[str, tuple[int, int, float]] = {}
    for each in there:
        waits = growing is not None and not seen.known(each)
        if waits and not _is_still(each, source, growing or {}, still, now):
            continue
        try:
            found[each] = seen.sha256(each)
        except DeliveryError as error:
            found[each] = error
    if found:
        seen.keep(there)
    return found, still


def _delivered(
    source: Source,
    log: Sequence[Arrival],
    found: Mapping[Landed, str | DeliveryError],
    there: Sequence[Landed],
    at: datetime,
) -> list[Due]:
    """What lies there of a source and is not staged as it lies."""
    troubles = [str(told) for told in found.values() if isinstance(told, DeliveryError)]
    hashed = {each: told for each, told in found.items() if isinstance(told, str)}
    fresh: list[Arrival] = []
    try:
        news = deliveries.news(source, log, hashed, there, at)
        fresh = [arrival for _, arrival in news if arrival.counts]
    except DeliveryError as error:
        troubles.append(str(error))
    told = [*(f"{arrival.file} is new" for arrival in fresh), *troubles]
    if not told:
        return []
    batches = [arrival.batch_id for arrival in fresh]
    token = digest([source_version(source), str(len(log)), *batches, *troubles])
    return [Due(source.staged_key, token, "; ".join(told))]


def _is_still(
    landed: Landed,
    source: Source,
    growing: Growing,
    still: dict[str, tuple[int, int, float]],
    now: float,
) -> bool:
    """Whether nothing was written to a file for as long as its source says.

    The file system's own time of change tells it at once, where its clock is not ahead of ours;
    otherwise size and time must be the same in two looks that are far enough apart.
    """
    if landed.stamp is None:
        return True
    _, size, modified, changed = landed.stamp
    wait = source.still.total_seconds()
    if now - changed / 1e9 >= wait:
        return True
    before = growing.get(landed.file)
    since = before[2] if before and before[:2] == (size, modified) else now
    if now - since >= wait:
        return True
    still[landed.file] = (size, modified, since)
    return False


def _made_from_others(root: DataRoot, source: Source, log: Sequence[Arrival]) -> list[Due]:
    """Whether bronze was made from other deliveries than those in force."""
    batches = list(deliveries.in_force(source, log).values())
    if not batches:
        return []
    wanted = fingerprint_of(batches)
    story = parquet.story_of(root.table(source.key))
    if story and story["inputs"].get(source.staged_key) == wanted:
        return []
    token = digest([source_version(source), wanted, _state(root, source.key)])
    why = f"{source.key} was not made from what is staged"
    return [Due(source.key, token, why, after=source.staged_key)]


def _outdated(root: DataRoot, table: Table) -> list[Due]:
    """Whether a table was made from other inputs than those that stand."""
    stories = {each.key: parquet.story_of(root.table(each.key)) for each in table.upstream}
    if not all(stories.values()):
        return []
    wanted = {key: story["fingerprint"] for key, story in stories.items()}
    story = parquet.story_of(root.table(table.key))
    if story and story["inputs"] == wanted:
        return []
    token = digest([table_version(table), *sorted(wanted.values()), _state(root, table.key)])
    return [Due(table.key, token, f"{table.key} was not made from its inputs as they stand")]


def _state(root: DataRoot, key: str) -> str:
    """Changes whenever a table does, so that the same wish at another time is another wish."""
    return str(len(list(root.publications(key).glob("*.json"))))
