MODEL (name labour.dim, kind FULL);

SELECT
    "NOC Code" AS noc_code,
    "Class title" AS title_en,
    "Titre" AS title_fr,
    "TEER"::TINYINT AS teer,
    "Broad category"::TINYINT AS broad_category,
    @VAR('dimension') AS _source_file,
    @execution_ts::TIMESTAMPTZ AS _ingested_at,
    @batch() AS _batch_id,
    'gold' AS _layer
FROM READ_CSV(@VAR('dimension'), header = TRUE, all_varchar = TRUE);

@export(dim);
