"""The data root: one folder that holds the landing files, the layers and everything known."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from jobforge_dagster.medallion.errors import JobForgeError

VARIABLE = "JOBFORGE_DATA_ROOT"
"""Environment variable that moves the data root; without it, ``data`` below the working folder."""

LAYERS = ("staged", "bronze", "silver", "gold")
"""The folders of tables, in the order in which one is made of the other."""


@dataclass(frozen=True)
class DataRoot:
    """Paths below one folder. Makes no folder and reads nothing."""

    path: Path

    @classmethod
    def from_environment(cls) -> DataRoot:
        """The data root that the environment names."""
        return cls(Path(os.environ.get(VARIABLE) or "data"))

    @classmethod
    def at(cls, place: Place) -> DataRoot:
        """The data root in a folder; without one, that which the environment names."""
        if place is None:
            return cls.from_environment()
        return place if isinstance(place, DataRoot) else cls(Path(place))

    @property
    def landing(self) -> Path:
        """Where publishers' files are dropped."""
        return self.path / "source"

    @property
    def staged(self) -> Path:
        """Where deliveries are kept for ever."""
        return self.path / "staged"

    @property
    def manifests(self) -> Path:
        """Where each delivery's manifest lies."""
        return self.staged / "_manifests"

    @property
    def cache(self) -> Path:
        """What can be found out again, and may be deleted at any time."""
        return self.path / ".cache"

    def lock(self, source: str) -> Path:
        """What a process holds that changes which deliveries of a source are in force."""
        return self.cache / "locks" / source

    @property
    def waivers(self) -> Path:
        """The file of waivers."""
        return self.path / "waivers.yaml"

    @property
    def quarantined(self) -> Path:
        """Where refused rows lie: those that stand, and under ``_history`` those resolved."""
        return self.path / "quarantine"

    def table(self, key: str) -> Path:
        """The Parquet file of a bronze, silver or gold table, by its key."""
        return self.path / f"{key}.parquet"

    def quarantine(self, layer: str, table: str, run_id: str, at: datetime) -> Path:
        """The file of the rows that one run refused on their way into one table."""
        return self.quarantined / layer / f"{at:%Y-%m-%d}" / f"{table}-{run_id[:8]}.parquet"

    def resolved(self, layer: str, table: str, run_id: str, at: datetime) -> Path:
        """The file of the records of one table that one run resolved."""
        folder = self.quarantined / "_history" / layer / f"{at:%Y-%m-%d}"
        return folder / f"{table}-{run_id[:8]}.parquet"

    def run_log(self, run_id: str, at: datetime) -> Path:
        """What one run refused, warned of and failed on: one JSON line a table."""
        return self.quarantined / "_error_logs" / f"{at:%Y-%m-%d}" / f"{run_id}.jsonl"

    @property
    def catalog(self) -> Path:
        """Where the documents about all this lie."""
        return self.path / "catalog"

    def schema(self, name: str) -> Path:
        """The JSON Schema of a kind of document, in the catalog."""
        return self.catalog / "schemas" / f"{name}.schema.json"

    def publication(self, key: str, run_id: str, at: datetime) -> Path:
        """What is known of the publication of a table by one run."""
        return self.publications(key) / f"{at:%Y%m%dT%H%M%S.%fZ}-{run_id[:8]}.json"

    def publications(self, key: str) -> Path:
        """Where the records of a table's publications lie, in the order of time."""
        table = self.table(key)
        return table.parent / "_metadata" / table.stem

    def inside(self, stored: str) -> Path:
        """The file that a stored path means.

        Raises:
            JobForgeError: it leads outside of the root: somebody altered it.
        """
        path = self.path / stored
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise JobForgeError(
                f"{stored!r} leads outside of the data root. Restore the document that names it: "
                f"what lies outside is not read."
            )
        return path

    def relative(self, path: Path) -> str:
        """A path below the root, relative and POSIX: the only form that is ever stored."""
        return path.relative_to(self.path).as_posix()


Place: TypeAlias = str | Path | DataRoot | None
"""Where a data root is: a folder, a data root itself, or where the environment says."""
