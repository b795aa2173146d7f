"""``jobforge``: what people ask of the platform beside running it, which Dagster does."""

from __future__ import annotations

import click

from jobforge_dagster.cli.audit import audit
from jobforge_dagster.cli.catalog import catalog
from jobforge_dagster.cli.deliver import fetch, ingest
from jobforge_dagster.cli.quarantine import quarantine
from jobforge_dagster.cli.rebuild import rebuild
from jobforge_dagster.cli.sources import sources

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Ask JobForge what arrived, what is known, what was thrown away, and how things stood."""


for each in (audit, catalog, fetch, ingest, quarantine, rebuild, sources):
    main.add_command(each)
