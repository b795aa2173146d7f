"""Which occupations are most like another by their ratings.

Each of the 245 descriptors is scored on a scale, most from 0 to 5, some to 3. A score is taken as
a share of its scale, so that all descriptors count alike. Two profiles are as like each other as
one minus the root mean square of their differences: 1 where every rating is the same, 0 where each
is at the other end. The level of a rating counts, not only which ratings stand out: that is why it
is no cosine, for which a demanding occupation resembles an easy one of the same shape. The measure
is our choice; the publisher has none.

Profiles are compared where both have a score for the same ratings. One that lacks a score stands
only beside those that lack the same, and where there is no such profile it is left out. In the
edition of 2023 every profile has all 245.
"""

from jobforge_dagster.domains.noc import dim_noc
from jobforge_dagster.domains.oasis.profiles import dim_oasis_profile
from jobforge_dagster.domains.oasis.ratings import dim_descriptor, fact_oasis_rating
from jobforge_dagster.domains.occupations import OCCUPATIONS
from jobforge_dagster.medallion.declare import Question

most_like = Question(
    number=3,
    text="Which occupations are most like this one by their ratings?",
    parameters={"code": "code of an OaSIS profile, or of a unit group for all its profiles"},
    example={"code": "21231.00"},
    nothing="There is no rated occupation with the code {code}.",
    sql="""
        SELECT profile_code, name, rank, similar_code, similar_name, similarity
        FROM mart.similar_occupation
        WHERE $code IN (profile_code, noc_code) AND rank <= 10
        ORDER BY profile_code, rank
    """,
)

similar_occupation = OCCUPATIONS.mart(
    "similar_occupation",
    reads=[dim_noc, dim_oasis_profile, dim_descriptor, fact_oasis_rating],
    description="One of the twenty OaSIS profiles that are most like another by their ratings. "
    "Compared are profiles that have a score for the same ratings; no other profile is here.",
    columns={
        "profile_code": "Code of a profile.",
        "noc_code": "Code of its unit group.",
        "name": "Its name.",
        "rank": "1 for the profile that is most like it.",
        "similar_code": "Code of the profile that is like it.",
        "similar_name": "Its name.",
        "similar_occupation": "Title of the unit group of the profile that is like it.",
        "similarity": "1 if all ratings are the same, 0 if each is at the other end of its scale.",
    },
    questions=[most_like],
    sql="""
        WITH rated AS (
            SELECT
                profile_code,
                list(score / scale_max ORDER BY descriptor_code, scale_no) AS ratings,
                list(hash(descriptor_code, scale_no) ORDER BY descriptor_code, scale_no) AS of_what
            FROM gold.fact_oasis_rating
            JOIN gold.dim_descriptor USING (descriptor_code, scale_no)
            WHERE score IS NOT NULL
            GROUP BY profile_code
        ),
        pairs AS (
            SELECT
                one.profile_code,
                other.profile_code AS similar_code,
                round(1 - list_distance(one.ratings, other.ratings) / sqrt(len(one.ratings)), 4)
                    AS similarity
            FROM rated AS one
            JOIN rated AS other
                ON one.of_what = other.of_what AND one.profile_code <> other.profile_code
        ),
        ranked AS (
            SELECT
                *,
                row_number() OVER (
                    PARTITION BY profile_code ORDER BY similarity DESC, similar_code
                )::INTEGER AS rank
            FROM pairs
        )
        SELECT
            profile_code, profile.noc_code, profile.name, rank,
            similar_code, alike.name AS similar_name, occupation.title AS similar_occupation,
            similarity
        FROM ranked
        JOIN gold.dim_oasis_profile AS profile USING (profile_code)
        JOIN gold.dim_oasis_profile AS alike ON alike.profile_code = similar_code
        JOIN gold.dim_noc AS occupation ON occupation.noc_code = alike.noc_code
        WHERE rank <= 20
        ORDER BY profile_code, rank
    """,
)
