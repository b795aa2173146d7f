"""OaSIS ratings: 245 descriptors, scored for every profile, and the guide that explains them."""

from typing import NamedTuple

import dataframely as dy
import polars as pl
import polars.selectors as cs

from jobforge_dagster.domains.oasis import OASIS, OASIS_2023, PROFILE, trimmed, with_profile_code
from jobforge_dagster.domains.oasis.profiles import dim_oasis_profile, profile
from jobforge_dagster.medallion.corrections import correct, corrections
from jobforge_dagster.medallion.declare import Remaining, meaning, references, rule
from jobforge_dagster.medallion.grain import Cells, Groups
from jobforge_dagster.medallion.provenance import aggregate, carried, join, unpivot


class Family(NamedTuple):
    """A rating file: the start of its name, the guide's category and the top of its scale."""

    files: str
    category: str
    scale_max: int


FAMILIES = {
    "skills": Family("skills", "F", 5),
    "abilities": Family("abilities", "A", 5),
    "personal_attributes": Family("personal-attributes", "B", 5),
    "knowledges": Family("knowledges", "G", 3),
    "work_activities": Family("workactivities", "K", 5),
    "work_context": Family("workcontext", "J", 5),
}

SCALE_MAX = {"Work Schedule": 3, "Work Week Duration": 3}
"""Tops of scales that differ from their file's: categories 1 to 3, not levels."""

GUIDE_NAMES = corrections(__file__, "guide-names")
DESCRIPTOR_NAMES = corrections(__file__, "descriptor-names")

SECOND_SCALE = " [2]"
"""Ends the corrected name of a descriptor that work context rates a second time."""

SCORES = cs.all() - cs.by_name("profile_code", "label", "source_system") - cs.starts_with("_")
"""The columns of a rating file that hold scores, one for each descriptor."""


class Descriptor(dy.Schema):
    """One entry of the OaSIS guide: a category, a descriptor or a level between."""

    descriptor_code = dy.String(
        primary_key=True,
        regex=r"^[A-Z](\d{2}([a-z](\d{2})?)?)?$",
        metadata=meaning("Code of the entry; its prefixes are the entries above.", header="Code"),
    )
    name = dy.String(metadata=meaning("Name of the entry.", header="Name"))
    structure = dy.String(
        check={
            "known_structure": lambda kind: kind.is_in(
                ["Category", "Sub-Category", "Similarity Group", "Descriptor"]
            )
        },
        metadata=meaning("Level of the entry in the guide.", header="Structure type"),
    )
    category = dy.String(metadata=meaning("Name of the category.", header="Category"))
    description = dy.String(
        nullable=True, metadata=meaning("What the entry means.", header="Description")
    )


class RatingFile(dy.Schema):
    """The ratings of one OaSIS profile on one family of descriptors, a column each."""

    profile_code = dy.String(metadata=meaning("Code of the profile.", header="OaSIS Code - Final"))
    label = dy.String(
        metadata=meaning("Name of the profile, as this file has it.", header="OaSIS Label - Final")
    )


oasis_guide = OASIS.source(
    "oasis_guide", files="oasis/guide_oasis*.csv", schema=Descriptor, origin=OASIS_2023
)
rating_files = [
    OASIS.source(
        f"oasis_{name}",
        files=f"oasis/{family.files}_oasis*.csv",
        schema=RatingFile,
        origin=OASIS_2023,
        remaining=Remaining(pl.Int8, "Score of the profile on the descriptor in the header."),
    )
    for name, family in FAMILIES.items()
]


@OASIS.silver(schema=Descriptor, inputs=[oasis_guide])
def descriptor(guide: pl.LazyFrame) -> pl.LazyFrame:
    return correct(guide.with_columns(trimmed("name", "category", "description")), GUIDE_NAMES)


class Rating(dy.Schema):
    """The score of one OaSIS profile on one scale of one descriptor."""

    profile_code = dy.String(
        primary_key=True,
        regex=PROFILE,
        metadata=meaning("Code of the profile.", term="oasis-profile-code"),
    )
    descriptor_code = dy.String(primary_key=True, metadata=meaning("Code of the descriptor."))
    scale_no = dy.Int8(
        primary_key=True,
        min=1,
        max=2,
        metadata=meaning("Which of the descriptor's scales: 1, or 2 where it is rated twice."),
    )
    header = dy.String(metadata=meaning("Header of the rating's column, trimmed."))
    score = dy.Int8(min=0, metadata=meaning("The score; 0 means not applicable."))
    scale_max = dy.Int8(metadata=meaning("Top of the scale."))

    @rule("score {score} is above the top of its scale, {scale_max} ({profile_code}, {header})")
    def score_within_scale(cls) -> pl.Expr:
        return pl.col("score") <= pl.col("scale_max")


@OASIS.silver(
    schema=Rating,
    inputs=[oasis_guide, *rating_files],
    grain=Cells(SCORES, of=rating_files),
    foreign_keys=[references("profile_code", profile), references("descriptor_code", descriptor)],
)
def rating(guide: pl.LazyFrame, *files: pl.LazyFrame) -> pl.LazyFrame:
    """Unpivot the six files; find each header in the guide by name, within its own category."""
    scores = pl.concat(
        unpivot(
            file,
            on=SCORES,
            index=["profile_code"],
            variable_name="header",
            value_name="score",
        ).with_columns(
            category_code=pl.lit(family.category),
            scale_max=pl.lit(family.scale_max, pl.Int8),
        )
        for family, file in zip(FAMILIES.values(), files, strict=True)
    )
    corrected = correct(
        with_profile_code(scores).with_columns(name=pl.col("header")), DESCRIPTOR_NAMES
    )
    name, header = pl.col("name"), pl.col("header")
    named = corrected.with_columns(
        scale_no=name.str.ends_with(SECOND_SCALE).cast(pl.Int8) + 1,
        scale_max=header.replace_strict(SCALE_MAX, default=pl.col("scale_max")).cast(pl.Int8),
        name=name.str.strip_suffix(SECOND_SCALE).str.to_lowercase(),
    )
    descriptors = guide.filter(pl.col("structure") == "Descriptor").select(
        "descriptor_code",
        carried,
        category_code=pl.col("descriptor_code").str.slice(0, 1),
        name=trimmed("name").str.to_lowercase(),
    )
    return join(named, descriptors, on=["category_code", "name"])


class DimDescriptor(dy.Schema):
    """One scale on which OaSIS profiles are rated: a descriptor and its place in the guide."""

    descriptor_code = dy.String(primary_key=True, metadata=meaning("Code of the descriptor."))
    scale_no = dy.Int8(
        primary_key=True,
        metadata=meaning("Which of the descriptor's scales: 1, or 2 where it is rated twice."),
    )
    name = dy.String(metadata=meaning("Name of the descriptor."))
    header = dy.String(metadata=meaning("Header of its column in the rating file, trimmed."))
    description = dy.String(nullable=True, metadata=meaning("What the descriptor means."))
    scale_max = dy.Int8(metadata=meaning("Top of the scale."))
    category_code = dy.String(metadata=meaning("Code, first level of the guide."))
    category = dy.String(metadata=meaning("Name, first level of the guide."))
    sub_category_code = dy.String(metadata=meaning("Code, second level of the guide."))
    sub_category = dy.String(metadata=meaning("Name, second level of the guide."))
    group_code = dy.String(metadata=meaning("Code, third level of the guide."))
    group = dy.String(metadata=meaning("Name, third level of the guide."))


ANCESTORS = {"category": 1, "sub_category": 3, "group": 4}
"""Levels of the guide above a descriptor, and how many characters of its code name each."""


@OASIS.gold(
    schema=DimDescriptor,
    inputs=[descriptor, rating],
    grain=Groups(["descriptor_code", "scale_no"], of=rating),
)
def dim_descriptor(guide: pl.LazyFrame, ratings: pl.LazyFrame) -> pl.LazyFrame:
    """The guide explains more descriptors than are rated; the dimension holds the rated ones."""
    scales = aggregate(
        ratings,
        ["descriptor_code", "scale_no"],
        pl.col("header").min(),
        pl.col("scale_max").min(),
    )
    described = join(scales, guide.drop("structure", "category"), on="descriptor_code")
    for name, length in ANCESTORS.items():
        code = f"{name}_code"
        entries = guide.select(
            pl.col("descriptor_code").alias(code), pl.col("name").alias(name), carried
        )
        described = join(
            described.with_columns(pl.col("descriptor_code").str.slice(0, length).alias(code)),
            entries,
            on=code,
        )
    return described


class FactOasisRating(dy.Schema):
    """The score of one OaSIS profile on one scale of one descriptor."""

    profile_code = dy.String(
        primary_key=True, metadata=meaning("Code of the profile.", term="oasis-profile-code")
    )
    descriptor_code = dy.String(primary_key=True, metadata=meaning("Code of the descriptor."))
    scale_no = dy.Int8(primary_key=True, metadata=meaning("Which of the descriptor's scales."))
    score = dy.Int8(min=0, max=5, metadata=meaning("The score; 0 means not applicable."))


@OASIS.gold(
    schema=FactOasisRating,
    inputs=[rating],
    foreign_keys=[
        references("profile_code", dim_oasis_profile),
        references(["descriptor_code", "scale_no"], dim_descriptor),
    ],
    answers=[
        "Which occupations are most like this one by their ratings?",
        "Which skills rate highest in an occupation, and where else do they matter?",
    ],
)
def fact_oasis_rating(ratings: pl.LazyFrame) -> pl.LazyFrame:
    return ratings
