"""What Dagster loads: one screen."""

import gc

from jobforge_dagster.orchestration.build import build_definitions

defs = build_definitions()
gc.freeze()  # it stays: see the package of build_definitions
