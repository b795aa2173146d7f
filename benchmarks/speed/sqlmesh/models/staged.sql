MODEL (name labour.staged, kind FULL);

SELECT
    "NOC Code", "Year", "Geography", "Employment", "Vacancies", "Median Hourly Wage",
    "Job Openings", "Unemployment Rate", "Retirements", "Total Payroll", "Growth Rate", "Notes",
    @VAR('source') AS _source_file,
    @execution_ts::TIMESTAMPTZ AS _ingested_at,
    @batch() AS _batch_id,
    'staged' AS _layer
FROM READ_CSV(
    @VAR('source'),
    header = TRUE, all_varchar = TRUE, delim = ',', quote = '"', escape = '"'
);

@export(staged);
