"""``jobforge audit``: is what the platform promises so, as the files stand?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobforge_dagster.cli.app import app
from jobforge_dagster.cli.common import AsJson, examples, print_json

if TYPE_CHECKING:
    from jobforge_dagster.catalog.audit.model import Outcome

_SHOWN = 5
"""Findings of a control that people are shown; the report and the JSON have them all."""


@app.command(
    epilog=examples(
        "jobforge audit",
        "jobforge audit --control quality.originals",
        "jobforge audit --markdown audit.md",
    )
)
def audit(
    only: Annotated[
        list[str] | None,
        typer.Option("--control", metavar="ID", help="This control; may repeat."),
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a report there.")
    ] = None,
) -> None:
    """Compute the controls of data architecture, metadata, integration and quality.

    Each follows the DAMA DMBOK and is computed from the files and documents as they stand. Exits
    with 1 if one of them fails.
    """
    from jobforge_dagster.catalog.audit.controls import audit as compute
    from jobforge_dagster.catalog.audit.evidence import Evidence
    from jobforge_dagster.catalog.audit.report import as_data, verdict, write_markdown
    from jobforge_dagster.medallion.discovery import packages_from_environment
    from jobforge_dagster.medallion.storage.root import DataRoot

    evidence = Evidence(DataRoot.from_environment(), packages_from_environment())
    outcomes = compute(evidence, only or ())
    if markdown is not None:
        write_markdown(markdown, outcomes)
    if as_json:
        print_json(as_data(outcomes))
    else:
        for outcome in outcomes:
            _tell(outcome)
        typer.echo(verdict(outcomes))
    if not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(1)


def _tell(outcome: Outcome) -> None:
    control, checked = outcome.control, outcome.checked
    result = typer.style("pass", fg="green") if outcome.passed else typer.style("FAIL", fg="red")
    typer.echo(f"{result}  {control.id}  ({control.area})")
    typer.echo(f"      {control.statement}")
    if outcome.evidence:
        typer.echo(f"      {outcome.evidence}")
    told = [f"! {finding}" for finding in checked.findings]
    for texts in (told, list(checked.notes)):
        for text in texts[:_SHOWN]:
            typer.echo(f"      {text}")
        if len(texts) > _SHOWN:
            typer.echo(f"      and {len(texts) - _SHOWN:,} more: see --json or --markdown")
