"""What a control is, and what comes of looking."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jobforge_dagster.catalog.audit.evidence import Evidence

Area = Literal["Data architecture", "Metadata", "Data integration", "Data quality"]
"""Knowledge areas of the DAMA DMBOK."""

Kind = Literal["tables", "transitions", "runs", "glossary", "manifests", "publications", "data"]
"""Kinds of evidence; ``data`` are Parquet files."""


@dataclass(frozen=True)
class Finding:
    """Something wrong: where, what, and what to do about it."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}"


@dataclass
class Checked:
    """What a control saw.

    Attributes:
        figures: how much of what; the first is what there was to look at.
        findings: what is wrong.
        notes: what is worth telling and not wrong.
    """

    figures: dict[str, int]
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, *names: str) -> Checked:
        """Begin with all figures at nothing, in the order in which they are told."""
        return cls(dict.fromkeys(names, 0))

    def count(self, name: str, by: int = 1) -> None:
        """Add to a figure."""
        self.figures[name] += by

    def wrong(self, where: str, what: str, remedy: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(where, what, remedy))


@dataclass(frozen=True)
class Control:
    """A control.

    Attributes:
        id: stable.
        area: of the DAMA DMBOK.
        statement: what must hold, in one line.
        look: computes it.
        uses: the evidence that it relies on: what of that is damaged fails it.
    """

    id: str
    area: Area
    statement: str
    look: Callable[[Evidence], Checked]
    uses: tuple[Kind, ...] = ()

    @property
    def how(self) -> str:
        """How it is computed, in words."""
        return " ".join((inspect.getdoc(self.look) or "").split())


@dataclass(frozen=True)
class Outcome:
    """A control and what came of it."""

    control: Control
    checked: Checked

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.checked.findings

    @property
    def evidence(self) -> str:
        """The figures in words."""
        return ", ".join(f"{count:,} {name}" for name, count in self.checked.figures.items())
