"""What a run's configuration may say to the platform."""

from __future__ import annotations

from typing import Any

import dagster as dg
from pydantic import Field


class QualitySettings(dg.ConfigurableResource[Any]):
    """How strict a run is.

    Attributes:
        max_rejected: share of its rows that any table may refuse, from 0 to 1, in place of what the
            tables declare; 0 makes the run fail on any refused row.
        max_rejected_of: the same for single tables, by key.
    """

    max_rejected: float | None = None
    max_rejected_of: dict[str, float] = Field(default_factory=dict)

    def limit(self, key: str) -> float | None:
        """What takes the place of a table's own limit, if anything does."""
        return self.max_rejected_of.get(key, self.max_rejected)
