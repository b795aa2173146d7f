"""OaSIS profiles: their names, lead statements and interests."""

import dataframely as dy
import polars as pl

from jobforge_dagster.domains.noc import UNIT_GROUP, dim_noc
from jobforge_dagster.domains.oasis import OASIS, OASIS_2023, PROFILE, trimmed, with_profile_code
from jobforge_dagster.medallion.declare import meaning, references
from jobforge_dagster.medallion.provenance import join

HOLLAND = ["R", "I", "A", "S", "E", "C"]


class Profile(dy.Schema):
    """One OaSIS profile and its name."""

    profile_code = dy.String(
        primary_key=True,
        regex=PROFILE,
        metadata=meaning(
            "Code of the profile: unit group, point, two digits.",
            header="OaSIS profile code",
            term="oasis-profile-code",
        ),
    )
    name = dy.String(metadata=meaning("Name of the profile.", header="Label"))


class LeadStatement(dy.Schema):
    """The statement that opens the description of one OaSIS profile."""

    profile_code = dy.String(
        primary_key=True,
        regex=PROFILE,
        metadata=meaning("Code of the profile.", header="OaSIS profile code"),
    )
    lead_statement = dy.String(
        metadata=meaning("What people of the profile do, in short.", header="Lead statement")
    )


class Interest(dy.Schema):
    """The interests that suit one OaSIS profile, strongest first, as Holland codes."""

    profile_code = dy.String(
        primary_key=True,
        regex=PROFILE,
        metadata=meaning("Code of the profile.", header="OaSIS Code"),
    )
    label = dy.String(
        metadata=meaning("Name of the profile, as this file has it.", header="OaSIS Label")
    )
    holland_1 = dy.String(
        check={"holland_code": lambda code: code.is_in(HOLLAND)},
        metadata=meaning("Strongest interest.", header="Holland Codes - 1", term="holland-code"),
    )
    holland_2 = dy.String(
        nullable=True,
        check={"holland_code": lambda code: code.is_in(HOLLAND)},
        metadata=meaning("Second interest.", header="Holland Codes - 2", term="holland-code"),
    )
    holland_3 = dy.String(
        nullable=True,
        check={"holland_code": lambda code: code.is_in(HOLLAND)},
        metadata=meaning("Third interest.", header="Holland Codes - 3", term="holland-code"),
    )


oasis_labels = OASIS.source(
    "oasis_labels", files="oasis/labels_oasis*.csv", schema=Profile, origin=OASIS_2023
)
oasis_lead_statement = OASIS.source(
    "oasis_lead_statement",
    files="oasis/lead-statement_oasis*.csv",
    schema=LeadStatement,
    origin=OASIS_2023,
)
oasis_interests = OASIS.source(
    "oasis_interests", files="oasis/interests_oasis*.csv", schema=Interest, origin=OASIS_2023
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

    profile_code = dy.String(
        primary_key=True,
        regex=PROFILE,
        metadata=meaning("Code of the profile.", term="oasis-profile-code"),
    )
    noc_code = dy.String(
        regex=UNIT_GROUP,
        metadata=meaning("Code of the unit group that the profile is part of.", term="noc-code"),
    )
    name = dy.String(metadata=meaning("Name of the profile."))
    is_split = dy.Bool(metadata=meaning("Whether the unit group is split into several profiles."))
    lead_statement = dy.String(
        nullable=True, metadata=meaning("What people of the profile do, in short.")
    )
    holland_1 = dy.String(
        nullable=True, metadata=meaning("Strongest interest.", term="holland-code")
    )
    holland_2 = dy.String(nullable=True, metadata=meaning("Second interest.", term="holland-code"))
    holland_3 = dy.String(nullable=True, metadata=meaning("Third interest.", term="holland-code"))


@OASIS.gold(
    schema=DimOasisProfile,
    inputs=[profile, lead_statement, interest],
    foreign_keys=[references("noc_code", dim_noc)],
)
def dim_oasis_profile(
    profiles: pl.LazyFrame, statements: pl.LazyFrame, interests: pl.LazyFrame
) -> pl.LazyFrame:
    described = join(profiles, statements, on="profile_code")
    interested = join(described, interests.drop("label"), on="profile_code")
    return interested.with_columns(noc_code=pl.col("profile_code").str.slice(0, 5)).with_columns(
        is_split=pl.len().over("noc_code") > 1
    )
