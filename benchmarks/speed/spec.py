"""What every contender writes: the tables of the workload, their columns and types.

The four columns of provenance say where a row came from and when; their values are each
contender's own, so only that they are there is compared.
"""

from __future__ import annotations

import polars as pl

NAMES = {
    "NOC Code": "noc_code",
    "Year": "year",
    "Geography": "geography",
    "Employment": "employment",
    "Vacancies": "vacancies",
    "Median Hourly Wage": "median_wage",
    "Job Openings": "job_openings",
    "Unemployment Rate": "unemployment_rate",
    "Retirements": "retirements",
    "Total Payroll": "total_payroll",
    "Growth Rate": "growth_rate",
    "Notes": "notes",
}
"""By header of the source, the name of the column from bronze on."""

FIGURES: dict[str, pl.DataType] = {
    "noc_code": pl.String(),
    "year": pl.Int32(),
    "geography": pl.String(),
    "employment": pl.Int64(),
    "vacancies": pl.Int64(),
    "median_wage": pl.Float64(),
    "job_openings": pl.Int64(),
    "unemployment_rate": pl.Float64(),
    "retirements": pl.Int64(),
    "total_payroll": pl.Int64(),
    "growth_rate": pl.Float64(),
    "notes": pl.String(),
}
"""Columns of bronze and silver. ``N/A`` is null, ``,`` groups digits."""

DELIVERED: dict[str, pl.DataType] = {header: pl.String() for header in NAMES}

TABLES: dict[str, dict[str, pl.DataType]] = {
    "staged": DELIVERED,
    "bronze": FIGURES,
    "silver": FIGURES,
    "quarantine": {**DELIVERED, "rule": pl.String()},
    "dim": {
        "noc_code": pl.String(),
        "title_en": pl.String(),
        "title_fr": pl.String(),
        "teer": pl.Int8(),
        "broad_category": pl.Int8(),
    },
    "fact": {
        "noc_code": pl.String(),
        "year": pl.Int32(),
        "n": pl.Int64(),
        "employment": pl.Int64(),
        "vacancies": pl.Int64(),
        "median_wage": pl.Float64(),
        "job_openings": pl.Int64(),
        "unemployment_rate": pl.Float64(),
        "retirements": pl.Int64(),
        "total_payroll": pl.Int64(),
        "growth_rate": pl.Float64(),
        "teer": pl.Int8(),
    },
}
"""Columns and types of each table.

- staged: every row, as delivered.
- bronze: the rows whose numbers all read.
- silver: those of bronze whose code is five digits, whose year lies in 1987 to 2040 and whose
  employment is not below 0; of rows that share code, year and geography, one.
- quarantine: every other row as delivered, duplicates excepted, and the rule that it breaks:
  ``number``, ``code`` or ``range``.
- dim: the occupations.
- fact: by code and year, from silver, with the dimension's ``teer``; a sum over no figures is 0, a
  mean null.
"""

MEANS: dict[str, tuple[str, ...]] = {
    "fact": ("median_wage", "unemployment_rate", "growth_rate"),
}
"""Columns that are means, whose last digits depend on the order of adding; by table."""

KEYS: dict[str, tuple[str, ...]] = {"fact": ("noc_code", "year")}
"""What tells the rows of a table with means."""

PROVENANCE = ("_source_file", "_ingested_at", "_batch_id", "_layer")
"""Columns that every table but the quarantine has besides, without nulls."""
