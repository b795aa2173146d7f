"""A project with one asset that does nothing: what it costs is Dagster's own start.

`race.py` runs it through `dagster asset materialize`, in the environment of the project.
"""

import dagster as dg


@dg.asset
def trivial() -> None:
    """Nothing at all."""


definitions = dg.Definitions(assets=[trivial], executor=dg.in_process_executor)
