"""Builds the definitions that Dagster loads, from whatever the domains declare."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.medallion.discovery import discover, packages_from_environment
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.assets import AsOf, bronze_asset, staged_asset, table_asset
from jobforge_dagster.orchestration.executor import jobforge_executor
from jobforge_dagster.orchestration.glossary import glossary_asset
from jobforge_dagster.orchestration.io_manager import MedallionIOManager
from jobforge_dagster.orchestration.jobs import fetch_job
from jobforge_dagster.orchestration.marts import (
    gold_views_asset,
    mart_asset,
    warehouse_resource,
)
from jobforge_dagster.orchestration.schedules import nightly
from jobforge_dagster.orchestration.sensors import deliveries_sensor
from jobforge_dagster.orchestration.settings import QualitySettings


def build_definitions(
    packages: Sequence[str] | None = None,
    root: DataRoot | None = None,
    as_of: AsOf | None = None,
) -> dg.Definitions:
    """The whole graph: staged and bronze for every source; silver, gold and marts as declared.

    Args:
        packages: where to look for domains; by default where the environment says.
        root: the data root; by default the one that the environment names.
        as_of: a moment whose tables are made again.

    Raises:
        DeclarationError: a declaration breaks a contract.
    """
    root = root or DataRoot.from_environment()
    declared = discover(packages or packages_from_environment())
    known = Known(declared, root)
    return dg.Definitions(
        assets=[
            *(staged_asset(source, known) for source in declared.sources),
            *(bronze_asset(source, known, as_of) for source in declared.sources),
            *(table_asset(table, known, as_of) for table in declared.tables),
            *(mart_asset(mart, known) for mart in declared.marts),
            *([gold_views_asset(known)] if declared.marts else ()),
            *([glossary_asset(known)] if declared.glossary else ()),
        ],
        resources={
            "medallion": MedallionIOManager(data_root=root.path.as_posix()),
            "quality": QualitySettings(),
            "warehouse": warehouse_resource(root, declared.marts),
        },
        jobs=[fetch_job(declared.sources, root)],
        sensors=[deliveries_sensor(declared, root)],
        schedules=[nightly],
        executor=jobforge_executor,
    )
