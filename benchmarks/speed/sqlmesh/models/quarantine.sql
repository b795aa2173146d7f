MODEL (name labour.quarantine, kind FULL);

SELECT
    "NOC Code", "Year", "Geography", "Employment", "Vacancies", "Median Hourly Wage",
    "Job Openings", "Unemployment Rate", "Retirements", "Total Payroll", "Growth Rate", "Notes",
    rule
FROM labour.judged
WHERE rule IS NOT NULL;

@export(quarantine);
