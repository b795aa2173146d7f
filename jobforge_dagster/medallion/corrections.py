"""Corrections: known errors of publishers, mended by data that stands beside the domain file.

A correction says where the error is, what is expected there, what takes its place, why, and where
and when it was reported. It is applied in silver, by name, where a table's function asks for it.
Every row that it changes carries its id in ``_corrections``; one that changes no row fails its
table, because the publisher seems to have mended the error.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.provenance import CORRECTIONS, SEPARATOR, SOURCE_FILE

FILE = "corrections.yaml"
"""Name of the file beside a domain's modules."""


class Report(BaseModel):
    """To whom an error was reported, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str
    when: date


class Expected(BaseModel):
    """What is expected to be found: exactly a value, or a regular expression for all of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: str | None = None
    pattern: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Expected:
        if (self.value is None) == (self.pattern is None):
            raise ValueError("say either value or pattern")
        return self


class Correction(BaseModel):
    """One known error.

    Attributes:
        id: unique name; letters, digits and dashes.
        column: the column to mend.
        files: glob of the delivered files that have the error; all, if nothing is said.
        where: values, as text, of other columns that tell the rows.
        expect: what the column holds there.
        replace: what takes its place; ``${1}`` stands for the first group of a pattern.
        reason: how the error came about, and why this is right.
        reported: ``None`` where the publisher was not told yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    column: str
    files: str | None = None
    where: dict[str, str] = {}
    expect: Expected
    replace: str
    reason: str
    reported: Report | None

    @property
    def hit(self) -> pl.Expr:
        """Whether a row has the error."""
        found = pl.col(self.column)
        if self.expect.value is not None:
            hit = found == self.expect.value
        else:
            hit = found.str.contains(f"^(?:{self.expect.pattern})$")
        for column, value in self.where.items():
            hit &= pl.col(column).cast(pl.String) == value
        if self.files is not None:
            hit &= pl.col(SOURCE_FILE).str.contains(self._files)
        return hit.fill_null(value=False)

    def concerns(self, file: str) -> bool:
        """Whether a delivered file is one that has the error."""
        return self.files is None or re.search(self._files, file) is not None

    @property
    def _files(self) -> str:
        parts = (re.escape(part) for part in (self.files or "*").split("*"))
        return f"^{'.*'.join(parts)}$"

    @property
    def corrected(self) -> pl.Expr:
        """What the column holds after the correction."""
        if self.expect.pattern is None:
            return pl.lit(self.replace)
        return pl.col(self.column).str.replace(f"^(?:{self.expect.pattern})$", self.replace)


class Corrections:
    """A named set of corrections; the file is read when it is first needed."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    @property
    def entries(self) -> tuple[Correction, ...]:
        """The corrections, in the order of the file."""
        sets = _load(self._path)
        if self._name not in sets:
            raise DeclarationError(
                f"{self._path.name} in {self._path.parent.name} has no set '{self._name}'; it has "
                f"{', '.join(sets) or 'none'}."
            )
        return sets[self._name]

    @property
    def version(self) -> str:
        """Changes with what the corrections do; not with their reasons and reports."""
        acts = [entry.model_dump_json(exclude={"reason", "reported"}) for entry in self.entries]
        return hashlib.sha256("\n".join(acts).encode()).hexdigest()[:16]


def corrections(module_file: str, name: str) -> Corrections:
    """The set ``name`` of the corrections file beside a module: ``corrections(__file__, "...")``.

    Reads nothing yet.
    """
    return Corrections(Path(module_file).with_name(FILE), name)


def correct(frame: pl.LazyFrame, known: Corrections) -> pl.LazyFrame:
    """Mend the known errors of a frame, and mark the rows that had one.

    Args:
        frame: rows with the columns that the corrections name, and the provenance.
        known: of several corrections that fit a value, the first is applied.
    """
    applied = _applied.get()
    if applied is not None:
        applied.extend(known.entries)
    for column in dict.fromkeys(entry.column for entry in known.entries):
        value, mark = pl.col(column), pl.lit(None, pl.String)
        for entry in reversed([entry for entry in known.entries if entry.column == column]):
            value = pl.when(entry.hit).then(entry.corrected).otherwise(value)
            mark = pl.when(entry.hit).then(pl.lit(entry.id)).otherwise(mark)
        marks = [pl.col(CORRECTIONS), mark]
        frame = frame.with_columns(
            value.alias(column),
            pl.when(pl.any_horizontal(each.is_not_null() for each in marks))
            .then(pl.concat_str(marks, separator=SEPARATOR, ignore_nulls=True))
            .alias(CORRECTIONS),
        )
    return frame


@contextmanager
def applied_corrections() -> Iterator[list[Correction]]:
    """Collect the corrections that a table's function applies while it plans the table."""
    found: list[Correction] = []
    token = _applied.set(found)
    try:
        yield found
    finally:
        _applied.reset(token)


_applied: ContextVar[list[Correction] | None] = ContextVar("applied", default=None)


@cache
def _load(path: Path) -> dict[str, tuple[Correction, ...]]:
    try:
        read = yaml.safe_load(path.read_text("utf-8")) or {}
        sets = TypeAdapter(dict[str, tuple[Correction, ...]]).validate_python(read)
    except FileNotFoundError:
        raise DeclarationError(
            f"{path.parent.name} names corrections, but there is no {path.name} beside it."
        ) from None
    except (yaml.YAMLError, ValidationError) as error:
        raise DeclarationError(f"{path.name} in {path.parent.name}: {error}") from error
    _refuse_repeats(path, [entry.id for entries in sets.values() for entry in entries])
    return sets


def _refuse_repeats(path: Path, ids: Sequence[str]) -> None:
    repeated = sorted({each for each in ids if ids.count(each) > 1})
    if repeated:
        raise DeclarationError(
            f"{path.name} in {path.parent.name} has several corrections named "
            f"{', '.join(repeated)}. Give each a name of its own."
        )
