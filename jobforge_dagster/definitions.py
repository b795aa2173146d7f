"""What Dagster loads: one screen."""

from jobforge_dagster.orchestration.build import build_definitions

defs = build_definitions()
