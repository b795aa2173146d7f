"""How Dagster runs it. With ``definitions.py`` the only place that imports Dagster."""

import gc

# What was imported by now, Dagster above all, stays. To look through its quarter of a million
# objects for some that nobody needs takes a tenth of a second, several times in each start and run.
gc.freeze()
