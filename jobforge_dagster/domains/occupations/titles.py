"""Which occupation a job title belongs to.

Titles are known from four places: the job architecture, in English and French; the example titles
of OaSIS; and the titles of profiles and of unit groups. Case, accents and punctuation do not count.

A title resembles another if their Jaro-Winkler similarity, from 0 to 1, is 0.93 or more. That is
our choice: of nine misspelt titles tried on the publishers' files, the one that was meant had 0.96
or more, and of other occupations one alone had 0.93 ("dentst": dentist 0.97, denturist 0.93).
"""

from jobforge_dagster.domains.job_titles import dim_job_title
from jobforge_dagster.domains.noc import dim_noc
from jobforge_dagster.domains.oasis.profiles import dim_oasis_profile
from jobforge_dagster.domains.oasis.texts import attr_example_title
from jobforge_dagster.domains.occupations import OCCUPATIONS
from jobforge_dagster.medallion.declare import Question

_PLAIN = "trim(regexp_replace(lower(strip_accents({})), '[^a-z0-9]+', ' ', 'g'))"
"""A title in small letters, without accents and punctuation."""

_RESEMBLES = 0.93

occupation_of_title = Question(
    number=5,
    text="Which occupation does this job title belong to?",
    parameters={"title": "a job title, in English or French, or a part of one"},
    example={"title": "software engineer"},
    nothing="No job title is like {title}.",
    sql=f"""
        WITH asked AS (
            SELECT {_PLAIN.format("$title")} AS it
        ),
        matched AS (
            SELECT
                known_title.*,
                jaro_winkler_similarity(plain_title, it) AS likeness,
                CASE
                    WHEN plain_title = it THEN 1
                    WHEN starts_with(plain_title, it || ' ') THEN 2
                    WHEN contains(' ' || plain_title || ' ', ' ' || it || ' ') THEN 3
                    WHEN likeness >= {_RESEMBLES} THEN 4
                END AS place
            FROM mart.known_title, asked
            WHERE it <> ''
        )
        SELECT
            CASE place
                WHEN 1 THEN 'the same'
                WHEN 2 THEN 'begins with it'
                WHEN 3 THEN 'contains it'
                ELSE 'resembles it'
            END AS match,
            title, noc_code, occupation, profile_code, listed_as
        FROM matched
        WHERE place IS NOT NULL
        ORDER BY place, likeness DESC, title, listed_as, noc_code, profile_code
        LIMIT 20
    """,
)

known_title = OCCUPATIONS.mart(
    "known_title",
    reads=[dim_noc, dim_oasis_profile, attr_example_title, dim_job_title],
    description="One title under which an occupation is known, and where it is listed.",
    columns={
        "title": "The title.",
        "plain_title": "The title in small letters, without accents and punctuation.",
        "listed_as": "Where it is listed.",
        "noc_code": "Code of the unit group; null for a job title that is tied to none.",
        "occupation": "Title of the unit group.",
        "profile_code": "Code of the OaSIS profile, if the title belongs to one.",
    },
    questions=[occupation_of_title],
    sql=f"""
        WITH titles AS (
            SELECT title_en AS title, 'job title' AS listed_as, noc_2021_code AS noc_code,
                NULL AS profile_code FROM gold.dim_job_title
            UNION ALL
            SELECT title_fr, 'job title in French', noc_2021_code, NULL
            FROM gold.dim_job_title WHERE title_fr IS NOT NULL
            UNION ALL
            SELECT title, 'example title', profile.noc_code, profile_code
            FROM gold.attr_example_title JOIN gold.dim_oasis_profile AS profile USING (profile_code)
            UNION ALL
            SELECT name, 'profile', noc_code, profile_code FROM gold.dim_oasis_profile
            UNION ALL
            SELECT title, 'unit group', noc_code, NULL FROM gold.dim_noc
        )
        SELECT DISTINCT
            titles.title,
            {_PLAIN.format("titles.title")} AS plain_title,
            listed_as, noc_code, occupation.title AS occupation, profile_code
        FROM titles
        LEFT JOIN gold.dim_noc AS occupation USING (noc_code)
        ORDER BY ALL
    """,
)
