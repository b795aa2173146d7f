"""The job architecture: functions, families and titles."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from plain_files import Gold, only, table

COLUMNS = {
    "Job_Title_ID": "job_title_id",
    "Job_Title_EN": "title_en",
    "Titre_de_poste_FR": "title_fr",
    "Job_Function_EN": "function_en",
    "Fonction_FR": "function_fr",
    "Job_Family_EN": "family_en",
    "Famille_FR": "family_fr",
    "Managerial_Level": "managerial_level",
    "NOC_2016": "noc_2016_code",
    "NOC_2021": "noc_2021_code",
}


def slug(column: str) -> pl.Expr:
    """The letters and digits of a name without accents, joined by dashes."""
    return (
        pl.col(column)
        .str.normalize("NFKD")
        .str.replace_all(r"\p{M}", "")
        .str.to_lowercase()
        .str.replace_all("[^a-z0-9]+", "-")
        .str.strip_chars("-")
    )


def tables(source: Path) -> Gold:
    """Make the three dimensions; of several spellings of a name, that of the lowest id counts."""
    titles = (
        table(
            only(source, "job_titles/job_titles*.csv"),
            {header: (name, pl.String()) for header, name in COLUMNS.items()},
        )
        .with_columns(pl.all().str.strip_chars())
        .with_columns(
            pl.col("function_fr").replace(
                "Technologies de l\u2019information", "Technologies de l'information"
            ),
            function_id=slug("function_en"),
            family_id=slug("family_en"),
        )
        .sort("job_title_id")
    )
    functions, families = (
        titles.group_by(keys).agg(pl.col(names).drop_nulls().first())
        for keys, names in (
            (["function_id"], ["function_en", "function_fr"]),
            (["family_id", "function_id"], ["family_en", "family_fr"]),
        )
    )
    return {
        "dim_job_function": functions,
        "dim_job_family": families,
        "dim_job_title": titles.drop("function_en", "function_fr", "family_en", "family_fr"),
    }
