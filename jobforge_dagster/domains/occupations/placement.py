"""Where an occupation stands in the classification, and what training it needs.

What a TEER category stands for is told in our words, after the definitions of Statistics Canada's
introduction to NOC 2021; the files that are delivered give the digit alone.
"""

from jobforge_dagster.domains.noc import dim_noc
from jobforge_dagster.domains.occupations import OCCUPATIONS
from jobforge_dagster.medallion.declare import Question

placement = Question(
    number=1,
    text="Where does this occupation stand in the classification, and what training does it need "
    "(TEER)?",
    parameters={"noc_code": "code of a unit group of NOC 2021, or of an OaSIS profile in it"},
    example={"noc_code": "21231"},
    nothing="There is no occupation with the code {noc_code}.",
    sql="""
        WITH found AS (
            FROM mart.occupation
            WHERE noc_code = regexp_extract($noc_code, '^([0-9]{5})([.][0-9]{2})?$', 1)
        ),
        answer AS (
            SELECT 1 AS place, 'broad category' AS what, broad_category_code AS code,
                broad_category AS title FROM found
            UNION ALL SELECT 2, 'major group', major_group_code, major_group FROM found
            UNION ALL SELECT 3, 'sub-major group', sub_major_group_code, sub_major_group FROM found
            UNION ALL SELECT 4, 'minor group', minor_group_code, minor_group FROM found
            UNION ALL SELECT 5, 'unit group', noc_code, title FROM found
            UNION ALL SELECT 6, 'TEER', teer::VARCHAR, training FROM found
        )
        SELECT what, code, title FROM answer ORDER BY place
    """,
)

occupation = OCCUPATIONS.mart(
    "occupation",
    reads=[dim_noc],
    description="One occupation (a unit group of NOC 2021): where it stands in the "
    "classification, and the training that it usually needs.",
    columns={
        "noc_code": "Code of the unit group.",
        "title": "Title of the unit group.",
        "teer": "Training, education, experience and responsibilities: 0 to 5.",
        "training": "What the TEER stands for, in our words after Statistics Canada's definitions.",
        "broad_category_code": "Code of the broad category.",
        "broad_category": "Title of the broad category.",
        "major_group_code": "Code of the major group.",
        "major_group": "Title of the major group.",
        "sub_major_group_code": "Code of the sub-major group.",
        "sub_major_group": "Title of the sub-major group.",
        "minor_group_code": "Code of the minor group.",
        "minor_group": "Title of the minor group.",
    },
    questions=[placement],
    sql="""
        SELECT
            noc_code, title, teer,
            CASE teer
                WHEN 0 THEN 'Management responsibilities'
                WHEN 1 THEN 'A university degree'
                WHEN 2 THEN 'A college diploma or apprenticeship of two or more years, or '
                    || 'supervision'
                WHEN 3 THEN 'A college diploma or apprenticeship of less than two years, or more '
                    || 'than six months of training on the job'
                WHEN 4 THEN 'A secondary school diploma, or several weeks of training on the job'
                WHEN 5 THEN 'A short demonstration, and no formal education'
            END AS training,
            broad_category_code, broad_category, major_group_code, major_group,
            sub_major_group_code, sub_major_group, minor_group_code, minor_group
        FROM gold.dim_noc
        ORDER BY noc_code
    """,
)
