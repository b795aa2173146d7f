with years as (
    select
        noc_code,
        year,
        count(*) as n,
        coalesce(sum(employment), 0)::bigint as employment,
        coalesce(sum(vacancies), 0)::bigint as vacancies,
        avg(median_wage) as median_wage,
        coalesce(sum(job_openings), 0)::bigint as job_openings,
        avg(unemployment_rate) as unemployment_rate,
        coalesce(sum(retirements), 0)::bigint as retirements,
        coalesce(sum(total_payroll), 0)::bigint as total_payroll,
        avg(growth_rate) as growth_rate
    from {{ ref('silver') }}
    group by noc_code, year
)

select
    years.*,
    dim.teer,
    {{ stamp('gold', 'SOURCE') }}
from years
inner join {{ ref('dim') }} as dim using (noc_code)
