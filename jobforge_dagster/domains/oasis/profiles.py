"""OaSIS profiles: their names, lead statements and interests."""

import dataframely as dy
import polars as pl

from jobforge_dagster.domains.noc import UNIT_GROUP, dim_noc
from jobforge_dagster.domains.oasis import (
    OASIS,
    OASIS_2023,
    PROFILE,
    code_of_profile,
    label_of_profile,
    trimmed,
    with_profile_code,
)
from jobforge_dagster.medallion.declare import Measure, meaning, references
from jobforge_dagster.medallion.provenance import join

HOLLAND = ["R", "I", "A", "S", "E", "C"]

NAME = meaning(
    "Name of the profile.", header="Label", french="Nom du profil.", term="oasis-profile"
)
STATEMENT = meaning(
    "What people of the profile do, in short.",
    header="Lead statement",
    french="Ce que font les personnes du profil, en bref.",
    term="lead-statement",
)
FIRST_INTEREST = meaning(
    "Strongest interest.",
    header="Holland Codes - 1",
    french="Intérêt le plus fort.",
    term="holland-code",
)
SECOND_INTEREST = meaning(
    "Second interest.",
    header="Holland Codes - 2",
    french="Deuxième intérêt.",
    term="holland-code",
)
THIRD_INTEREST = meaning(
    "Third interest.",
    header="Holland Codes - 3",
    french="Troisième intérêt.",
    term="holland-code",
)


class Profile(dy.Schema):
    """One OaSIS profile and its name."""

    profile_code = dy.String(
        primary_key=True, regex=PROFILE, metadata=code_of_profile("OaSIS profile code")
    )
    name = dy.String(metadata=NAME)


class LeadStatement(dy.Schema):
    """The statement that opens the description of one OaSIS profile."""

    profile_code = dy.String(
        primary_key=True, regex=PROFILE, metadata=code_of_profile("OaSIS profile code")
    )
    lead_statement = dy.String(metadata=STATEMENT)


class Interest(dy.Schema):
    """The interests that suit one OaSIS profile, strongest first, as Holland codes."""

    profile_code = dy.String(
        primary_key=True, regex=PROFILE, metadata=code_of_profile("OaSIS Code")
    )
    label = dy.String(metadata=label_of_profile("OaSIS Label"))
    holland_1 = dy.String(
        check={"holland_code": lambda code: code.is_in(HOLLAND)},
        metadata=FIRST_INTEREST,
    )
    holland_2 = dy.String(
        nullable=True,
        check={"holland_code": lambda code: code.is_in(HOLLAND)},
        metadata=SECOND_INTEREST,
    )
    holland_3 = dy.String(
        nullable=True,
        check={"holland_code": lambda code: code.is_in(HOLLAND)},
        metadata=THIRD_INTEREST,
    )


oasis_labels = OASIS.source(
    "oasis_labels",
    files="oasis/labels_oasis*.csv",
    schema=Profile,
    origin=OASIS_2023,
    purpose="To know which profiles there are, and their names.",
)
oasis_lead_statement = OASIS.source(
    "oasis_lead_statement",
    files="oasis/lead-statement_oasis*.csv",
    schema=LeadStatement,
    origin=OASIS_2023,
    purpose="To say in short what each profile is about.",
)
oasis_interests = OASIS.source(
    "oasis_interests",
    files="oasis/interests_oasis*.csv",
    schema=Interest,
    origin=OASIS_2023,
    purpose="To find the profiles that suit a person's interests.",
)


@OASIS.silver(schema=Profile, inputs=[oasis_labels])
def profile(labels: pl.LazyFrame) -> pl.LazyFrame:
    return with_profile_code(labels).with_columns(trimmed("name"))


@OASIS.silver(
    schema=LeadStatement,
    inputs=[oasis_lead_statement],
    foreign_keys=[references("profile_code", profile)],
)
def lead_statement(statements: pl.LazyFrame) -> pl.LazyFrame:
    return with_profile_code(statements).with_columns(trimmed("lead_statement"))


@OASIS.silver(
    schema=Interest,
    inputs=[oasis_interests],
    foreign_keys=[references("profile_code", profile)],
)
def interest(interests: pl.LazyFrame) -> pl.LazyFrame:
    """Holland codes come in upper and lower case; they are one letter each."""
    return with_profile_code(interests).with_columns(
        trimmed("label"), trimmed("^holland_.$").str.to_uppercase()
    )


class DimOasisProfile(dy.Schema):
    """One OaSIS profile: its place in the NOC, its lead statement and its interests."""

    profile_code = dy.String(primary_key=True, regex=PROFILE, metadata=code_of_profile())
    noc_code = dy.String(
        regex=UNIT_GROUP,
        metadata=meaning(
            "Code of the unit group that the profile is part of.",
            french="Code du groupe de base dont le profil fait partie.",
            term="noc-code",
        ),
    )
    name = dy.String(metadata=NAME)
    is_split = dy.Bool(
        metadata=meaning(
            "Whether the unit group is split into several profiles.",
            french="Si le groupe de base est divisé en plusieurs profils.",
            term="oasis-profile",
        )
    )
    lead_statement = dy.String(nullable=True, metadata=STATEMENT)
    holland_1 = dy.String(nullable=True, metadata=FIRST_INTEREST)
    holland_2 = dy.String(nullable=True, metadata=SECOND_INTEREST)
    holland_3 = dy.String(nullable=True, metadata=THIRD_INTEREST)


@OASIS.gold(
    schema=DimOasisProfile,
    inputs=[profile, lead_statement, interest],
    foreign_keys=[references("noc_code", dim_noc)],
    answers=[
        "Which profiles does an occupation have, and what do their people do?",
        "Which profiles suit these interests?",
    ],
    purpose="To describe each profile, and to tie what OaSIS says to the classification.",
    measures=[
        Measure(
            "OaSIS profiles", "COUNTROWS('dim_oasis_profile')", "Number of OaSIS profiles.", "#,0"
        ),
    ],
)
def dim_oasis_profile(
    profiles: pl.LazyFrame, statements: pl.LazyFrame, interests: pl.LazyFrame
) -> pl.LazyFrame:
    described = join(profiles, statements, on="profile_code")
    interested = join(described, interests.drop("label"), on="profile_code")
    return interested.with_columns(noc_code=pl.col("profile_code").str.slice(0, 5)).with_columns(
        is_split=pl.len().over("noc_code") > 1
    )
