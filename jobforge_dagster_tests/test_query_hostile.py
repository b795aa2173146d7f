"""SQL that means harm: it is refused in words, changes no file, and tells no secret."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobforge_dagster.asking.sql import functions
from jobforge_dagster.asking.sql.answer import asking
from jobforge_dagster.asking.sql.errors import QueryError
from jobforge_dagster.query import sql, table
from jobforge_dagster_tests.conftest import Lake

SECRET = "canary-7f3a"

NAMES = ("OUTSIDE", "INSIDE", "OTHER", "LISTED", "LINK", "WAREHOUSE", "NEW", "FOLDER")


class Hoard:
    """A data root with one table, and secrets beside it, outside of it and in the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(folder / "data")
        gold = self.lake.path / "gold"
        gold.mkdir(parents=True)
        secret = pl.DataFrame({"secret": [SECRET]})
        pl.DataFrame({"code": ["1"], "amount": [1]}).write_parquet(gold / "dim_noc.parquet")
        (folder / "outside.csv").write_text(f"secret\n{SECRET}\n")
        secret.write_parquet(folder / "outside.parquet")
        (self.lake.path / "waivers.yaml").write_text(f"why: {SECRET}\n")
        (self.lake.path / "source").mkdir()
        secret.write_parquet(self.lake.path / "source/other.parquet")
        (gold / "damaged.parquet").write_bytes(b"PAR1 this is none PAR1")
        (gold / "link.parquet").symlink_to(folder / "outside.parquet")
        (self.lake.path / "silver").symlink_to(folder / "elsewhere")
        (folder / "elsewhere").mkdir()
        secret.write_parquet(folder / "elsewhere/leak.parquet")
        with duckdb.connect(self.lake.path / "warehouse.duckdb") as warehouse:
            warehouse.execute("CREATE SCHEMA mart; CREATE TABLE mart.answer AS SELECT 42 AS a")
            warehouse.execute(f"CREATE VIEW mart.spy AS FROM read_text('{folder}/outside.csv')")
        self.places = {
            "OUTSIDE": folder / "outside.csv",
            "INSIDE": self.lake.path / "waivers.yaml",
            "OTHER": self.lake.path / "source/other.parquet",
            "LISTED": gold / "dim_noc.parquet",
            "LINK": gold / "link.parquet",
            "WAREHOUSE": self.lake.path / "warehouse.duckdb",
            "NEW": folder / "new",
            "FOLDER": folder,
        }
        self.before = self.files()

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Every file and folder below: when it was changed, and what it holds."""
        return {
            str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.folder.rglob("*"))
        }

    def written(self, statement: str) -> str:
        """A statement with the places that it names."""
        for name in NAMES:
            statement = statement.replace(f"<{name}>", str(self.places[name]))
        return statement

    def tried(self, statement: str, *, by_command: bool = False) -> tuple[int, str]:
        """Ask it: 0 and the answer, or 1 and the error that people are told."""
        text = self.written(statement)
        if by_command:
            ended = self.lake.command("query", "--timeout", "5", "--", text)
            assert "Traceback" not in ended.output
            assert ended.exception is None or isinstance(ended.exception, SystemExit)
            code, told = ended.exit_code, ended.output
        else:
            try:
                code, told = 0, str(sql(text, root=self.lake.root, timeout=60).to_dicts())
            except QueryError as error:
                code, told = 1, f"Error: {error}"
        assert self.files() == self.before
        assert SECRET not in told
        self.tells_no_place(text, told)
        return code, told

    def tells_no_place(self, text: str, told: str) -> None:
        """But for those that the statement itself names."""
        told = re.sub(r"\n  \d+ \| .*\n +\^", "", told)
        for place in sorted(map(str, self.places.values()), key=len, reverse=True):
            told = told.replace(place, "") if place in text else told
        for place in (self.folder, Path.home(), Path(tempfile.gettempdir()), Path.cwd()):
            assert str(place) not in told


@pytest.fixture(scope="module")
def hoard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hoard]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JOBFORGE_SECRET", SECRET)
        machine = tmp_path_factory.mktemp("machine")
        for name in ("home", "temporary", "working"):
            (machine / name).mkdir()
        patched.setenv("HOME", str(machine / "home"))
        patched.setattr(tempfile, "tempdir", str(machine / "temporary"))
        patched.chdir(machine / "working")
        yield Hoard(tmp_path_factory.mktemp("hoard"))


READING = """
FROM '<OUTSIDE>'
FROM "<OUTSIDE>"
FROM '<FOLDER>/data/../outside.csv'
FROM '<INSIDE>'
FROM '<OTHER>'
FROM 'file://<OUTSIDE>'
FROM read_csv('<OUTSIDE>')
FROM read_csv_auto('<OUTSIDE>')
FROM read_text('<OUTSIDE>')
FROM read_text('<INSIDE>')
FROM read_blob('<OUTSIDE>')
FROM read_blob('<WAREHOUSE>')
FROM read_blob('<LISTED>')
FROM read_parquet('<OTHER>')
FROM read_parquet('<LINK>')
FROM read_parquet(['<LISTED>', '<OTHER>'])
FROM parquet_scan('<OTHER>')
FROM parquet_metadata('<OTHER>')
FROM parquet_schema('<LISTED>')
FROM parquet_kv_metadata('<OTHER>')
FROM read_json('<INSIDE>')
FROM read_ndjson_objects('<INSIDE>')
FROM read_duckdb('<WAREHOUSE>')
FROM sniff_csv('<OUTSIDE>')
FROM glob('<FOLDER>/*')
FROM read_text('/proc/self/environ')
FROM read_text('/dev/stdin')
FROM gold.link
FROM silver.leak
FROM mart.spy
FROM warehouse.mart.spy
SELECT getenv('JOBFORGE_SECRET')
SELECT (SELECT content FROM read_text('<OUTSIDE>'))
SELECT 1 WHERE EXISTS (FROM read_text('<OUTSIDE>'))
FROM gold.dim_noc, LATERAL (FROM read_text('<OUTSIDE>'))
WITH a AS (FROM read_text('<OUTSIDE>')) FROM a
SELECT 1 UNION ALL SELECT 2 FROM read_text('<OUTSIDE>')
DESCRIBE FROM read_csv('<OUTSIDE>')
SUMMARIZE FROM read_csv('<OUTSIDE>')
PIVOT (FROM read_csv('<OUTSIDE>')) ON secret IN ('x') USING count(*)
PIVOT (FROM read_csv('<OUTSIDE>')) ON secret
EXPLAIN FROM read_csv('<OUTSIDE>')
EXPLAIN ANALYZE FROM read_csv('<OUTSIDE>')
FROM query('FROM read_text(''<OUTSIDE>'')')
FROM query_table('<OUTSIDE>')
FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''<OUTSIDE>'')'))
FROM system.main.read_text('<OUTSIDE>')
FROM "read_text"('<OUTSIDE>')
FROM READ_TEXT('<OUTSIDE>')
FROM read_text/**/('<OUTSIDE>')
FROM 'http://127.0.0.1:9/a.parquet'
FROM read_parquet('https://127.0.0.1:9/a.parquet')
FROM 's3://bucket/a.parquet'
FROM files
FROM sys
FROM arrow_scan(1, 2, 3)
FROM pandas_scan(1)
FROM python_map_function(1)
FROM duckdb_secrets()
FROM duckdb_extensions()
FROM duckdb_logs()
FROM sql_auto_complete('SEL')
FROM which_secret('s3://a', 's3')
"""

TELLING = """
FROM duckdb_settings()
FROM duckdb_views()
FROM duckdb_views
FROM "duckdb_views"
FROM system.duckdb_views
FROM system.main.duckdb_views
FROM duckdb_databases
FROM duckdb_databases()
FROM pragma_database_list
FROM pg_settings
FROM pg_catalog.pg_settings
FROM pg_views
FROM sqlite_master
FROM information_schema.views
SUMMARIZE pg_settings
SUMMARIZE duckdb_views
DESCRIBE sqlite_schema
WITH a AS (FROM pg_settings) FROM a
SELECT current_setting('home_directory')
SELECT current_setting('temp_directory')
SELECT CURRENT_SETTING('allowed_paths')
SELECT "current_setting"('temp_directory')
SELECT system.main.current_setting('temp_directory')
SELECT 'temp_directory'.current_setting()
SELECT list_transform(['temp_directory'], lambda x: current_setting(x))
SELECT 1 WHERE current_setting('temp_directory') LIKE '/%'
SELECT 1 ORDER BY current_setting('temp_directory')
VALUES (current_setting('temp_directory'))
FROM range(length(current_setting('temp_directory')))
EXPLAIN SELECT current_setting('temp_directory')
SHOW temp_directory
SHOW home_directory
SHOW VARIABLES
SELECT pg_get_viewdef(1)
SELECT json_serialize_plan('FROM gold.dim_noc')
SELECT write_log('x')
SELECT nextval('x')
SELECT __internal_decompress_string(1::HUGEINT)
FROM gold.damaged
"""

ANSWERED = """
SHOW TABLES
SHOW ALL TABLES
SHOW DATABASES
DESCRIBE
DESCRIBE gold.dim_noc
SUMMARIZE gold.dim_noc
EXPLAIN FROM gold.dim_noc
EXPLAIN ANALYZE FROM gold.dim_noc
EXPLAIN (FORMAT json) FROM gold.dim_noc
EXPLAIN ANALYZE FROM mart.answer
FROM duckdb_columns()
FROM duckdb_tables()
FROM duckdb_schemas()
FROM duckdb_functions()
FROM duckdb_tables
FROM information_schema.tables
FROM information_schema.columns
FROM information_schema.schemata
FROM pg_class
FROM pg_tables
FROM pragma_table_info('gold.dim_noc')
SELECT current_database(), current_schemas(true), version(), current_user
SELECT random() < 2, uuid() IS NOT NULL, setseed(0.5)
"""

WRITING = """
COPY (SELECT 1) TO '<NEW>'
COPY gold.dim_noc TO '<LISTED>'
COPY gold.dim_noc FROM '<OUTSIDE>'
WITH a AS (COPY (SELECT 1) TO '<NEW>') FROM a
WITH a AS (COPY (SELECT 1 AS a) TO '<LISTED>' (FORMAT parquet, USE_TMP_FILE false)) FROM a
WITH a AS (WITH b AS (COPY (SELECT 1) TO '<NEW>') FROM b) FROM a
SELECT (WITH a AS (COPY (SELECT 1) TO '<NEW>') SELECT 1 FROM a)
EXPLAIN ANALYZE COPY (SELECT 1) TO '<NEW>'
EXPLAIN /* x */ ANALYZE COPY (SELECT 1) TO '<NEW>'
EXPLAIN (ANALYZE) COPY (SELECT 1) TO '<NEW>'
EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO '<NEW>') FROM a
WITH a AS (INSERT INTO gold.dim_noc VALUES ('2', 2) RETURNING *) FROM a
WITH a AS (DELETE FROM gold.dim_noc RETURNING *) FROM a
WITH a AS (UPDATE gold.dim_noc SET amount = 2 RETURNING *) FROM a
WITH a AS (INSERT INTO warehouse.mart.answer VALUES (1) RETURNING *) FROM a
INSERT INTO gold.dim_noc VALUES ('2', 2)
INSERT INTO warehouse.mart.answer VALUES (1)
DELETE FROM warehouse.mart.answer
UPDATE warehouse.mart.answer SET a = 1
MERGE INTO warehouse.mart.answer t USING gold.dim_noc s ON true WHEN MATCHED THEN DELETE
TRUNCATE warehouse.mart.answer
CREATE TABLE t AS SELECT 1
CREATE TEMP TABLE t AS SELECT 1
CREATE VIEW v AS SELECT 1
CREATE OR REPLACE VIEW gold.dim_noc AS SELECT 1
CREATE MACRO m() AS TABLE FROM read_text('<OUTSIDE>')
CREATE SCHEMA s
CREATE SECRET (TYPE s3)
CREATE PERSISTENT SECRET s (TYPE http)
CREATE SEQUENCE s
DROP VIEW gold.dim_noc
DROP SCHEMA mart CASCADE
ALTER VIEW gold.dim_noc RENAME TO x
ATTACH '<NEW>'
ATTACH '<WAREHOUSE>' AS w
ATTACH ':memory:' AS w
DETACH warehouse
EXPORT DATABASE '<NEW>'
IMPORT DATABASE '<FOLDER>'
INSTALL httpfs
FORCE INSTALL httpfs FROM 'http://127.0.0.1:9'
LOAD httpfs
LOAD '<OUTSIDE>'
UPDATE EXTENSIONS
SET enable_external_access = true
SET GLOBAL allowed_directories = ['/']
SET lock_configuration = false
SET VARIABLE a = 1
SET temp_directory = '<NEW>'
SET log_query_path = '<NEW>'
RESET enable_external_access
PRAGMA enable_profiling
PRAGMA profiling_output = '<NEW>'
PRAGMA import_database('<FOLDER>')
PRAGMA database_list
CALL enable_logging(storage := 'file', storage_path := '<NEW>')
CALL force_checkpoint()
FROM enable_logging(storage := 'file', storage_path := '<NEW>')
FROM enable_profiling(save_location := '<NEW>')
FROM checkpoint()
FROM force_checkpoint()
FROM register_external_resource('a', 'b')
FROM truncate_duckdb_logs()
CHECKPOINT
VACUUM
ANALYZE
USE warehouse
BEGIN
COMMIT
PREPARE p AS COPY (SELECT 1) TO '<NEW>'
EXECUTE p
DEALLOCATE p
COMMENT ON VIEW gold.dim_noc IS 'x'
SELECT 1; COPY (SELECT 1) TO '<NEW>'
SELECT 1;;COPY (SELECT 1) TO '<NEW>'
SELECT 1 /* ; */; -- ;
; COPY (SELECT 1) TO '<NEW>'
/* SELECT */ COPY (SELECT 1) TO '<NEW>'
SELECT 1 --\u2028; COPY (SELECT 1) TO '<NEW>'
\u00a0COPY (SELECT 1) TO '<NEW>'
\uff33ELECT 1
SELECT 1 INTO OUTFILE '<NEW>'
SELECT * INTO t FROM gold.dim_noc
SELECT 1 |> COPY TO '<NEW>'
-- nothing
EXPLAIN EXPLAIN SELECT 1
EXPLAIN
"""

HARMLESS = ("SELECT 1 /* ; */; -- ;", "SELECT 1 --\u2028; COPY (SELECT 1) TO '<NEW>'")
"""One statement to DuckDB, which the rest is a comment to."""


def statements(text: str) -> list[str]:
    return [line for line in text.strip("\n").split("\n") if line not in HARMLESS]


@pytest.mark.parametrize("statement", statements(READING))
def test_nothing_but_tables_is_read(hoard: Hoard, statement: str) -> None:
    code, told = hoard.tried(statement)

    assert code == 1
    assert told.startswith("Error: ")


@pytest.mark.parametrize("statement", statements(TELLING))
def test_nothing_of_the_machine_is_told(hoard: Hoard, statement: str) -> None:
    code, told = hoard.tried(statement)

    assert code == 1
    assert told.startswith("Error: ")


@pytest.mark.parametrize("statement", statements(ANSWERED))
def test_what_is_told_of_tables_names_no_place(hoard: Hoard, statement: str) -> None:
    assert hoard.tried(statement)[0] == 0


def test_every_view_of_duckdb_is_refused_or_names_no_place(hoard: Hoard) -> None:
    with duckdb.connect() as connection:
        views = connection.execute(
            "SELECT DISTINCT schema_name, view_name FROM duckdb_views() WHERE internal"
        ).fetchall()

    assert len(views) > 40
    for schema, view in views:
        hoard.tried(f"FROM {schema}.{view}")


def test_every_function_of_duckdb_was_looked_through() -> None:
    """A new one is to be judged, and then written into the snapshot."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT function_name, has_side_effects IS true FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'macro', 'aggregate', 'window')"
        ).fetchall()
    snapshot = Path(__file__).parent / "snapshots/duckdb_functions.txt"
    harmless = {"uuid", "uuidv4", "uuidv7", "gen_random_uuid", "random", "setseed", "error"}
    harmless |= {"stats", "vector_type"}

    assert {name for name, _ in found} <= {*snapshot.read_text().splitlines()}
    assert {name for name, effects in found if effects} <= functions.REFUSED | harmless


@pytest.mark.parametrize("statement", statements(WRITING))
def test_nothing_is_written_or_changed(hoard: Hoard, statement: str) -> None:
    code, told = hoard.tried(statement)

    assert code == 1
    assert told.startswith("Error: ")


def test_the_command_line_refuses_in_the_same_words(hoard: Hoard) -> None:
    for statement in (
        "FROM read_text('<OUTSIDE>')",
        "WITH a AS (COPY (SELECT 1) TO '<NEW>') FROM a",
    ):
        assert hoard.tried(statement, by_command=True) == (1, f"{hoard.tried(statement)[1]}\n")


@pytest.mark.parametrize("statement", HARMLESS)
def test_what_stands_in_a_comment_does_nothing(hoard: Hoard, statement: str) -> None:
    assert hoard.tried(statement)[0] == 0


def test_a_link_out_of_the_data_root_is_told(hoard: Hoard) -> None:
    assert "leads outside of the data root" in hoard.tried("FROM gold.link")[1]
    with pytest.raises(QueryError, match="leads outside of the data root"):
        table("gold.link", hoard.lake.root)


def test_a_manifest_cannot_name_a_file_outside(hoard: Hoard, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    (lake.root.staged / "stock").mkdir(parents=True)
    lake.root.manifests.mkdir()
    path = os.path.relpath(hoard.folder / "outside.parquet", lake.path)
    (lake.root.manifests / "1.json").write_text(
        f'{{"source": "stock", "received_at": "2026", "staged_file": "{path}"}}'
    )

    told = lake.command("query", "FROM staged.stock")

    assert told.exit_code == 1
    assert SECRET not in told.output


def test_tables_and_marts_are_still_answered(hoard: Hoard) -> None:
    assert hoard.tried("SELECT count(*) FROM gold.dim_noc")[0] == 0
    assert hoard.tried("FROM mart.answer")[0] == 0
    assert sql("FROM mart.answer", root=hoard.lake.root).item() == 42


def test_variables_of_python_are_no_tables(hoard: Hoard) -> None:
    secret = pl.DataFrame({"a": [SECRET]})

    with pytest.raises(QueryError, match="There is no table secret"):
        sql("FROM secret", root=hoard.lake.root)
    assert secret.height == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT " + "+".join("1" * 3000),
        "FROM " + "(FROM " * 2000 + "gold.dim_noc" + ")" * 2000,
        "SELECT 1 " + "UNION ALL SELECT 1 " * 5000,
        "SELECT '" + "x" * 200_000 + "'",
        "SELECT '\0'",
        "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) FROM t WHERE a < 0",
        "SELECT pg_sleep(60)",
        "SELECT repeat('x', 1000000000000)",
    ],
    ids=["parentheses", "sum", "subqueries", "unions", "long", "nul", "endless", "sleep", "huge"],
)
def test_what_would_exhaust_the_machine_ends_in_words(hoard: Hoard, statement: str) -> None:
    told = hoard.lake.command("query", "--timeout", "1", "--", statement)

    assert told.exit_code == 1, told.output[:500]
    assert told.stderr.startswith("Error: ")
    assert len(told.stderr) < 1000


def test_what_is_spilled_lies_outside_of_the_data_and_goes(
    hoard: Hoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("jobforge_dagster.asking.sql.sandbox._MEMORY", "60MB")
    large = "SELECT md5(range::VARCHAR) AS a FROM range(1000000) ORDER BY a"

    with asking(large, root=hoard.lake.root) as asked:
        _, batches = asked.rows()
        next(batches)
        spilled = [*tmp_path.rglob("*.tmp")]

    assert spilled
    assert [*tmp_path.iterdir()] == []
    assert hoard.files() == hoard.before


PIECES = st.sampled_from(
    [
        *"SELECT FROM WITH a AS ( ) , ; * 1 = UNION ALL WHERE EXISTS COPY TO INTO".split(),
        *"EXPLAIN ANALYZE DESCRIBE SUMMARIZE PIVOT ON SET PRAGMA CALL ATTACH EXPORT".split(),
        *"INSERT DELETE RETURNING VALUES CREATE TABLE LATERAL JOIN LIMIT MATERIALIZED".split(),
        *"'<OUTSIDE>' '<INSIDE>' '<OTHER>' '<LISTED>' '<LINK>' '<NEW>' \"<OUTSIDE>\"".split(),
        *"read_text read_blob read_csv read_parquet glob query query_table getenv".split(),
        *"gold.dim_noc mart.spy gold.link silver.leak warehouse.mart.answer".split(),
        "('<OUTSIDE>')",
        "('<NEW>')",
        "WITH a AS (COPY (SELECT 1) TO '<NEW>')",
        "(FROM read_text('<OUTSIDE>'))",
        "/*",
        "*/",
        "--",
        "\n",
        "'JOBFORGE_SECRET'",
        "$$",
    ]
)


@settings(max_examples=50)
@given(st.lists(PIECES, min_size=1, max_size=12).map(" ".join))
@example("WITH a AS (COPY (SELECT 1) TO '<NEW>') SELECT 1")
@example("EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO '<LISTED>') FROM a")
def test_no_mixture_of_hostile_pieces_does_harm(hoard: Hoard, statement: str) -> None:
    hoard.tried(statement)
