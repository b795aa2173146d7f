"""Runs that our own commands start, and those of any kind that ended without a word."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import yaml

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.atomic import alone
from jobforge_dagster.medallion.storage.living import forget, gone
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.logs import tell
from jobforge_dagster.orchestration.runs import COMMAND_TAG


def instance_of_the_command_line() -> dg.DagsterInstance:
    """As Dagster's own commands do: by ``DAGSTER_HOME``, else by the working folder.

    Raises:
        JobForgeError: its configuration cannot be read.
    """
    try:
        if os.environ.get("DAGSTER_HOME"):
            return dg.DagsterInstance.get()
        if Path("dagster.yaml").exists():
            return dg.DagsterInstance.from_config(str(Path.cwd()))
    except (dg.DagsterError, yaml.YAMLError) as error:
        raise JobForgeError(f"dagster.yaml cannot be used: {error}") from None
    return dg.DagsterInstance.ephemeral()


def run_tables(
    defs: dg.Definitions,
    selection: Sequence[dg.AssetKey],
    command: str,
    root: DataRoot,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """Make some tables in this process, as a command does.

    Args:
        defs: the definitions.
        selection: keys of the assets to make.
        command: what the user called, which the record of the run names.
        root: the data root.
        instance: where the run is recorded; by default where the command line records it.
    """
    instance = instance or instance_of_the_command_line()
    settle_abandoned(instance, root)
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=list(selection),
        instance=instance,
        raise_on_error=False,
        tags={COMMAND_TAG: command},
    )


def settle_abandoned(instance: dg.DagsterInstance, root: DataRoot) -> list[str]:
    """Report runs whose process is gone as failed, or as cancelled where that was asked for.

    Returns:
        Their ids.
    """
    if not gone(root):
        return []
    with alone(root.cache / "settling.lock"):
        return [run_id for run_id in gone(root) if _settled(instance, root, run_id)]


def _settled(instance: dg.DagsterInstance, root: DataRoot, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    if run is None:
        return False  # another history knows it
    if not run.is_finished:
        words = "The process of the run ended without a word: it, or the machine, was killed."
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, words)
        else:
            instance.report_run_failed(run, words)
        tell("abandoned", run_id=run_id)
    forget(root, run_id)
    return not run.is_finished
