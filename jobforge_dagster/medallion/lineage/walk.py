"""The lineage of a frame, from its plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.lineage.frame import Frame
from jobforge_dagster.medallion.lineage.model import ColumnLineage, FrameLineage
from jobforge_dagster.medallion.lineage.scans import Scans
from jobforge_dagster.medallion.lineage.steps import after
from jobforge_dagster.medallion.lineage.traverser import Plan, Step


def lineage_of(frame: pl.LazyFrame, tables: Mapping[str, Path]) -> FrameLineage:
    """What each column of a frame comes from, and what decides its rows. Reads no data.

    Args:
        frame: over scans of the files of ``tables``; frames in memory count as constants.
        tables: key of each input to its Parquet file.

    Raises:
        ContractError: the plan reads another file, or this Polars has plans of another version.
    """
    plan = Plan(frame)
    made = _walked(plan, Scans(tables))
    return FrameLineage(
        {
            name: ColumnLineage(value.direct, value.indirect, value.opaque)
            for name, value in made.columns.items()
        },
        made.rows,
        made.tables,
        made.opaque,
    )


def _walked(plan: Plan, scans: Scans) -> Frame:
    """The frame that comes out of the last step.

    A plan is a tree, in which Polars repeats what several steps share. Only what is shared by
    ``cache()`` has one number, and is looked at once.
    """
    done: dict[int, Frame] = {}
    waiting: list[Step] = [plan.step(plan.last)]
    while waiting:
        step = waiting[-1]
        if missing := [number for number in step.inputs if number not in done]:
            waiting.extend(map(plan.step, missing))
            continue
        waiting.pop()
        if step.inputs:
            done[step.id] = after(plan, step, [done[number] for number in step.inputs])
        else:
            done[step.id] = scans.read(plan, step)
    return done[plan.last]
