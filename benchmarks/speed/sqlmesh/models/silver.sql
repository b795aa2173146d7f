MODEL (name labour.silver, kind FULL);

SELECT DISTINCT ON (noc_code, year, geography)
    noc_code,
    year,
    geography,
    employment,
    vacancies,
    median_wage,
    job_openings,
    unemployment_rate,
    retirements,
    total_payroll,
    growth_rate,
    notes,
    @VAR('source') AS _source_file,
    @execution_ts::TIMESTAMPTZ AS _ingested_at,
    @batch() AS _batch_id,
    'silver' AS _layer
FROM labour.bronze
WHERE
    REGEXP_FULL_MATCH(noc_code, '[0-9]{5}')
    AND year BETWEEN 1987 AND 2040
    AND COALESCE(employment >= 0, TRUE);

@export(silver);
