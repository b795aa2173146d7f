"""COPS: what is projected year by year, and what ten years come to."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from plain_files import Gold, only, table

MEASURES = {
    "employment": "employment_emploi",
    "employment_growth": "employment_growth",
    "retirements": "retirements_",
    "retirement_rates": "retirement_rates",
    "other_replacement": "other_replacement",
    "job_openings": "jo_pe",
    "school_leavers": "school_leavers",
    "immigration": "immigration",
    "other_seekers": "other_seekers",
    "job_seekers": "job_seekers",
}
"""By measure: the start of its file's name."""

TOTALS = {
    "Employment_emploi_2023": "employment_2023",
    "Employment_Growth_croissance_emploi": "employment_growth",
    "Retirements_retraites": "retirements",
    "Other_Replacement_autre_remplacement": "other_replacement",
    "Total_Job_Openings_Perspective_d'emploi": "job_openings",
    "School_Leavers_Sortants_scolaires": "school_leavers",
    "Immigration": "immigration",
    "Other_Seekers_autres_chercheurs": "other_seekers",
    "Job_Seekers_Chercheurs_emploi": "job_seekers",
}
"""By header of the summary: the name of the column."""

RECENT = {
    "Recent_Labour_Market_Conditions": "recent_condition_en",
    "Conditions_récentes_sur_le_marché_du_travail": "recent_condition_fr",
}
FUTURE = {
    "Future_Labour_Market_Conditions": "future_condition_en",
    "Conditions_futures_sur_le_marché_du_travail": "future_condition_fr",
}
NULLS = ["N/A", "N/D"]


def scope() -> pl.Expr:
    """What a code names; ``00000`` is no unit group, for all its five digits."""
    code = pl.col("code")
    return (
        pl.when(code == "00000")
        .then(pl.lit("all_occupations"))
        .when(code.str.starts_with("TEER_"))
        .then(pl.lit("teer"))
        .when(code.str.starts_with("NOC1_"))
        .then(pl.lit("broad_category"))
        .otherwise(pl.lit("unit_group"))
    )


def figures(source: Path, measure: str) -> pl.LazyFrame:
    """The file of a measure with a row for each code and year."""
    path = only(source, f"cops/{MEASURES[measure]}*.csv")
    types = {"Code": pl.String} | {str(year): pl.Float64 for year in range(2023, 2034)}
    wide = pl.read_csv(path, columns=list(types), schema_overrides=types, null_values=NULLS)
    return (
        wide.lazy()
        .rename({"Code": "code"})
        .with_columns(scope=scope())
        .unpivot(index=["code", "scope"], variable_name="year", value_name="value")
        .with_columns(pl.col("year").cast(pl.Int16), measure=pl.lit(measure))
    )


def outlook(source: Path) -> pl.LazyFrame:
    """The unit groups' totals, some with grouped digits, and their labour-market conditions."""
    found = texts(source, "summary", TOTALS).filter(scope() == "unit_group")
    found = found.with_columns(
        pl.col(*TOTALS.values()).str.replace_all(",", "", literal=True).cast(pl.Int64)
    )
    for files, columns in (("rlmc", RECENT), ("flmc", FUTURE)):
        found = found.join(texts(source, files, columns), on="code", how="left")
    gap = pl.col("job_openings") - pl.col("job_seekers")
    return found.rename({"code": "noc_code"}).with_columns(gap=gap)


def texts(source: Path, files: str, columns: dict[str, str]) -> pl.LazyFrame:
    """Columns of a file as text, beside its code."""
    types = {header: (name, pl.String()) for header, name in {"Code": "code", **columns}.items()}
    return table(only(source, f"cops/{files}_*"), types, nulls=NULLS)


def tables(source: Path) -> Gold:
    """Make the two facts of occupations and the one of aggregates."""
    whole = pl.concat(figures(source, measure) for measure in MEASURES)
    is_group = pl.col("scope") == "unit_group"
    given = pl.col("value").is_not_null()
    # A measure without a single figure in a year is none of that year; nothing is withheld.
    withheld = ~given & given.any().over("measure", "year")
    return {
        "fact_cops_projection": whole.filter(is_group)
        .with_columns(suppressed=withheld)
        .select(pl.col("code").alias("noc_code"), "year", "measure", "value", "suppressed"),
        "agg_cops_projection": whole.filter(~is_group),
        "fact_cops_outlook": outlook(source),
    }
