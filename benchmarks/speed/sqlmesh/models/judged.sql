MODEL (name labour.judged, kind EMBEDDED);

WITH typed AS (
    SELECT
        *,
        @number("Year", INTEGER) AS typed_year,
        @number("Employment", BIGINT) AS typed_employment,
        @number("Vacancies", BIGINT) AS typed_vacancies,
        @number("Median Hourly Wage", DOUBLE) AS median_wage,
        @number("Job Openings", BIGINT) AS job_openings,
        @number("Unemployment Rate", DOUBLE) AS unemployment_rate,
        @number("Retirements", BIGINT) AS typed_retirements,
        @number("Total Payroll", BIGINT) AS total_payroll,
        @number("Growth Rate", DOUBLE) AS growth_rate
    FROM labour.staged
)

SELECT
    *,
    CASE
        WHEN
            ("Year" <> 'N/A' AND typed_year IS NULL)
            OR ("Employment" <> 'N/A' AND typed_employment IS NULL)
            OR ("Vacancies" <> 'N/A' AND typed_vacancies IS NULL)
            OR ("Median Hourly Wage" <> 'N/A' AND median_wage IS NULL)
            OR ("Job Openings" <> 'N/A' AND job_openings IS NULL)
            OR ("Unemployment Rate" <> 'N/A' AND unemployment_rate IS NULL)
            OR ("Retirements" <> 'N/A' AND typed_retirements IS NULL)
            OR ("Total Payroll" <> 'N/A' AND total_payroll IS NULL)
            OR ("Growth Rate" <> 'N/A' AND growth_rate IS NULL)
            THEN 'number'
        WHEN NOT REGEXP_FULL_MATCH("NOC Code", '[0-9]{5}') THEN 'code'
        WHEN NOT typed_year BETWEEN 1987 AND 2040 OR COALESCE(typed_employment < 0, FALSE)
            THEN 'range'
    END AS rule
FROM typed
