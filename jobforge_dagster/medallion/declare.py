"""Declarations: the plain data that a domain file is made of.

A :class:`Domain` collects its sources and tables as they are declared. Nothing here reads a file
or decides how a table moves; the layers, storage and orchestration derive all of that from what
is written down here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import dataframely as dy

from jobforge_dagster.medallion.classification import CLASSIFICATIONS
from jobforge_dagster.medallion.classification import Classification as Classification
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.formats import Format, format_of
from jobforge_dagster.medallion.grain import Grain, Rows
from jobforge_dagster.medallion.marts import Mart
from jobforge_dagster.medallion.marts import Question as Question

# A domain file imports from this module all that it declares with.
from jobforge_dagster.medallion.meaning import Meaning as Meaning
from jobforge_dagster.medallion.meaning import meaning as meaning
from jobforge_dagster.medallion.meaning import meaning_of as meaning_of

if TYPE_CHECKING:
    import polars as pl
    from dataframely._rule import RuleFactory

Layer = Literal["staged", "bronze", "silver", "gold"]
Severity = Literal["reject", "warn"]
TableFunction = Callable[..., "pl.LazyFrame"]
Combine = Literal["snapshot", "append", "upsert"]
"""How the deliveries of a source make one table: the newest stands; all of them, one below the
other; of each primary key the record that was delivered last."""

MAX_REJECTED = 0.05
"""Share of its rows that a table may refuse and still be published, unless it declares its own."""


@dataclass(frozen=True)
class Licence:
    """The terms under which a publisher lets its data be used.

    ``code`` is short and made of letters, digits, dots and dashes: it becomes a tag.
    """

    code: str
    name: str
    url: str | None = None


@dataclass(frozen=True)
class Ckan:
    """A file on an open-data portal that runs CKAN, found by its dataset and its name.

    Attributes:
        portal: address of the portal.
        dataset: id or name of the dataset.
        resource: name of the resource or of its file, or a glob of that; without it, the source's
            own.
    """

    portal: str
    dataset: str
    resource: str | None = None


@dataclass(frozen=True)
class Url:
    """A file at an address; ``sha256`` where the publisher says what it must be."""

    url: str
    sha256: str | None = None


@dataclass(frozen=True)
class Origin:
    """Who published a source, as what, where and when. What is not known stays ``None``.

    Attributes:
        publisher: who published it.
        system: the publisher's name of what it is part of; bronze writes it into every row.
        licence: the terms of its use.
        dataset: the publisher's id of the data set.
        published: when.
        url: the publisher's page about the data.
    """

    publisher: str
    system: str
    licence: Licence
    dataset: str | None = None
    published: date | None = None
    url: str | None = None


@dataclass(frozen=True)
class Terms:
    """How a row rule speaks and acts: its message, and what becomes of a row that breaks it."""

    message: str
    severity: Severity


def rule(
    message: str, severity: Severity = "reject"
) -> Callable[[Callable[[Any], pl.Expr]], RuleFactory]:
    """Declare a method of a schema class as a row rule, as ``dataframely.rule`` does.

    The method returns an expression that is true for a good row; null counts as true.

    Args:
        message: what is wrong with a row that breaks the rule; ``{column}`` stands for its value.
        severity: ``reject`` sends such a row to quarantine; ``warn`` keeps, counts and samples it.
    """

    def declare(check: Callable[[Any], pl.Expr]) -> RuleFactory:
        check._terms = Terms(message, severity)  # type: ignore[attr-defined]
        return dy.rule()(check)

    return declare


def terms_of(schema: type[dy.Schema], name: str) -> Terms | None:
    """The terms of a row rule, if it was declared with :func:`rule`."""
    check = getattr(getattr(schema, name, None), "validation_fn", None)
    return getattr(check, "_terms", None)


@dataclass(frozen=True)
class Remaining:
    """What every column of a source that its schema does not name holds.

    For wide files whose headers are values (a year, a descriptor): all of them share one type.
    ``headers`` is a regular expression that such a header matches in whole; other columns are
    unexpected: kept as text and reported.
    """

    dtype: pl.DataType | type[pl.DataType]
    text: str
    headers: str = ".*"


@dataclass(frozen=True, eq=False)
class Source:
    """A publisher's file: where it lands, who publishes it and what its columns mean.

    The staged and the bronze table follow from it without further code.

    Attributes:
        name: unique name; the staged table is ``staged/{name}``, the bronze one
            ``bronze/{domain}/{name}``.
        domain: the domain that it belongs to.
        files: glob of its files under the landing folder; ``*`` stays within a folder, ``**`` goes
            through any number of them.
        schema: the columns to name and type in bronze, with the header of each.
        origin: publication facts.
        description: one sentence on what a row is.
        format: how a file is read; undeclared, as the ending of ``files`` says.
        member: glob of the file to take from a zip archive; undeclared, the only one.
        max_unpacked: bytes that a compressed file may hold.
        combine: how deliveries make one table.
        still: how long a file must not have changed before the sensor believes that it is whole.
        nulls: texts that mean "no value" besides the empty cell.
        thousands: the separator that groups the digits of a number, if the publisher uses one.
        remaining: the type of the columns that ``schema`` does not name; without it they are
            unexpected: kept as text and reported.
        renames: staged names for headers that the platform reserves, e.g. ``{"_layer": "layer"}``.
        max_rejected: share of the rows that bronze may refuse and still be published.
        cadence: how often the publisher delivers; an older delivery is told to be stale.
        fetch: where the publisher's current file can be downloaded.
        purpose: why it is taken in, in one sentence.
        classification: who may see it; undeclared, as the domain says.
        retention: how long it is kept, in words; undeclared, as the domain says; ``None`` where
            nobody has decided.
    """

    name: str
    domain: str
    files: str
    schema: type[dy.Schema]
    origin: Origin
    description: str
    owner: str
    steward: str | None = None
    format: Format | None = None
    member: str | None = None
    max_unpacked: int = 1 << 31
    combine: Combine = "snapshot"
    still: timedelta = timedelta(seconds=5)
    nulls: tuple[str, ...] = ()
    thousands: str | None = None
    remaining: Remaining | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    max_rejected: float = MAX_REJECTED
    cadence: timedelta | None = None
    fetch: Ckan | Url | None = None
    purpose: str | None = None
    classification: Classification = "public"
    retention: str | None = None

    @property
    def read_as(self) -> Format:
        """The format of its files.

        Raises:
            DeclarationError: it is neither declared nor told by the ending of ``files``.
        """
        found = self.format or format_of(self.files)
        if found is None:
            raise DeclarationError(
                f"{self.staged_key}: {self.files} does not tell the format by its ending. Declare "
                f"format=Csv(), Excel(), Json() or Parquet()."
            )
        return found

    @property
    def staged_key(self) -> str:
        """Key of the staged table."""
        return f"staged/{self.name}"

    @property
    def key(self) -> str:
        """Key of the bronze table, which is what other tables read."""
        return f"bronze/{self.domain}/{self.name}"

    @property
    def layer(self) -> Layer:
        """The layer that other tables read the source in."""
        return "bronze"


@dataclass(frozen=True)
class Deduplicate:
    """Keep, of the rows that share ``by``, the first by ``order``; record the others.

    Rows that are equal in ``order`` too are told apart by their source record.
    """

    by: tuple[str, ...]
    order: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """A foreign key: ``columns`` must be found among the primary keys of ``table``.

    A row with a null in one of ``columns`` refers to nothing and passes. ``table`` is ``None``
    where a table refers to itself.
    """

    columns: tuple[str, ...]
    table: Table | None

    @property
    def rule(self) -> str:
        """Name of the rule that a row breaks when nothing is found."""
        return f"{'_'.join(self.columns)}_exists"


@dataclass(frozen=True)
class Agreement:
    """A rule that compares each row with what other rows say of the same thing.

    Attributes:
        name: of the rule.
        table: the table of those rows; ``None`` where a table is compared with itself.
        summary: makes of it at most one row for each ``on``, with the columns to compare.
        on: columns that both have.
        obeyed: true for a good row, over the row's columns and those of the summary; null (nothing
            to compare with) counts as true.
        message: as in :func:`rule`.
        severity: as in :func:`rule`.
    """

    name: str
    table: Table | None
    summary: TableFunction
    on: tuple[str, ...]
    obeyed: pl.Expr
    message: str
    severity: Severity


def agrees(
    name: str,
    table: Table | None,
    summary: TableFunction,
    *,
    on: str | Sequence[str],
    obeyed: pl.Expr,
    message: str,
    severity: Severity = "reject",
) -> Agreement:
    """A rule against other rows; see :class:`Agreement`."""
    columns = (on,) if isinstance(on, str) else tuple(on)
    return Agreement(name, table, summary, columns, obeyed, message, severity)


def references(columns: str | Sequence[str], table: Table | None) -> Reference:
    """A foreign key from ``columns`` to the primary key of ``table`` (``None``: to itself)."""
    return Reference((columns,) if isinstance(columns, str) else tuple(columns), table)


@dataclass(frozen=True)
class Measure:
    """A figure that reports work out of a gold table, e.g. in Power BI.

    Attributes:
        name: unique among all gold tables.
        expression: DAX.
        description: what it tells, and what it must not be used for.
        format: a format string of DAX, e.g. ``#,0``.
    """

    name: str
    expression: str
    description: str
    format: str | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """A silver or gold table: one function from LazyFrames to a LazyFrame, and one schema.

    The function gets its inputs in the declared order, as positional arguments. It need not select
    its final columns: the schema does. ``grain`` says what one row stands for; of ``purpose``,
    ``classification``, ``retention`` and ``measures`` see :class:`TableOptions`.
    """

    name: str
    layer: Layer
    domain: str
    function: TableFunction
    schema: type[dy.Schema]
    inputs: tuple[Source | Table, ...]
    grain: Grain
    foreign_keys: tuple[Reference, ...]
    agreements: tuple[Agreement, ...]
    deduplicate: Deduplicate | None
    max_rejected: float
    answers: tuple[str, ...]
    owner: str
    steward: str | None
    purpose: str | None = None
    classification: Classification = "public"
    retention: str | None = None
    measures: tuple[Measure, ...] = ()

    @property
    def key(self) -> str:
        """The table's path under the data root, without its ending."""
        folder = "gold" if self.layer == "gold" else f"{self.layer}/{self.domain}"
        return f"{folder}/{self.name}"

    @property
    def description(self) -> str:
        """What a row is: the docstring of the schema."""
        return " ".join((self.schema.__doc__ or "").split())

    @property
    def parents(self) -> tuple[Table, ...]:
        """The other tables that keys point to and rows are compared with, each once."""
        rules: tuple[Reference | Agreement, ...] = (*self.foreign_keys, *self.agreements)
        return tuple(dict.fromkeys(rule.table for rule in rules if rule.table is not None))

    @property
    def upstream(self) -> tuple[Source | Table, ...]:
        """Everything that must exist before this table: inputs, then parents, each once."""
        return tuple(dict.fromkeys((*self.inputs, *self.parents)))


class TableOptions(TypedDict, total=False):
    """What may be said of a silver or gold table alike.

    ``grain`` says what a row stands for (see :mod:`grain`; a row of the first input, if nothing is
    said); ``max_rejected`` which share of the rows may be refused before nothing is published;
    ``purpose`` why the table exists, in one sentence; ``classification`` who may see it and
    ``retention`` how long it is kept, where that differs from what the domain says; ``measures``,
    of a gold table alone, what reports work out of it.
    """

    grain: Grain
    foreign_keys: Sequence[Reference]
    agreements: Sequence[Agreement]
    max_rejected: float
    purpose: str
    classification: Classification
    retention: str
    measures: Sequence[Measure]


class Domain:
    """A family of sources and tables that one team answers for.

    Declaring a source or a table with its methods adds it to the domain; discovery finds the
    domain by looking through the modules of a package. ``classification`` and ``retention`` hold
    for each of them that does not declare its own; ``retention`` is ``None`` as long as nobody has
    decided how long the data is kept.

    Raises:
        DeclarationError: there is no such classification.
    """

    def __init__(
        self,
        name: str,
        *,
        title: str,
        owner: str,
        steward: str | None = None,
        classification: Classification = "public",
        retention: str | None = None,
    ) -> None:
        if classification not in CLASSIFICATIONS:
            raise DeclarationError(
                f"domain {name}: classification={classification!r} is none of "
                f"{', '.join(CLASSIFICATIONS)}."
            )
        self.name = name
        self.title = title
        self.owner = owner
        self.steward = steward
        self.classification: Classification = classification
        self.retention = retention
        self.sources: list[Source] = []
        self.tables: list[Table] = []
        self.marts: list[Mart] = []

    def source(
        self,
        name: str,
        *,
        files: str,
        schema: type[dy.Schema],
        origin: Origin,
        nulls: Sequence[str] = (),
        **options: Any,
    ) -> Source:
        """Declare a source; see :class:`Source` for what can be said of it."""
        declared = Source(
            name=name,
            domain=self.name,
            files=files,
            schema=schema,
            origin=origin,
            description=" ".join((schema.__doc__ or "").split()),
            owner=self.owner,
            steward=self.steward,
            nulls=tuple(nulls),
            **{"classification": self.classification, "retention": self.retention, **options},
        )
        self.sources.append(declared)
        return declared

    def silver(
        self,
        *,
        schema: type[dy.Schema],
        inputs: Sequence[Source | Table],
        name: str | None = None,
        deduplicate: Deduplicate | None = None,
        **options: Unpack[TableOptions],
    ) -> Callable[[TableFunction], Table]:
        """Declare the decorated function as a silver table, named after it unless ``name`` is."""
        return self._table("silver", schema, inputs, name, deduplicate, (), options)

    def gold(
        self,
        *,
        schema: type[dy.Schema],
        inputs: Sequence[Source | Table],
        name: str | None = None,
        answers: Sequence[str] = (),
        **options: Unpack[TableOptions],
    ) -> Callable[[TableFunction], Table]:
        """Declare the decorated function as a gold table.

        ``answers`` are business questions, but for those that a mart made of it answers by SQL.
        """
        return self._table("gold", schema, inputs, name, None, answers, options)

    def mart(
        self,
        name: str,
        *,
        reads: Sequence[Table],
        sql: str,
        description: str,
        columns: Mapping[str, str],
        questions: Sequence[Question] = (),
    ) -> Mart:
        """Declare a table of the warehouse; see :class:`Mart` for what can be said of it."""
        declared = Mart(
            name=name,
            domain=self.name,
            description=description,
            reads=tuple(reads),
            sql=dedent(sql).strip(),
            columns=dict(columns),
            questions=tuple(questions),
            owner=self.owner,
            steward=self.steward,
        )
        self.marts.append(declared)
        return declared

    def _table(
        self,
        layer: Layer,
        schema: type[dy.Schema],
        inputs: Sequence[Source | Table],
        name: str | None,
        deduplicate: Deduplicate | None,
        answers: Sequence[str],
        options: TableOptions,
    ) -> Callable[[TableFunction], Table]:
        def declare(function: TableFunction) -> Table:
            declared = Table(
                name=name or function.__name__,
                layer=layer,
                domain=self.name,
                function=function,
                schema=schema,
                inputs=tuple(inputs),
                grain=options.get("grain", Rows()),
                foreign_keys=tuple(options.get("foreign_keys", ())),
                agreements=tuple(options.get("agreements", ())),
                deduplicate=deduplicate,
                max_rejected=options.get("max_rejected", MAX_REJECTED),
                answers=tuple(answers),
                owner=self.owner,
                steward=self.steward,
                purpose=options.get("purpose"),
                classification=options.get("classification", self.classification),
                retention=options.get("retention", self.retention),
                measures=tuple(options.get("measures", ())),
            )
            unknown = sorted(set(options) - set(TableOptions.__annotations__))
            if unknown:
                raise DeclarationError(
                    f"{declared.key}: {', '.join(unknown)} cannot be said of a {layer} table. What "
                    f"can: {', '.join(sorted(TableOptions.__annotations__))}."
                )
            if not declared.inputs:
                raise DeclarationError(f"{declared.key}: a table needs at least one input.")
            self.tables.append(declared)
            return declared

        return declare
