"""Vacancies: figures by occupation, year and place, with duplicates and rows that break rules."""

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import Deduplicate, Domain, Licence, Origin, meaning

VACANCIES = Domain("vacancies", title="Vacancies", owner="team:benchmarks")
SYNTHETIC = Origin(
    publisher="JobForge (synthetic)", system="Benchmark", licence=Licence("MIT", "MIT License")
)


class Vacancy(dy.Schema):
    """The vacancies of one occupation in one year and place."""

    noc_code = dy.String(primary_key=True, regex=r"^\d{5}$", metadata=meaning("Unit group."))
    year = dy.Int16(primary_key=True, min=1900, max=2100, metadata=meaning("Year."))
    place = dy.String(primary_key=True, metadata=meaning("Place."))
    vacancies = dy.Int64(nullable=True, min=0, metadata=meaning("Vacant positions."))
    wage = dy.Float64(nullable=True, min=0, metadata=meaning("Dollars an hour."))
    note = dy.String(metadata=meaning("Some sixty characters of text."))


vacancies = VACANCIES.source(
    "vacancies", files="vacancies.csv", schema=Vacancy, origin=SYNTHETIC, nulls=["N/A"]
)


@VACANCIES.silver(
    schema=Vacancy,
    inputs=[vacancies],
    deduplicate=Deduplicate(by=("noc_code", "year", "place"), order=("vacancies",)),
)
def vacancy(vacancies: pl.LazyFrame) -> pl.LazyFrame:
    """As delivered."""
    return vacancies


def write(path: str, rows: int, edition: int = 0) -> None:
    """Write the file: every value a function of its row's number; 2 % repeat a key, 1 % are bad.

    Between two editions 1 % of the rows differ, in their wage.
    """
    number = pl.int_range(rows, dtype=pl.Int64)
    key = pl.when(number % 50 == 49).then(number - 1).otherwise(number)
    spread = (number * 2_654_435_761) % 4_294_967_296
    frame = pl.select(number=number, key=key, spread=spread).lazy()
    raised = pl.when(pl.col("spread") % 100 == 50).then(edition).otherwise(0)
    frame.select(
        noc_code=pl.when(pl.col("number") % 100 == 7)
        .then(pl.lit("x"))
        .otherwise((pl.col("key") % 100_000).cast(pl.String).str.zfill(5)),
        year=1990 + (pl.col("key") // 100_000) % 100,
        place="P" + (pl.col("key") // 10_000_000).cast(pl.String),
        vacancies=pl.when(pl.col("number") % 31 == 0)
        .then(pl.lit("N/A"))
        .otherwise((pl.col("spread") % 100_000).cast(pl.String)),
        wage=(pl.col("spread") % 9_000 + raised) / 100,
        note="some words that nobody reads twice, written about row "
        + pl.col("number").cast(pl.String).str.zfill(9),
    ).sink_csv(path)
