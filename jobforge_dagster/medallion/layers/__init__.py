"""The four contracts: what each layer may and must not do, with what enforces it beside it."""

from jobforge_dagster.medallion.layers.contract import check_source, check_table

__all__ = ["check_source", "check_table"]
