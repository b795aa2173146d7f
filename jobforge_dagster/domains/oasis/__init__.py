"""OaSIS 2023: what the work of each occupational profile is like.

A profile (``NNNNN.NN``) is a NOC unit group or a part of one. ``profiles`` says which there are,
``ratings`` how each scores on 245 descriptors, ``texts`` what is written about each.
"""

import polars as pl

from jobforge_dagster.domains.licences import OPEN_GOVERNMENT
from jobforge_dagster.medallion.corrections import correct, corrections
from jobforge_dagster.medallion.declare import Domain, Origin

OASIS = Domain(
    "oasis",
    title="Occupational and Skills Information System",
    owner="team:skills",
    steward="skills",
)

OASIS_2023 = Origin(
    publisher="Employment and Social Development Canada",
    system="OaSIS 2023 V1.0",
    licence=OPEN_GOVERNMENT,
)

PROFILE = r"^\d{5}\.\d{2}$"


PROFILE_CODES = corrections(__file__, "profile-codes")


def with_profile_code(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Profile codes trimmed, and in full where the publisher's file is known to have cut them."""
    return correct(frame.with_columns(trimmed("profile_code")), PROFILE_CODES)


def trimmed(*columns: str) -> pl.Expr:
    """Text without padding at its edges; line breaks inside stay."""
    return pl.col(columns).str.strip_chars()
