"""From text to a type: strict about the text, silent about nothing.

Text that does not read as the declared type becomes null here; bronze compares and sends its row
to quarantine with the text.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

# Integers and floats need it not: of what else Polars' cast takes, none is finite.
_NUMBER = r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$"


def can_cast(dtype: pl.DataType) -> bool:
    """Whether text can be cast to a type."""
    return dtype.is_numeric() or dtype in (pl.String, pl.Boolean, pl.Date, pl.Datetime)


def from_text(text: pl.Expr, dtype: pl.DataType, thousands: str | None) -> pl.Expr:
    """Cast text; null where it does not read as the type.

    Args:
        text: the delivered text, or null where there is no value.
        dtype: the declared type. Numbers are ASCII digits with a point; dates and times ISO 8601;
            booleans ``true`` and ``false``. Text stays as it is. Other types allow padding.
        thousands: a separator that may group the digits of a number in threes.
    """
    if dtype == pl.String:
        return text
    bare = text.str.strip_chars()
    return from_bare(ungrouped(bare, dtype, thousands), dtype)


def casts_as_it_stands(dtype: pl.DataType, no_value: Sequence[str], thousands: str | None) -> bool:
    """Whether a text that casts to a type without further ado surely means that value.

    Args:
        dtype: the declared type.
        no_value: texts that stand for no value.
        thousands: a separator that may group the digits of a number in threes.
    """
    if not (dtype.is_integer() or dtype.is_float()):
        return False
    doubtful = pl.Series([*no_value, *([f"1{thousands}234"] if thousands else [])], dtype=pl.String)
    return doubtful.cast(dtype, strict=False).is_null().all()


def ungrouped(bare: pl.Expr, dtype: pl.DataType, thousands: str | None) -> pl.Expr:
    """Text without padding, without the separators if it is a number of groups of three digits."""
    if thousands is None or not dtype.is_numeric():
        return bare
    mark = f"\\x{{{ord(thousands):x}}}"
    whole = bare.str.contains(rf"^[+-]?\d{{1,3}}(?:{mark}\d{{3}})+(?:\.\d+)?$")
    return pl.when(whole).then(bare.str.replace_all(thousands, "", literal=True)).otherwise(bare)


def from_bare(bare: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Cast text without padding whose digits are not grouped."""
    if dtype == pl.Boolean:
        folded = bare.str.to_lowercase()
        return (
            pl.when(folded == "true")
            .then(pl.lit(value=True))
            .when(folded == "false")
            .then(pl.lit(value=False))
        )
    if dtype == pl.Date:
        iso = pl.when(bare.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(bare)
        return iso.str.to_date("%Y-%m-%d", strict=False)
    if dtype == pl.Datetime:
        return bare.str.to_datetime(strict=False).cast(dtype, strict=False)
    if not (dtype.is_integer() or dtype.is_float()):
        bare = pl.when(bare.str.contains(_NUMBER)).then(bare)
    return finite(bare.cast(dtype, strict=False), dtype)


def finite(cast: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A cast value; null where it is not finite.

    Polars reads "nan" and "inf" as floats; no publisher's figure is meant by them.
    """
    return pl.when(cast.is_finite()).then(cast) if dtype.is_float() else cast
