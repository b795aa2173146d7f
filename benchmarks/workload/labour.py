"""Labour-market facts by occupation, year and place, and what they come to in each year."""

from typing import Any

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import (
    Deduplicate,
    Domain,
    Licence,
    Origin,
    meaning,
    references,
)
from jobforge_dagster.medallion.grain import Groups
from jobforge_dagster.medallion.provenance import aggregate, join

LABOUR = Domain("labour", title="Labour market", owner="team:benchmarks")
SYNTHETIC = Origin(
    publisher="JobForge (synthetic)", system="Benchmark", licence=Licence("MIT", "MIT License")
)

UNIT_GROUP = r"^\d{5}$"


def code(header: str | None = None) -> dict[str, Any]:
    """What an occupation's code means."""
    return meaning("Code of the occupation.", header=header)


class LabourFact(dy.Schema):
    """The figures of one occupation in one year and place."""

    noc_code = dy.String(primary_key=True, regex=UNIT_GROUP, metadata=code("NOC Code"))
    year = dy.Int32(primary_key=True, min=1987, max=2040, metadata=meaning("Year.", header="Year"))
    geography = dy.String(primary_key=True, metadata=meaning("Place.", header="Geography"))
    employment = dy.Int64(
        nullable=True, min=0, metadata=meaning("People employed.", header="Employment")
    )
    vacancies = dy.Int64(nullable=True, metadata=meaning("Vacant positions.", header="Vacancies"))
    median_wage = dy.Float64(
        nullable=True, metadata=meaning("Dollars an hour.", header="Median Hourly Wage")
    )
    job_openings = dy.Int64(
        nullable=True, metadata=meaning("Jobs that open.", header="Job Openings")
    )
    unemployment_rate = dy.Float64(
        nullable=True, metadata=meaning("Per cent unemployed.", header="Unemployment Rate")
    )
    retirements = dy.Int64(
        nullable=True, metadata=meaning("People who retire.", header="Retirements")
    )
    total_payroll = dy.Int64(
        nullable=True, metadata=meaning("Dollars a year.", header="Total Payroll")
    )
    growth_rate = dy.Float64(
        nullable=True, metadata=meaning("Growth in per cent.", header="Growth Rate")
    )
    notes = dy.String(metadata=meaning("What the publisher notes.", header="Notes"))


class Occupation(dy.Schema):
    """One occupation with its titles and its place in the classification."""

    noc_code = dy.String(primary_key=True, regex=UNIT_GROUP, metadata=code("NOC Code"))
    title_en = dy.String(metadata=meaning("Title in English.", header="Class title"))
    title_fr = dy.String(metadata=meaning("Title in French.", header="Titre"))
    teer = dy.Int8(min=0, max=5, metadata=meaning("Training and education.", header="TEER"))
    broad_category = dy.Int8(
        min=0, max=9, metadata=meaning("Broad category.", header="Broad category")
    )


class FactLabour(dy.Schema):
    """The figures of one occupation in one year, of all places together."""

    noc_code = dy.String(primary_key=True, metadata=code())
    year = dy.Int32(primary_key=True, metadata=meaning("Year."))
    n = dy.Int64(metadata=meaning("Places with figures."))
    employment = dy.Int64(metadata=meaning("People employed."))
    vacancies = dy.Int64(metadata=meaning("Vacant positions."))
    median_wage = dy.Float64(
        nullable=True, metadata=meaning("Mean of the places' median wages, in dollars an hour.")
    )
    job_openings = dy.Int64(metadata=meaning("Jobs that open."))
    unemployment_rate = dy.Float64(nullable=True, metadata=meaning("Mean per cent unemployed."))
    retirements = dy.Int64(metadata=meaning("People who retire."))
    total_payroll = dy.Int64(metadata=meaning("Dollars a year."))
    growth_rate = dy.Float64(nullable=True, metadata=meaning("Mean growth in per cent."))
    teer = dy.Int8(metadata=meaning("Training and education of the occupation."))


labour_facts = LABOUR.source(
    "labour_facts",
    files="labour/facts*.csv",
    schema=LabourFact,
    origin=SYNTHETIC,
    nulls=["N/A"],
    thousands=",",
)
labour_occupations = LABOUR.source(
    "labour_occupations",
    files="labour/occupations*.csv",
    schema=Occupation,
    origin=SYNTHETIC,
)


@LABOUR.silver(
    schema=LabourFact,
    inputs=[labour_facts],
    deduplicate=Deduplicate(by=("noc_code", "year", "geography"), order=("employment",)),
)
def labour_fact(facts: pl.LazyFrame) -> pl.LazyFrame:
    """As delivered, each once."""
    return facts


@LABOUR.silver(schema=Occupation, inputs=[labour_occupations])
def labour_occupation(occupations: pl.LazyFrame) -> pl.LazyFrame:
    """As delivered."""
    return occupations


@LABOUR.gold(schema=Occupation, inputs=[labour_occupation])
def dim_labour_occupation(occupations: pl.LazyFrame) -> pl.LazyFrame:
    """All of them."""
    return occupations


@LABOUR.gold(
    schema=FactLabour,
    inputs=[labour_fact, dim_labour_occupation],
    grain=Groups(["noc_code", "year"]),
    foreign_keys=[references("noc_code", dim_labour_occupation)],
    answers=["How many people work in an occupation, year by year?"],
)
def fact_labour(facts: pl.LazyFrame, occupations: pl.LazyFrame) -> pl.LazyFrame:
    """All places of a year are one row."""
    sums = pl.col("employment", "vacancies", "job_openings", "retirements", "total_payroll").sum()
    means = pl.col("median_wage", "unemployment_rate", "growth_rate").mean()
    years = aggregate(facts, ["noc_code", "year"], pl.len().cast(pl.Int64).alias("n"), sums, means)
    return join(years, occupations, on="noc_code")
