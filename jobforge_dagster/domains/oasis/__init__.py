"""OaSIS 2023: what the work of each occupational profile is like.

A profile (``NNNNN.NN``) is a NOC unit group or a part of one. ``profiles`` says which there are,
``ratings`` how each scores on 245 descriptors, ``texts`` what is written about each.
"""

from typing import Any

import polars as pl

from jobforge_dagster.domains.licences import OPEN_GOVERNMENT
from jobforge_dagster.medallion.corrections import correct, corrections
from jobforge_dagster.medallion.declare import Domain, Origin, meaning

OASIS = Domain(
    "oasis",
    title="Occupational and Skills Information System",
    owner="team:skills",
    steward="skills",
    classification="public",
)

OASIS_2023 = Origin(
    publisher="Employment and Social Development Canada",
    system="OaSIS 2023 V1.0",
    licence=OPEN_GOVERNMENT,
)

PROFILE = r"^\d{5}\.\d{2}$"


def code_of_profile(header: str | None = None) -> dict[str, Any]:
    """What a profile's code means, under whatever header a file has it."""
    return meaning(
        "Code of the profile: unit group, point, two digits.",
        header=header,
        french="Code du profil : groupe de base, point, deux chiffres.",
        term="oasis-profile-code",
    )


def label_of_profile(header: str) -> dict[str, Any]:
    """What a profile's name means in a file that does not own it."""
    return meaning(
        "Name of the profile, as this file has it.",
        header=header,
        french="Nom du profil, tel que ce fichier le donne.",
        term="oasis-profile",
    )


PROFILE_CODES = corrections(__file__, "profile-codes")


def with_profile_code(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Profile codes trimmed, and in full where the publisher's file is known to have cut them."""
    return correct(frame.with_columns(trimmed("profile_code")), PROFILE_CODES)


def trimmed(*columns: str) -> pl.Expr:
    """Text without padding at its edges; line breaks inside stay."""
    return pl.col(columns).str.strip_chars()
