"""What changed between two versions of a table, and what caused it."""

from jobforge_dagster.asking.diff.ask import diff
from jobforge_dagster.asking.diff.contents import Remake
from jobforge_dagster.asking.diff.model import Diff, Version

__all__ = ["Diff", "Remake", "Version", "diff"]
