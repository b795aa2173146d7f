"""French descriptions: translations in TMDL mirror the model below a culture.

From the TMDL reference of Microsoft, section Translations in TMDL.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobforge_dagster.catalog.exports.tmdl.model import GoldTable
from jobforge_dagster.catalog.exports.tmdl.text import lines_of, one_line, quoted, value

FRENCH = "fr-CA"


def french(tables: tuple[GoldTable, ...]) -> str | None:
    """The text of the culture; ``None`` if nothing is described in French.

    A translation is a property, so it stands on one line whatever the prose. The documents have
    French for columns alone, and no French names.
    """
    lines = [line for table in tables for line in _table(table)]
    if not lines:
        return None
    return lines_of(f"cultureInfo {FRENCH}", "", "\ttranslations", "\t\tmodel Model", *lines)


def _table(table: GoldTable) -> Iterator[str]:
    told = [
        (column.name, one_line(column.document.description.fr or "")) for column in table.columns
    ]
    described = [(name, text) for name, text in told if text]
    if described:
        yield f"\t\t\ttable {quoted(table.name)}"
    for name, text in described:
        yield f"\t\t\t\tcolumn {quoted(name)}"
        yield f"\t\t\t\t\tdescription: {value(text)}"
