"""COPS 2024-2033: what the Canadian Occupational Projection System projects, year by year.

Its ten-year totals and its verdicts are in ``cops_outlook``.
"""

from typing import NamedTuple

import dataframely as dy
import polars as pl
import polars.selectors as cs

from jobforge_dagster.domains.licences import OPEN_GOVERNMENT
from jobforge_dagster.domains.noc import PORTAL, UNIT_GROUP, UNIT_GROUP_CODE, dim_noc
from jobforge_dagster.medallion.declare import (
    Agreement,
    Ckan,
    Domain,
    Measure,
    Origin,
    Remaining,
    agrees,
    meaning,
    references,
    rule,
)
from jobforge_dagster.medallion.grain import Cells, Where
from jobforge_dagster.medallion.provenance import unpivot

COPS = Domain(
    "cops",
    title="Canadian Occupational Projection System",
    owner="team:labour-market",
    steward="labour-market",
    classification="public",
)

DATASET = "e80851b8-de68-43bd-a85c-c72e1b3a3890"

COPS_2024 = Origin(
    publisher="Employment and Social Development Canada",
    system="COPS 2024-2033",
    licence=OPEN_GOVERNMENT,
    dataset=DATASET,
    url=f"{PORTAL}/en/dataset/{DATASET}",
)

ON_THE_PORTAL = Ckan(PORTAL, DATASET)
"""Its resources are the files, under the names that we know them by."""

ALL_OCCUPATIONS = "00000"
CODE = r"^(\d{5}|TEER_[0-5]|NOC1_\d)$"
"""Unit groups and aggregates share the files; ``00000`` is an aggregate of five digits."""


class Figure(NamedTuple):
    """A projected measure: the start of its file's name, and what it counts."""

    files: str
    text: str


MEASURES = {
    "employment": Figure("employment_emploi", "People employed."),
    "employment_growth": Figure("employment_growth", "Change of employment over the year before."),
    "retirements": Figure("retirements_", "People who retire."),
    "retirement_rates": Figure("retirement_rates", "Percentage of the employed who retire."),
    "other_replacement": Figure("other_replacement", "People who leave for other reasons."),
    "job_openings": Figure("jo_pe", "Growth, retirements and other replacement together."),
    "school_leavers": Figure("school_leavers", "People who leave school for the occupation."),
    "immigration": Figure("immigration", "Immigrants who seek the occupation."),
    "other_seekers": Figure("other_seekers", "Other people who seek it, net of those who leave."),
    "job_seekers": Figure("job_seekers", "School leavers, immigrants and others together."),
}


OCCUPATION_OR_AGGREGATE = meaning(
    "Unit group or aggregate.", french="Groupe de base ou agrégat.", term="cops-code"
)
YEAR = meaning("Calendar year.", french="Année civile.", term="projection-year")
MEASURE = meaning("What is counted.", french="Ce qui est compté.", term="projected-measure")


class MeasureFile(dy.Schema):
    """One measure of one occupation or aggregate, a column a year."""

    code = dy.String(metadata=OCCUPATION_OR_AGGREGATE)
    occupation_name = dy.String(
        metadata=meaning("Its name.", header="Occupation Name", french="Son nom.")
    )
    nom_de_la_profession = dy.String(
        metadata=meaning(
            "Its name in French.", header="Nom de la profession", french="Son nom en français."
        )
    )


measure_files = [
    COPS.source(
        f"cops_{name}",
        files=f"cops/{measure.files}*.csv",
        schema=MeasureFile,
        origin=COPS_2024,
        nulls=["N/A"],
        remaining=Remaining(pl.Float64, f"{measure.text} In the year of the header.", r"\d{4}"),
        fetch=ON_THE_PORTAL,
        purpose="To see how an occupation is expected to change from year to year.",
    )
    for name, measure in MEASURES.items()
]


YEARS = cs.matches(r"^\d{4}$")

ROUNDING = 100
"""Each figure is rounded to the nearest hundred, so a sum of three holds within one hundred."""

TOTAL_ROUNDING = 400
"""The six TEER and ten broad categories sum to the whole within this; measured: 300 at most."""


class Projection(dy.Schema):
    """One projected figure: a measure of an occupation or aggregate in a year."""

    code = dy.String(primary_key=True, regex=CODE, metadata=OCCUPATION_OR_AGGREGATE)
    year = dy.Int16(primary_key=True, min=2000, max=2100, metadata=YEAR)
    measure = dy.String(
        primary_key=True,
        check={"known_measure": lambda name: name.is_in(list(MEASURES))},
        metadata=MEASURE,
    )
    scope = dy.String(
        check={
            "known_scope": lambda scope: scope.is_in(
                ["unit_group", "all_occupations", "teer", "broad_category"]
            )
        },
        metadata=meaning(
            "What the code names.", french="Ce que désigne le code.", term="cops-code"
        ),
    )
    value = dy.Float64(
        nullable=True,
        metadata=meaning(
            "The figure: people, or percent for retirement_rates; null if N/A.",
            french="Le chiffre : des personnes, ou un pourcentage pour retirement_rates; nul si "
            "N/A.",
            term="projected-measure",
        ),
    )


def scope() -> pl.Expr:
    """What a COPS code names."""
    code = pl.col("code")
    return (
        pl.when(code == ALL_OCCUPATIONS)
        .then(pl.lit("all_occupations"))
        .when(code.str.starts_with("TEER_"))
        .then(pl.lit("teer"))
        .when(code.str.starts_with("NOC1_"))
        .then(pl.lit("broad_category"))
        .otherwise(pl.lit("unit_group"))
    )


def measures_beside(figures: pl.LazyFrame) -> pl.LazyFrame:
    """A row for each code and year: all its measures, and the employment of the year before."""
    beside = figures.group_by("code", "year").agg(
        pl.col("value").filter(pl.col("measure") == name).first().alias(name) for name in MEASURES
    )
    year_before = beside.select("code", pl.col("year") + 1, employment_before="employment")
    return beside.join(year_before, on=["code", "year"], how="left")


def of_parts(*measures: str) -> pl.Expr:
    """A sum, null where a part is."""
    return pl.sum_horizontal(measures, ignore_nulls=False)


def is_sum(measure: str, parts: pl.Expr) -> Agreement:
    """The identity that a measure is made of others, of the same occupation and year."""
    held = (pl.col("value") - parts).abs() <= ROUNDING
    return agrees(
        f"{measure}_is_the_sum_of_its_parts",
        None,
        measures_beside,
        on=["code", "year"],
        obeyed=pl.when(pl.col("measure") == measure).then(held),
        message="{measure} of {code} in {year} is {value}, which is not the sum of its parts",
        severity="warn",
    )


def wholes(figures: pl.LazyFrame) -> pl.LazyFrame:
    """A row for each year and measure: the sums over TEER and over broad categories."""
    return figures.group_by("year", "measure").agg(
        pl.when((pl.col("scope") == name).any())
        .then(pl.col("value").filter(pl.col("scope") == name).sum())
        .alias(f"{name}_sum")
        for name in ("teer", "broad_category")
    )


WHOLE_IS_THE_SUM = agrees(
    "whole_is_the_sum_of_its_categories",
    None,
    wholes,
    on=["year", "measure"],
    obeyed=pl.when(pl.col("code") == ALL_OCCUPATIONS, pl.col("measure") != "retirement_rates").then(
        pl.all_horizontal(
            (pl.col("value") - pl.col(f"{name}_sum")).abs() <= TOTAL_ROUNDING
            for name in ("teer", "broad_category")
        )
    ),
    message="{measure} of all occupations in {year} is {value}, but {teer_sum} by TEER and "
    "{broad_category_sum} by broad category",
    severity="warn",
)


@COPS.silver(
    schema=Projection,
    inputs=measure_files,
    grain=Cells(YEARS, of=measure_files),
    agreements=[
        is_sum("employment_growth", pl.col("employment") - pl.col("employment_before")),
        is_sum("job_openings", of_parts("employment_growth", "retirements", "other_replacement")),
        is_sum("job_seekers", of_parts("school_leavers", "immigration", "other_seekers")),
        WHOLE_IS_THE_SUM,
    ],
)
def projection(*files: pl.LazyFrame) -> pl.LazyFrame:
    """Ten files with a column a year become one table with a row a figure."""
    figures = pl.concat(
        unpivot(
            file,
            on=YEARS,
            index=["code"],
            variable_name="year",
            value_name="value",
        ).with_columns(measure=pl.lit(name))
        for name, file in zip(MEASURES, files, strict=True)
    )
    return figures.with_columns(pl.col("year").cast(pl.Int16), scope=scope())


class FactCopsProjection(dy.Schema):
    """One projected figure of an occupation: a measure of a unit group in a year."""

    noc_code = dy.String(primary_key=True, regex=UNIT_GROUP, metadata=UNIT_GROUP_CODE)
    year = dy.Int16(primary_key=True, metadata=YEAR)
    measure = dy.String(primary_key=True, metadata=MEASURE)
    value = dy.Float64(
        nullable=True,
        metadata=meaning(
            "The figure: people, or percent for retirement_rates.",
            french="Le chiffre : des personnes, ou un pourcentage pour retirement_rates.",
            term="projected-measure",
        ),
    )
    suppressed = dy.Bool(
        metadata=meaning(
            "Whether the publisher withholds the figure: it has none here, but gives the measure "
            "for other occupations in that year.",
            french="Si l'éditeur retient le chiffre : il n'en donne aucun ici, mais donne la "
            "mesure pour d'autres professions cette année-là.",
            term="suppressed-figure",
        )
    )

    @rule("the publisher withholds {measure} of {noc_code} in {year}", "warn")
    def figure_is_given(cls) -> pl.Expr:
        return ~pl.col("suppressed")


IS_OCCUPATION = pl.col("scope") == "unit_group"


def flow(measure: str) -> str:
    """DAX: the sum of a measure whose figures are people who come or go within a year."""
    return (
        f"CALCULATE(SUM('fact_cops_projection'[value]), "
        f"'fact_cops_projection'[measure] = \"{measure}\")"
    )


YEARLY = [
    Measure(
        "Projected employment",
        "VAR last_year = MAX('fact_cops_projection'[year]) "
        "RETURN CALCULATE(SUM('fact_cops_projection'[value]), "
        "'fact_cops_projection'[measure] = \"employment\", "
        "'fact_cops_projection'[year] = last_year)",
        "People employed in the last of the chosen years: a stock, so years are not added up. "
        "Withheld occupations are left out.",
        "#,0",
    ),
    Measure(
        "Projected job openings",
        flow("job_openings"),
        "Job openings of the chosen years together. Withheld occupations are left out.",
        "#,0",
    ),
    Measure(
        "Projected job seekers",
        flow("job_seekers"),
        "Job seekers of the chosen years together. Withheld occupations are left out.",
        "#,0",
    ),
    Measure(
        "Projected shortage",
        "SUMX(SUMMARIZE('fact_cops_projection', 'fact_cops_projection'[noc_code], "
        "'fact_cops_projection'[year]), "
        "VAR openings = [Projected job openings] VAR seekers = [Projected job seekers] "
        "RETURN IF(NOT ISBLANK(openings) && NOT ISBLANK(seekers), openings - seekers))",
        "Job openings minus job seekers, of occupations and years with both figures: a shortage "
        "if positive.",
        "#,0",
    ),
]


@COPS.gold(
    schema=FactCopsProjection,
    inputs=[projection],
    grain=Where(IS_OCCUPATION),
    foreign_keys=[references("noc_code", dim_noc)],
    answers=["How does an occupation's employment change from year to year?"],
    purpose="To follow what is projected of each occupation from year to year.",
    measures=YEARLY,
)
def fact_cops_projection(figures: pl.LazyFrame) -> pl.LazyFrame:
    """Four measures are flows without a figure for the first year: null, but not suppressed."""
    given = pl.col("value").is_not_null()
    return figures.filter(IS_OCCUPATION).with_columns(
        noc_code=pl.col("code"),
        suppressed=~given & given.any().over("measure", "year"),
    )


class AggCopsProjection(Projection):
    """One projected figure of an aggregate of occupations, as published: for reconciliation."""


@COPS.gold(
    schema=AggCopsProjection,
    inputs=[projection],
    grain=Where(~IS_OCCUPATION),
    answers=["What is projected of all occupations, of a TEER category or of a broad category?"],
    purpose="To reconcile sums over occupations with the totals that the publisher gives.",
)
def agg_cops_projection(figures: pl.LazyFrame) -> pl.LazyFrame:
    return figures.filter(~IS_OCCUPATION)
