"""Runs that our own commands start, and those of any kind that ended without a word."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from uuid import uuid4

import dagster as dg
import yaml

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.living import alive, forget, gone
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.event_log import EmbeddedEventLog
from jobforge_dagster.orchestration.logs import tell
from jobforge_dagster.orchestration.runs import COMMAND_TAG, ROOT_TAG, USER_TAG


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
    run_id = str(uuid4())
    with shown_alive(instance, root, run_id):
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=list(selection),
            instance=instance,
            run_id=run_id,
            raise_on_error=False,
            tags={COMMAND_TAG: command, **tags_of(instance, root)},
        )


def shown_alive(
    instance: dg.DagsterInstance, root: DataRoot, run_id: str
) -> AbstractContextManager[None]:
    """Show others that a run lives; those of a temporary instance nobody else can know."""
    return nullcontext() if instance.is_ephemeral else alive(root, run_id)


def settle_abandoned(instance: dg.DagsterInstance, root: DataRoot) -> list[str]:
    """Report runs whose process is gone as failed, or as cancelled where that was asked for.

    Returns:
        Their ids.
    """
    settled = []
    for run_id in gone(root):
        run = instance.get_run_by_id(run_id)
        if run is None:
            continue  # another history knows it
        if not run.is_finished:
            words = "The process of the run ended without a word: it, or the machine, was killed."
            if run.status == dg.DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, words)
            else:
                instance.report_run_failed(run, words)
            tell("abandoned", run_id=run_id)
            settled.append(run_id)
        forget(root, run_id)
    return settled


def tags_of(instance: dg.DagsterInstance, root: DataRoot) -> dict[str, str]:
    """What the tags of a run tell: who started it, and on which data root it works."""
    log = instance.event_log_storage
    tags = {ROOT_TAG: log.name_of(root)} if isinstance(log, EmbeddedEventLog) else {}
    with suppress(OSError, KeyError):
        tags[USER_TAG] = getpass.getuser()
    return tags
