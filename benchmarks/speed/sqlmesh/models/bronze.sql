MODEL (name labour.bronze, kind FULL);

SELECT
    "NOC Code" AS noc_code,
    typed_year AS year,
    "Geography" AS geography,
    typed_employment AS employment,
    typed_vacancies AS vacancies,
    median_wage,
    job_openings,
    unemployment_rate,
    typed_retirements AS retirements,
    total_payroll,
    growth_rate,
    "Notes" AS notes,
    @VAR('source') AS _source_file,
    @execution_ts::TIMESTAMPTZ AS _ingested_at,
    @batch() AS _batch_id,
    'bronze' AS _layer
FROM labour.judged
WHERE rule IS DISTINCT FROM 'number';

@export(bronze);
