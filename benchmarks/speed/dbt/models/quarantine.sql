select
    "NOC Code", "Year", "Geography", "Employment", "Vacancies", "Median Hourly Wage",
    "Job Openings", "Unemployment Rate", "Retirements", "Total Payroll", "Growth Rate", "Notes",
    rule
from {{ ref('judged') }}
where rule is not null
