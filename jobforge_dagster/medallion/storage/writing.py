"""Writing a table beside its predecessor: its rows are sifted, sorted, stamped and counted."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.layers.plan import is_row_by_row
from jobforge_dagster.medallion.provenance import CARRIED, INGESTED_AT, LAYER, PROVENANCE
from jobforge_dagster.medallion.quality import keys
from jobforge_dagster.medallion.quality.judge import Candidate, Judgement, Made
from jobforge_dagster.medallion.quality.sift import Sieve
from jobforge_dagster.medallion.quality.waivers import Waiver
from jobforge_dagster.medallion.storage import counting, parquet
from jobforge_dagster.medallion.storage.ordering import AT_ONCE, in_order
from jobforge_dagster.medallion.storage.publications import Conservation
from jobforge_dagster.medallion.storage.settling import settled

if TYPE_CHECKING:
    from jobforge_dagster.medallion.storage.audit import Promotion


class Sifted(NamedTuple):
    """What became of the rows that ask to enter a table; the accepted ones lie in its file."""

    counts: Conservation
    facts: parquet.FileFacts
    refused: pl.LazyFrame
    noted: pl.LazyFrame


def write(
    promotion: Promotion,
    made: Made,
    story: Mapping[str, Any],
    files: Mapping[str, Path],
    at: datetime,
) -> Sifted:
    """Write the accepted rows, set the others aside, and check that none was lost.

    Args:
        promotion: the table.
        made: as its layer plans it.
        story: for the footer.
        files: where to put what is written on the way, by what it is.
        at: now, UTC.

    Raises:
        ContractError: the plan cannot be computed, or its rows do not balance.
    """
    candidate = made.candidate
    folder = files["aside"]
    shutil.rmtree(folder, ignore_errors=True)
    rows_in = sum(story["rows_in"].values())
    try:
        [expected] = parquet.run(candidate.expected)
        sieve, as_delivered = _sieve(candidate, promotion.waivers, rows_in, files)
        accepted = sieve.accepted()
        if made.primary_key and not as_delivered:
            accepted = _sorted(accepted, made.primary_key, expected.item(), files)
        stamped = _stamped(accepted, promotion.layer, at, made.marks)
        parquet.run(parquet.sink(stamped, files["table"], story, [LAYER]))
        refused, noted = sieve.refused(), sieve.noted.frame()
    except pl.exceptions.PolarsError as error:
        words = counting.WITHHELD if promotion.discreet else str(error)
        raise ContractError(
            f"{promotion.key}: computing it failed: {words}. The previous table stays."
        ) from error
    facts = parquet.facts_of(files["table"])
    counts = Conservation(
        rows_in=story["rows_in"],
        grain=made.grain,
        expected=expected.item(),
        accepted=facts.rows,
        rejected=sieve.count("rejected"),
        deduplicated=sieve.count("deduplicated"),
    )
    if not counts.balances:
        rows_in = ", ".join(f"{key} {rows}" for key, rows in counts.rows_in.items())
        raise ContractError(
            f"{promotion.key}: its rows do not balance. By its grain ({made.grain}) the inputs "
            f"({rows_in}) give {counts.expected} rows, but its function made {counts.made}. If "
            f"that is meant, declare grain=; if not, look for a join or a filter that drops or "
            f"doubles rows. The previous table stays."
        )
    return Sifted(counts, facts, refused, noted)


def _sieve(
    candidate: Candidate, waivers: Sequence[Waiver], rows_in: int, files: Mapping[str, Path]
) -> tuple[Sieve, bool]:
    """What lets a candidate's rows by, and whether they then come in the order of its input.

    Rows are judged one by one, then together: duplicates first, keys last.
    """
    if not candidate.by and not candidate.unique:
        judgement = Judgement(candidate, waivers)
        return Sieve(judgement, judgement.verdicts, [], files["aside"]), False
    once = settled(candidate.frame, rows_in, files["once"])
    judgement = Judgement(replace(candidate, frame=once.frame), waivers)
    rows = judgement.verdicts
    alone = not once.held and is_row_by_row(rows)
    twice = keys.duplicates(judgement, alone=alone) if candidate.by else None
    # Rows that differ in these columns already need not be looked at again.
    again = candidate.unique and {*candidate.unique} != {*candidate.by}
    shared = keys.keyless(judgement, twice, alone=alone) if again else None
    aside = [each for each in (twice, shared) if each is not None]
    if aside:
        rows = rows.with_row_index(keys.NUMBER)
    return Sieve(judgement, rows, aside, files["aside"]), once.in_order


def _sorted(
    rows: pl.LazyFrame, columns: Sequence[str], about: int, files: Mapping[str, Path]
) -> pl.LazyFrame:
    """Rows by their key; the plan is executed once."""
    if about < 2 * AT_ONCE:
        return rows.sort(columns)
    parquet.run(rows.sink_parquet(files["sifted"], compression="lz4", lazy=True))
    return in_order(parquet.scan(files["sifted"]), columns, about, files["ranges"])


def _stamped(frame: pl.LazyFrame, layer: str, at: datetime, marks: Sequence[str]) -> pl.LazyFrame:
    stamps = {
        INGESTED_AT: pl.lit(at).cast(PROVENANCE[INGESTED_AT]),
        LAYER: parquet.constant(layer),
    }
    return frame.select(
        pl.exclude(*CARRIED),
        *(stamps.get(name, pl.col(name)).alias(name) for name in (*marks, *PROVENANCE)),
    )
