"""OaSIS profiles, and what is written about them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from plain_files import Gold, only, table

TEXTS = {
    "main_duty": ("main-duties", "Main duties", "duty"),
    "employment_requirement": ("employment-requirements", "Employment requirement", "requirement"),
    "additional_information": (
        "additional-information",
        "Additional information (EN)",
        "information",
    ),
    "workplace": ("workplaces-employers", "Workplace/employer name", "workplace"),
}
"""By table: the start of the file's name, the header of the text, and the name of its column."""

PROFILE = "OaSIS profile code"
CODE = ("profile_code", pl.String())


def repaired() -> pl.Expr:
    """Profile codes whose trailing zeros a spreadsheet took off: 31100.1 is 31100.10."""
    code = pl.col("profile_code").str.strip_chars()
    length = code.str.len_bytes()
    return (
        pl.when(length == len("31100"))
        .then(code + ".00")
        .when(length == len("31100.1"))
        .then(code + "0")
        .otherwise(code)
    )


def profiles(source: Path) -> pl.LazyFrame:
    """A row for each profile; the interests of a code that is no profile find none to stand at."""
    labels = table(only(source, "oasis/labels_*"), {PROFILE: CODE, "Label": ("name", pl.String())})
    statements = table(
        only(source, "oasis/lead-statement_*"),
        {PROFILE: CODE, "Lead statement": ("lead_statement", pl.String())},
    )
    interests = table(
        only(source, "oasis/interests_*"),
        {"OaSIS Code": CODE}
        | {f"Holland Codes - {place}": (f"holland_{place}", pl.String()) for place in (1, 2, 3)},
    )
    letters = pl.col("^holland_.$").str.to_uppercase()
    return (
        labels.join(statements, on="profile_code", how="left")
        .join(interests.with_columns(letters), on="profile_code", how="left")
        .with_columns(pl.exclude("profile_code").str.strip_chars())
        .with_columns(noc_code=pl.col("profile_code").str.head(5))
        .with_columns(is_split=pl.len().over("noc_code") > 1)
    )


def texts(source: Path) -> Gold:
    """A table for each kind of text, numbered within its profile."""
    found = {}
    for name, (files, header, column) in TEXTS.items():
        delivered = table(
            only(source, f"oasis/{files}_*"), {PROFILE: CODE, header: (column, pl.String())}
        )
        numbers = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("profile_code")
        found[f"attr_{name}"] = delivered.with_columns(
            repaired(), pl.col(column).str.strip_chars()
        ).with_columns(ordinal=numbers)
    return found


def example_titles(source: Path) -> pl.LazyFrame:
    """Of a title that repeats within a profile, the one with the lowest number."""
    titles = table(
        only(source, "oasis/example-titles_*"),
        {
            PROFILE: CODE,
            "Job title text": ("title", pl.String()),
            "Job title type": ("title_type", pl.String()),
            "Concordance number": ("concordance_no", pl.Int32()),
        },
    ).with_columns(pl.col("title", "title_type").str.strip_chars())
    return titles.sort("concordance_no").unique(["profile_code", "title"], keep="first")


def exclusions(source: Path) -> pl.LazyFrame:
    """The titles that belong elsewhere: to a unit group, or to a profile."""
    code = pl.col("excluded_code")
    is_group = code.str.len_bytes() == 5
    return (
        table(
            only(source, "oasis/exclusions_*"),
            {
                PROFILE: CODE,
                "Excluded code": ("excluded_code", pl.String()),
                "Job title": ("job_title", pl.String()),
            },
        )
        .with_columns(code.str.strip_chars(), pl.col("job_title").str.strip_chars())
        .with_row_index("exclusion_no", offset=1)
        .with_columns(
            excluded_kind=pl.when(is_group).then(pl.lit("unit_group")).otherwise(pl.lit("profile")),
            excluded_noc_code=pl.when(is_group).then(code),
            excluded_profile_code=pl.when(~is_group).then(code),
        )
    )


def tables(source: Path) -> Gold:
    """Make the profiles' dimension, its five attribute tables and its bridge."""
    return {
        "dim_oasis_profile": profiles(source),
        **texts(source),
        "attr_example_title": example_titles(source),
        "bridge_exclusion": exclusions(source),
    }
