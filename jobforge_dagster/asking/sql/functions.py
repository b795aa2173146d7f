"""What of DuckDB's own may be asked besides tables: its functions, and its views.

What follows FROM is refused unless it is named here. Of the other functions, of which there are
many hundreds, those are refused that are named here; all were looked through, and a test fails when
another DuckDB brings one that was not.
"""

from __future__ import annotations

from typing import Any

from jobforge_dagster.asking.sql.errors import QueryError

LISTS = frozenset(
    "duckdb_columns duckdb_schemas duckdb_tables duckdb_types pragma_show pragma_table_info".split()
)
"""Those of :data:`TABLE_FUNCTIONS` that tell of tables."""

TABLE_FUNCTIONS = LISTS | frozenset(
    "generate_series generate_subscripts histogram histogram_values json_each json_tree range "
    "repeat repeat_row unnest "
    "duckdb_functions duckdb_keywords duckdb_optimizers "
    "icu_calendar_names pg_timezone_names pragma_collations "
    "pragma_version summary test_all_types".split()
)
"""Functions that may stand after FROM. Others read files, run a text as SQL, change things or tell
of the machine (settings; the SQL of views, which names files)."""

REFUSED = frozenset(
    "current_connection_id current_query current_query_id current_setting current_transaction_id "
    "currval getenv getvariable json_serialize_plan nextval parse_duckdb_log_message "
    "pg_get_constraintdef pg_get_expr pg_get_viewdef pg_sleep setval sleep_ms txid_current "
    "write_log".split()
)
"""Functions that change something, wait, or tell of settings, of the process or of a plan, which
names files."""

_INTERNAL = "__internal_"
"""How the names of functions begin that DuckDB keeps for itself: they trust what they are given."""

_VIEWS = frozenset(
    "columns schemata tables duckdb_columns duckdb_schemas duckdb_tables duckdb_types pg_attribute "
    "pg_class pg_namespace pg_tables pg_type".split()
)
"""DuckDB's own views that may be asked. Others tell settings, files, or the SQL of views."""

_OWN_SCHEMAS = frozenset(("information_schema", "main", "pg_catalog", "system", "temp"))
_OWN_NAMES = ("duckdb_", "pg_", "pragma_", "sqlite_")

_SHOWN = frozenset(('"databases"', '"schemas"', '"tables"', "__show_tables_expanded"))
"""What SHOW may be followed by. Else it tells a setting."""


def judge_table_function(function: dict[str, Any]) -> None:
    """Refuse a function after FROM that is not known to be harmless.

    Raises:
        QueryError: it is refused.
    """
    name = str(function.get("function_name", "")).lower()
    if function.get("class") != "FUNCTION" or name not in TABLE_FUNCTIONS:
        raise QueryError(
            f"The function {name} cannot be read from: only tables can. See: SHOW TABLES"
        )


def judge_function(name: str) -> None:
    """Refuse a function that does more than compute.

    Raises:
        QueryError: it is refused.
    """
    if name.lower() in REFUSED or name.lower().startswith(_INTERNAL):
        raise QueryError(f"The function {name} is not allowed here: it does more than compute.")


def judge_show(part: dict[str, Any]) -> None:
    """Refuse SHOW of a setting.

    Raises:
        QueryError: it is refused.
    """
    name = str(part["table_name"])
    if part["query"] is None and part["show_type"] != "SHOW_FROM" and name not in _SHOWN:
        raise QueryError(f"SHOW {name} is not allowed here. Write: DESCRIBE FROM {name}")


def is_own(schema: str, name: str, schemas: tuple[str, ...]) -> bool:
    """Whether a name after FROM is one of DuckDB's own views, and not a table of ours.

    Args:
        schema: in small letters; empty, if none is said.
        name: the same of the view.
        schemas: those of our tables.

    Raises:
        QueryError: it is one that may not be asked.
    """
    own = schema in _OWN_SCHEMAS or (schema not in schemas and name.startswith(_OWN_NAMES))
    if own and name not in _VIEWS:
        raise QueryError(f"{name} of DuckDB cannot be asked here. See: SHOW TABLES")
    return own
