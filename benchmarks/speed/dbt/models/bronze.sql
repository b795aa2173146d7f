select
    "NOC Code" as noc_code,
    typed_year as year,
    "Geography" as geography,
    typed_employment as employment,
    typed_vacancies as vacancies,
    median_wage,
    job_openings,
    unemployment_rate,
    typed_retirements as retirements,
    total_payroll,
    growth_rate,
    "Notes" as notes,
    {{ stamp('bronze', 'SOURCE') }}
from {{ ref('judged') }}
where rule is distinct from 'number'
