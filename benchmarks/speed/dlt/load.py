"""The workload with dlt: Arrow loading to Parquet files, then SQL by DuckDB.

python load.py SOURCE DIMENSION OUT
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv

# Read by dlt when it is imported.
os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    # Headers stay as they were delivered.
    "SCHEMA__NAMING": "direct",
    "DATA_WRITER__COMPRESSION": "zstd",
}

import dlt

TYPES = {
    "Year": "INTEGER",
    "Employment": "BIGINT",
    "Vacancies": "BIGINT",
    "Median Hourly Wage": "DOUBLE",
    "Job Openings": "BIGINT",
    "Unemployment Rate": "DOUBLE",
    "Retirements": "BIGINT",
    "Total Payroll": "BIGINT",
    "Growth Rate": "DOUBLE",
}
BAD_CODE = """NOT regexp_full_match("NOC Code", '[0-9]{5}')"""
BAD_RANGE = "(typed_year NOT BETWEEN 1987 AND 2040 OR coalesce(typed_employment < 0, false))"


def main(source: Path, dimension: Path, out: Path) -> None:
    """Write all tables of the workload into a folder.

    Args:
        source: CSV file of facts.
        dimension: CSV file of occupations.
        out: an empty folder.
    """
    batch, now = str(uuid.uuid4()), datetime.now(UTC)

    @dlt.resource(name="staged", write_disposition="replace")
    def staged() -> Iterator[pa.Table]:
        with source.open(encoding="utf-8") as file:
            headers = file.readline().strip().split(",")
        batches = pyarrow.csv.open_csv(
            source,
            read_options=pyarrow.csv.ReadOptions(block_size=16 << 20),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(headers, pa.string()), strings_can_be_null=False
            ),
        )
        same = {
            "_source_file": pa.scalar(source.name),
            "_ingested_at": pa.scalar(now, pa.timestamp("us", "UTC")),
            "_batch_id": pa.scalar(batch),
            "_layer": pa.scalar("staged"),
        }
        for each in batches:
            table = pa.Table.from_batches([each])
            for name, value in same.items():
                table = table.append_column(name, pa.repeat(value, len(table)))
            yield table

    pipeline = dlt.pipeline(
        "labour",
        destination=dlt.destinations.filesystem(bucket_url=(out / "loaded").as_uri()),
        dataset_name="labour",
        pipelines_dir=str(out / "pipelines"),
    )
    pipeline.run(staged(), loader_file_format="parquet")
    transform(out, dimension, source.name, now.isoformat(), batch)


def transform(out: Path, dimension: Path, file: str, now: str, batch: str) -> None:
    """Make the other tables of what was loaded."""
    connection = duckdb.connect(
        config={"preserve_insertion_order": "false", "temp_directory": str(out / "spilled")}
    )

    def write(table: str, query: str) -> None:
        connection.execute(
            f"COPY ({query}) TO '{out / table}.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )

    def stamp(layer: str, name: str = file) -> str:
        return (
            f"'{name}' AS _source_file, TIMESTAMPTZ '{now}' AS _ingested_at, "
            f"'{batch}' AS _batch_id, '{layer}' AS _layer"
        )

    numbers = {header: f"typed_{header.lower().replace(' ', '_')}" for header in TYPES}
    typed = ", ".join(
        f"""try_cast(replace(nullif("{header}", 'N/A'), ',', '') AS {dtype}) AS {numbers[header]}"""
        for header, dtype in TYPES.items()
    )
    unread = " OR ".join(
        f"""("{header}" <> 'N/A' AND {name} IS NULL)""" for header, name in numbers.items()
    )
    connection.execute(
        f"""
        CREATE VIEW judged AS
        SELECT *, CASE WHEN {unread} THEN 'number' WHEN {BAD_CODE} THEN 'code'
            WHEN {BAD_RANGE} THEN 'range' END AS rule
        FROM (SELECT *, {typed} FROM '{out}/loaded/labour/staged/*.parquet')
        """
    )
    write(
        "bronze",
        f"""
        SELECT "NOC Code" AS noc_code, typed_year AS year, "Geography" AS geography,
            typed_employment AS employment, typed_vacancies AS vacancies,
            typed_median_hourly_wage AS median_wage, typed_job_openings AS job_openings,
            typed_unemployment_rate AS unemployment_rate, typed_retirements AS retirements,
            typed_total_payroll AS total_payroll, typed_growth_rate AS growth_rate,
            "Notes" AS notes, {stamp("bronze")}
        FROM judged WHERE rule IS DISTINCT FROM 'number'
        """,
    )
    write(
        "quarantine",
        """
        SELECT "NOC Code", "Year", "Geography", "Employment", "Vacancies", "Median Hourly Wage",
            "Job Openings", "Unemployment Rate", "Retirements", "Total Payroll", "Growth Rate",
            "Notes", rule
        FROM judged WHERE rule IS NOT NULL
        """,
    )
    write(
        "silver",
        f"""
        SELECT DISTINCT ON (noc_code, year, geography)
            * EXCLUDE (_source_file, _ingested_at, _batch_id, _layer), {stamp("silver")}
        FROM '{out}/bronze.parquet'
        WHERE regexp_full_match(noc_code, '[0-9]{{5}}') AND year BETWEEN 1987 AND 2040
            AND coalesce(employment >= 0, true)
        """,
    )
    write(
        "dim",
        f"""
        SELECT "NOC Code" AS noc_code, "Class title" AS title_en, "Titre" AS title_fr,
            "TEER"::TINYINT AS teer, "Broad category"::TINYINT AS broad_category,
            {stamp("gold", dimension.name)}
        FROM read_csv('{dimension}', header = true, all_varchar = true)
        """,
    )
    write(
        "fact",
        f"""
        SELECT years.*, teer, {stamp("gold")} FROM (
            SELECT noc_code, year, count(*) AS n,
                coalesce(sum(employment), 0)::BIGINT AS employment,
                coalesce(sum(vacancies), 0)::BIGINT AS vacancies,
                avg(median_wage) AS median_wage,
                coalesce(sum(job_openings), 0)::BIGINT AS job_openings,
                avg(unemployment_rate) AS unemployment_rate,
                coalesce(sum(retirements), 0)::BIGINT AS retirements,
                coalesce(sum(total_payroll), 0)::BIGINT AS total_payroll,
                avg(growth_rate) AS growth_rate
            FROM '{out}/silver.parquet' GROUP BY ALL
        ) AS years JOIN '{out}/dim.parquet' USING (noc_code)
        """,
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
