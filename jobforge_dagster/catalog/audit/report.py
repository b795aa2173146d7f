"""The audit as data for programs, and as a report in Markdown.

Neither tells of the clock, so that both change only with what was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from jobforge_dagster.catalog.audit.model import Outcome
from jobforge_dagster.medallion.storage.atomic import replacing

VERSION = "1.0"
"""Of the shape of the JSON."""


def as_data(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What was found, for programs."""
    return {
        "audit_version": VERSION,
        "passed": all(each.passed for each in outcomes),
        "controls": [
            {
                "id": each.control.id,
                "area": each.control.area,
                "statement": each.control.statement,
                "how": each.control.how,
                "passed": each.passed,
                "evidence": dict(each.checked.figures),
                "notes": list(each.checked.notes),
                "findings": [vars(finding) for finding in each.checked.findings],
            }
            for each in outcomes
        ],
    }


def verdict(outcomes: Sequence[Outcome]) -> str:
    """How many passed, in a sentence."""
    failed = sum(not each.passed for each in outcomes)
    if not failed:
        return f"All {len(outcomes)} controls passed."
    return f"{failed} of {len(outcomes)} controls failed."


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """The report."""
    lines = [
        "# Audit",
        "",
        f"{verdict(outcomes)} Each is computed from the files and documents as they stand.",
        "",
        "| control | area | result | evidence |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{each.control.id}` | {each.control.area} | {_result(each)} | {each.evidence} |"
        for each in outcomes
    ]
    for area, of_it in groupby(outcomes, key=lambda each: each.control.area):
        lines += ["", f"## {area}"]
        for each in of_it:
            said = f"{each.control.statement} {_escaped(each.control.how)}".rstrip()
            lines += ["", f"### {each.control.id}: {_result(each)}", "", said]
            told = [_escaped(str(finding)) for finding in each.checked.findings]
            told += [f"Note: {_escaped(note)}" for note in each.checked.notes]
            lines += ["", *(f"- {text}" for text in told)] if told else []
    return "\n".join(lines) + "\n"


def write_markdown(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the report, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(as_markdown(outcomes), "utf-8")


def _result(outcome: Outcome) -> str:
    return "passed" if outcome.passed else "**failed**"


def _escaped(text: str) -> str:
    """A text whose signs Markdown leaves alone."""
    return "".join(f"\\{sign}" if sign in "\\`*_<>[]|" else sign for sign in text)
