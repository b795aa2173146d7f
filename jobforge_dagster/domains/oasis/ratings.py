"""OaSIS ratings: 245 descriptors, scored for every profile, and the guide that explains them."""

from typing import Any, NamedTuple

import dataframely as dy
import polars as pl
import polars.selectors as cs

from jobforge_dagster.domains.oasis import (
    OASIS,
    OASIS_2023,
    PROFILE,
    code_of_profile,
    label_of_profile,
    trimmed,
    with_profile_code,
)
from jobforge_dagster.domains.oasis.profiles import dim_oasis_profile, profile
from jobforge_dagster.medallion.corrections import correct, corrections
from jobforge_dagster.medallion.declare import Measure, Remaining, meaning, references, rule
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


DESCRIPTOR_CODE = meaning(
    "Code of the descriptor.", french="Code du descripteur.", term="descriptor"
)
SCALE_NO = meaning(
    "Which of the descriptor's scales: 1, or 2 where it is rated twice.",
    french="Laquelle des échelles du descripteur : 1, ou 2 s'il est coté deux fois.",
    term="rating-scale",
)
HEADER = meaning(
    "Header of its column in the rating file, trimmed.",
    french="En-tête de sa colonne dans le fichier des cotes, sans espaces superflus.",
    term="descriptor",
)
SCORE = meaning(
    "The score; 0 means not applicable.",
    french="La cote; 0 signifie sans objet.",
    term="rating",
)
SCALE_TOP = meaning("Top of the scale.", french="Maximum de l'échelle.", term="rating-scale")


class Descriptor(dy.Schema):
    """One entry of the OaSIS guide: a category, a descriptor or a level between."""

    descriptor_code = dy.String(
        primary_key=True,
        regex=r"^[A-Z](\d{2}([a-z](\d{2})?)?)?$",
        metadata=meaning(
            "Code of the entry; its prefixes are the entries above.",
            header="Code",
            french="Code de l'entrée; ses préfixes sont les entrées supérieures.",
            term="descriptor",
        ),
    )
    name = dy.String(
        metadata=meaning(
            "Name of the entry.", header="Name", french="Nom de l'entrée.", term="descriptor"
        )
    )
    structure = dy.String(
        check={
            "known_structure": lambda kind: kind.is_in(
                ["Category", "Sub-Category", "Similarity Group", "Descriptor"]
            )
        },
        metadata=meaning(
            "Level of the entry in the guide.",
            header="Structure type",
            french="Niveau de l'entrée dans le guide.",
            term="descriptor-category",
        ),
    )
    category = dy.String(
        metadata=meaning(
            "Name of the category.",
            header="Category",
            french="Nom de la catégorie.",
            term="descriptor-category",
        )
    )
    description = dy.String(
        nullable=True,
        metadata=meaning(
            "What the entry means.",
            header="Description",
            french="Ce que signifie l'entrée.",
            term="descriptor",
        ),
    )


class RatingFile(dy.Schema):
    """The ratings of one OaSIS profile on one family of descriptors, a column each."""

    profile_code = dy.String(metadata=code_of_profile("OaSIS Code - Final"))
    label = dy.String(metadata=label_of_profile("OaSIS Label - Final"))


oasis_guide = OASIS.source(
    "oasis_guide",
    files="oasis/guide_oasis*.csv",
    schema=Descriptor,
    origin=OASIS_2023,
    purpose="To know what each descriptor means, and its place among the others.",
)
rating_files = [
    OASIS.source(
        f"oasis_{name}",
        files=f"oasis/{family.files}_oasis*.csv",
        schema=RatingFile,
        origin=OASIS_2023,
        remaining=Remaining(pl.Int8, "Score of the profile on the descriptor in the header."),
        purpose="To compare profiles by what their work is like.",
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
        metadata=code_of_profile(),
    )
    descriptor_code = dy.String(primary_key=True, metadata=DESCRIPTOR_CODE)
    scale_no = dy.Int8(
        primary_key=True,
        min=1,
        max=2,
        metadata=SCALE_NO,
    )
    header = dy.String(metadata=HEADER)
    score = dy.Int8(min=0, metadata=SCORE)
    scale_max = dy.Int8(metadata=SCALE_TOP)

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


def of_level(english: str, french: str) -> dict[str, Any]:
    """What a code or a name of the guide above a descriptor means."""
    return meaning(
        f"{english} level of the guide.",
        french=f"{french} niveau du guide.",
        term="descriptor-category",
    )


class DimDescriptor(dy.Schema):
    """One scale on which OaSIS profiles are rated: a descriptor and its place in the guide."""

    descriptor_code = dy.String(primary_key=True, metadata=DESCRIPTOR_CODE)
    scale_no = dy.Int8(
        primary_key=True,
        metadata=SCALE_NO,
    )
    name = dy.String(
        metadata=meaning("Name of the descriptor.", french="Nom du descripteur.", term="descriptor")
    )
    header = dy.String(metadata=HEADER)
    description = dy.String(
        nullable=True,
        metadata=meaning(
            "What the descriptor means.",
            french="Ce que signifie le descripteur.",
            term="descriptor",
        ),
    )
    scale_max = dy.Int8(metadata=SCALE_TOP)
    category_code = dy.String(metadata=of_level("Code, first", "Code, premier"))
    category = dy.String(metadata=of_level("Name, first", "Nom, premier"))
    sub_category_code = dy.String(metadata=of_level("Code, second", "Code, deuxième"))
    sub_category = dy.String(metadata=of_level("Name, second", "Nom, deuxième"))
    group_code = dy.String(metadata=of_level("Code, third", "Code, troisième"))
    group = dy.String(metadata=of_level("Name, third", "Nom, troisième"))


ANCESTORS = {"category": 1, "sub_category": 3, "group": 4}
"""Levels of the guide above a descriptor, and how many characters of its code name each."""


@OASIS.gold(
    schema=DimDescriptor,
    inputs=[descriptor, rating],
    grain=Groups(["descriptor_code", "scale_no"], of=rating),
    answers=["What does a descriptor mean, where is it in the guide, and how far up can it rate?"],
    purpose="To read each rating on its own scale, and to sum ratings up by the guide's levels.",
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

    profile_code = dy.String(primary_key=True, metadata=code_of_profile())
    descriptor_code = dy.String(primary_key=True, metadata=DESCRIPTOR_CODE)
    scale_no = dy.Int8(primary_key=True, metadata=SCALE_NO)
    score = dy.Int8(min=0, max=5, metadata=SCORE)


RATED = [
    Measure(
        "Ratings",
        "COUNTROWS('fact_oasis_rating')",
        "Number of ratings: profiles by scales of descriptors.",
        "#,0",
    ),
    Measure(
        "Average rating",
        "IF(HASONEVALUE('fact_oasis_rating'[descriptor_code]) "
        "&& HASONEVALUE('fact_oasis_rating'[scale_no]), "
        "CALCULATE(AVERAGE('fact_oasis_rating'[score]), 'fact_oasis_rating'[score] > 0))",
        "Average of the scores above 0 (0 means not applicable) of one descriptor on one scale; "
        "blank as long as several are chosen, because scales differ and cannot be averaged.",
        "0.00",
    ),
    Measure(
        "Top ratings",
        "COUNTROWS(FILTER('fact_oasis_rating', 'fact_oasis_rating'[score] = "
        "LOOKUPVALUE('dim_descriptor'[scale_max], "
        "'dim_descriptor'[descriptor_code], 'fact_oasis_rating'[descriptor_code], "
        "'dim_descriptor'[scale_no], 'fact_oasis_rating'[scale_no])))",
        "Number of ratings at the top of their own scale, whatever that is, so that descriptors of "
        "different scales can be compared.",
        "#,0",
    ),
]


@OASIS.gold(
    schema=FactOasisRating,
    inputs=[rating],
    foreign_keys=[
        references("profile_code", dim_oasis_profile),
        references(["descriptor_code", "scale_no"], dim_descriptor),
    ],
    purpose="To compare profiles with each other by what they are rated on.",
    measures=RATED,
)
def fact_oasis_rating(ratings: pl.LazyFrame) -> pl.LazyFrame:
    return ratings
