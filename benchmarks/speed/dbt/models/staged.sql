select
    *,
    {{ stamp('staged', 'SOURCE') }}
from read_csv(
    '{{ env_var("SOURCE") }}',
    header = true, all_varchar = true, delim = ',', quote = '"', escape = '"'
)
