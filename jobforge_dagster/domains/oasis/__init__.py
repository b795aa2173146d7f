"""OaSIS 2023: what the work of each occupational profile is like.

A profile (``NNNNN.NN``) is a NOC unit group or a part of one. ``profiles`` says which there are,
``ratings`` how each scores on 245 descriptors, ``texts`` what is written about each.
"""

import polars as pl

from jobforge_dagster.domains.licences import OPEN_GOVERNMENT
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


def profile_code(column: str = "profile_code") -> pl.Expr:
    """A profile code in full: the publisher's spreadsheets lost trailing zeros on the way.

    Without a decimal the profile is the whole unit group (``.00``); a single decimal lost its
    second digit, so ``31100.1`` is ``31100.10`` (``31100.01`` is another profile).
    """
    code = pl.col(column).str.strip_chars()
    return (
        pl.when(code.str.contains(r"^\d{5}$"))
        .then(code + ".00")
        .when(code.str.contains(r"^\d{5}\.\d$"))
        .then(code + "0")
        .otherwise(code)
        .alias(column)
    )


def trimmed(*columns: str) -> pl.Expr:
    """Text without padding at its edges; line breaks inside stay."""
    return pl.col(columns).str.strip_chars()
