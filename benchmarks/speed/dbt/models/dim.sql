select
    "NOC Code" as noc_code,
    "Class title" as title_en,
    "Titre" as title_fr,
    "TEER"::tinyint as teer,
    "Broad category"::tinyint as broad_category,
    {{ stamp('gold', 'DIMENSION') }}
from read_csv('{{ env_var("DIMENSION") }}', header = true, all_varchar = true)
