"""Where a row comes from, back to the delivered records; and what was made of such a record."""

from jobforge_dagster.asking.trace.back import trace
from jobforge_dagster.asking.trace.forward import forward
from jobforge_dagster.asking.trace.model import Forward, Trace

__all__ = ["Forward", "Trace", "forward", "trace"]
