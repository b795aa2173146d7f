"""Types: what the standard calls a Polars type, and what more it can say of it."""

from __future__ import annotations

import re
from typing import Any

_LOGICAL = {
    "Boolean": "boolean",
    "Date": "date",
    "Datetime": "timestamp",
    "Time": "time",
    "Decimal": "number",
    "List": "array",
    "Array": "array",
    "Struct": "object",
    # Parquet keeps a duration as the whole number of its units.
    "Duration": "integer",
}
_NUMBER = re.compile(r"(Int|UInt|Float)(\d+)")
_BITS = {"Int": "i", "UInt": "u", "Float": "f"}
_FORMATS = frozenset("i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64".split())
_ZONE = re.compile(r"time_zone='([^']+)'")


def logical_type(dtype: str) -> str:
    """The logical type of a column; of text, bytes, categories and nulls it is ``string``.

    Args:
        dtype: the type as Polars names it.
    """
    base = dtype.partition("(")[0]
    number = _NUMBER.fullmatch(base)
    if number:
        return "number" if number[1] == "Float" else "integer"
    return _LOGICAL.get(base, "string")


def type_options(dtype: str) -> dict[str, Any] | None:
    """What the standard lets say of a logical type (``logicalTypeOptions``), if anything."""
    base = dtype.partition("(")[0]
    number = _NUMBER.fullmatch(base)
    if number:
        bits = f"{_BITS[number[1]]}{number[2]}"
        return {"format": bits} if bits in _FORMATS else None
    if base == "Datetime":
        zone = _ZONE.search(dtype)
        return {"timezone": True, "defaultTimezone": zone[1]} if zone else {"timezone": False}
    return {"format": "binary"} if base == "Binary" else None
