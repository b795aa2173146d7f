"""The warehouse as assets: its marts, made of gold once nothing else is left to do; its views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.fingerprint import platform_version
from jobforge_dagster.medallion.marts import Mart
from jobforge_dagster.medallion.storage import warehouse
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.logs import tell
from jobforge_dagster.orchestration.telling import FACTS, PLATFORM

LAST = "-1"
"""The priority of a mart's step: nothing waits for it."""


def mart_asset(mart: Mart, known: Known) -> dg.AssetsDefinition:
    """The asset of a mart."""
    root = known.root
    licences = {
        each.origin.licence.code for table in mart.reads for each in known.sources_of(table)
    }
    tags = {"licence": licences.pop() if len(licences) == 1 else "several"}
    if mart.steward:
        tags["steward"] = mart.steward

    @dg.asset(
        key=dg.AssetKey(mart.key.split("/")),
        deps=[dg.AssetKey(table.key.split("/")) for table in mart.reads],
        io_manager_key="warehouse",
        description=mart.description,
        metadata={
            "dagster/column_schema": _columns(mart, {}),
            "dagster/table_name": f"mart.{mart.name}",
        },
        code_version=mart.version,
        group_name=mart.domain,
        owners=[mart.owner],
        tags=tags,
        kinds={"mart", "duckdb"},
        op_tags={"dagster/priority": LAST},
    )
    def made() -> Iterator[Any]:
        from jobforge_dagster.orchestration.warehouse import Made  # costs half a second

        with told(root):
            fingerprint = warehouse.fingerprint_of(root, mart)
            standing = warehouse.standing(root, mart, fingerprint)
        version = dg.DataVersion(fingerprint)
        if standing:
            metadata = facts(mart, standing, "unchanged")
            yield dg.MaterializeResult(value=None, metadata=metadata, data_version=version)
            tell("unchanged", table=mart.key, rows=standing.rows)
            return
        with told(root):
            frame = warehouse.computed(root, mart)
        yield dg.MaterializeResult(value=Made(mart, fingerprint, frame), data_version=version)
        tell("published", table=mart.key, rows=frame.height)

    return made


def gold_views_asset(known: Known) -> dg.AssetsDefinition:
    """The asset of the views over gold, which is made once all gold tables are.

    A mart mends the views too, but it waits for the tables that it reads alone.
    """
    root, marts = known.root, known.declared.marts
    gold = [table for table in known.declared.tables if table.layer == "gold"]

    @dg.asset(
        key=dg.AssetKey(warehouse.VIEWS.split("/")),
        deps=[dg.AssetKey(table.key.split("/")) for table in gold],
        description="A view of the warehouse over each gold table that stands.",
        code_version=platform_version(),
        group_name="warehouse",
        owners=sorted({mart.owner for mart in marts}),
        kinds={"duckdb"},
    )
    def gold_views() -> dg.MaterializeResult[None]:
        with told(root):
            standing = warehouse.standing_views(root)
            views = standing
            if views is None:
                views, _ = warehouse.refresh(root, [mart.name for mart in marts])
        state = "published" if standing is None else "unchanged"
        tell(state, table=warehouse.VIEWS, views=len(views))
        return dg.MaterializeResult(
            metadata={
                "views": len(views),
                "state": state,
                FACTS: dg.MetadataValue.json({PLATFORM: platform_version()}),
            }
        )

    return gold_views


def warehouse_resource(root: DataRoot, marts: tuple[Mart, ...]) -> dg.IOManagerDefinition:
    """The IO manager of the marts, which is imported only where one is made."""

    @dg.io_manager
    def stores(_: dg.InitResourceContext) -> dg.IOManager:
        from jobforge_dagster.orchestration.warehouse import Warehouse

        return Warehouse(root, frozenset(mart.name for mart in marts))

    return stores


def facts(mart: Mart, standing: warehouse.Standing, state: str) -> dict[str, Any]:
    """What a materialization tells of a mart."""
    return {
        "dagster/column_schema": _columns(mart, standing.columns),
        "dagster/row_count": standing.rows,
        "state": state,
        FACTS: dg.MetadataValue.json({PLATFORM: platform_version()}),
    }


@contextmanager
def told(root: DataRoot) -> Iterator[None]:
    """Turn errors that people are meant to read into failures that say no more than they do."""
    try:
        yield
    except JobForgeError as error:
        place = re.escape(root.path.resolve().as_posix())
        raise dg.Failure(
            re.sub(f"{place}/", "", str(error)),
            metadata={"error_type": type(error).__name__},
            allow_retries=False,
        ) from None


def _columns(mart: Mart, types: Any) -> dg.TableSchema:
    """The columns of a mart; their types are known once it is made."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, types.get(name, "any"), description=meaning)
            for name, meaning in mart.columns.items()
        ]
    )
