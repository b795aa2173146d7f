"""Which skills rate highest in an occupation, and where else they matter.

Many occupations rate a skill at the top of its scale. So those where it matters come in the order
of its score, and then of how far it stands out there from the occupation's other skills.
"""

from jobforge_dagster.domains.oasis.profiles import dim_oasis_profile
from jobforge_dagster.domains.oasis.ratings import dim_descriptor, fact_oasis_rating
from jobforge_dagster.domains.occupations import OCCUPATIONS
from jobforge_dagster.medallion.declare import Question

best_skills = Question(
    number=4,
    text="Which skills rate highest in an occupation, and where else do they matter?",
    parameters={"code": "code of an OaSIS profile, or of a unit group for all its profiles"},
    example={"code": "21231.00"},
    nothing="There is no rated occupation with the code {code}.",
    sql="""
        WITH best AS (
            FROM mart.occupation_skill WHERE $code IN (profile_code, noc_code) AND rank <= 5
        ),
        elsewhere AS (
            SELECT
                best.profile_code, best.skill_code,
                other.name AS also_in, other.profile_code AS also_code, other.score AS also_score,
                row_number() OVER (
                    PARTITION BY best.profile_code, best.skill_code
                    ORDER BY other.score DESC, other.stands_out DESC, other.profile_code
                ) AS place
            FROM best
            JOIN mart.occupation_skill AS other USING (skill_code)
            WHERE other.noc_code <> best.noc_code
        )
        SELECT
            profile_code, rank, skill, score, scale_max, occupations_as_high,
            also_code, also_in, also_score
        FROM best
        LEFT JOIN elsewhere USING (profile_code, skill_code)
        WHERE place IS NULL OR place <= 3
        ORDER BY profile_code, rank, place
    """,
)

occupation_skill = OCCUPATIONS.mart(
    "occupation_skill",
    reads=[dim_oasis_profile, dim_descriptor, fact_oasis_rating],
    description="One skill of one OaSIS profile: how high it rates there, and among all profiles.",
    columns={
        "profile_code": "Code of the profile.",
        "noc_code": "Code of its unit group.",
        "name": "Name of the profile.",
        "skill_code": "Code of the skill in the OaSIS guide.",
        "skill": "Name of the skill.",
        "score": "How high the skill rates in the profile.",
        "scale_max": "The highest score there is.",
        "rank": "1 for the skill that rates highest in the profile; of equal scores the skill that "
        "rates as high in fewer profiles comes first.",
        "stands_out": "The score above the mean of the profile's skills.",
        "occupations_as_high": "How many other profiles rate the skill at least as high.",
    },
    questions=[best_skills],
    sql="""
        WITH skills AS (
            SELECT
                profile_code, descriptor_code AS skill_code, descriptor.name AS skill,
                score, scale_max,
                round(score - avg(score) OVER (PARTITION BY profile_code), 2) AS stands_out,
                count(*) OVER (
                    PARTITION BY descriptor_code ORDER BY score DESC
                    RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                ) - 1 AS occupations_as_high
            FROM gold.fact_oasis_rating
            JOIN gold.dim_descriptor AS descriptor USING (descriptor_code, scale_no)
            WHERE descriptor.category = 'Skills' AND score IS NOT NULL
        )
        SELECT
            profile_code, noc_code, profile.name, skill_code, skill, score, scale_max,
            row_number() OVER (
                PARTITION BY profile_code ORDER BY score DESC, occupations_as_high, skill_code
            )::INTEGER AS rank,
            stands_out, occupations_as_high
        FROM skills
        JOIN gold.dim_oasis_profile AS profile USING (profile_code)
        ORDER BY profile_code, rank
    """,
)
