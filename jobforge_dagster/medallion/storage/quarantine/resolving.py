"""Resolving: what is refused no more is resolved, and what comes again stands again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.provenance import SEPARATOR
from jobforge_dagster.medallion.quality.record import RECORD
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.publications import Publication, Writer
from jobforge_dagster.medallion.storage.quarantine.files import files_of, standing_file
from jobforge_dagster.medallion.storage.quarantine.records import event, put
from jobforge_dagster.medallion.storage.root import DataRoot


def settle(root: DataRoot, publication: Publication, replaced: str | None, by: Writer) -> None:
    """Resolve what a table refused until now and refuses no more; a second time changes nothing.

    Args:
        root: the data root.
        publication: what stands now.
        replaced: the run that published what stood before it.
        by: who resolves, and when.

    A record whose delivery left is superseded, one that a waiver lets in is waived, any other is
    replayed: its row passes now.
    """
    standing = standing_file(root, publication)
    left = [file for file in files_of(root, publication.table) if file != standing]
    if not left:
        return
    waived = {
        record: f"waiver {name}"
        for name, waiver in publication.waivers.items()
        for record in waiver.records
    }
    here = (
        pl.col("batch_id")
        .str.split(SEPARATOR)
        .list.eval(pl.element().is_in(list(_batches(root, publication))))
        .list.all()
    )
    lets_in = pl.col("record_id").replace_strict(waived, default=None, return_dtype=pl.String)
    state = (
        pl.when(lets_in.is_not_null())
        .then(pl.lit("waived"))
        .when(here)
        .then(pl.lit("replayed"))
        .otherwise(pl.lit("superseded"))
    )
    why = (
        pl.when(lets_in.is_not_null())
        .then(lets_in)
        .when(here)
        .then(pl.lit("passes under the present rules and corrections"))
        .otherwise(pl.lit("its delivery was replaced"))
    )
    for file in left:
        run = parquet.footer_of(file).get("run_id")
        if replaced is None or run == replaced:
            _resolve(root, publication, file, standing, by, state, why)
        file.unlink()  # of a run that never came to publish, or resolved just now


def settle_deliveries(
    root: DataRoot, key: str, manifests: Sequence[Manifest], *, run_id: str, at: datetime
) -> None:
    """Keep the malformed records of the deliveries in force; those of others are superseded."""
    keep = {
        root.path / manifest.quarantine_file: manifest.batch_id
        for manifest in manifests
        if manifest.quarantine_file
    }
    table = key.partition("/")[2]
    for file in files_of(root, key):
        if file not in keep:
            changed = event("superseded", at, run_id, pl.lit("its delivery was replaced"))
            others = parquet.scan(file).filter(~pl.col("batch_id").is_in(list(keep.values())))
            left = others.with_columns(
                state=pl.lit("superseded"), history=pl.concat_list("history", changed)
            )
            _add(root.resolved("staged", table, run_id, at), left, key, run_id)
            file.unlink()
    for file, batch_id in keep.items():
        if not file.exists():
            _restore(root, key, file, batch_id, run_id, at)


def _restore(
    root: DataRoot, key: str, file: Path, batch_id: str, run_id: str, at: datetime
) -> None:
    """Open the records of a former content that came again, as they were resolved last."""
    resolved = files_of(root, key, "_history/")
    for former in sorted(resolved, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        records = parquet.scan(former).filter(pl.col("batch_id") == batch_id)
        if records.select(pl.len()).collect().item():
            changed = event("open", at, run_id, pl.lit("its delivery came again"))
            again = records.with_columns(
                state=pl.lit("open"), history=pl.concat_list("history", changed)
            )
            put(file, again, key, run_id)
            return


def take_along(root: DataRoot, target: DataRoot, key: str, manifest: Manifest) -> None:
    """Lay the malformed records of a delivery into another root, as they are known in this one."""
    if manifest.quarantine_file is None:
        return
    files = [root.path / manifest.quarantine_file, *files_of(root, key, "_history/")[::-1]]
    for file in files:
        if not file.exists():
            continue
        records = parquet.scan(file).filter(pl.col("batch_id") == manifest.batch_id)
        if records.select(pl.len()).collect().item():
            run_id = parquet.footer_of(file).get("run_id", "")
            put(target.path / manifest.quarantine_file, records, key, run_id)
            return


def _batches(root: DataRoot, publication: Publication) -> Iterable[str]:
    return [*parquet.story_of(root.table(publication.table)).get("batches", ())]


def _resolve(
    root: DataRoot,
    publication: Publication,
    file: Path,
    standing: Path | None,
    by: Writer,
    state: pl.Expr,
    why: pl.Expr,
) -> None:
    records = parquet.scan(file)
    if standing is not None:
        records = records.join(
            parquet.scan(standing).select("record_id"), on="record_id", how="anti"
        )
    left = records.with_columns(__state=state, __why=why).with_columns(
        state=pl.col("__state"),
        history=pl.concat_list(
            "history",
            event(pl.col("__state"), by.at, by.run_id, pl.col("__why")),
        ),
    )
    layer, table = publication.table.split("/")[0], publication.table.split("/")[-1]
    path = root.resolved(layer, table, by.run_id, by.at)
    _add(path, left.select(*RECORD), publication.table, by.run_id)


def _add(path: Path, records: pl.LazyFrame, key: str, run_id: str) -> None:
    """Write resolved records; those that the same run resolved before stay, each once."""
    known = [parquet.scan(path)] if path.exists() else []
    all_of_it = pl.concat([*known, records]).unique("record_id", keep="last", maintain_order=True)
    if all_of_it.select(pl.len()).collect().item():
        put(path, all_of_it, key, run_id)
