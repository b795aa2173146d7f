"""``python -m jobforge_dagster.cli``."""

from jobforge_dagster.cli import main

main()
