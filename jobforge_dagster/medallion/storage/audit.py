"""Audit: a table is written beside its predecessor, judged and counted, before it may replace it.

A table is a function of its code and its inputs. Their fingerprint stands in the footer of the
file, so a table whose fingerprint is the same is not made again. What does not balance, or refuses
too many rows, is never published.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from jobforge_dagster.medallion.corrections import Correction
from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.lineage.documents import TableSources
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    PROVENANCE,
    SOURCE_FILE,
)
from jobforge_dagster.medallion.quality.judge import Made
from jobforge_dagster.medallion.quality.waivers import Waiver, version
from jobforge_dagster.medallion.storage import (
    counting,
    deliveries,
    parquet,
    publications,
    remembered,
)
from jobforge_dagster.medallion.storage.atomic import sweep
from jobforge_dagster.medallion.storage.publications import (
    Publication,
    Read,
    Writer,
)
from jobforge_dagster.medallion.storage.quality_facts import measured, schema_version
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.writing import write


@dataclass(frozen=True)
class Input:
    """What is known of a table that another one reads.

    Attributes:
        fingerprint: what it was made from.
        batches: the deliveries behind it.
        source_files: the names of their files.
        read: how many rows it has, in which files.
        lineage: what its columns come from.
    """

    fingerprint: str
    batches: tuple[str, ...]
    source_files: tuple[str, ...]
    read: Read
    lineage: TableSources | None


@dataclass(frozen=True)
class Promotion:
    """A table that is ready to be made.

    Attributes:
        key: of the table.
        code_version: of everything that decides its content but its inputs.
        inputs: what it reads, by key.
        build: plans the table; called only if it is made. It is given the rows of the table that
            stand, where they are known, for rules that look a row up among them.
        max_rejected: share of the rows that may be refused.
        waivers: those in force for the table.
        lineage: what the columns of the table that was built come from.
        discreet: whether it holds what not everybody may see: then no value of it is told.
    """

    key: str
    code_version: str
    inputs: Mapping[str, Input]
    build: Callable[[pl.LazyFrame | None], Made]
    max_rejected: float
    waivers: Sequence[Waiver] = ()
    lineage: Callable[[Made], TableSources | None] = lambda _: None
    discreet: bool = False

    @property
    def fingerprint(self) -> str:
        """Changes if, and only if, the code, an input or a waiver changes."""
        parts = [self.code_version, *sorted(f"{k}={v.fingerprint}" for k, v in self.inputs.items())]
        waived = version(self.waivers)
        return hashlib.sha256("\n".join([*parts, waived] if waived else parts).encode()).hexdigest()

    @property
    def layer(self) -> str:
        """Layer of the table."""
        return self.key.split("/", 1)[0]

    @property
    def name(self) -> str:
        """Name of the table."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True)
class Written:
    """A new table and its refused rows, in files that are not in place yet.

    Attributes:
        table: the file of the table.
        refused: the rows.
        files: everything that was written on the way, as far as it is there.
    """

    table: Path
    refused: pl.LazyFrame
    files: tuple[Path, ...]

    def discard(self) -> None:
        """Remove what is not in place."""
        _remove(self.files)


@dataclass(frozen=True)
class Audited:
    """A table that was judged.

    Attributes:
        promotion: what was asked for.
        publication: what is known of it; true once the table is in place.
        previous: the publication that it replaces.
        facts: what the file says of itself.
        written: the files to put in place; ``None`` where the table stands unchanged.
        set_back_by: the run that makes a former publication stand again, if it is that.
    """

    promotion: Promotion
    publication: Publication
    previous: Publication | None
    facts: parquet.FileFacts
    written: Written | None
    set_back_by: Writer | None = None

    @property
    def unchanged(self) -> bool:
        """Whether the table stands as it was."""
        return self.written is None

    def file(self, root: DataRoot) -> Path:
        """The table: where it stands, or beside its place as long as it is not published."""
        return self.written.table if self.written else root.table(self.promotion.key)

    def batches(self, root: DataRoot) -> list[str]:
        """The deliveries that the table was made from."""
        return list(parquet.story_of(self.file(root)).get("batches", ()))

    def excess(self, max_rejected: float | None) -> str | None:
        """Why the table may not be published; ``None`` if it may.

        Args:
            max_rejected: takes the place of the declared share.
        """
        limit = self.promotion.max_rejected if max_rejected is None else max_rejected
        counts = self.publication.conservation
        if counts.rejected <= limit * counts.made:
            return None
        rejected = self.publication.rejected
        rules = ", ".join(f"{rule} {tally.rows}" for rule, tally in sorted(rejected.items()))
        examples = [each for tally in rejected.values() for each in tally.examples][
            : counting.EXAMPLES
        ]
        shown = "".join(
            f"\n  {each.source_file}, record {each.source_row}: {each.message}"
            for each in examples[: counting.EXAMPLES]
        )
        return (
            f"{self.promotion.key}: {counts.rejected} of {counts.made} rows "
            f"({counts.rejected / counts.made:.1%}) are refused and {limit:.1%} may be, so it is "
            f"not published; what stood before stays. By rule: {rules}. For example:{shown}\n"
            f"Mend the delivery or the rule, declare a correction, or allow more by max_rejected=."
        )


@contextmanager
def audit(
    root: DataRoot,
    promotion: Promotion,
    *,
    run_id: str,
    at: datetime,
    former: Publication | None = None,
) -> Iterator[Audited]:
    """Make a table beside the one in place and judge it, unless the one in place is the same.

    What was written and not put in place is gone at the end.

    Args:
        root: the data root.
        promotion: the table.
        run_id: the run.
        at: now, UTC.
        former: a publication of the same fingerprint, which is to be made again to the byte.

    Raises:
        ContractError: the table broke its layer's contract, or is not what was recorded.
    """
    path = root.table(promotion.key)
    standing = publications.standing(root, promotion.key)
    previous = standing[1] if standing else None
    same = previous is not None and previous.fingerprint == promotion.fingerprint
    if previous is not None and same and (former is None or former.run_id == previous.run_id):
        facts = remembered.facts_of(root, promotion.key, path, by=promotion.code_version)
        yield Audited(promotion, previous, previous, facts, None)
        return
    by = Writer(run_id, at)
    if former is not None:
        run_id, at = former.run_id, former.written_at
    story = {
        "table": promotion.key,
        "fingerprint": promotion.fingerprint,
        "code_version": promotion.code_version,
        "inputs": {key: each.fingerprint for key, each in promotion.inputs.items()},
        "rows_in": {key: each.read.rows for key, each in promotion.inputs.items()},
        "batches": sorted({batch for each in promotion.inputs.values() for batch in each.batches}),
        "run_id": run_id,
        "written_at": at.isoformat(),
        "previous_run": former.previous_run if former else (previous.run_id if previous else None),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, f".{path.name}.*.tmp", older_than=timedelta(days=1))
    token = uuid4().hex
    files = {
        what: path.with_name(f".{path.name}.{token}.{what}.tmp")
        for what in ("table", "own", "once", "sifted", "ranges", "aside")
    }
    try:
        audited = _made(root, promotion, story, files, previous, at)
        yield audited if former is None else _as_recorded(audited, former, by)
    finally:
        _remove(files.values())


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)


def _as_recorded(audited: Audited, former: Publication, by: Writer) -> Audited:
    if audited.publication.sha256 != former.sha256:
        raise ContractError(
            f"{former.table}: it was made again from the same inputs by the same code, but it is "
            f"not what was published on {former.written_at:%Y-%m-%d %H:%M} (sha256 "
            f"{former.sha256[:12]}, now {audited.publication.sha256[:12]}). A staged file was "
            f"altered, or its function depends on something else."
        )
    return replace(audited, publication=former, set_back_by=by)


def _made(
    root: DataRoot,
    promotion: Promotion,
    story: Mapping[str, Any],
    files: Mapping[str, Path],
    previous: Publication | None,
    at: datetime,
) -> Audited:
    made = promotion.build(None)
    lineage = promotion.lineage(made)
    sifted = write(promotion, made, story, files, at)
    while made.candidate.refers_to_itself and sifted.counts.rejected:
        # A row that refers to one that was refused has lost what it referred to.
        files["table"].rename(files["own"])
        made = promotion.build(parquet.scan(files["own"]))
        before = sifted.counts.rejected
        sifted = write(promotion, made, story, files, at)
        if sifted.counts.rejected == before:
            break
        if sifted.counts.rejected < before:
            raise ContractError(
                f"{promotion.key}: which of its rows stand does not settle. A row refers to one "
                f"that is set aside as a duplicate, and that one stands only if the row does not. "
                f"Deduplicate before, in a table of its own. The previous table stays."
            )
    counts, facts, refused, noted = sifted
    _check_trace(promotion.key, facts)
    rejected = counting.tallies(refused.filter(fate="rejected"), discreet=promotion.discreet)
    columns = {name: dtype for name, dtype in facts.columns.items() if name not in PROVENANCE}
    name = promotion.name
    publication = Publication(
        table=promotion.key,
        run_id=story["run_id"],
        written_at=at,
        previous_run=story["previous_run"],
        fingerprint=promotion.fingerprint,
        sha256=sha256_of(files["table"]),
        conservation=counts,
        rejected=rejected,
        deduplicated=counting.tallies(
            refused.filter(fate="deduplicated"), discreet=promotion.discreet
        ),
        warned=counting.warned(noted, discreet=promotion.discreet),
        waivers=counting.waived(promotion.waivers, noted),
        corrections=counting.corrected(
            promotion.key, _expected(root, made, story), [parquet.scan(files["table"]), refused]
        ),
        table_schema=schema_version(columns, made.primary_key, previous),
        metrics=measured(promotion.key, made.candidate, facts, counts, rejected),
        quarantine_file=root.relative(root.quarantine(promotion.layer, name, story["run_id"], at))
        if counts.rejected or counts.deduplicated
        else None,
        code_version=promotion.code_version,
        inputs={key: each.read for key, each in promotion.inputs.items()},
        batches=tuple(story["batches"]),
        source_files=tuple(
            sorted({file for each in promotion.inputs.values() for file in each.source_files})
        ),
        lineage=lineage,
    )
    written = Written(files["table"], refused, tuple(files.values()))
    return Audited(promotion, publication, previous, facts, written)


def _expected(root: DataRoot, made: Made, story: Mapping[str, Any]) -> list[Correction]:
    """The corrections that were applied and whose files are among those that the table reads."""
    if not made.corrections:
        return []
    manifests = (deliveries.find(root, batch) for batch in story["batches"])
    files = [manifest.file for manifest in manifests if manifest]
    return [each for each in made.corrections if any(each.concerns(file) for file in files)]


def _check_trace(key: str, facts: parquet.FileFacts) -> None:
    for name in (SOURCE_FILE, BATCH_ID):
        if facts.nulls.get(name, 0):
            raise ContractError(
                f"{key}: {facts.nulls[name]} of {facts.rows} rows have no {name}. A join or concat "
                f"in its function lost it: use the helpers of medallion.provenance. The previous "
                f"table stays."
            )
