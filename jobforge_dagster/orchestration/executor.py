"""The executor: Dagster's own, with a last word about sources that have no file yet.

In process is the default: Polars already uses every core, and a process a step costs seconds. The
run configuration ``{"execution": {"config": {"multiprocess": {}}}}`` moves a run to processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, Executor, Field, Selector

from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.launch import settle_abandoned

ABSENT = "expected_file"
"""Metadata of the observation that a source has never delivered: where its file is expected."""

# A server that has imported Dagster forks each step's process, which saves seconds a step. Polars
# must not be imported before a fork, so the platform itself is not preloaded.
_FORKSERVER = {"forkserver": {"preload_modules": ["dagster"]}}


class _Reporting(Executor):
    """Runs a plan as another executor does, and tells at its end what was skipped and why."""

    def __init__(self, inner: Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> Any:
        return self._inner.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[DagsterEvent]:
        settle_abandoned(plan_context.instance, DataRoot.from_environment())
        absent: dict[str, str] = {}
        skipped: list[str] = []
        for event in self._inner.execute(plan_context, execution_plan):
            if event.event_type == DagsterEventType.ASSET_OBSERVATION:
                observation = event.asset_observation_data.asset_observation
                if expected := observation.metadata.get(ABSENT):
                    absent[observation.asset_key.to_user_string()] = str(expected.value)
            elif event.event_type == DagsterEventType.STEP_SKIPPED and event.step_key:
                skipped.append(event.step_key.replace("__", "/"))
            yield event
        if absent:
            plan_context.log.warning(_last_word(absent, skipped))


def _last_word(absent: dict[str, str], skipped: list[str]) -> str:
    files = "\n".join(f"  {key} expects {file}" for key, file in sorted(absent.items()))
    tables = f"\nSkipped for want of them: {', '.join(sorted(skipped))}." if skipped else ""
    return (
        f"{len(absent)} source(s) have no file yet:\n{files}{tables}\nDrop the files and run again."
    )


def _config(definition: dg.ExecutorDefinition) -> Field:
    return definition.config_schema.as_field()


@dg.executor(
    name="in_process_or_multiprocess",
    config_schema=Field(
        Selector(
            {
                "in_process": _config(dg.in_process_executor),
                "multiprocess": _config(dg.multiprocess_executor),
            }
        ),
        default_value={"in_process": {}},
    ),
    requirements=dg.multi_or_in_process_executor._requirements_fn,
)
def jobforge_executor(init_context: dg.InitExecutorContext) -> Executor:
    """Dagster's in-process executor, or its multiprocess one where the run configuration asks."""
    [(kind, config)] = init_context.executor_config.items()
    settings: dict[str, object] = {**cast("dict[str, object]", config)}
    inner = dg.in_process_executor
    if kind == "multiprocess":
        inner = dg.multiprocess_executor
        settings["start_method"] = settings.get("start_method") or _FORKSERVER
    create = inner.executor_creation_fn
    assert create is not None
    return _Reporting(create(init_context._replace(executor_config=settings)))
