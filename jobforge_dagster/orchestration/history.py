"""From Dagster's log to the catalog: which events count, and what each tells.

The catalog is told of the events in the order of the log, each once. How far it has come stands in
the catalog: without that it is told everything again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType, DagsterRun, EventLogEntry

from jobforge_dagster.catalog.describe import transition
from jobforge_dagster.catalog.documents import ProgressDocument
from jobforge_dagster.catalog.project import Facts, project, project_run, unpacked
from jobforge_dagster.catalog.store import (
    PATIENCE,
    CatalogError,
    get,
    progress_path,
    writing,
)
from jobforge_dagster.medallion.storage.root import LAYERS, DataRoot
from jobforge_dagster.orchestration.logs import tell
from jobforge_dagster.orchestration.runs import ROOT_TAG, reason, run_document
from jobforge_dagster.orchestration.telling import FACTS, PACKED, ROOT

if TYPE_CHECKING:
    from jobforge_dagster.orchestration.event_log import EmbeddedEventLog

RUN_ENDS = frozenset(
    {
        DagsterEventType.RUN_SUCCESS,
        DagsterEventType.RUN_FAILURE,
        DagsterEventType.RUN_CANCELED,
    }
)

TOLD_OF = RUN_ENDS | {
    DagsterEventType.RUN_START,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.STEP_FAILURE,
}
"""The events that the catalog is told of."""

_told: set[str] = set()


def catch_up(log: EmbeddedEventLog, stored: Sequence[tuple[int, EventLogEntry]] = ()) -> None:
    """Tell the catalog what it does not know yet; if it cannot take it, say so, and go on.

    What it could not take is told again with the next event, so that nothing is left out. Events of
    tables that stand as they did wait for one that has something to tell: the end of the run, say.

    Args:
        log: the log.
        stored: what was stored just now; the rest is read.
    """
    if stored and all(_changes_nothing(event) for _, event in stored):
        log.waiting.extend(stored)
        return
    stored, log.waiting = [*log.waiting, *stored], []
    try:
        root = DataRoot.from_environment()
        with writing(root, PATIENCE):
            _catch_up(log, root, stored)
    except Exception as error:
        say([f"{type(error).__name__}: {error}. It catches up with a later event."])


def _changes_nothing(event: EventLogEntry) -> bool:
    """Whether an event tells of a table that stands as the catalog has it."""
    if event.dagster_event_type != DagsterEventType.ASSET_MATERIALIZATION:
        return False
    facts = facts_of(event)
    return facts is None or not (facts.table or facts.transitions or facts.glossary)


def say(words: Iterable[str]) -> None:
    """Say what went wrong with the catalog, once."""
    for each in words:
        if each not in _told:
            _told.add(each)
            tell("catalog_failed", error=each)


def project_all(
    log: EmbeddedEventLog, events: Iterable[tuple[int, EventLogEntry]], root: DataRoot, name: str
) -> Iterator[int]:
    """Project events in the order of the log.

    Args:
        log: where further events of a run are looked up.
        events: with their ids.
        root: where the documents are written.
        name: of the data root, as events name it.

    Yields:
        The id of each event, once it is projected.
    """
    for event_id, event in events:
        at = datetime.fromtimestamp(event.timestamp, UTC)
        kind = event.dagster_event_type
        if kind in RUN_ENDS or kind == DagsterEventType.RUN_START:
            run = log.run_of(event.run_id)
            so_far = log.events_of(event.run_id, event_id)
            if _concerns(name, run, so_far):
                say(project_run(root, run_document(event.run_id, run, so_far)))
        else:
            facts = facts_of(event) or _untold_failure(log, event_id, event, name)
            if facts is not None and facts.root == name:
                say(project(root, facts, at))
        yield event_id


def facts_of(event: EventLogEntry) -> Facts | None:
    """What an event tells the catalog, if it does, in a shape that is known."""
    try:
        return unpacked(_carried(event)[PACKED])
    except (ValueError, KeyError):
        return None


def _carried(event: EventLogEntry) -> Mapping[str, str]:
    """The metadata of an event for the catalog; empty if it has none."""
    told = event.dagster_event
    metadata: Mapping[str, Any] = {}
    if told is not None and told.event_type == DagsterEventType.ASSET_MATERIALIZATION:
        metadata = told.step_materialization_data.materialization.metadata
    elif told is not None and told.event_type == DagsterEventType.STEP_FAILURE:
        user = told.step_failure_data.user_failure_data
        metadata = (user.metadata if user else None) or {}
    found = metadata[FACTS].value if FACTS in metadata else {}
    return found if isinstance(found, dict) else {}


def _concerns(name: str, run: DagsterRun | None, events: Iterable[EventLogEntry]) -> bool:
    """Whether a run worked on a data root, as far as it tells; if it does not, it did."""
    if run is not None and ROOT_TAG in run.tags:
        return run.tags[ROOT_TAG] == name
    roots = {told[ROOT] for each in events if ROOT in (told := _carried(each))}
    return not roots or name in roots


def _untold_failure(
    log: EmbeddedEventLog, event_id: int, event: EventLogEntry, name: str
) -> Facts | None:
    """What a step's failure says where its code had no chance to."""
    told = event.dagster_event
    if told is None or told.event_type != DagsterEventType.STEP_FAILURE or not told.step_key:
        return None
    if not _concerns(name, log.run_of(event.run_id), ()):
        return None
    key = log.table_of(event.run_id, told.step_key, event_id)
    if key is None or key.partition("/")[0] not in LAYERS:
        return None
    at = datetime.fromtimestamp(event.timestamp, UTC)
    words = reason(told.step_failure_data)
    return Facts(
        root=name,
        platform="",
        transitions=(transition.failed(key, event.run_id, at, [words]),),
    )


def _catch_up(
    log: EmbeddedEventLog, root: DataRoot, stored: Sequence[tuple[int, EventLogEntry]]
) -> None:
    done = _progress(root, log)
    last = done
    events = stored if stored and log.is_all_since(done, stored) else log.told_since(done)
    try:
        for event_id in project_all(log, events, root, log.name_of(root)):
            last = event_id
    finally:
        if last != done:
            note(root, log, last)


def note(root: DataRoot, log: EmbeddedEventLog, event_id: int) -> None:
    """Note how far the catalog was told: up to an event of a history.

    The note lies in the catalog, so that it goes with it. It is not synced: should it be lost, the
    catalog is told again what it knows already.
    """
    path = progress_path(root)
    told = ProgressDocument(history=log.identity(), event=event_id, run=log.run_at(event_id))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(told.as_json(), "utf-8")
    temporary.replace(path)


def _progress(root: DataRoot, log: EmbeddedEventLog) -> int:
    """The last event that the catalog was told of; 0 if that cannot be relied on.

    A history that was set back has another event in that place, or none.
    """
    try:
        told = get(root, progress_path(root), ProgressDocument)
    except (OSError, CatalogError):
        return 0
    same = told.history == log.identity() and told.run == log.run_at(told.event)
    return told.event if same else 0
