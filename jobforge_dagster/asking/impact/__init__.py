"""Impact: everything that a change of a table, a column or a delivered header would reach."""

from jobforge_dagster.asking.impact.ask import impact
from jobforge_dagster.asking.impact.model import Impact, ReachedColumn, ReachedTable

__all__ = ["Impact", "ReachedColumn", "ReachedTable", "impact"]
