"""Judging rows: which rules each obeys, and the split into accepted and refused.

Rules come from three places: the columns and row rules of a table's schema class (dataframely's),
its foreign keys, and its declared order of deduplication. All become one :class:`Rule` each: an
expression that is true for a good row (null counts as true, as in SQL), and a message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Deduplicate, Reference
from jobforge_dagster.medallion.provenance import PROVENANCE, SOURCE_ROW, TRACE

BROKEN = pl.List(pl.Struct({"rule": pl.String, "error_type": pl.String, "message": pl.String}))
"""Type of the list of broken rules that a refused row carries."""

Fate = Literal["rejected", "deduplicated"]

_OK = "__ok_{}"
_HELPER = "__"
_FATE = "fate"


@dataclass(frozen=True)
class Rule:
    """What a row must obey.

    Attributes:
        id: ``{table key}:{name}``.
        obeyed: boolean expression over the row.
        message: text expression, for a person, with the row's values filled in.
        error_type: the kind of trouble, for programs.
    """

    id: str
    obeyed: pl.Expr
    message: pl.Expr
    error_type: str


@dataclass(frozen=True)
class Judged:
    """Rows split by a verdict; together the two frames hold every row that came in, once.

    Attributes:
        accepted: the columns that came in.
        refused: ``fate`` (rejected or deduplicated), ``broken`` (rule, error type and message of
            each rule that the row broke), ``row`` (its values as JSON) and the trace.
    """

    accepted: pl.LazyFrame
    refused: pl.LazyFrame


def say(*parts: str | pl.Expr) -> pl.Expr:
    """A message: literal text and text expressions, one after the other."""
    return pl.concat_str([pl.lit(part) if isinstance(part, str) else part for part in parts])


def judge(frame: pl.LazyFrame, rules: Sequence[Rule], fate: Fate = "rejected") -> Judged:
    """Split a frame by rules; a row that breaks any of them meets ``fate``.

    Columns whose names begin with two underscores serve rules only: they end here.
    """
    columns = [name for name in frame.collect_schema() if not name.startswith(_HELPER)]
    if not rules:
        return Judged(frame.select(exactly(*columns)), _nothing_refused())
    named = {_OK.format(place): rule for place, rule in enumerate(rules)}
    verdicts = frame.with_columns(
        **{name: rule.obeyed.fill_null(value=True) for name, rule in named.items()}
    )
    good = pl.all_horizontal(pl.col(name) for name in named)
    values = [name for name in columns if name not in TRACE]
    return Judged(
        accepted=verdicts.filter(good).select(exactly(*columns)),
        refused=verdicts.filter(~good).select(
            pl.lit(fate).alias(_FATE),
            _broken(named).alias("broken"),
            pl.struct(exactly(*values)).struct.json_encode().alias("row"),
            *TRACE,
        ),
    )


def deduplicate(frame: pl.LazyFrame, key: str, declared: Deduplicate) -> Judged:
    """Keep the first row of each group, by the declared order; set the others aside.

    Args:
        frame: rows with their trace.
        key: key of the table, for the rule's id.
        declared: the columns of the group and the order.
    """
    order = [*declared.by, *declared.order, SOURCE_ROW]
    ordered = frame.sort(order, maintain_order=True, nulls_last=True)
    again = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).shift(1)) for name in declared.by
    )
    rule = Rule(
        id=f"{key}:duplicate",
        obeyed=~(again & (pl.int_range(pl.len()) > 0)),
        message=say(
            "repeats ",
            _values(declared.by),
            f"; the row with the lowest {', '.join(declared.order)} was kept",
        ),
        error_type="duplicate",
    )
    return judge(ordered, [rule], fate="deduplicated")


def schema_rules(key: str, schema: type[dy.Schema]) -> list[Rule]:
    """The rules of a schema class: nullability, column constraints, primary key, row rules."""
    identity = schema.primary_key() or schema.column_names()[:1]
    rules = []
    for name, rule in _dataframely_rules(schema).items():
        column, _, constraint = name.rpartition("|")
        if column:
            broken = f", which breaks {_constraint(schema, column, constraint)} ("
            message = say(f"{column} is ", _value(column), broken, _values(identity), ")")
        elif name == "primary_key":
            message = say("the primary key is not unique: ", _values(identity))
        else:
            message = say(f"breaks {name} (", _values(identity), ")")
        rule_id = f"{key}:{name.replace('|', '.')}"
        rules.append(Rule(rule_id, rule, message, constraint if column else name))
    return rules


def with_foreign_keys(
    frame: pl.LazyFrame,
    key: str,
    foreign_keys: Sequence[Reference],
    parents: Mapping[str, pl.LazyFrame],
    own_key: Sequence[str],
) -> tuple[pl.LazyFrame, list[Rule]]:
    """Look each foreign key up; one helper column and one rule for each.

    Args:
        frame: the rows that refer.
        key: key of their table.
        foreign_keys: as declared.
        parents: the tables referred to, by key.
        own_key: primary key of the table itself, for a table that refers to itself.
    """
    rules = []
    looked_up = frame
    for place, reference in enumerate(foreign_keys):
        found = f"__found_{place}"
        own = reference.table is None
        target = key if reference.table is None else reference.table.key
        parent = frame if reference.table is None else parents[target]
        parent_key = list(own_key) if own else reference.table.schema.primary_key()  # type: ignore[union-attr]
        known = parent.select(parent_key).unique().with_columns(pl.lit(value=True).alias(found))
        looked_up = looked_up.join(
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
                message=say(_values(reference.columns), f" is not in {target}"),
                error_type="foreign_key",
            )
        )
    return looked_up, rules


def _dataframely_rules(schema: type[dy.Schema]) -> dict[str, pl.Expr]:
    # dataframely offers its rules only through filter(), which drops every column that the schema
    # does not name (provenance among them) and hides the verdicts of a lazy frame. This is the one
    # place that reaches for them; a test pins what is expected here.
    return {name: rule.expr for name, rule in schema._validation_rules(with_cast=False).items()}


def _constraint(schema: type[dy.Schema], column: str, constraint: str) -> str:
    limit = getattr(schema.columns()[column], constraint, None)
    return constraint if limit is None or callable(limit) else f"{constraint} {limit}"


def _value(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("null")


def _values(columns: Sequence[str]) -> pl.Expr:
    named = [say(f"{column} ", _value(column)) for column in columns]
    return pl.concat_str(named, separator=", ")


def _broken(named: Mapping[str, Rule]) -> pl.Expr:
    entries = [
        pl.when(~pl.col(name)).then(
            pl.struct(
                pl.lit(rule.id).alias("rule"),
                pl.lit(rule.error_type).alias("error_type"),
                rule.message.alias("message"),
            )
        )
        for name, rule in named.items()
    ]
    return pl.concat_list(entries).list.drop_nulls().cast(BROKEN)


def _nothing_refused() -> pl.LazyFrame:
    trace = {name: PROVENANCE[name] for name in TRACE}
    return pl.LazyFrame(schema={_FATE: pl.String, "broken": BROKEN, "row": pl.String, **trace})
