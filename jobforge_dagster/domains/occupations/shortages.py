"""Which occupations face a shortage in 2033.

A shortage is what is left when job seekers are taken from job openings. The projection tells both
of each year; the question asks for those of 2033. What the ten years 2024 to 2033 come to, which
the publisher's own verdict rests on, stands beside it: the two may differ in sign.

Figures of 31 occupations are withheld by the publisher, and the job openings of one more: 11202,
where the file has no openings but the summary has, which is a defect of the publisher's. All 32
lack a figure for 2033; they are left out of every sum of that year and counted. The sums of the ten
years leave out the 31 alone.
"""

from jobforge_dagster.domains.cops import fact_cops_projection
from jobforge_dagster.domains.cops_outlook import fact_cops_outlook
from jobforge_dagster.domains.noc import dim_noc
from jobforge_dagster.domains.occupations import OCCUPATIONS
from jobforge_dagster.medallion.declare import Question

shortages = Question(
    number=2,
    text="Which occupations face a shortage in 2033 (job openings minus job seekers of that year), "
    "in total and by broad category?",
    nothing="No occupation faces a shortage.",
    sql="""
        WITH sums AS (
            SELECT
                CASE WHEN grouping(broad_category_code) = 1 THEN 1 ELSE 2 END AS place,
                broad_category_code AS code,
                broad_category AS title,
                count(*) FILTER (shortage_2033 > 0) AS short_of_people,
                count(*) FILTER (shortage_2033 IS NULL) AS withheld,
                sum(openings_2033) FILTER (shortage_2033 IS NOT NULL) AS openings_2033,
                sum(seekers_2033) FILTER (shortage_2033 IS NOT NULL) AS seekers_2033,
                sum(shortage_2033) AS shortage_2033,
                sum(shortage_2024_2033) AS shortage_2024_2033
            FROM mart.occupation_shortage
            GROUP BY GROUPING SETS ((), (broad_category_code, broad_category))
        )
        SELECT
            CASE place
                WHEN 1 THEN 'all occupations'
                WHEN 2 THEN 'broad category'
                ELSE 'occupation'
            END AS of_what,
            code, title, short_of_people, withheld,
            openings_2033::BIGINT AS openings_2033,
            seekers_2033::BIGINT AS seekers_2033,
            shortage_2033::BIGINT AS shortage_2033,
            shortage_2024_2033::BIGINT AS shortage_2024_2033
        FROM (
            FROM sums
            UNION ALL
            SELECT 3, noc_code, title, NULL, NULL,
                openings_2033, seekers_2033, shortage_2033, shortage_2024_2033
            FROM mart.occupation_shortage
            WHERE shortage_2033 > 0
        )
        ORDER BY place, CASE WHEN place = 3 THEN -shortage_2033 END, code
    """,
)

occupation_shortage = OCCUPATIONS.mart(
    "occupation_shortage",
    reads=[dim_noc, fact_cops_projection, fact_cops_outlook],
    description="One occupation: its job openings and job seekers in 2033, and what is between "
    "them, in that year and in the ten years to it. Figures that the publisher withheld, or left "
    "out by mistake, are null.",
    columns={
        "noc_code": "Code of the unit group.",
        "title": "Title of the unit group.",
        "broad_category_code": "Code of the broad category.",
        "broad_category": "Title of the broad category.",
        "openings_2033": "Job openings in 2033; null where the publisher gives none.",
        "seekers_2033": "Job seekers in 2033; null where the publisher gives none.",
        "shortage_2033": "Job openings minus job seekers in 2033: a shortage if positive; null "
        "where one of them is.",
        "shortage_2024_2033": "Job openings minus job seekers, 2024 to 2033, as the publisher "
        "rounds the totals.",
        "condition": "The publisher's verdict on the ten years, in English.",
    },
    questions=[shortages],
    sql="""
        WITH figures AS (
            SELECT
                noc_code,
                any_value(value) FILTER (measure = 'job_openings')::BIGINT AS openings_2033,
                any_value(value) FILTER (measure = 'job_seekers')::BIGINT AS seekers_2033
            FROM gold.fact_cops_projection
            WHERE year = 2033
            GROUP BY noc_code
        )
        SELECT
            occupation.noc_code, occupation.title, broad_category_code, broad_category,
            openings_2033, seekers_2033,
            openings_2033 - seekers_2033 AS shortage_2033,
            outlook.gap AS shortage_2024_2033,
            outlook.future_condition_en AS condition
        FROM gold.dim_noc AS occupation
        LEFT JOIN figures USING (noc_code)
        LEFT JOIN gold.fact_cops_outlook AS outlook USING (noc_code)
        ORDER BY noc_code
    """,
)
