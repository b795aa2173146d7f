{{ config(materialized='ephemeral') }}

with typed as (
    select
        *,
        {{ number('Year', 'integer') }} as typed_year,
        {{ number('Employment', 'bigint') }} as typed_employment,
        {{ number('Vacancies', 'bigint') }} as typed_vacancies,
        {{ number('Median Hourly Wage', 'double') }} as median_wage,
        {{ number('Job Openings', 'bigint') }} as job_openings,
        {{ number('Unemployment Rate', 'double') }} as unemployment_rate,
        {{ number('Retirements', 'bigint') }} as typed_retirements,
        {{ number('Total Payroll', 'bigint') }} as total_payroll,
        {{ number('Growth Rate', 'double') }} as growth_rate
    from {{ ref('staged') }}
)

select
    *,
    case
        when
            {{ unread('Year', 'typed_year') }}
            or {{ unread('Employment', 'typed_employment') }}
            or {{ unread('Vacancies', 'typed_vacancies') }}
            or {{ unread('Median Hourly Wage', 'median_wage') }}
            or {{ unread('Job Openings', 'job_openings') }}
            or {{ unread('Unemployment Rate', 'unemployment_rate') }}
            or {{ unread('Retirements', 'typed_retirements') }}
            or {{ unread('Total Payroll', 'total_payroll') }}
            or {{ unread('Growth Rate', 'growth_rate') }}
            then 'number'
        when {{ bad_code('"NOC Code"') }} then 'code'
        when {{ bad_range('typed_year', 'typed_employment') }} then 'range'
    end as rule
from typed
