"""What becomes of an error: which step is tried again, which is not, and what people are told.

The README's "When something fails" is the whole list. In short: what may heal by itself
(``OSError``) is tried again; data, declarations and bugs break again in the same way, and are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.orchestration.telling import Step, carried

IO_RETRIES = dg.RetryPolicy(
    max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For what may heal by itself; everything else is raised as a failure that allows no retries."""


def failure(
    error: JobForgeError, step: Step | None = None, judged: Publication | None = None
) -> dg.Failure:
    """A step failure that says what the error says; data and contract errors never heal alone.

    Args:
        error: the reason.
        step: of which the catalog is told that it failed.
        judged: what would have been published, where it came to that.
    """
    return dg.Failure(
        description=str(error),
        metadata={"error_type": type(error).__name__, **_told(step, str(error), judged)},
        allow_retries=False,
    )


@contextmanager
def told_to_people(step: Step | None = None) -> Iterator[None]:
    """Turn the platform's errors into failures, and keep all but I/O errors from being retried.

    Args:
        step: of which the catalog is told that it failed.
    """
    try:
        yield
    except JobForgeError as error:
        raise failure(error, step) from None
    except (OSError, dg.DagsterError, dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        raise dg.Failure(words, metadata=_told(step, words), allow_retries=False) from error


def _told(step: Step | None, words: str, judged: Publication | None = None) -> dict[str, Any]:
    if step is None:
        return {}
    facts = step.failed([words], judged)
    step.tell_if_the_log_does_not(facts)
    return carried(facts)
