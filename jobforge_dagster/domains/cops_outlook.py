"""COPS 2024-2033: what the ten years come to for each occupation, and the publisher's verdict."""

from typing import Any

import dataframely as dy
import polars as pl

from jobforge_dagster.domains.cops import (
    CODE,
    COPS,
    COPS_2024,
    MEASURES,
    OCCUPATION_OR_AGGREGATE,
    ON_THE_PORTAL,
    fact_cops_projection,
    scope,
)
from jobforge_dagster.domains.noc import UNIT_GROUP, UNIT_GROUP_CODE, dim_noc
from jobforge_dagster.medallion.declare import (
    Measure,
    Remaining,
    agrees,
    meaning,
    references,
    rule,
)
from jobforge_dagster.medallion.grain import Where
from jobforge_dagster.medallion.provenance import join

TEN_YEARS_ROUNDING = 550
"""A ten-year total is rounded once, each of its ten figures too: eleven times fifty."""


def in_ten_years(english: str, french: str, term: str, header: str) -> dict[str, Any]:
    """What a ten-year total counts."""
    return meaning(
        f"{english}, 2024 to 2033.",
        header=header,
        french=f"{french}, de 2024 à 2033.",
        term=term,
    )


class Totals(dy.Schema):
    """Ten-year totals, in people."""

    employment_2023 = dy.Int64(
        nullable=True,
        metadata=meaning(
            "People employed in 2023.",
            header="Employment_emploi_2023",
            french="Personnes en emploi en 2023.",
            term="employment",
        ),
    )
    employment_growth = dy.Int64(
        nullable=True,
        metadata=in_ten_years(
            "Growth of employment",
            "Croissance de l'emploi",
            "employment-growth",
            "Employment_Growth_croissance_emploi",
        ),
    )
    retirements = dy.Int64(
        nullable=True,
        metadata=in_ten_years(
            "Retirements", "Départs à la retraite", "retirement", "Retirements_retraites"
        ),
    )
    other_replacement = dy.Int64(
        nullable=True,
        metadata=in_ten_years(
            "Other replacement",
            "Autre demande de remplacement",
            "other-replacement-demand",
            "Other_Replacement_autre_remplacement",
        ),
    )
    job_openings = dy.Int64(
        nullable=True,
        metadata=in_ten_years(
            "Job openings",
            "Perspectives d'emploi",
            "job-opening",
            "Total_Job_Openings_Perspective_d'emploi",
        ),
    )
    school_leavers = dy.Int64(
        nullable=True,
        metadata=in_ten_years(
            "School leavers",
            "Sortants scolaires",
            "school-leaver",
            "School_Leavers_Sortants_scolaires",
        ),
    )
    immigration = dy.Int64(
        nullable=True,
        metadata=in_ten_years("Immigrants", "Immigrants", "immigrant-job-seeker", "Immigration"),
    )
    other_seekers = dy.Int64(
        nullable=True,
        metadata=in_ten_years(
            "Other job seekers",
            "Autres chercheurs d'emploi",
            "other-job-seeker",
            "Other_Seekers_autres_chercheurs",
        ),
    )
    job_seekers = dy.Int64(
        nullable=True,
        metadata=in_ten_years(
            "Job seekers",
            "Chercheurs d'emploi",
            "job-seeker",
            "Job_Seekers_Chercheurs_emploi",
        ),
    )


RECENT_EN = meaning(
    "Conditions 2021 to 2023, in English.",
    header="Recent_Labour_Market_Conditions",
    french="Conditions de 2021 à 2023, en anglais.",
    term="labour-market-condition",
)
RECENT_FR = meaning(
    "Conditions 2021 to 2023, in French.",
    header="Conditions_récentes_sur_le_marché_du_travail",
    french="Conditions de 2021 à 2023, en français.",
    term="labour-market-condition",
)
FUTURE_EN = meaning(
    "Conditions 2024 to 2033, in English.",
    header="Future_Labour_Market_Conditions",
    french="Conditions de 2024 à 2033, en anglais.",
    term="labour-market-condition",
)
FUTURE_FR = meaning(
    "Conditions 2024 to 2033, in French.",
    header="Conditions_futures_sur_le_marché_du_travail",
    french="Conditions de 2024 à 2033, en français.",
    term="labour-market-condition",
)


class OutlookTotal(Totals):
    """The ten-year totals of one occupation or aggregate."""

    code = dy.String(primary_key=True, regex=CODE, metadata=OCCUPATION_OR_AGGREGATE)


class RecentCondition(dy.Schema):
    """The labour-market conditions of one occupation in recent years."""

    code = dy.String(primary_key=True, regex=CODE, metadata=OCCUPATION_OR_AGGREGATE)
    recent_condition_en = dy.String(nullable=True, metadata=RECENT_EN)
    recent_condition_fr = dy.String(nullable=True, metadata=RECENT_FR)


class FutureCondition(dy.Schema):
    """The labour-market conditions that are expected of one occupation."""

    code = dy.String(primary_key=True, regex=CODE, metadata=OCCUPATION_OR_AGGREGATE)
    future_condition_en = dy.String(nullable=True, metadata=FUTURE_EN)
    future_condition_fr = dy.String(nullable=True, metadata=FUTURE_FR)


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
    purpose="To know what ten years come to, as the publisher rounds it.",
)
cops_rlmc = COPS.source(
    "cops_rlmc",
    files="cops/rlmc*.csv",
    schema=RecentCondition,
    origin=COPS_2024,
    nulls=["N/A", "N/D"],
    remaining=OTHER_COLUMNS,
    fetch=ON_THE_PORTAL,
    purpose="To know the publisher's verdict on recent years.",
)
cops_flmc = COPS.source(
    "cops_flmc",
    files="cops/flmc*.csv",
    schema=FutureCondition,
    origin=COPS_2024,
    nulls=["N/A", "N/D"],
    remaining=OTHER_COLUMNS,
    fetch=ON_THE_PORTAL,
    purpose="To know the publisher's verdict on the years to come.",
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

    noc_code = dy.String(primary_key=True, regex=UNIT_GROUP, metadata=UNIT_GROUP_CODE)
    recent_condition_en = dy.String(nullable=True, metadata=RECENT_EN)
    recent_condition_fr = dy.String(nullable=True, metadata=RECENT_FR)
    future_condition_en = dy.String(nullable=True, metadata=FUTURE_EN)
    future_condition_fr = dy.String(nullable=True, metadata=FUTURE_FR)
    gap = dy.Int64(
        nullable=True,
        metadata=meaning(
            "Job openings minus job seekers, 2024 to 2033: a shortage if positive.",
            french="Perspectives d'emploi moins chercheurs d'emploi, de 2024 à 2033 : une pénurie "
            "si positif.",
            term="labour-market-gap",
        ),
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


IN_TEN_YEARS = [
    Measure(
        "Employment in 2023",
        "SUM('fact_cops_outlook'[employment_2023])",
        "People employed in 2023. Withheld occupations are left out.",
        "#,0",
    ),
    Measure(
        "Job openings in ten years",
        "SUM('fact_cops_outlook'[job_openings])",
        "Job openings, 2024 to 2033. Withheld occupations are left out.",
        "#,0",
    ),
    Measure(
        "Job seekers in ten years",
        "SUM('fact_cops_outlook'[job_seekers])",
        "Job seekers, 2024 to 2033. Withheld occupations are left out.",
        "#,0",
    ),
    Measure(
        "Shortage in ten years",
        "SUM('fact_cops_outlook'[gap])",
        "Job openings minus job seekers, 2024 to 2033, of occupations with both figures: a "
        "shortage if positive. Shortages and surpluses of different occupations cancel out.",
        "#,0",
    ),
    Measure(
        "Occupations in shortage",
        "CALCULATE(COUNTROWS('fact_cops_outlook'), 'fact_cops_outlook'[gap] > 0)",
        "Number of occupations with more job openings than job seekers, 2024 to 2033.",
        "#,0",
    ),
]


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
    purpose="To compare occupations by what the ten years to 2033 bring them.",
    measures=IN_TEN_YEARS,
)
def fact_cops_outlook(
    totals: pl.LazyFrame, recent: pl.LazyFrame, future: pl.LazyFrame
) -> pl.LazyFrame:
    groups = totals.filter(scope() == "unit_group")
    outlook = join(join(groups, recent, on="code"), future, on="code")
    return outlook.with_columns(
        noc_code=pl.col("code"), gap=pl.col("job_openings") - pl.col("job_seekers")
    )
