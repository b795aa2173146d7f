"""Log lines of the platform: JSON when a program reads them, words when a person does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TextIO

_HUSHED: ContextVar[bool] = ContextVar("hushed", default=False)


def tell(event: str, **facts: Any) -> None:
    """Write one log line to standard error: a JSON object, or text where that is a terminal."""
    if not _HUSHED.get():
        _logger(sys.stderr).info(event, **facts)


@contextmanager
def hushed() -> Iterator[None]:
    """Tell nothing of what is done on the way to an answer, and changes nothing."""
    token = _HUSHED.set(True)
    try:
        yield
    finally:
        _HUSHED.reset(token)


@lru_cache(maxsize=1)
def _logger(stream: TextIO) -> Any:
    # Imported at the first line that is told: it costs as much as a tenth of importing Dagster.
    import structlog

    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if stream.isatty()
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
    )
