{% macro number(header, type) %}
    try_cast(replace(nullif("{{ header }}", 'N/A'), ',', '') as {{ type }})
{% endmacro %}

{% macro unread(header, name) %}
    ("{{ header }}" <> 'N/A' and {{ name }} is null)
{% endmacro %}

{% macro bad_code(code) %}
    not regexp_full_match({{ code }}, '[0-9]{5}')
{% endmacro %}

{% macro bad_range(year, employment) %}
    ({{ year }} not between 1987 and 2040 or coalesce({{ employment }} < 0, false))
{% endmacro %}

{% macro stamp(layer, source) %}
    '{{ env_var(source) }}' as _source_file,
    timestamptz '{{ run_started_at.isoformat() }}' as _ingested_at,
    '{{ invocation_id }}' as _batch_id,
    '{{ layer }}' as _layer
{% endmacro %}
