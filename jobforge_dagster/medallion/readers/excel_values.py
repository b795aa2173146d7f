"""The text of a number, a boolean, a date, a time or a duration as a workbook stores it.

A format code says which of them a number is; without one, nothing is guessed.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from math import isinf

from openpyxl.styles.numbers import STRIP_RE, is_timedelta_format
from openpyxl.utils.datetime import CALENDAR_WINDOWS_1900, from_excel

WHOLE = re.compile(r"-?[0-9]+")


def boolean(stored: str) -> str:
    """A boolean as Excel shows it.

    Raises:
        ValueError: it is none.
    """
    if stored not in ("0", "1", "false", "true"):
        raise ValueError(f"holds {stored!r}, which is no boolean")
    return "TRUE" if stored in ("1", "true") else "FALSE"


def number(stored: str) -> str:
    """The digits of a number: of a whole one as stored, else the fewest that give it again.

    Raises:
        ValueError: it is too large.
    """
    if WHOLE.fullmatch(stored):
        return stored
    value = float(stored)
    if isinf(value):
        raise ValueError(f"holds {stored!r}, a number that is too large")
    return repr(value).removesuffix(".0")


def moment(stored: str, code: str, epoch: datetime) -> str:
    """A date, a time or a duration as ISO 8601; a serial number that is none stays as it is.

    Args:
        stored: the serial number: days since the epoch.
        code: the format that it is shown in.
        epoch: the day zero of the workbook.

    Raises:
        ValueError: the number is too large.
    """
    serial = float(stored)
    length = is_timedelta_format(code)
    never = 60 <= serial < 61 and epoch == CALENDAR_WINDOWS_1900  # Excel's 29 February 1900
    if not length and (serial < 0 or never):
        return number(stored)
    try:
        found = from_excel(serial, epoch, timedelta=length)
    except (OverflowError, ValueError):
        return number(stored)
    if isinstance(found, timedelta):
        return _duration(found)
    if isinstance(found, datetime) and found.time() == time() and not _shows_time(code):
        found = found.date()
    return str(found.isoformat())


def _shows_time(code: str) -> bool:
    """Whether a format shows hours or seconds: then midnight is a time, too."""
    return re.search("[hs]", STRIP_RE.sub("", code.split(";")[0]), re.IGNORECASE) is not None


def _duration(length: timedelta) -> str:
    seconds, rest = divmod(abs(length), timedelta(seconds=1))
    hours, left = divmod(seconds, 3600)
    fraction = f".{rest.microseconds:06d}".rstrip("0") if rest else ""
    sign = "-" if length < timedelta() else ""
    return f"{sign}PT{hours}H{left // 60}M{left % 60}{fraction}S"
