"""Quarantine: the rows that tables refused, with their original values, reasons and history.

``quarantine/{layer}/{date}/`` holds what is refused as the tables stand: one file for a table, of
the run that published it. ``quarantine/_history/`` holds the records that were resolved, one file
for a table and the run that resolved them. A record is in one of both, once. The files follow from
the tables: after a crash, ``settle`` brings them to what the table in place says.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    CORRECTIONS,
    PROVENANCE,
    SEPARATOR,
    SOURCE_FILE,
    SOURCE_ROW,
)
from jobforge_dagster.medallion.quality.record import RECORD
from jobforge_dagster.medallion.quality.rules import version_of
from jobforge_dagster.medallion.readers import Malformed
from jobforge_dagster.medallion.storage import deliveries, parquet, publications
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.publications import Publication, Writer
from jobforge_dagster.medallion.storage.root import DataRoot

_AT_ONCE = 250_000
"""Refused rows whose originals are held at a time."""

MALFORMED = "record_shape"
"""Name of the rule that a record of a file has the shape of its header."""


def record_ids(identity: pl.Expr) -> pl.Expr:
    """The id of a record, from what tells its row in every run."""
    return identity.map_batches(
        lambda told: pl.Series([_record_id(each) for each in told], dtype=pl.String),
        return_dtype=pl.String,
        is_elementwise=True,
    )


def write(
    root: DataRoot,
    path: Path,
    refused: pl.LazyFrame,
    *,
    key: str,
    run_id: str,
    at: datetime,
    before: Path | None,
) -> None:
    """Write the refused rows of a table, each with the source record that it stands for.

    Args:
        root: the data root; the originals are read from its staged deliveries.
        path: the file to write.
        refused: columns of :data:`judge.REFUSED`.
        key: key of the table that refused them.
        run_id: the run.
        at: the time of the run's transition.
        before: what the table refused until now; records that stay keep their history.
    """
    standing = pl.LazyFrame(schema=RECORD) if before is None else parquet.scan(before)

    def records(among: pl.Expr) -> pl.LazyFrame:
        some = refused.filter(among)
        in_order = some.sort(BATCH_ID, SOURCE_ROW, "identity", "row", nulls_last=True)
        return _continued(
            _records(in_order, _originals(root, some, among), key, run_id, at), standing
        )

    ranges = _ranges(refused)
    if len(ranges) == 1:
        _write(path, records(ranges[0]), key, run_id)
        return
    # Range by range of the source's records, so that not all originals are held at a time.
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [path.with_name(f".{path.name}.{uuid4().hex}.tmp") for _ in ranges]
    try:
        for among, part in zip(ranges, parts, strict=True):
            parquet.run(records(among).sink_parquet(part, compression="lz4", lazy=True))
        _write(path, pl.concat(map(parquet.scan, parts)), key, run_id)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _ranges(refused: pl.LazyFrame) -> list[pl.Expr]:
    """Conditions on the number of a record that part refused rows into some :data:`_AT_ONCE`."""
    number = pl.col(SOURCE_ROW).fill_null(0)
    numbers = refused.select(number).collect(engine="streaming").to_series().sort()
    starts = numbers.gather_every(_AT_ONCE).unique(maintain_order=True).to_list()[1:]
    bounds = [0, *(start for start in starts if start), None]
    return [
        number >= low if high is None else number.is_between(low, high, closed="left")
        for low, high in itertools.pairwise(bounds)
    ]


def _records(
    refused: pl.LazyFrame, originals: pl.LazyFrame, key: str, run_id: str, at: datetime
) -> pl.LazyFrame:
    return refused.join(
        originals,
        left_on=[_first_batch(), SOURCE_ROW],
        right_on=[BATCH_ID, SOURCE_ROW],
        how="left",
        maintain_order="left",
    ).select(
        record_ids(pl.col("identity")).alias("record_id"),
        pl.lit(key).alias("table"),
        pl.lit(key.split("/", 1)[0]).alias("layer"),
        "fate",
        pl.lit("open").alias("state"),
        "broken",
        "survivor",
        "original",
        pl.col(CORRECTIONS).alias("corrections"),
        "row",
        pl.col(SOURCE_FILE).alias("source_file"),
        pl.col(SOURCE_ROW).alias("source_row"),
        pl.col(BATCH_ID).alias("batch_id"),
        pl.lit(run_id).alias("run_id"),
        pl.lit(at).dt.cast_time_unit("us").alias("quarantined_at"),
        pl.lit(run_id).alias("judged_by"),
        _event("open", at, run_id, _reasons()).alias("history"),
    )


def write_malformed(
    path: Path,
    malformed: Iterable[Malformed],
    *,
    key: str,
    file: str,
    batch_id: str,
    run_id: str,
    at: datetime,
) -> None:
    """Write the records of a file that no staged row can represent, with their raw text."""
    rule = f"{key}:{MALFORMED}"
    event = {"state": "open", "at": at, "run_id": run_id, "why": f"breaks {rule}"}
    rows = [
        {
            "record_id": _record_id(f"{key}\x1f{batch_id}\x1f{record.row}"),
            "table": key,
            "layer": "staged",
            "fate": "rejected",
            "state": "open",
            "broken": [
                {
                    "rule": rule,
                    "version": version_of(MALFORMED),
                    "error_type": "malformed_record",
                    "message": f"record {record.row} of {file} {record.reason}",
                }
            ],
            "survivor": None,
            "original": json.dumps({"raw": record.text}, ensure_ascii=False),
            "corrections": None,
            "row": None,
            "source_file": file,
            "source_row": record.row,
            "batch_id": batch_id,
            "run_id": run_id,
            "quarantined_at": at,
            "judged_by": run_id,
            "history": [event],
        }
        for record in malformed
    ]
    _write(path, pl.LazyFrame(rows, schema=RECORD), key, run_id)


def standing_file(root: DataRoot, publication: Publication) -> Path | None:
    """The records that stand with a table, if it refused any row."""
    file = publication.quarantine_file
    return root.path / file if file else None


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
    for file in _files(root, publication.table):
        if file == standing:
            continue
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
    for file in _files(root, key):
        if file not in keep:
            event = _event("superseded", at, run_id, pl.lit("its delivery was replaced"))
            others = parquet.scan(file).filter(~pl.col("batch_id").is_in(list(keep.values())))
            left = others.with_columns(
                state=pl.lit("superseded"), history=pl.concat_list("history", event)
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
    resolved = _files(root, key, "_history/")
    for former in sorted(resolved, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        records = parquet.scan(former).filter(pl.col("batch_id") == batch_id)
        if records.select(pl.len()).collect().item():
            event = _event("open", at, run_id, pl.lit("its delivery came again"))
            again = records.with_columns(
                state=pl.lit("open"), history=pl.concat_list("history", event)
            )
            _write(file, again, key, run_id)
            return


def take_along(root: DataRoot, target: DataRoot, key: str, manifest: Manifest) -> None:
    """Lay the malformed records of a delivery into another root, as they are known in this one."""
    if manifest.quarantine_file is None:
        return
    files = [root.path / manifest.quarantine_file, *_files(root, key, "_history/")[::-1]]
    for file in files:
        if not file.exists():
            continue
        records = parquet.scan(file).filter(pl.col("batch_id") == manifest.batch_id)
        if records.select(pl.len()).collect().item():
            run_id = parquet.footer_of(file).get("run_id", "")
            _write(target.path / manifest.quarantine_file, records, key, run_id)
            return


def open_records(root: DataRoot) -> pl.LazyFrame:
    """Every record that stands, as :data:`record.RECORD`."""
    return _all(open_files(root))


def open_files(root: DataRoot) -> list[Path]:
    """The files of the records that stand."""
    found = sorted(root.quarantined.glob("[!_]*/*/*.parquet"))
    return [file for file in found if _stands(root, file)]


def resolved_records(root: DataRoot) -> pl.LazyFrame:
    """Every record that was resolved, as :data:`record.RECORD`."""
    return _all(resolved_files(root))


def resolved_files(root: DataRoot) -> list[Path]:
    """The files of the records that were resolved."""
    return sorted(root.quarantined.glob("_history/*/*/*.parquet"))


def _stands(root: DataRoot, file: Path) -> bool:
    """Whether a file belongs to a publication or delivery; a crash may leave one that does not."""
    key = parquet.footer_of(file).get("table", "")
    if key.startswith("staged/"):
        batch = parquet.scan(file).select("batch_id").head(1).collect().item()
        manifest = deliveries.find(root, batch)
        return manifest is not None and manifest.quarantine_file == root.relative(file)
    found = publications.standing(root, key) if key else None
    return found is not None and standing_file(root, found[1]) == file


def _all(files: list[Path]) -> pl.LazyFrame:
    return pl.concat([pl.LazyFrame(schema=RECORD), *map(parquet.scan, files)])


def _files(root: DataRoot, key: str, folder: str = "") -> list[Path]:
    """The files of a table's records; with ``folder="_history/"``, of those resolved."""
    layer, table = key.split("/")[0], key.split("/")[-1]
    found = sorted(root.quarantined.glob(f"{folder}{layer}/*/{table}-????????.parquet"))
    return [path for path in found if parquet.footer_of(path).get("table") == key]


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
            _event(pl.col("__state"), by.at, by.run_id, pl.col("__why")),
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
        _write(path, all_of_it, key, run_id)


def _write(path: Path, records: pl.LazyFrame, key: str, run_id: str) -> None:
    with replacing(path) as temporary:
        parquet.run(parquet.sink(records, temporary, {"table": key, "run_id": run_id}))


def _continued(records: pl.LazyFrame, before: pl.LazyFrame) -> pl.LazyFrame:
    """Records that stood already keep when and by whom they were refused, and their history."""
    known = before.select(
        "record_id",
        __run="run_id",
        __at="quarantined_at",
        __history="history",
        __rules=_rules(),
    )
    again = pl.concat_list(pl.coalesce("__history", "history"), "history")
    same = pl.col("__rules") == _rules()
    return (
        records.join(known, on="record_id", how="left", maintain_order="left")
        .with_columns(
            run_id=pl.coalesce("__run", "run_id"),
            quarantined_at=pl.coalesce("__at", "quarantined_at"),
            history=pl.when(pl.col("__run").is_null())
            .then("history")
            .when(same)
            .then("__history")
            .otherwise(again),
        )
        .select(*RECORD)
    )


def _rules() -> pl.Expr:
    told = pl.element().struct.field("rule") + "@" + pl.element().struct.field("version")
    return pl.col("broken").list.eval(told).list.join(", ")


def _reasons() -> pl.Expr:
    return pl.lit("breaks ") + _rules()


def _event(state: str | pl.Expr, at: datetime, run_id: str, why: pl.Expr) -> pl.Expr:
    event = pl.struct(
        (pl.lit(state) if isinstance(state, str) else state).alias("state"),
        pl.lit(at).dt.cast_time_unit("us").alias("at"),
        pl.lit(run_id).alias("run_id"),
        why.alias("why"),
    )
    return pl.concat_list(event).cast(RECORD["history"])


def _record_id(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _encodable(name: str, dtype: pl.DataType) -> pl.Expr:
    """A staged value as JSON can hold it; bytes as hexadecimal digits."""
    return exactly(name).bin.encode("hex") if dtype == pl.Binary else exactly(name)


def _first_batch() -> pl.Expr:
    """The delivery of the record that a row stands for."""
    return pl.col(BATCH_ID).str.split(SEPARATOR).list.first()


def _originals(root: DataRoot, refused: pl.LazyFrame, among: pl.Expr) -> pl.LazyFrame:
    """The source records behind refused rows: batch id, record number and the record as JSON."""
    records = refused.select(_first_batch().alias(BATCH_ID), SOURCE_ROW).drop_nulls()
    batches = records.select(pl.col(BATCH_ID).unique().sort()).collect()[BATCH_ID].to_list()
    originals = [
        pl.LazyFrame(
            schema={BATCH_ID: pl.String, SOURCE_ROW: PROVENANCE[SOURCE_ROW], "original": pl.String}
        )
    ]
    for batch in batches:
        manifest = deliveries.find(root, batch)
        if manifest is None:
            continue
        staged = parquet.scan(root.path / manifest.staged_file).filter(among)
        values = [name for name in staged.collect_schema() if name not in PROVENANCE]
        originals.append(
            staged.join(records, on=[BATCH_ID, SOURCE_ROW], how="semi").select(
                BATCH_ID,
                SOURCE_ROW,
                pl.struct(
                    _encodable(name, dtype)
                    for name, dtype in staged.collect_schema().items()
                    if name in values
                )
                .struct.json_encode()
                .alias("original"),
            )
        )
    return pl.concat(originals)
