"""Which two versions of a table a person means: by a run, a delivery or a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from jobforge_dagster.asking.names import UnknownNameError, sql_name
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import deliveries
from jobforge_dagster.medallion.storage.publications import Publication, history
from jobforge_dagster.medallion.storage.root import DataRoot

_SHOWN = 5
"""Versions that are offered to one who named none of them."""


def choose(
    root: DataRoot, key: str, from_: str | None, to: str | None
) -> tuple[Publication, Publication]:
    """The two versions to compare: the earlier by default the one before the later.

    Args:
        root: the data root.
        key: of the table.
        from_: a run, a batch (each by its id or the start of it) or a time, UTC by default.
        to: likewise; by default the version that stands.

    Raises:
        UnknownNameError: a name is none of these, or several.
        JobForgeError: there is no such version, or the one to begin with is the later one.
    """
    name = sql_name(key)
    if key.startswith("staged/"):
        raise JobForgeError(
            f"{name} is not published: its deliveries stay as they came. Compare what reads it: "
            f"jobforge diff bronze.{key.rpartition('/')[2]}"
        )
    versions = history(root, key)
    if not versions:
        raise JobForgeError(f"There is no record of the publications of {name}. Make it again.")
    after = _stood(root, versions, to) if to is not None else versions[-1]
    if from_ is not None:
        before = _stood(root, versions, from_)
        if versions.index(before) > versions.index(after):
            raise JobForgeError(
                f"{from_!r} names a later version of {name} ({_day(before.written_at)}) than "
                f"{to!r} ({_day(after.written_at)}). Exchange the two."
            )
        return before, after
    earlier = versions[: versions.index(after)]
    if not earlier:
        raise JobForgeError(
            f"{name} was first published on {_day(after.written_at)}; there is nothing before it "
            f"to compare it with."
        )
    return earlier[-1], after


def _stood(root: DataRoot, versions: Sequence[Publication], text: str) -> Publication:
    """The version that stood after a run, with a delivery, or at a time."""
    runs = {each.run_id for each in versions} | _named(root.catalog / "runs", text)
    batches = {batch for each in versions for batch in each.batches} | _named(root.manifests, text)
    found = sorted(each for each in runs | batches if text and each.startswith(text))
    if len(found) > 1:
        told = ", ".join(f"{'run' if each in runs else 'batch'} {each}" for each in found)
        raise UnknownNameError(f"{text!r} stands for several: {told}. Write more of it.")
    if not found:
        return _at(versions, _moment(versions, text))
    [id_] = found
    for each in versions:
        if each.run_id == id_ or id_ in each.batches:
            return each
    if id_ in runs:
        return _at(versions, _end(root, id_))
    manifest = deliveries.find(root, id_)
    return _at(versions, manifest.received_at if manifest else versions[-1].written_at)


def _at(versions: Sequence[Publication], moment: datetime) -> Publication:
    stood = [each for each in versions if each.written_at <= moment]
    if not stood:
        raise JobForgeError(
            f"{sql_name(versions[0].table)} was first published on "
            f"{_day(versions[0].written_at)}; at {_day(moment)} there was none."
        )
    return stood[-1]


def _moment(versions: Sequence[Publication], text: str) -> datetime:
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    some = "; ".join(f"{each.run_id[:8]} ({_day(each.written_at)})" for each in versions[-_SHOWN:])
    raise UnknownNameError(
        f"{text!r} is no run, no batch and no time (such as 2026-03-01T12:00). "
        f"Runs that published {sql_name(versions[0].table)} last: {some}."
    )


def _end(root: DataRoot, run_id: str) -> datetime:
    """When a run ended that did not publish the table."""
    try:
        told = json.loads((root.catalog / "runs" / f"{run_id}.json").read_bytes())
        ended = told["ended_at"] or told["started_at"]
        return datetime.fromisoformat(ended)
    except (OSError, ValueError, KeyError, TypeError):
        raise JobForgeError(
            f"The record of run {run_id} tells no time. Mend it: jobforge catalog rebuild"
        ) from None


def _named(folder: Path, start: str) -> set[str]:
    """The documents of a folder whose names begin with some text."""
    return {path.stem for path in folder.glob("*.json") if start and path.stem.startswith(start)}


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
