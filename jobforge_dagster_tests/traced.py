"""What ``jobforge trace`` tells programs, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jobforge_dagster_tests.conftest import Lake


def told(lake: Lake, *arguments: str) -> Any:
    """What the command tells programs."""
    result = lake.command("trace", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for each in step["inputs"]:
        yield from steps(each)


def delivered(found: dict[str, Any]) -> dict[tuple[str, int], dict[str, str]]:
    """The cells of each record behind a row, by its file and number."""
    return {
        (row["source_file"], row["source_row"]): row["values"]
        for step in steps(found["step"])
        if step["table"].startswith("staged/")
        for row in step["rows"]
    }
