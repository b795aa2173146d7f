MODEL (name labour.fact, kind FULL);

WITH years AS (
    SELECT
        noc_code,
        year,
        COUNT(*) AS n,
        COALESCE(SUM(employment), 0)::BIGINT AS employment,
        COALESCE(SUM(vacancies), 0)::BIGINT AS vacancies,
        AVG(median_wage) AS median_wage,
        COALESCE(SUM(job_openings), 0)::BIGINT AS job_openings,
        AVG(unemployment_rate) AS unemployment_rate,
        COALESCE(SUM(retirements), 0)::BIGINT AS retirements,
        COALESCE(SUM(total_payroll), 0)::BIGINT AS total_payroll,
        AVG(growth_rate) AS growth_rate
    FROM labour.silver
    GROUP BY noc_code, year
)

SELECT
    years.*,
    dim.teer,
    @VAR('source') AS _source_file,
    @execution_ts::TIMESTAMPTZ AS _ingested_at,
    @batch() AS _batch_id,
    'gold' AS _layer
FROM years
INNER JOIN labour.dim AS dim ON dim.noc_code = years.noc_code;

@export(fact);
