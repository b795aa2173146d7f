"""Publications: one record each time that a table took its predecessor's place.

The footer of a table names the run that published it, and so its record: the rename that publishes
the table makes the record true. The records of a table, oldest first, are the history of its
schema, of its metrics and of what its rules refused.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from jobforge_dagster.medallion.lineage.documents import TableSources
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.atomic import append_line, replacing
from jobforge_dagster.medallion.storage.root import DataRoot

Change = Literal["first", "breaking", "additive", "none"]


_SET_BACK = "_set_back.jsonl"
"""Beside the records of a table: when a former publication was made to stand again."""


class Writer(NamedTuple):
    """The run that changes a table, and when."""

    run_id: str
    at: datetime


class Example(BaseModel):
    """A row that broke a rule."""

    model_config = ConfigDict(frozen=True)

    message: str
    source_file: str
    source_row: int | None


class Tally(BaseModel):
    """How many rows broke a rule, with the first of them."""

    model_config = ConfigDict(frozen=True)

    version: str
    rows: int
    examples: tuple[Example, ...]


class Conservation(BaseModel):
    """The equation of a transition: what the inputs give is what came out and what did not.

    ``expected`` is counted from the inputs by the declared grain; it must be ``accepted`` plus
    ``rejected`` plus ``deduplicated``.
    """

    model_config = ConfigDict(frozen=True)

    rows_in: dict[str, int]
    grain: str
    expected: int
    accepted: int
    rejected: int
    deduplicated: int

    @property
    def balances(self) -> bool:
        """Whether every row is accounted for."""
        return self.expected == self.made

    @property
    def made(self) -> int:
        """The rows that were judged."""
        return self.accepted + self.rejected + self.deduplicated

    def __str__(self) -> str:
        return (
            f"{self.expected} = {self.accepted} accepted + {self.rejected} rejected + "
            f"{self.deduplicated} deduplicated"
        )


class Corrected(BaseModel):
    """What a correction did: rows of the table that it changed, and source records behind them."""

    model_config = ConfigDict(frozen=True)

    rows: int
    records: int


class Waived(BaseModel):
    """The records that a waiver lets in."""

    model_config = ConfigDict(frozen=True)

    rule: str
    by: str
    why: str
    until: str
    records: tuple[str, ...]


class Read(BaseModel):
    """An input as it was read.

    ``sha256`` is that of its file; of several ``files``, of the lines ``{sha256}  {path}``.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    files: int
    sha256: str | None


class SchemaVersion(BaseModel):
    """The columns of a table and how they differ from its predecessor's.

    ``version`` is semantic: the first number grows when a column goes, changes its type or the key
    changes, the second when a column is added.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    change: Change
    columns: dict[str, str]
    primary_key: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()


class Metrics(BaseModel):
    """Quality of a table, as shares from 0 to 1; ``None`` where there is nothing to measure.

    ``completeness`` is the share of declared cells that hold a value, ``nulls`` counts the others
    by column; ``uniqueness`` the share of rows whose key is theirs alone; ``validity`` the share
    that passed all rules; ``integrity`` the share that refer to nothing that is missing;
    ``by_rule`` the share that obey each rule which some row broke.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    completeness: float | None
    uniqueness: float | None
    validity: float | None
    integrity: float | None
    nulls: dict[str, int]
    by_rule: dict[str, float]


class Publication(BaseModel):
    """What is known of one publication of a table."""

    model_config = ConfigDict(frozen=True)

    table: str
    run_id: str
    written_at: datetime
    previous_run: str | None
    fingerprint: str
    sha256: str
    conservation: Conservation
    rejected: dict[str, Tally]
    warned: dict[str, Tally]
    deduplicated: dict[str, Tally]
    corrections: dict[str, Corrected]
    waivers: dict[str, Waived]
    table_schema: SchemaVersion
    metrics: Metrics
    quarantine_file: str | None
    code_version: str | None = None
    inputs: dict[str, Read] = {}
    batches: tuple[str, ...] = ()
    source_files: tuple[str, ...] = ()
    lineage: TableSources | None = None


def write(root: DataRoot, publication: Publication, previous: Publication | None) -> None:
    """Write a record; it becomes true when the table that names its run is in place.

    What stands after ``previous``, and was never true, is of runs that did not come to publish,
    and goes.
    """
    path = _path(root, publication)
    if previous is not None:
        last = max([_path(root, previous).name, *_set_back(path.parent)])
        for undone in path.parent.glob("*.json"):
            if undone.name > last:
                undone.unlink()
    _write(path, publication)


def set_back(
    root: DataRoot, publication: Publication, instead_of: Publication | None, by: Writer
) -> None:
    """Let a former publication stand again; the records of those after it stay.

    Args:
        root: the data root.
        publication: the former one.
        instead_of: the one that stood until now.
        by: the run that does so, and when.
    """
    path = _path(root, publication)
    if not path.exists():
        _write(path, publication)
    told = {
        "at": by.at.isoformat(),
        "run_id": by.run_id,
        "publication": path.name,
        "instead_of": _path(root, instead_of).name if instead_of else None,
        "newest": max(each.name for each in path.parent.glob("*.json")),
    }
    append_line(path.parent / _SET_BACK, json.dumps(told, sort_keys=True))


def recorded(
    root: DataRoot, key: str, fingerprint: str, moment: datetime, arrived: datetime
) -> Publication | None:
    """The publication of a table that stood at a moment, if it has a fingerprint.

    Deliveries that had arrived and were not promoted yet count as if they were: then it is the
    publication that came next.

    Args:
        root: the data root.
        key: of the table.
        fingerprint: of the table as it would be made now, of the deliveries of then.
        moment: UTC.
        arrived: when the last of these deliveries did.
    """
    found = list(_all(root, key).values())
    before = [each for each in found if each.written_at <= moment]
    after = [each for each in found if each.written_at > moment]
    stood = before[-1:]
    if after and not (stood and stood[0].written_at >= arrived):
        stood.append(after[0])
    return next((each for each in stood if each.fingerprint == fingerprint), None)


def _set_back(folder: Path) -> list[str]:
    """The names of the newest publications whenever a former one was made to stand again."""
    path = folder / _SET_BACK
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line)["newest"] for line in lines if line.endswith("}")]


def _write(path: Path, publication: Publication) -> None:
    document = json.dumps(publication.model_dump(mode="json"), indent=2, ensure_ascii=False)
    with replacing(path) as temporary:
        temporary.write_text(f"{document}\n", "utf-8")


def _path(root: DataRoot, publication: Publication) -> Path:
    return root.publication(publication.table, publication.run_id, publication.written_at)


def standing(root: DataRoot, key: str) -> tuple[dict[str, Any], Publication] | None:
    """The story in a table's footer, and the record of its publication, if both are whole."""
    story = parquet.story_of(root.table(key))
    if not story:
        return None
    at = datetime.fromisoformat(story["written_at"])
    try:
        return story, _read(root.publication(key, story["run_id"], at).read_bytes())
    except (OSError, ValidationError):
        return None


@lru_cache(maxsize=256)
def _read(text: bytes) -> Publication:
    """A record, which each table that reads the one it is of asks for."""
    return Publication.model_validate_json(text)


def history(root: DataRoot, key: str) -> list[Publication]:
    """Every publication of a table, oldest first; those that a crash undid are left out."""
    last = standing(root, key)
    found = _all(root, key)
    chain: list[Publication] = []
    run = last[1].run_id if last else None
    while run in found:
        chain.append(found.pop(run))
        run = chain[-1].previous_run
    return chain[::-1]


def first(root: DataRoot, key: str) -> datetime | None:
    """When a table was published first; its records are named after their time."""
    names = [each.name for each in root.publications(key).glob("*.json")]
    if not names:
        return None
    first = min(names).partition("-")[0]
    return datetime.strptime(first, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)


def _all(root: DataRoot, key: str) -> dict[str, Publication]:
    """Every record of a table by its run, oldest first; those that cannot be read are left out."""
    found: dict[str, Publication] = {}
    for path in sorted(root.publications(key).glob("*.json")):
        try:
            publication = Publication.model_validate_json(path.read_bytes())
        except ValidationError:
            continue
        found[publication.run_id] = publication
    return found
