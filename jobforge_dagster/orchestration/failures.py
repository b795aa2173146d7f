"""What becomes of an error: which step is tried again, which is not, and what people are told.

The README's "When something fails" is the whole list. In short: what may heal by itself
(``OSError``) is tried again; data, declarations and bugs break again in the same way, and are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from jobforge_dagster.medallion.errors import JobForgeError

IO_RETRIES = dg.RetryPolicy(
    max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For what may heal by itself; everything else is raised as a failure that allows no retries."""


def failure(error: JobForgeError) -> dg.Failure:
    """A step failure that says what the error says; data and contract errors never heal alone."""
    return dg.Failure(
        description=str(error),
        metadata={"error_type": type(error).__name__},
        allow_retries=False,
    )


@contextmanager
def told_to_people() -> Iterator[None]:
    """Turn the platform's errors into failures, and keep all but I/O errors from being retried."""
    try:
        yield
    except JobForgeError as error:
        raise failure(error) from None
    except (OSError, dg.DagsterError, dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        raise dg.Failure(
            description=f"{type(error).__name__}: {error}", allow_retries=False
        ) from error
