"""Adding a table is writing one short file: the one that the README shows."""

from __future__ import annotations

import re

from jobforge_dagster_tests.conftest import DOMAINS, ROOT, Domains


def _the_readmes_example() -> str:
    section = (ROOT / "README.md").read_text().split("## Add a table", 1)[1]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found
    return found.group(1)


def test_the_readmes_example_is_all_it_takes(domains: Domains) -> None:
    lake = domains(wages=_the_readmes_example())
    lake.drop("wages/wages_2024.csv", "NOC,Province,Median Wage\n21231,ON,55.5\n21231,QC,N/A\n")

    run = lake.run()

    assert run.success, run.failures
    assert sorted(run.states()) == [
        "bronze/wages/wages",
        "gold/fact_wage",
        "silver/wages/wage",
        "staged/wages",
    ]
    assert lake.table("gold/fact_wage").select("noc_code", "province", "median_wage").rows() == [
        ("21231", "ON", 55.5),
        ("21231", "QC", None),
    ]


def test_it_stands_beside_the_other_domains_and_refers_to_them(domains: Domains) -> None:
    text = _the_readmes_example().replace(
        "inputs=[wage])",
        'inputs=[wage], foreign_keys=[references("noc_code", dim_noc)], max_rejected=0.5)',
    )
    text = f"from jobforge_dagster.domains.noc import dim_noc\n{text}".replace(
        "meaning\n", "meaning, references\n", 1
    )
    lake = domains(wages=text)
    lake.packages = (DOMAINS, *lake.packages)
    lake.drop(
        "noc/noc_structure_en.csv", (ROOT / "data/source/noc/noc_structure_en.csv").read_bytes()
    )
    lake.drop("wages/wages_2024.csv", "NOC,Province,Median Wage\n21231,ON,55.5\n99999,QC,20\n")

    run = lake.run()

    assert run.success, run.failures
    assert lake.table("gold/fact_wage")["noc_code"].to_list() == ["21231"]
    assert lake.quarantine("gold")[0]["broken"][0]["message"] == (
        "noc_code 99999 is not in gold/dim_noc"
    )
