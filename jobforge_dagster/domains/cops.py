"""COPS 2024-2033: the Canadian Occupational Projection System's outlook by occupation."""

from typing import NamedTuple

import dataframely as dy
import polars as pl
import polars.selectors as cs

from jobforge_dagster.domains.licences import OPEN_GOVERNMENT
from jobforge_dagster.domains.noc import PORTAL, UNIT_GROUP, dim_noc
from jobforge_dagster.medallion.declare import (
    Agreement,
    Ckan,
    Domain,
    Origin,
    Remaining,
    agrees,
    meaning,
    references,
    rule,
)
from jobforge_dagster.medallion.grain import Cells, Where
from jobforge_dagster.medallion.provenance import join, unpivot

COPS = Domain(
    "cops",
    title="Canadian Occupational Projection System",
    owner="team:labour-market",
    steward="labour-market",
)

COPS_2024 = Origin(
    publisher="Employment and Social Development Canada",
    system="COPS 2024-2033",
    licence=OPEN_GOVERNMENT,
)

ON_THE_PORTAL = Ckan(PORTAL, "e80851b8-de68-43bd-a85c-c72e1b3a3890")
"""Its resources are the files, under the names that we know them by."""

ALL_OCCUPATIONS = "00000"
CODE = r"^(\d{5}|TEER_[0-5]|NOC1_\d)$"
"""Unit groups and aggregates share the files; ``00000`` is an aggregate of five digits."""


class Measure(NamedTuple):
    """A projected measure: the start of its file's name, and what it counts."""

    files: str
    text: str


MEASURES = {
    "employment": Measure("employment_emploi", "People employed."),
    "employment_growth": Measure("employment_growth", "Change of employment over the year before."),
    "retirements": Measure("retirements_", "People who retire."),
    "retirement_rates": Measure("retirement_rates", "Percentage of the employed who retire."),
    "other_replacement": Measure("other_replacement", "People who leave for other reasons."),
    "job_openings": Measure("jo_pe", "Growth, retirements and other replacement together."),
    "school_leavers": Measure("school_leavers", "People who leave school for the occupation."),
    "immigration": Measure("immigration", "Immigrants who seek the occupation."),
    "other_seekers": Measure("other_seekers", "Other people who seek it, net of those who leave."),
    "job_seekers": Measure("job_seekers", "School leavers, immigrants and others together."),
}


class MeasureFile(dy.Schema):
    """One measure of one occupation or aggregate, a column a year."""

    code = dy.String(metadata=meaning("Unit group or aggregate.", header="Code"))
    occupation_name = dy.String(metadata=meaning("Its name.", header="Occupation Name"))
    nom_de_la_profession = dy.String(
        metadata=meaning("Its name in French.", header="Nom de la profession")
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
    )
    for name, measure in MEASURES.items()
]


YEARS = cs.matches(r"^\d{4}$")

ROUNDING = 100
"""Each figure is rounded to the nearest hundred, so a sum of three holds within one hundred."""

TOTAL_ROUNDING = 400
"""The six TEER and ten broad categories sum to the whole within this; measured: 300 at most."""

TEN_YEARS_ROUNDING = 550
"""A ten-year total is rounded once, each of its ten figures too: eleven times fifty."""


class Projection(dy.Schema):
    """One projected figure: a measure of an occupation or aggregate in a year."""

    code = dy.String(primary_key=True, regex=CODE, metadata=meaning("Unit group or aggregate."))
    year = dy.Int16(primary_key=True, min=2000, max=2100, metadata=meaning("Calendar year."))
    measure = dy.String(
        primary_key=True,
        check={"known_measure": lambda name: name.is_in(list(MEASURES))},
        metadata=meaning("What is counted."),
    )
    scope = dy.String(
        check={
            "known_scope": lambda scope: scope.is_in(
                ["unit_group", "all_occupations", "teer", "broad_category"]
            )
        },
        metadata=meaning("What the code names."),
    )
    value = dy.Float64(
        nullable=True,
        metadata=meaning("The figure: people, or percent for retirement_rates; null if N/A."),
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

    noc_code = dy.String(
        primary_key=True,
        regex=UNIT_GROUP,
        metadata=meaning("Code of the unit group.", term="noc-code"),
    )
    year = dy.Int16(primary_key=True, metadata=meaning("Calendar year."))
    measure = dy.String(primary_key=True, metadata=meaning("What is counted."))
    value = dy.Float64(
        nullable=True,
        metadata=meaning("The figure: people, or percent for retirement_rates."),
    )
    suppressed = dy.Bool(
        metadata=meaning(
            "Whether the publisher withholds the figure: it has none here, but gives the measure "
            "for other occupations in that year."
        )
    )

    @rule("the publisher withholds {measure} of {noc_code} in {year}", "warn")
    def figure_is_given(cls) -> pl.Expr:
        return ~pl.col("suppressed")


IS_OCCUPATION = pl.col("scope") == "unit_group"


@COPS.gold(
    schema=FactCopsProjection,
    inputs=[projection],
    grain=Where(IS_OCCUPATION),
    foreign_keys=[references("noc_code", dim_noc)],
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


@COPS.gold(schema=AggCopsProjection, inputs=[projection], grain=Where(~IS_OCCUPATION))
def agg_cops_projection(figures: pl.LazyFrame) -> pl.LazyFrame:
    return figures.filter(~IS_OCCUPATION)


class Totals(dy.Schema):
    """Ten-year totals, in people."""

    employment_2023 = dy.Int64(
        nullable=True,
        metadata=meaning("People employed in 2023.", header="Employment_emploi_2023"),
    )
    employment_growth = dy.Int64(
        nullable=True,
        metadata=meaning(
            "Growth of employment, 2024 to 2033.", header="Employment_Growth_croissance_emploi"
        ),
    )
    retirements = dy.Int64(
        nullable=True,
        metadata=meaning("Retirements, 2024 to 2033.", header="Retirements_retraites"),
    )
    other_replacement = dy.Int64(
        nullable=True,
        metadata=meaning(
            "Other replacement, 2024 to 2033.", header="Other_Replacement_autre_remplacement"
        ),
    )
    job_openings = dy.Int64(
        nullable=True,
        metadata=meaning(
            "Job openings, 2024 to 2033.", header="Total_Job_Openings_Perspective_d'emploi"
        ),
    )
    school_leavers = dy.Int64(
        nullable=True,
        metadata=meaning(
            "School leavers, 2024 to 2033.", header="School_Leavers_Sortants_scolaires"
        ),
    )
    immigration = dy.Int64(
        nullable=True, metadata=meaning("Immigrants, 2024 to 2033.", header="Immigration")
    )
    other_seekers = dy.Int64(
        nullable=True,
        metadata=meaning(
            "Other job seekers, 2024 to 2033.", header="Other_Seekers_autres_chercheurs"
        ),
    )
    job_seekers = dy.Int64(
        nullable=True,
        metadata=meaning("Job seekers, 2024 to 2033.", header="Job_Seekers_Chercheurs_emploi"),
    )


class OutlookTotal(Totals):
    """The ten-year totals of one occupation or aggregate."""

    code = dy.String(
        primary_key=True, regex=CODE, metadata=meaning("Unit group or aggregate.", header="Code")
    )


class RecentCondition(dy.Schema):
    """The labour-market conditions of one occupation in recent years."""

    code = dy.String(
        primary_key=True, regex=CODE, metadata=meaning("Unit group or aggregate.", header="Code")
    )
    recent_condition_en = dy.String(
        nullable=True,
        metadata=meaning(
            "Conditions 2021 to 2023, in English.", header="Recent_Labour_Market_Conditions"
        ),
    )
    recent_condition_fr = dy.String(
        nullable=True,
        metadata=meaning(
            "Conditions 2021 to 2023, in French.",
            header="Conditions_récentes_sur_le_marché_du_travail",
        ),
    )


class FutureCondition(dy.Schema):
    """The labour-market conditions that are expected of one occupation."""

    code = dy.String(
        primary_key=True, regex=CODE, metadata=meaning("Unit group or aggregate.", header="Code")
    )
    future_condition_en = dy.String(
        nullable=True,
        metadata=meaning(
            "Conditions 2024 to 2033, in English.", header="Future_Labour_Market_Conditions"
        ),
    )
    future_condition_fr = dy.String(
        nullable=True,
        metadata=meaning(
            "Conditions 2024 to 2033, in French.",
            header="Conditions_futures_sur_le_marché_du_travail",
        ),
    )


OTHER_COLUMNS = Remaining(pl.String, "Repeats what another file of the publisher owns.")
"""Names and conditions that stand in several files: kept in bronze, read where they are owned."""

cops_summary = COPS.source(
    "cops_summary",
    files="cops/summary*.csv",
    schema=OutlookTotal,
    origin=COPS_2024,
    nulls=["N/A", "N/D"],
    thousands=",",
    remaining=OTHER_COLUMNS,
    fetch=ON_THE_PORTAL,
)
cops_rlmc = COPS.source(
    "cops_rlmc",
    files="cops/rlmc*.csv",
    schema=RecentCondition,
    origin=COPS_2024,
    nulls=["N/A", "N/D"],
    remaining=OTHER_COLUMNS,
    fetch=ON_THE_PORTAL,
)
cops_flmc = COPS.source(
    "cops_flmc",
    files="cops/flmc*.csv",
    schema=FutureCondition,
    origin=COPS_2024,
    nulls=["N/A", "N/D"],
    remaining=OTHER_COLUMNS,
    fetch=ON_THE_PORTAL,
)


@COPS.silver(schema=OutlookTotal, inputs=[cops_summary])
def outlook_total(summary: pl.LazyFrame) -> pl.LazyFrame:
    return summary


@COPS.silver(schema=RecentCondition, inputs=[cops_rlmc])
def recent_condition(conditions: pl.LazyFrame) -> pl.LazyFrame:
    return conditions


@COPS.silver(schema=FutureCondition, inputs=[cops_flmc])
def future_condition(conditions: pl.LazyFrame) -> pl.LazyFrame:
    return conditions


class FactCopsOutlook(Totals):
    """The ten-year outlook of one occupation: totals, conditions and the gap between them."""

    noc_code = dy.String(
        primary_key=True,
        regex=UNIT_GROUP,
        metadata=meaning("Code of the unit group.", term="noc-code"),
    )
    recent_condition_en = dy.String(
        nullable=True, metadata=meaning("Conditions 2021 to 2023, in English.")
    )
    recent_condition_fr = dy.String(
        nullable=True, metadata=meaning("Conditions 2021 to 2023, in French.")
    )
    future_condition_en = dy.String(
        nullable=True, metadata=meaning("Conditions 2024 to 2033, in English.")
    )
    future_condition_fr = dy.String(
        nullable=True, metadata=meaning("Conditions 2024 to 2033, in French.")
    )
    gap = dy.Int64(
        nullable=True,
        metadata=meaning("Job openings minus job seekers, 2024 to 2033: a shortage if positive."),
    )

    @rule("the publisher withholds totals of {noc_code}", "warn")
    def totals_are_given(cls) -> pl.Expr:
        return pl.all_horizontal(pl.col(name).is_not_null() for name in Totals.column_names())


SUMMED = [name for name in Totals.column_names() if name in MEASURES]
"""Totals of a measure that is projected year by year."""


def ten_years(figures: pl.LazyFrame) -> pl.LazyFrame:
    """A row for each occupation: its projected figures summed up, 2024 to 2033."""
    projected = figures.filter(pl.col("year") > 2023, pl.col("value").is_not_null())
    return projected.group_by("noc_code").agg(
        pl.when((pl.col("measure") == name).sum() == 10)
        .then(pl.col("value").filter(pl.col("measure") == name).sum())
        .alias(f"projected_{name}")
        for name in SUMMED
    )


@COPS.gold(
    schema=FactCopsOutlook,
    inputs=[outlook_total, recent_condition, future_condition],
    grain=Where(scope() == "unit_group"),
    foreign_keys=[references("noc_code", dim_noc)],
    agreements=[
        agrees(
            "totals_are_the_sums_of_the_projection",
            fact_cops_projection,
            ten_years,
            on="noc_code",
            obeyed=pl.all_horizontal(
                (pl.col(name) - pl.col(f"projected_{name}")).abs() <= TEN_YEARS_ROUNDING
                for name in SUMMED
            ),
            message="the ten-year totals of {noc_code} are not the sums of its yearly figures",
            severity="warn",
        )
    ],
    answers=["Which occupations face a shortage in 2033, in total and by broad category?"],
)
def fact_cops_outlook(
    totals: pl.LazyFrame, recent: pl.LazyFrame, future: pl.LazyFrame
) -> pl.LazyFrame:
    groups = totals.filter(scope() == "unit_group")
    outlook = join(join(groups, recent, on="code"), future, on="code")
    return outlook.with_columns(
        noc_code=pl.col("code"), gap=pl.col("job_openings") - pl.col("job_seekers")
    )
