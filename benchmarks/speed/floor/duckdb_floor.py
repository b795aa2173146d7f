"""The workload as one DuckDB script, as fast and as lean as we know how, without any platform.

    python duckdb_floor.py SOURCE DIMENSION OUT

Each table is one statement that streams from file to file. Duplicates are found by a hash of the
key: real keys are compared only on the rows whose hash repeats.
"""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import duckdb

NAMES = {
    "NOC Code": "noc_code",
    "Year": "year",
    "Geography": "geography",
    "Employment": "employment",
    "Vacancies": "vacancies",
    "Median Hourly Wage": "median_wage",
    "Job Openings": "job_openings",
    "Unemployment Rate": "unemployment_rate",
    "Retirements": "retirements",
    "Total Payroll": "total_payroll",
    "Growth Rate": "growth_rate",
    "Notes": "notes",
}
SUMS = ("employment", "vacancies", "job_openings", "retirements", "total_payroll")
MEANS = ("median_wage", "unemployment_rate", "growth_rate")
TYPES = {
    "year": "INTEGER",
    **dict.fromkeys(SUMS, "BIGINT"),
    **dict.fromkeys(MEANS, "DOUBLE"),
}
SETTINGS = {
    "preserve_insertion_order": "false",
    # It needs less; the limit keeps it from buffering more than it needs.
    "memory_limit": "1GB",
}

CELLS = {name: f'"{header}"' for header, name in NAMES.items()}
READ = {
    name: f"try_cast(replace({CELLS[name]}, ',', '') AS {TYPES[name]})" if name in TYPES else cell
    for name, cell in CELLS.items()
}
"""What each column of bronze is; null where there is no number."""
TYPED = ", ".join(f"{value} AS {name}" for name, value in READ.items())
UNREAD = " OR ".join(f"({READ[name]} IS NULL AND {CELLS[name]} <> 'N/A')" for name in TYPES)
UNREAD = f"coalesce({UNREAD}, false)"
KEY = "noc_code, year, geography"
DATA = ", ".join(NAMES.values())
DELIVERED = ", ".join(CELLS.values())
CSV = """header = true, auto_detect = false, delim = ',', quote = '"', escape = '"'"""


def bad_code(code: str = "noc_code") -> str:
    """Whether the code is other than five digits."""
    return f"NOT regexp_full_match({code}, '[0-9]{{5}}')"


def bad_range(year: str = "year", employment: str = "employment") -> str:
    """Whether year or employment is out of range; an employment that is not known is not."""
    return f"({year} NOT BETWEEN 1987 AND 2040 OR coalesce({employment} < 0, false))"


def main(source: Path, dimension: Path, out: Path) -> None:
    """Write all tables of the workload into a folder.

    Args:
        source: CSV file of facts.
        dimension: CSV file of occupations.
        out: an empty folder.
    """
    batch = uuid.uuid4()
    connection = duckdb.connect(config={**SETTINGS, "temp_directory": str(out / "spilled")})

    def stamp(layer: str, file: Path = source) -> str:
        now = datetime.now(UTC).isoformat()
        return (
            f"'{file.name}' AS _source_file, TIMESTAMPTZ '{now}' AS _ingested_at, "
            f"'{batch}' AS _batch_id, '{layer}' AS _layer"
        )

    def read(table: str, *options: str) -> str:
        return f"read_parquet({', '.join((repr(str(out / f'{table}.parquet')), *options))})"

    def write(table: str, query: str) -> None:
        target = out / f"{table}.parquet"
        connection.execute(
            f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )

    columns = ", ".join(f"'{header}': 'VARCHAR'" for header in NAMES)
    write(
        "staged",
        f"SELECT *, {stamp('staged')} FROM read_csv('{source}', {CSV}, columns = {{{columns}}})",
    )
    write("bronze", f"SELECT {TYPED}, {stamp('bronze')} FROM {read('staged')} WHERE NOT {UNREAD}")
    wrong_code = bad_code(CELLS["noc_code"])
    wrong_range = bad_range(READ["year"], READ["employment"])
    write(
        "quarantine",
        f"SELECT {DELIVERED}, CASE WHEN {UNREAD} THEN 'number' WHEN {wrong_code} THEN 'code' "
        f"ELSE 'range' END AS rule FROM {read('staged')} "
        f"WHERE {UNREAD} OR {wrong_code} OR {wrong_range}",
    )
    good = (
        f"FROM {read('bronze', 'file_row_number = true')} "
        f"WHERE NOT ({bad_code()}) AND NOT {bad_range()}"
    )
    connection.execute(
        f"CREATE TEMP TABLE again AS SELECT hash({KEY}) AS hashed {good} "
        "GROUP BY ALL HAVING count(*) > 1"
    )
    connection.execute(
        f"CREATE TEMP TABLE repeats AS SELECT file_row_number AS place FROM "
        f"(SELECT file_row_number, {KEY} {good} AND hash({KEY}) IN (SELECT hashed FROM again)) "
        f"QUALIFY row_number() OVER (PARTITION BY {KEY} ORDER BY file_row_number) > 1"
    )
    write(
        "silver",
        f"SELECT {DATA}, {stamp('silver')} {good} "
        "AND file_row_number NOT IN (SELECT place FROM repeats)",
    )
    write(
        "dim",
        'SELECT "NOC Code" AS noc_code, "Class title" AS title_en, "Titre" AS title_fr, '
        '"TEER"::TINYINT AS teer, "Broad category"::TINYINT AS broad_category, '
        f"{stamp('gold', dimension)} "
        f"FROM read_csv('{dimension}', header = true, all_varchar = true)",
    )
    added = ", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in SUMS)
    averaged = ", ".join(f"avg({name}) AS {name}" for name in MEANS)
    write(
        "fact",
        f"SELECT years.*, teer, {stamp('gold')} FROM (SELECT noc_code, year, count(*) AS n, "
        f"{added}, {averaged} FROM {read('silver')} GROUP BY ALL) AS years "
        f"JOIN {read('dim')} USING (noc_code)",
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
