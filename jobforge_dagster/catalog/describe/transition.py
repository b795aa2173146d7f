"""Transitions as a step knows them: what was read, what was done with it, what came out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime

from jobforge_dagster.catalog.chain import holds, place
from jobforge_dagster.catalog.describe.table import code_of
from jobforge_dagster.catalog.documents.transition import BoundInput, Layer, TransitionFacts
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.fingerprint import platform_version
from jobforge_dagster.medallion.layers.staged import expected
from jobforge_dagster.medallion.storage.deliveries import Arrival, Manifest, find
from jobforge_dagster.medallion.storage.publications import Publication, Writer, history
from jobforge_dagster.medallion.storage.root import DataRoot

_NAMESPACE = uuid.UUID("0a5c6c0e-1f0d-5c55-8d5b-52f2a3b1d6aa")
_LAYERS: dict[str, Layer] = {
    "staged": "source",
    "bronze": "staged",
    "silver": "bronze",
    "gold": "silver",
}


def published(
    root: DataRoot,
    declared: Source | Table,
    publication: Publication,
    previous: Publication | None = None,
    set_back_by: Writer | None = None,
) -> list[TransitionFacts]:
    """How a bronze, silver or gold table came to be as it stands.

    Args:
        root: the data root.
        declared: the table.
        publication: the one that stands.
        previous: the one before; should nobody have told of it, it and those before it are added.
        set_back_by: the run that made a former publication stand again, if it is that.
    """
    made = _published(root, declared, publication, set_back_by)
    if previous is None or holds(root, _published(root, declared, previous, None)):
        return [made]
    before = [_published(root, declared, each, None) for each in history(root, publication.table)]
    return [each for each in before if each.transition_id != made.transition_id] + [made]


def arrived(
    root: DataRoot, source: Source, arrivals: Sequence[Arrival]
) -> Iterator[TransitionFacts]:
    """How delivered files became staged ones, of those that the catalog does not know.

    Args:
        root: the data root.
        source: where they belong.
        arrivals: everything that arrived, oldest first.
    """
    first = {each.batch_id: each for each in reversed(arrivals)}
    for batch, arrival in reversed(first.items()):
        known = _id(source.staged_key, batch)
        if not place(root, source.staged_key, known, arrival.received_at).exists():
            manifest = find(root, batch)
            if manifest is not None:
                yield staged(source, manifest)


def _published(
    root: DataRoot, declared: Source | Table, publication: Publication, set_back_by: Writer | None
) -> TransitionFacts:
    counts = publication.conservation
    by = set_back_by or Writer(publication.run_id, publication.written_at)
    again = (f"set back to the publication of {publication.written_at:%Y-%m-%d %H:%M:%S} UTC",)
    inputs = tuple(
        BoundInput(table=key, sha256=read.sha256, files=read.files, rows=read.rows)
        for key, read in sorted(publication.inputs.items())
    )
    return TransitionFacts(
        transition_id=_id(publication.table, by.run_id, by.at.isoformat(), publication.sha256),
        run_id=by.run_id,
        table=publication.table,
        batch_ids=publication.batches,
        source_layer=_layer(_read_by(declared)[0]),
        target_layer=_layer(publication.table),
        source_tables=_read_by(declared),
        source_files=publication.source_files,
        target_file=root.relative(root.table(publication.table)),
        row_count_in=sum(
            counts.rows_in[key] for key in _read_by(declared) if key in counts.rows_in
        ),
        row_count_out=counts.accepted,
        rows_expected=counts.expected,
        rows_quarantined=counts.rejected,
        rows_deduplicated=counts.deduplicated,
        transforms_applied=(*_transforms(declared, publication), *(again if set_back_by else ())),
        started_at=by.at,
        status="partial" if counts.rejected else "success",
        errors=(),
        code_version=publication.code_version,
        inputs=inputs,
        output_sha256=publication.sha256,
    )


def staged(source: Source, manifest: Manifest) -> TransitionFacts:
    """How a delivered file became a staged one.

    Args:
        source: where it belongs.
        manifest: of the delivery.
    """
    file = f"source/{manifest.file}"
    form = " ".join(each for each in (manifest.format, manifest.encoding) if each)
    return TransitionFacts(
        transition_id=_id(source.staged_key, manifest.batch_id),
        run_id=manifest.run_id or "",
        table=source.staged_key,
        batch_ids=(manifest.batch_id,),
        source_layer="source",
        target_layer="staged",
        source_tables=(file,),
        source_files=(manifest.file,),
        target_file=manifest.staged_file,
        row_count_in=manifest.records,
        row_count_out=manifest.rows,
        rows_expected=manifest.records - manifest.blanks,
        rows_quarantined=manifest.malformed,
        rows_deduplicated=0,
        transforms_applied=(f"read as {form}", "provenance columns added", "written as Parquet"),
        started_at=manifest.received_at,
        status="partial" if manifest.malformed else "success",
        errors=(),
        code_version=platform_version(),
        inputs=(BoundInput(table=file, sha256=manifest.sha256, files=1, rows=manifest.records),),
        output_sha256=manifest.staged_sha256,
    )


def failed(
    key: str,
    run_id: str,
    at: datetime,
    errors: Sequence[str],
    declared: Source | Table | None = None,
    judged: Publication | None = None,
) -> TransitionFacts:
    """A table that a run tried to make and did not.

    Args:
        key: of the table.
        run_id: the run.
        at: when it began, as far as is known.
        errors: why, in words.
        declared: the table, where it is known.
        judged: what would have been published, where it came to that.
    """
    read: tuple[str, ...] = ()
    if declared is not None:
        is_staged = isinstance(declared, Source) and key == declared.staged_key
        read = (
            (expected(declared),)
            if is_staged and isinstance(declared, Source)
            else _read_by(declared)
        )
    counts = judged.conservation if judged else None
    return TransitionFacts(
        transition_id=_id(key, run_id, "failed"),
        run_id=run_id,
        table=key,
        batch_ids=judged.batches if judged else (),
        source_layer=_LAYERS.get(key.partition("/")[0], "source"),
        target_layer=_layer(key),
        source_tables=read,
        source_files=judged.source_files if judged else (),
        target_file=None,
        row_count_in=sum(counts.rows_in.values()) if counts else None,
        row_count_out=None,
        rows_expected=counts.expected if counts else None,
        rows_quarantined=None,
        rows_deduplicated=None,
        transforms_applied=(),
        started_at=at,
        status="failed",
        errors=tuple(errors),
        code_version=judged.code_version if judged else None,
        inputs=tuple(
            BoundInput(table=name, sha256=each.sha256, files=each.files, rows=each.rows)
            for name, each in sorted(judged.inputs.items())
        )
        if judged
        else (),
        output_sha256=None,
    )


def _transforms(declared: Source | Table, publication: Publication) -> tuple[str, ...]:
    code = code_of(declared)
    if isinstance(declared, Source):
        found = [f"named and typed by {code.file}:{code.symbol}"]
        if declared.nulls:
            found.append(f"no value: {', '.join(declared.nulls)}")
        if declared.combine != "snapshot":
            found.append(f"deliveries combined: {declared.combine}")
        return tuple(found)
    found = [f"made by {code.file}:{code.symbol}"]
    for name, each in sorted(publication.corrections.items()):
        found.append(f"corrected by {name}: {each.rows} rows")
    if declared.deduplicate:
        found.append(f"deduplicated by {', '.join(declared.deduplicate.by)}")
    for key in declared.foreign_keys:
        found.append(f"{', '.join(key.columns)} looked up in {(key.table or declared).key}")
    found.append(f"judged by {declared.schema.__name__}")
    for name, waived in sorted(publication.waivers.items()):
        found.append(f"waived {name}: {len(waived.records)} rows")
    return tuple(found)


def _read_by(declared: Source | Table) -> tuple[str, ...]:
    if isinstance(declared, Source):
        return (declared.staged_key,)
    return tuple(dict.fromkeys(each.key for each in declared.inputs))


def _layer(key: str) -> Layer:
    layer = key.partition("/")[0]
    return layer if layer in ("staged", "bronze", "silver", "gold") else "source"  # type: ignore[return-value]


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))
