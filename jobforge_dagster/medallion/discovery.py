"""Finds what the domains declare, and refuses declarations that contradict each other."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from jobforge_dagster.medallion.declare import Domain, Source, Table
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.glossary import Glossary, check_terms, read_glossary
from jobforge_dagster.medallion.layers import check_source, check_table
from jobforge_dagster.medallion.marts import Mart, check_marts

VARIABLE = "JOBFORGE_DOMAINS"
"""Environment variable that names the packages of domains, separated by commas."""

_SHIPPED = "jobforge_dagster.domains"


def packages_from_environment() -> tuple[str, ...]:
    """The packages to look for domains in: those that the environment names, or the shipped one."""
    named = os.environ.get(VARIABLE, _SHIPPED)
    return tuple(name.strip() for name in named.split(",") if name.strip())


@dataclass(frozen=True)
class Declarations:
    """Everything that was found: sources, tables and marts, in the order of their declaration.

    ``glossary`` holds the terms of all packages; it is ``None`` if none of them brings a file.
    """

    domains: tuple[Domain, ...]
    glossary: Glossary | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources."""
        return tuple(source for domain in self.domains for source in domain.sources)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All silver and gold tables."""
        return tuple(table for domain in self.domains for table in domain.tables)

    @property
    def marts(self) -> tuple[Mart, ...]:
        """All tables of the warehouse."""
        return tuple(mart for domain in self.domains for mart in domain.marts)

    @property
    def declared(self) -> tuple[Source | Table, ...]:
        """All sources, then all tables."""
        return (*self.sources, *self.tables)

    def above(self, key: str, *, judging: bool = False) -> tuple[str, ...]:
        """A table and all that it is made of, staged too; each before what it is made of itself.

        Args:
            key: of any table.
            judging: whether what its rules compare it with counts too.
        """
        return _reached(key, self._before(judging=judging))

    def below(self, key: str, *, judging: bool = False) -> tuple[str, ...]:
        """A table and all that is made of it; each after everything that it is made of itself.

        Args:
            key: of any table.
            judging: whether what is compared with it by a rule counts too.
        """
        after: dict[str, list[str]] = {}
        for table, inputs in self._before(judging=judging).items():
            for each in inputs:
                after.setdefault(each, []).append(table)
        return _reached(key, after)

    def _before(self, *, judging: bool) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for source in self.sources:
            found[source.key] = (source.staged_key,)
        for table in self.tables:
            read = table.upstream if judging else table.inputs
            found[table.key] = tuple(dict.fromkeys(each.key for each in read))
        return found


def _reached(key: str, following: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    order: dict[str, None] = {}

    def visit(each: str) -> None:
        if each not in order:
            for other in following.get(each, ()):
                visit(other)
            order[each] = None

    visit(key)
    return tuple(reversed(order))


def discover(packages: Iterable[str]) -> Declarations:
    """Import every module of ``packages`` and collect the domains and the terms that they hold.

    Raises:
        DeclarationError: a declaration breaks a layer's contract, two have one name, a column
            holds a term that no glossary explains, or there is no such package.
    """
    domains: dict[int, Domain] = {}
    folders: dict[Path, None] = {}
    for package in packages:
        for module in _modules(package):
            if module.__file__:
                folders[Path(module.__file__).parent] = None
            for value in vars(module).values():
                if isinstance(value, Domain):
                    domains[id(value)] = value
    found = Declarations(
        tuple(sorted(domains.values(), key=lambda domain: domain.name)), read_glossary(folders)
    )
    _check(found)
    return found


def _modules(package: str) -> Iterator[ModuleType]:
    try:
        root = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{package}.".startswith(f"{error.name}."):
            raise
        raise DeclarationError(
            f"There is no package {package} to look for domains in. Is {VARIABLE} right?"
        ) from None
    yield root
    for info in pkgutil.walk_packages(getattr(root, "__path__", ()), prefix=f"{package}."):
        yield importlib.import_module(info.name)


def _check(found: Declarations) -> None:
    _refuse_repeats("domain", [domain.name for domain in found.domains])
    _refuse_repeats("source", [source.name for source in found.sources])
    for layer in ("silver", "gold"):
        _refuse_repeats(
            f"{layer} table", [table.name for table in found.tables if table.layer == layer]
        )
    for source in found.sources:
        check_source(source)
    for table in found.tables:
        check_table(table)
    _refuse_repeated_measures(found.tables)
    check_marts(found.marts, found.tables)
    for declared in found.declared:
        check_terms(declared.key, declared.schema, found.glossary)


def _refuse_repeated_measures(tables: Iterable[Table]) -> None:
    users: dict[str, list[str]] = {}
    for table in tables:
        for measure in table.measures:
            users.setdefault(measure.name.casefold(), []).append(f"{table.key} ({measure.name})")
    for keys in users.values():
        if len(keys) > 1:
            raise DeclarationError(
                f"Several measures have one name: {', '.join(keys)}. Power BI takes a name once in "
                f"a model, whatever its letter case. Rename one of each pair."
            )


def _refuse_repeats(kind: str, names: list[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DeclarationError(
            f"Each {kind} needs a name of its own, but these are declared twice: "
            f"{', '.join(repeated)}. Rename one of each pair."
        )
