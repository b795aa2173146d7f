"""``jobforge audit``: is what the platform promises so, as the files stand?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobforge_dagster.cli.common import command, print_json
from jobforge_dagster.medallion.discovery import packages_from_environment
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    from jobforge_dagster.catalog.audit.model import Outcome

_group = click.Group()

_SHOWN = 5
"""Findings of a control that people are shown; the report and the JSON have them all."""


@command(
    _group,
    "audit",
    examples=[
        "jobforge audit",
        "jobforge audit --control quality.originals",
        "jobforge audit --markdown audit.md",
    ],
)
@click.option("--control", "only", multiple=True, metavar="ID", help="This control; may repeat.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write a report there."
)
def audit(only: Sequence[str], as_json: bool, markdown: Path | None) -> None:
    """Compute the controls of data architecture, metadata, integration and quality.

    Each follows the DAMA DMBOK and is computed from the files and documents as they stand. Exits
    with 1 if one of them fails.
    """
    from jobforge_dagster.catalog.audit.controls import audit as compute
    from jobforge_dagster.catalog.audit.evidence import Evidence
    from jobforge_dagster.catalog.audit.report import as_data, verdict, write_markdown

    evidence = Evidence(DataRoot.from_environment(), packages_from_environment())
    outcomes = compute(evidence, only)
    if markdown is not None:
        write_markdown(markdown, outcomes)
    if as_json:
        print_json(as_data(outcomes))
    else:
        for outcome in outcomes:
            _tell(outcome)
        click.echo(verdict(outcomes))
    if not all(outcome.passed for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _tell(outcome: Outcome) -> None:
    control, checked = outcome.control, outcome.checked
    result = click.style("pass", fg="green") if outcome.passed else click.style("FAIL", fg="red")
    click.echo(f"{result}  {control.id}  ({control.area})")
    click.echo(f"      {control.statement}")
    if outcome.evidence:
        click.echo(f"      {outcome.evidence}")
    told = [f"! {finding}" for finding in checked.findings]
    for texts in (told, list(checked.notes)):
        for text in texts[:_SHOWN]:
            click.echo(f"      {text}")
        if len(texts) > _SHOWN:
            click.echo(f"      and {len(texts) - _SHOWN:,} more: see --json or --markdown")
