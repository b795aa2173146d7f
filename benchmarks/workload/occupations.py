"""What is made of the vacancies: each with the title of its occupation, and sums of them."""

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import Domain, meaning
from jobforge_dagster.medallion.grain import Groups
from jobforge_dagster.medallion.provenance import aggregate, join
from workload.vacancies import SYNTHETIC, vacancy

OCCUPATIONS = Domain("occupations", title="Occupations", owner="team:benchmarks")

CODE = meaning("Unit group.")
YEAR = meaning("Year.")
TITLE = meaning("Title of the occupation.")
SUM = meaning("Vacant positions together.")
HIGHEST = meaning("The highest wage, in dollars an hour.")


class Occupation(dy.Schema):
    """One occupation and its title."""

    noc_code = dy.String(primary_key=True, regex=r"^\d{5}$", metadata=CODE)
    title = dy.String(metadata=TITLE)


class FactVacancy(dy.Schema):
    """The vacancies of one occupation in one year and place, with the occupation's title."""

    noc_code = dy.String(primary_key=True, metadata=CODE)
    year = dy.Int16(primary_key=True, metadata=YEAR)
    place = dy.String(primary_key=True, metadata=meaning("Place."))
    title = dy.String(nullable=True, metadata=TITLE)
    vacancies = dy.Int64(nullable=True, metadata=meaning("Vacant positions."))
    wage = dy.Float64(nullable=True, metadata=meaning("Dollars an hour."))


class ByOccupation(dy.Schema):
    """The vacancies of one occupation, of all years and places."""

    noc_code = dy.String(primary_key=True, metadata=CODE)
    vacancies = dy.Int64(metadata=SUM)
    highest = dy.Float64(nullable=True, metadata=HIGHEST)


class ByYear(dy.Schema):
    """The vacancies of one year, of all occupations and places."""

    year = dy.Int16(primary_key=True, metadata=YEAR)
    vacancies = dy.Int64(metadata=SUM)
    highest = dy.Float64(nullable=True, metadata=HIGHEST)


occupations = OCCUPATIONS.source(
    "occupations", files="occupations.csv", schema=Occupation, origin=SYNTHETIC
)


@OCCUPATIONS.silver(schema=Occupation, inputs=[occupations])
def occupation(occupations: pl.LazyFrame) -> pl.LazyFrame:
    """As delivered."""
    return occupations


@OCCUPATIONS.gold(
    schema=FactVacancy, inputs=[vacancy, occupation], answers=["How many, where and when?"]
)
def fact_vacancy(vacancies: pl.LazyFrame, occupations: pl.LazyFrame) -> pl.LazyFrame:
    """Each with the title of its occupation."""
    return join(vacancies, occupations, on="noc_code")


@OCCUPATIONS.gold(
    schema=ByOccupation,
    inputs=[vacancy],
    grain=Groups(["noc_code"]),
    answers=["How many are there of an occupation?"],
)
def vacancies_by_occupation(vacancies: pl.LazyFrame) -> pl.LazyFrame:
    """Some hundred rows of ten million are one."""
    return summed(vacancies, "noc_code")


@OCCUPATIONS.gold(
    schema=ByYear,
    inputs=[vacancy],
    grain=Groups(["year"]),
    answers=["How many are there in a year?"],
)
def vacancies_by_year(vacancies: pl.LazyFrame) -> pl.LazyFrame:
    """Some hundred thousand rows are one."""
    return summed(vacancies, "year")


def summed(vacancies: pl.LazyFrame, by: str) -> pl.LazyFrame:
    """Sums by one column; a sum of integers is the same in any order."""
    highest = pl.col("wage").max().alias("highest")
    return aggregate(vacancies, by, pl.col("vacancies").sum(), highest)


def write(path: str) -> None:
    """Write the file: an occupation for each code that a vacancy may have."""
    code = pl.int_range(100_000, dtype=pl.Int64).cast(pl.String).str.zfill(5)
    pl.select(noc_code=code).lazy().select(
        "noc_code", title=pl.lit("People of ") + pl.col("noc_code")
    ).sink_csv(path)
