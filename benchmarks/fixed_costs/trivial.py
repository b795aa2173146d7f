"""A Dagster project whose steps do nothing: what Dagster itself costs.

``TRIVIAL_ASSETS`` says how many assets it has, ``TRIVIAL_CHECKS`` how many checks they report
between them. They stand in chains of three, as staged, bronze and silver do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg

ASSETS = int(os.environ.get("TRIVIAL_ASSETS", "1"))
CHECKS = int(os.environ.get("TRIVIAL_CHECKS", "0"))
CHAIN = 3


def step(number: int, checks: int) -> dg.AssetsDefinition:
    """An asset that makes nothing and says of each of its checks that it passed."""
    name = f"step_{number:04}"
    names = [f"check_{each}" for each in range(checks)]

    @dg.asset(
        name=name,
        deps=[f"step_{number - 1:04}"] if number % CHAIN else [],
        check_specs=[dg.AssetCheckSpec(each, asset=name) for each in names],
    )
    def nothing() -> Iterator[dg.MaterializeResult[None]]:
        passed = [dg.AssetCheckResult(passed=True, check_name=each) for each in names]
        yield dg.MaterializeResult(check_results=passed)

    return nothing


@dg.sensor(asset_selection=dg.AssetSelection.all())
def deliveries() -> dg.SkipReason:
    """Sees nothing."""
    return dg.SkipReason("Nothing is due.")


defs = dg.Definitions(
    assets=[
        step(number, (number + 1) * CHECKS // ASSETS - number * CHECKS // ASSETS)
        for number in range(ASSETS)
    ],
    sensors=[deliveries],
    executor=dg.in_process_executor,
)
