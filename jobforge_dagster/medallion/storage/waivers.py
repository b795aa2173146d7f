"""Waivers on disk: ``waivers.yaml`` at the data root, a file that people and git can read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import yaml
from pydantic import TypeAdapter, ValidationError

from jobforge_dagster.medallion.declare import Table
from jobforge_dagster.medallion.errors import DeclarationError
from jobforge_dagster.medallion.quality.rules import PRIMARY_KEY, rule_names
from jobforge_dagster.medallion.quality.waivers import Waiver
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.root import DataRoot

_HEAD = "# Rows that are accepted despite a rule. Each holds to the end of the day `until` (UTC).\n"


def waivers(root: DataRoot) -> list[Waiver]:
    """All waivers of a data root, those that have lapsed too.

    Raises:
        DeclarationError: the file is no list of waivers, or two have one id.
    """
    path = root.waivers
    if not path.exists():
        return []
    try:
        read = yaml.safe_load(path.read_text("utf-8")) or []
        found = TypeAdapter(list[Waiver]).validate_python(read)
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        raise DeclarationError(f"{path.name}: {error}") from error
    _refuse_repeats(path.name, [waiver.id for waiver in found])
    return found


def waivers_in_force(root: DataRoot, table: Table, at: datetime) -> list[Waiver]:
    """The waivers that hold for a table at a moment.

    Raises:
        DeclarationError: one names a rule or a column that the table has not, or a rule that no
            waiver may lift.
    """
    found = [waiver for waiver in waivers(root) if waiver.holds(table.key, at.date())]
    for waiver in found:
        check(waiver, table)
    return found


def check(waiver: Waiver, table: Table) -> None:
    """Refuse a waiver that cannot hold for a table.

    Raises:
        DeclarationError: see :func:`waivers_in_force`.
    """
    own = {each.name for each in table.agreements} | {each.rule for each in table.foreign_keys}
    lifted = {name for name in rule_names(table.schema) if not name.endswith(".nullability")}
    allowed = sorted((lifted - {PRIMARY_KEY}) | own)
    if waiver.rule not in allowed:
        raise DeclarationError(
            f"waiver {waiver.id}: {waiver.rule} is no rule of {table.key} that can be waived. "
            f"These can: {', '.join(allowed) or 'none'}. Missing values, keys and text that does "
            f"not read are mended by corrections."
        )
    unknown = [name for name in waiver.where if name not in table.schema.column_names()]
    if unknown:
        raise DeclarationError(
            f"waiver {waiver.id}: {table.key} has no column {', '.join(unknown)}."
        )


def add(root: DataRoot, waiver: Waiver) -> None:
    """Write one more waiver; what stands in the file, comments too, stays as it is.

    Raises:
        DeclarationError: its id is taken.
    """
    taken = [each.id for each in waivers(root)]
    _refuse_repeats(root.waivers.name, [*taken, waiver.id])
    before = root.waivers.read_text("utf-8") if root.waivers.exists() else _HEAD
    entry = yaml.safe_dump([waiver.model_dump(mode="json")], sort_keys=False, allow_unicode=True)
    with replacing(root.waivers) as temporary:
        temporary.write_text(before.rstrip("\n") + "\n" + entry, "utf-8")


def _refuse_repeats(file: str, ids: Sequence[str]) -> None:
    repeated = sorted({each for each in ids if ids.count(each) > 1})
    if repeated:
        raise DeclarationError(
            f"{file} has several waivers named {', '.join(repeated)}. Give each its own id."
        )
