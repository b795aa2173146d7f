"""Values as people and programs are told them: one way for SQL, trace, why, diff and the commands.

What was delivered may hold anything, so none of it reaches a screen as it stands: characters that
would move the cursor, set colours or turn the direction of writing are told by their escapes.
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from typing import Any


def plain(value: Any) -> Any:
    """A value as JSON can hold it without loss: a decimal or a time is a text, and so is NaN."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {text_of(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return str(value)


def text_of(value: Any) -> str:
    """A value in a cell; null is empty, what holds several values is JSON."""
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    return json.dumps(found, ensure_ascii=False)


def shown(value: Any) -> str:
    r"""A value for a screen: on one line, and nothing in it steers the terminal.

    Args:
        value: any; a text stands for itself.

    Returns:
        Its text, in which all that is not printable (control characters, ends of lines, marks of
        the direction of writing) is told as Python escapes it: ``\x1b``.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text_of(value))


def short(value: Any, letters: int) -> str:
    """The same, of at most some letters; ``…`` tells that there were more."""
    told = shown(text_of(value)[: letters + 1])
    return told if len(told) <= letters else f"{told[: letters - 1]}…"
