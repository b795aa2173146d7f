"""OaSIS ratings: the scores of the profiles, and the descriptors that they are scored on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import polars.selectors as cs
from plain_files import Gold, only, table
from plain_oasis import repaired

FAMILIES = {
    "skills": ("F", 5),
    "abilities": ("A", 5),
    "personal-attributes": ("B", 5),
    "knowledges": ("G", 3),
    "workactivities": ("K", 5),
    "workcontext": ("J", 5),
}
"""By the start of the file's name: the guide's category and the top of the scale."""

SCALE_MAX = {"Work Schedule": 3, "Work Week Duration": 3}
"""Tops of scales that differ from their file's."""

SECOND_SCALES = {
    "Time Pressure2": "Time Pressure",
    "In an Enclosed Vehicle or Equipment3": "In an Enclosed Vehicle or Equipment",
    "In an Open Vehicle or Equipment4": "In an Open Vehicle or Equipment",
    "Indoors, Environmentally Controlled5": "Indoors, Environmentally Controlled",
    "Indoors, Not Environmentally Controlled6": "Indoors, Not Environmentally Controlled",
    "Outside, Exposed to Weather7": "Outside, Exposed to Weather",
    "Outside, Under Cover8": "Outside, Under Cover",
    "Sound and Noise 9": "Sound and Noise",
    "Contact With Others10": "Contact With Others",
    "Work With Work Group or Team11": "Work With Work Group or Team",
}
"""Headers of the second of two scales, and the name of the descriptor that both rate."""

ALIASES = {
    "Business Administration": "Business Management",
    "Client Services": "Client Service",
    "Vehicles and Machinery Operations": "Vehicle, Machinery and Equipment Operations",
    "Estimate Quantifiable Charact. of Prod., Events or Info.": "Estimating the Quantifiable "
    "Characteristics",
    "Evaluating Information to Determine Compliance with Standards": "Evaluating Information to "
    "Determine Compliance",
    "Using New Relevant Knowledge": "Applying New Knowledge",
    "Work Schedule": "Type of Work Schedules",
}
"""Headers that the guide has under another name."""

ANCESTORS = {"category": 1, "sub_category": 3, "group": 4}


def guide(source: Path) -> pl.LazyFrame:
    """The guide's entries; in one a code is stuck to the name."""
    return table(
        only(source, "oasis/guide_*"),
        {
            "Code": ("descriptor_code", pl.String()),
            "Name": ("name", pl.String()),
            "Structure type": ("structure", pl.String()),
            "Description": ("description", pl.String()),
        },
    ).with_columns(
        pl.col("name")
        .str.strip_chars()
        .replace("Reading and Writing SkillsF.01.b.01", "Reading and Writing Skills"),
        pl.col("description").str.strip_chars(),
    )


def wide(source: Path, family: str) -> pl.DataFrame:
    """One rating file: a row for each profile, a column for each descriptor, spaces trimmed."""
    code = "OaSIS Code - Final"
    scores = pl.read_csv(only(source, f"oasis/{family}_*"), schema_overrides={code: pl.String})
    return (
        scores.rename({code: "profile_code"})
        .drop("OaSIS Label - Final")
        .rename(lambda header: " ".join(header.split()))
        .with_columns(repaired(), cs.integer().cast(pl.Int8))
    )


def scales(files: Mapping[str, pl.DataFrame]) -> pl.LazyFrame:
    """What each header stands for: a category, a name in the guide, a scale and its top."""
    rows = [
        {
            "category_code": FAMILIES[family][0],
            "header": header,
            "plain_name": ALIASES.get(header, SECOND_SCALES.get(header, header)).lower(),
            "scale_no": 2 if header in SECOND_SCALES else 1,
            "scale_max": SCALE_MAX.get(header, FAMILIES[family][1]),
        }
        for family, file in files.items()
        for header in file.columns[1:]
    ]
    types = {"scale_no": pl.Int8, "scale_max": pl.Int8}
    return pl.LazyFrame(rows, schema_overrides=types)


def descriptors(entries: pl.LazyFrame, scales: pl.LazyFrame) -> pl.LazyFrame:
    """Each scale with its descriptor and the guide's entries above it."""
    code = pl.col("descriptor_code")
    described = entries.filter(pl.col("structure") == "Descriptor").select(
        code,
        "name",
        "description",
        pl.col("name").str.to_lowercase().alias("plain_name"),
        *(code.str.head(length).alias(f"{name}_code") for name, length in ANCESTORS.items()),
    )
    found = scales.join(described, on=["category_code", "plain_name"]).drop("plain_name")
    for name in ANCESTORS:
        above = entries.select(code.alias(f"{name}_code"), pl.col("name").alias(name))
        found = found.join(above, on=f"{name}_code", how="left")
    return found


def tables(source: Path) -> Gold:
    """Make ``dim_descriptor`` and ``fact_oasis_rating``."""
    files = {family: wide(source, family) for family in FAMILIES}
    dimension = descriptors(guide(source), scales(files))
    keys = dimension.select("category_code", "header", "descriptor_code", "scale_no")
    scores = pl.concat(
        file.lazy()
        .unpivot(index="profile_code", variable_name="header", value_name="score")
        .with_columns(category_code=pl.lit(FAMILIES[family][0]))
        for family, file in files.items()
    )
    ratings = scores.join(keys, on=["category_code", "header"])
    return {
        "dim_descriptor": dimension,
        "fact_oasis_rating": ratings.drop("category_code", "header"),
    }
