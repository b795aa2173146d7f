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
    words = step.without_place(str(error)) if step else str(error)
    told = _told(step, words, judged) if step else {}
    return dg.Failure(
        description=words,
        metadata={"error_type": type(error).__name__, **told},
        allow_retries=False,
    )


@contextmanager
def told_to_people(step: Step, judged: Publication | None = None) -> Iterator[None]:
    """Turn errors into failures that say what is wrong, and try again what may heal by itself.

    It is asked for here rather than by a policy of the asset, which Dagster would follow when the
    user interrupts a run, too.

    Args:
        step: of which the catalog is told that it failed.
        judged: what would have been published, where it came to that.
    """
    try:
        yield
    except JobForgeError as error:
        raise failure(error, step, judged) from None
    except OSError as error:
        if step.retry_number < IO_RETRIES.max_retries:
            raise dg.RetryRequested(
                max_retries=IO_RETRIES.max_retries,
                seconds_to_wait=IO_RETRIES.calculate_delay(step.retry_number + 1),
            ) from error
        raise _broken(error, step, judged) from error
    except (dg.DagsterError, dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        raise _broken(error, step, judged) from error


def _broken(error: Exception, step: Step, judged: Publication | None) -> dg.Failure:
    words = step.without_place(f"{type(error).__name__}: {error}")
    if step.retry_number:
        words = f"{words} (tried {step.retry_number + 1} times)"
    return dg.Failure(words, metadata=_told(step, words, judged), allow_retries=False)


def _told(step: Step, words: str, judged: Publication | None = None) -> dict[str, Any]:
    facts = step.failed([words], judged)
    step.tell_if_the_log_does_not(facts)
    return carried(facts)
