"""Each rule as an asset check: how many rows broke it, with the first of them.

Dagster runs a blocking check after the write, which is too late to keep a bad table out; so the
rules are applied before publication, and the checks report what was found. A rule is blocking where
its severity is to reject: when too many rows are refused, its check fails as an error and nothing
is published. Below that it fails as a warning: the table stands without those rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from jobforge_dagster.medallion.declare import Severity, Source, Table, terms_of
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.quality.rules import CELLS_READ, rule_names
from jobforge_dagster.medallion.storage.audit import Audited
from jobforge_dagster.medallion.storage.publications import Tally
from jobforge_dagster.medallion.storage.quarantine import MALFORMED

_REQUIRED = ".nullability"


@dataclass(frozen=True)
class Check:
    """A rule of a table as Dagster shows it; those of one kind in many columns, as one.

    Every check costs Dagster some ten milliseconds a run, and most columns must hold a value.
    """

    name: str
    severity: Severity
    text: str
    covers: Callable[[str], bool]


def _one(rule: str, severity: Severity, text: str) -> Check:
    name = rule.replace(".", "__").replace("-", "_")
    return Check(name, severity, text, lambda broken: broken == rule)


def checks_of(declared: Source | Table) -> list[Check]:
    """The checks of a bronze, silver or gold table."""
    if isinstance(declared, Source):
        kinds = (f"{bronze.CAST}.", f"{bronze.TEXT}.")
        text = "Every value reads as its declared type."
        checks = [Check("values_read", "reject", text, lambda rule: rule.startswith(kinds))]
        if declared.remaining:
            checks.append(_one(CELLS_READ, "warn", "Every cell of the wide columns reads."))
        return checks
    names = [name for name in rule_names(declared.schema) if not name.endswith(_REQUIRED)]
    checks = [
        Check(
            "values_are_there",
            "reject",
            "Every column that must hold a value does.",
            lambda rule: rule.endswith(_REQUIRED),
        ),
        *(_of_schema(declared, name) for name in names),
        *(
            _one(each.rule, "reject", f"What {', '.join(each.columns)} refers to exists.")
            for each in declared.foreign_keys
        ),
        *(_one(each.name, each.severity, each.message) for each in declared.agreements),
    ]
    if declared.layer == "silver":
        checks.append(_one(CELLS_READ, "reject", "No row was made from an unread cell."))
    return checks


def check_specs(declared: Source | Table, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """What Dagster is told of the checks of a table."""
    return [
        dg.AssetCheckSpec(
            check.name,
            asset=key,
            description=check.text,
            blocking=check.severity == "reject",
        )
        for check in checks_of(declared)
    ]


def check_results(
    declared: Source | Table, audited: Audited, *, published: bool
) -> Iterator[dg.AssetCheckResult]:
    """What was found, rule by rule."""
    publication = audited.publication
    for check in checks_of(declared):
        tallies = publication.warned if check.severity == "warn" else publication.rejected
        broken = {
            rule: tally for rule, tally in tallies.items() if check.covers(rule.partition(":")[2])
        }
        blocks = check.severity == "reject" and not published
        yield dg.AssetCheckResult(
            check_name=check.name,
            passed=not broken,
            severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
            metadata=_found(broken),
        )


def delivery_check_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of a staged delivery."""
    text = "Every record of the file has the shape of its header."
    return dg.AssetCheckSpec(MALFORMED, asset=key, description=text)


def delivery_check_result(malformed: int | None) -> dg.AssetCheckResult:
    """How many records of a delivery no row can represent; ``None`` if there is no delivery."""
    metadata: dict[str, Any] = {"delivered": malformed is not None}
    if malformed is not None:
        metadata["rows"] = malformed
    return dg.AssetCheckResult(
        check_name=MALFORMED,
        passed=not malformed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _of_schema(table: Table, name: str) -> Check:
    terms = terms_of(table.schema, name)
    if terms:
        return _one(name, terms.severity, terms.message)
    return _one(name, "reject", f"{name.replace('.', ': ')} holds for every row.")


def _found(broken: Mapping[str, Tally]) -> dict[str, dg.MetadataValue]:
    rows = sum(tally.rows for tally in broken.values())
    metadata: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(rows)}
    if broken:
        found = {rule: tally.model_dump(mode="json") for rule, tally in broken.items()}
        metadata["found"] = dg.MetadataValue.json(found)
    return metadata
