"""Which delivered record a person means: by its file, its source or its batch, and its number."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge_dagster.asking.names import UnknownNameError, closest, sql_name
from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import deliveries
from jobforge_dagster.medallion.storage.deliveries import Manifest

_LEAST = 4
"""Letters of a batch id that are taken for one."""


class NoSuchRecordError(JobForgeError):
    """No delivered file, or no record of it, is meant, or several are."""


@dataclass(frozen=True)
class Meant:
    """A delivery, and the source that it belongs to."""

    source: Source
    manifest: Manifest


def delivery_named(tables: Tables, text: str) -> Meant:
    """The delivery that a person means.

    Of several that came under one name, the one in force is meant.

    Args:
        tables: what is declared, and what lies on disk.
        text: the path of a file below the landing folder, a staged table, a source, or the start
            of a batch id.

    Raises:
        NoSuchRecordError: several deliveries are in force, or none has the name.
    """
    text = text.strip().removeprefix(f"{tables.root.landing}/").removeprefix("source/")
    by_file: dict[str, dict[str, Source]] = {}
    by_batch: dict[str, Source] = {}
    for source in tables.declared.sources:
        for arrival in deliveries.arrivals(tables.root, source):
            by_file.setdefault(arrival.file, {})[arrival.batch_id] = source
            by_batch[arrival.batch_id] = source
    named = {source.name: source for source in tables.declared.sources}
    name = text.replace(".", "/").removeprefix("staged/")
    if text in by_file:
        found = by_file[text]
    elif name in named:
        found = {each: source for each, source in by_batch.items() if source is named[name]}
    elif len(text) >= _LEAST and any(batch.startswith(text) for batch in by_batch):
        found = {each: source for each, source in by_batch.items() if each.startswith(text)}
    else:
        known = [*by_file, *(sql_name(source.staged_key) for source in named.values())]
        hint = closest(text, known)
        raise UnknownNameError(f"Nothing was delivered as {text!r}.{hint} See: jobforge sources")
    return _one_of(tables, text, found)


def _one_of(tables: Tables, text: str, found: dict[str, Source]) -> Meant:
    if not found:
        raise NoSuchRecordError(f"Nothing was delivered for {text} yet.")
    standing = {each.batch_id for source in found.values() for each in _standing(tables, source)}
    force = {batch: source for batch, source in found.items() if batch in standing}
    meant = found if len(found) == 1 else force
    if len(meant) != 1:
        told = ", ".join(f"{batch[:8]}" for batch in found)
        count = "Several deliveries" if meant else "Former deliveries"
        raise NoSuchRecordError(
            f"{count} are meant by {text}. Say which, by the start of its batch id: {told}."
        )
    [(batch, source)] = meant.items()
    manifest = deliveries.find(tables.root, batch)
    if manifest is None:
        raise NoSuchRecordError(f"The manifest of batch {batch} is gone: restore it.")
    return Meant(source, manifest)


def _standing(tables: Tables, source: Source) -> list[Manifest]:
    return tables.standing(source.staged_key)


def check_record(manifest: Manifest, record: int) -> None:
    """Refuse the number of a record that a delivery cannot have.

    Raises:
        NoSuchRecordError: the file has no such record.
    """
    if not 1 <= record <= manifest.records:
        raise NoSuchRecordError(
            f"{manifest.file} has {manifest.records:,} records, numbered from 1 below its header; "
            f"there is no record {record:,}."
        )


def fate_of(manifest: Manifest, record: int, *, staged: bool) -> str:
    """What became of a record when its file was staged: ``staged``, ``blank`` or ``malformed``."""
    if staged:
        return "staged"
    blank = any(first <= record <= last for first, last in manifest.blank)
    return "blank" if blank else "malformed"
