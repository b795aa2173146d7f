"""Labour-market facts of any number of rows, and the 500 occupations that they are about.

    uv run python benchmarks/workload/generate.py ROWS SOURCE DIMENSION

Every cell is a function of its row's number alone, so the same call gives the same bytes on any
machine. Two rows in a hundred repeat an earlier row, anywhere before them, byte for byte. One in a
hundred breaks exactly one rule: a number that does not read, a code that is not five digits, or a
year or an employment out of range. Writes part by part: memory does not grow with rows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

CODES = tuple(f"{place * 199 + 10:05}" for place in range(500))
FIRST_YEAR, YEARS = 2001, 25
PLACE = len(CODES) * YEARS
"""Rows of one geography: one for each code and year."""

UNREADABLE = ("12,3x4", "--", "#REF!", "1.2.3")
QUALITIES = tuple(
    "registered licensed skilled seasonal regional senior junior certified bilingual contract "
    "permanent part-time".split()
)
PEOPLE = tuple(
    "managers technicians operators supervisors nurses analysts drivers labourers engineers "
    "educators officers clerks".split()
)
FIELDS = tuple(
    "health construction mining education transport retail agriculture finance culture forestry "
    "utilities information".split()
)

_PART = 250_000
_REPEAT = 50
"""Every so many rows, one repeats an earlier one."""
_SALT, _STEP = 0xD1B54A32D192ED03, 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)

Numbers = npt.NDArray[np.uint64]


def write(rows: int, source: Path, dimension: Path, *, first: int = 0) -> None:
    """Write the facts and the dimension as CSV files.

    Args:
        rows: of facts; the dimension has 500.
        source: the file of facts to write.
        dimension: the file of occupations to write.
        first: number of the first key. Files whose keys do not overlap (a file has ``rows`` keys
            at most) are further deliveries of the same table.
    """
    with source.open("wb") as file:
        for begin in range(0, max(rows, 1), _PART):
            end = min(begin + _PART, rows)
            part = _facts(_keys(np.arange(begin, end, dtype=np.uint64)) + np.uint64(first))
            part.write_csv(file, include_header=begin == 0)
    _occupations().write_csv(dimension)


def _keys(rows: Numbers) -> Numbers:
    """The number of each row's key: the next one, or that of any earlier row."""
    repeats = np.uint64(_REPEAT)
    fresh = rows - rows // repeats
    again = _scattered(rows, 99) % np.maximum(fresh, np.uint64(1))
    return np.where(rows % repeats == repeats - np.uint64(1), again, fresh)


def _scattered(numbers: Numbers, salt: int) -> Numbers:
    """The splitmix64 generator's value at each number, another series for each salt."""
    with np.errstate(over="ignore"):
        mixed = numbers * np.uint64(_STEP) + np.uint64((salt + 1) * _SALT % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_MIX[0])
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_MIX[1])
        return mixed ^ (mixed >> np.uint64(31))


_LIMITS = {
    "employment": 60_000,
    "vacancies": 2_000,
    "wage": 6_000,
    "openings": 5_000,
    "unemployment": 250,
    "retirements": 900,
    "payroll": 900_000_000,
    "growth": 1_000,
    "missing": 1_000_000,
    "fault": 1_000,
    "variant": 60,
    "quality": 12,
    "people": 12,
    "field": 12,
    "table": 10_000_000,
}
"""What is drawn for each key, evenly from zero up to but not including the limit."""


def _facts(keys: Numbers) -> pl.DataFrame:
    drawn = {
        name: (_scattered(keys, salt) % np.uint64(limit)).astype(np.int64)
        for salt, (name, limit) in enumerate(_LIMITS.items())
    }
    key, fault, variant = pl.col("key"), pl.col("fault"), pl.col("variant")
    code = _one_of(CODES, key % len(CODES))
    year = key // len(CODES) % YEARS + FIRST_YEAR
    bad_year = pl.when(variant % 2 == 0).then(year - 200).otherwise(year + 100)
    bad_code = (
        pl.when(variant % 3 == 0)
        .then(code.str.head(4))
        .when(variant % 3 == 1)
        .then(pl.lit("NOC") + code)
        .otherwise(code + pl.lit("0"))
    )
    vacancies = _or_missing(0, pl.col("vacancies").cast(pl.String))
    return pl.DataFrame({"key": keys.astype(np.int64), **drawn}).select(
        pl.when(fault < 4).then(bad_code).otherwise(code).alias("NOC Code"),
        pl.when(fault.is_between(7, 8)).then(bad_year).otherwise(year).alias("Year"),
        pl.format("Economic Region {}", _digits(key // PLACE, 4)).alias("Geography"),
        pl.when(fault == 9)
        .then(pl.lit("-") + _grouped(pl.col("employment") + 1))
        .otherwise(_grouped(pl.col("employment")))
        .alias("Employment"),
        pl.when(fault.is_between(4, 6))
        .then(_one_of(UNREADABLE, variant % len(UNREADABLE)))
        .otherwise(vacancies)
        .alias("Vacancies"),
        _or_missing(1, _decimal(pl.col("wage") + 1_500, 2)).alias("Median Hourly Wage"),
        _or_missing(2, _grouped(pl.col("openings"))).alias("Job Openings"),
        _decimal(pl.col("unemployment"), 1).alias("Unemployment Rate"),
        _or_missing(3, pl.col("retirements").cast(pl.String)).alias("Retirements"),
        _grouped(pl.col("payroll")).alias("Total Payroll"),
        _or_missing(4, _decimal(pl.col("growth"), 2)).alias("Growth Rate"),
        pl.format(
            "{} {} in {}, table {} reviewed",
            _one_of(QUALITIES, pl.col("quality")),
            _one_of(PEOPLE, pl.col("people")),
            _one_of(FIELDS, pl.col("field")),
            _digits(pl.col("table"), 8),
        ).alias("Notes"),
    )


def _occupations() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "NOC Code": CODES,
            "Class title": [
                f"{QUALITIES[place % 12].title()} {PEOPLE[place // 12 % 12]} of "
                f"{FIELDS[place // 7 % 12]}"
                for place in range(len(CODES))
            ],
            "Titre": [f"Profession {place:03} du groupe {place % 10}" for place in range(500)],
            "TEER": [place % 6 for place in range(len(CODES))],
            "Broad category": [place // 50 for place in range(len(CODES))],
        }
    )


def _or_missing(which: int, text: pl.Expr) -> pl.Expr:
    """``N/A`` in about three cells of a hundred, others for each ``which``."""
    return pl.when(pl.col("missing") // 7**which % 33 == 0).then(pl.lit("N/A")).otherwise(text)


def _one_of(words: Sequence[str], place: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series(words)).gather(place)


def _digits(number: pl.Expr, width: int) -> pl.Expr:
    return number.cast(pl.String).str.zfill(width)


def _decimal(number: pl.Expr, places: int) -> pl.Expr:
    return pl.format("{}.{}", number // 10**places, _digits(number % 10**places, places))


def _grouped(number: pl.Expr) -> pl.Expr:
    """With separators of thousands; up to, not including, a thousand million."""
    thousands, rest = number // 1_000, _digits(number % 1_000, 3)
    millions = pl.format("{},{},{}", thousands // 1_000, _digits(thousands % 1_000, 3), rest)
    return (
        pl.when(number < 1_000)
        .then(number.cast(pl.String))
        .when(number < 1_000_000)
        .then(pl.format("{},{}", thousands, rest))
        .otherwise(millions)
    )


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
