select distinct on (noc_code, year, geography)
    * exclude (_source_file, _ingested_at, _batch_id, _layer),
    {{ stamp('silver', 'SOURCE') }}
from {{ ref('bronze') }}
where not ({{ bad_code('noc_code') }}) and not {{ bad_range('year', 'employment') }}
