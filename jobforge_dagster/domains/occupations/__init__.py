"""What people ask of occupations, across the classification, the profiles and the projections."""

from jobforge_dagster.medallion.declare import Domain

OCCUPATIONS = Domain(
    "occupations",
    title="Questions about occupations",
    owner="team:occupations",
    steward="occupations",
    classification="public",
)
