"""Headers: how a delivered header is compared with a declared one."""

from __future__ import annotations


def trimmed(header: str) -> str:
    """A header without padding: every run of white space, no-break spaces too, is one space."""
    return " ".join(header.split())


def normal(header: str) -> str:
    """The form in which headers are compared: trimmed and case-folded."""
    return trimmed(header).casefold()
