"""Rules: what a row must obey, each with an id, a version, a severity and words for people.

They come from the columns and row rules of a table's schema class (dataframely's), its foreign
keys and its agreements with other tables. All become one :class:`Rule` each: an expression that is
true for a good row (null counts as true, as in SQL).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import Agreement, Reference, Severity, Terms, terms_of
from jobforge_dagster.medallion.errors import ContractError, DeclarationError
from jobforge_dagster.medallion.provenance import UNREAD, unread_for_people

PRIMARY_KEY = "primary_key"
"""Name of the rule that a table's key is unique."""

CELLS_READ = "cells_read"
"""Name of the rule that the cells of a wide file read as their type."""


@dataclass(frozen=True)
class Rule:
    """What a row must obey.

    Attributes:
        id: ``{table key}:{name}``.
        obeyed: boolean expression over the row.
        message: text expression, for a person, with the row's values filled in.
        error_type: the kind of trouble, for programs.
        severity: what becomes of a row that breaks it.
        waivable: whether a row may be accepted despite it.
        demands: what decides its version, where ``obeyed`` does not say it all.
    """

    id: str
    obeyed: pl.Expr
    message: pl.Expr
    error_type: str
    severity: Severity = "reject"
    waivable: bool = False
    demands: bytes | None = None

    @property
    def name(self) -> str:
        """The rule's name within its table."""
        return self.id.partition(":")[2]

    @property
    def version(self) -> str:
        """Changes when what the rule demands, or its severity, does."""
        # Polars' own form of the expression: it holds every literal that helpers and constants
        # brought in, and does not change with names and layout.
        demands = self.obeyed.meta.serialize() if self.demands is None else self.demands
        return version_of(demands, self.severity)


def version_of(*parts: str | bytes) -> str:
    """Version of a rule that is made of ``parts``."""
    told = [part.encode() if isinstance(part, str) else part for part in parts]
    return hashlib.sha256(b"\n".join(told)).hexdigest()[:12]


def say(*parts: str | pl.Expr) -> pl.Expr:
    """A message: literal text and text expressions, one after the other."""
    return pl.concat_str([pl.lit(part) if isinstance(part, str) else part for part in parts])


def filled(template: str) -> pl.Expr:
    """A message from a template: ``{column}`` stands for the row's value, ``{{`` for a brace."""
    parts: list[str | pl.Expr] = []
    for literal, column, _, _ in Formatter().parse(template):
        parts.append(literal)
        if column:
            parts.append(_value(column))
    return say(*parts)


def named_values(columns: Sequence[str]) -> pl.Expr:
    """Columns with their values: ``code 12, year 2030``."""
    named = [say(f"{column} ", _value(column)) for column in columns]
    return pl.concat_str(named, separator=", ")


def rule_names(schema: type[dy.Schema]) -> list[str]:
    """Names of the rules of a schema class, the uniqueness of its key last."""
    names = [_readable(name) for name in _dataframely_rules(schema)]
    return sorted(names, key=lambda name: name == PRIMARY_KEY)


def rules_in_words(schema: type[dy.Schema]) -> list[tuple[str, Terms, tuple[str, ...]]]:
    """The rules of a schema class: name, terms, and the columns that each looks at.

    What the terms say is what a good row obeys, or the declared message of a row that does not.
    """
    key = tuple(schema.primary_key())
    found = []
    for name, obeyed in _dataframely_rules(schema).items():
        column, _, constraint = name.rpartition("|")
        columns = (column,) if column else tuple(dict.fromkeys(obeyed.meta.root_names()))
        terms = terms_of(schema, name)
        if name == PRIMARY_KEY:
            columns, words = key, f"{', '.join(key)} is unique"
        elif constraint == "nullability":
            words = f"{column} holds a value"
        else:
            words = f"{column}: {_limit(schema, column, constraint)}" if column else constraint
        found.append((_readable(name), terms or Terms(words, "reject"), columns))
    return found


def schema_rules(key: str, schema: type[dy.Schema]) -> list[Rule]:
    """The rules of a schema class, but for the uniqueness of its key: see ``keys``."""
    identity = schema.primary_key() or schema.column_names()[:1]
    rules = []
    for name, obeyed in _dataframely_rules(schema).items():
        if name == PRIMARY_KEY:
            continue
        column, _, constraint = name.rpartition("|")
        terms = terms_of(schema, name) or _terms(schema, column, constraint, identity)
        message = filled(terms.message)
        if constraint == "nullability":
            # A cell that does not read is null for that reason, and told for that reason alone.
            obeyed = obeyed | pl.col(UNREAD).is_not_null()
        rules.append(
            Rule(
                id=f"{key}:{_readable(name)}",
                obeyed=obeyed,
                message=message,
                error_type=constraint,
                severity=terms.severity,
                waivable=constraint != "nullability",
            )
        )
    return rules


def cells_rule(key: str, severity: Severity) -> Rule:
    """The rule that no cell of the row is unread."""
    return Rule(
        id=f"{key}:{CELLS_READ}",
        obeyed=pl.col(UNREAD).is_null(),
        message=say("does not read as declared: ", unread_for_people()),
        error_type="cast",
        severity=severity,
    )


def with_foreign_keys(
    frame: pl.LazyFrame,
    key: str,
    foreign_keys: Sequence[Reference],
    parents: Mapping[str, pl.LazyFrame],
    own: pl.LazyFrame,
    own_key: Sequence[str],
) -> tuple[pl.LazyFrame, list[Rule]]:
    """Look each foreign key up; one helper column and one rule for each.

    Args:
        frame: the rows that refer.
        key: key of their table.
        foreign_keys: as declared.
        parents: the tables referred to, by key.
        own: the rows of the table itself that stand, for a table that refers to itself.
        own_key: primary key of the table itself.
    """
    rules = []
    for place, reference in enumerate(foreign_keys):
        found = f"__found_{place}"
        if reference.table is None:
            target, parent, parent_key = key, own, list(own_key)
        else:
            target = reference.table.key
            parent, parent_key = parents[target], reference.table.schema.primary_key()
        known = parent.select(parent_key).unique().with_columns(pl.lit(value=True).alias(found))
        frame = frame.join(
            known,
            left_on=list(reference.columns),
            right_on=parent_key,
            how="left",
            maintain_order="left",
        )
        refers = pl.all_horizontal(pl.col(column).is_not_null() for column in reference.columns)
        rules.append(
            Rule(
                id=f"{key}:{reference.rule}",
                obeyed=pl.col(found).is_not_null() | ~refers,
                message=say(named_values(reference.columns), f" is not in {target}"),
                error_type="foreign_key",
                waivable=True,
                demands="/".join([*reference.columns, target, *parent_key]).encode(),
            )
        )
    return frame, rules


def with_agreements(
    frame: pl.LazyFrame,
    key: str,
    agreements: Sequence[Agreement],
    parents: Mapping[str, pl.LazyFrame],
    made: pl.LazyFrame,
) -> tuple[pl.LazyFrame, list[Rule]]:
    """Put beside each row what other rows say of the same thing; one rule for each.

    Args:
        frame: the rows to compare.
        key: key of their table.
        agreements: as declared.
        parents: the tables to compare with, by key.
        made: the rows of the table itself, for one that is compared with itself.

    Raises:
        ContractError: a summary lacks a column to join on, or has one of the table's own.
    """
    rules = []
    for place, each in enumerate(agreements):
        other = key if each.table is None else each.table.key
        compared = made if each.table is None else parents[other]
        summary, nothing = each.summary(compared), pl.LazyFrame(schema=compared.collect_schema())
        brought, own = summary.collect_schema(), made.collect_schema()
        missing = [name for name in each.on if name not in brought]
        clash = [name for name in brought if name in own and name not in each.on]
        if missing or clash:
            raise ContractError(
                f"{key}: the summary of {other} for {each.name} must have "
                f"{', '.join(each.on)} and columns that {key} has not; it has {', '.join(brought)}."
            )
        agrees, told = f"__agrees_{place}", f"__says_{place}"
        frame = (
            frame.join(summary, on=list(each.on), how="left", maintain_order="left")
            .with_columns(each.obeyed.fill_null(value=True).alias(agrees))
            .with_columns(pl.when(~pl.col(agrees)).then(filled(each.message)).alias(told))
            .drop(name for name in brought if name not in each.on)
        )
        rules.append(
            Rule(
                id=f"{key}:{each.name}",
                obeyed=pl.col(agrees),
                message=pl.col(told),
                error_type="agreement",
                severity=each.severity,
                waivable=True,
                demands=each.obeyed.meta.serialize() + each.summary(nothing).serialize(),
            )
        )
    return frame, rules


def check_templates(key: str, schema: type[dy.Schema]) -> None:
    """Refuse a message that names a column which the schema has not.

    Raises:
        DeclarationError: names the rule and the column.
    """
    columns = schema.column_names()
    for name in _dataframely_rules(schema):
        terms = terms_of(schema, name)
        told = [part[1] for part in Formatter().parse(terms.message)] if terms else []
        unknown = [column for column in told if column and column not in columns]
        if unknown:
            raise DeclarationError(
                f"{key}: the message of the rule {name} names {', '.join(unknown)}, which is no "
                f"column of {schema.__name__}."
            )


def _dataframely_rules(schema: type[dy.Schema]) -> dict[str, pl.Expr]:
    # dataframely offers its rules only through filter(), which drops every column that the schema
    # does not name (provenance among them) and hides the verdicts of a lazy frame. This is the one
    # place that reaches for them; a test pins what is expected here.
    return {name: rule.expr for name, rule in schema._validation_rules(with_cast=False).items()}


def _readable(name: str) -> str:
    return name.replace("|", ".")


def _terms(schema: type[dy.Schema], column: str, constraint: str, identity: Sequence[str]) -> Terms:
    row = ", ".join(f"{name} {{{name}}}" for name in identity)
    if not column:
        return Terms(f"breaks {constraint} ({row})", "reject")
    rule = _limit(schema, column, constraint)
    escaped = rule.replace("{", "{{").replace("}", "}}")
    return Terms(f"{column} is {{{column}}}, which breaks {escaped} ({row})", "reject")


def _limit(schema: type[dy.Schema], column: str, constraint: str) -> str:
    """A constraint with its limit, where it has one that can be told."""
    limit = getattr(schema.columns()[column], constraint, None)
    return constraint if limit is None or callable(limit) else f"{constraint} {limit}"


def _value(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("null")
