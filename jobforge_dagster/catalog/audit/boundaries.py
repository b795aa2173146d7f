"""Lineage is captured at every boundary: computed from transitions, footers and columns."""

from __future__ import annotations

from collections.abc import Mapping

from jobforge_dagster.catalog.audit.evidence import AGAIN, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.documents.table import ColumnMetadata
from jobforge_dagster.medallion.provenance import INGESTED_AT, LAYER

_MAY_COME_FROM = {
    "staged": {"source"},
    "bronze": {"staged"},
    "silver": {"bronze", "silver"},
    "gold": {"silver", "gold"},
}
_STAMPED = (INGESTED_AT, LAYER)
"""The platform says when and where a row was written: that comes from no column."""

_MAKE = "Materialise it: its lineage is read from its plan"


def captured(evidence: Evidence) -> Checked:
    """Walk from every table to the source, and from every column to those that it is made of.

    A column has lineage, is constant (the plan that makes it reads no column), or could not be
    looked into for a reason that is told. What a document names as read is what the footer of the
    Parquet file names.
    """
    checked = Checked.of(
        "tables", "transitions between layers", "columns", "constant", "opaque", "without lineage"
    )
    headers = {
        source: {header for each in manifests for header in each.header}
        for source, manifests in evidence.sources.items()
    }
    for key, document in evidence.tables.items():
        checked.count("tables")
        _crossed(checked, evidence, key)
        if document.layer == "staged":
            continue
        if evidence.stands(key):
            _footer(checked, evidence, document)
        for column in document.columns:
            if column.name not in _STAMPED:
                _column(checked, evidence, document, column, headers)
    return checked


def _crossed(checked: Checked, evidence: Evidence, key: str) -> None:
    """Each boundary on the way from the source to a table was crossed by transitions."""
    layer = key.partition("/")[0]
    made = evidence.made.get(key, [])
    checked.count("transitions between layers", len(made))
    if not made:
        checked.wrong(key, "no transition leads into it", AGAIN)
    for each in made:
        layers = {table.partition("/")[0] for table in each.source_tables}
        if not layers or layers - _MAY_COME_FROM[layer]:
            told = ", ".join(sorted(layers)) or "nowhere"
            what = f"transition {each.sequence} leads into it from {told}"
            checked.wrong(key, what, f"It may come from {', '.join(sorted(_MAY_COME_FROM[layer]))}")
    if layer == "gold" and made and not _reaches_source(evidence, key, set()):
        what = "no way through transitions leads from it back to a delivered file"
        checked.wrong(key, what, AGAIN)


def _reaches_source(evidence: Evidence, key: str, seen: set[str]) -> bool:
    if key.startswith("source/"):
        return True
    if key in seen:
        return False
    seen.add(key)
    made = evidence.made.get(key)
    return bool(made) and any(
        _reaches_source(evidence, each, seen) for each in (made or [])[-1].source_tables
    )


def _footer(checked: Checked, evidence: Evidence, document: TableMetadata) -> None:
    """Compare what a document says was read with what the footer of the file says."""
    story = evidence.story(document.table)
    if not story:
        what = "its footer does not tell what it was made from"
        checked.wrong(f"{document.table}.parquet", what, "Materialise it again")
        return
    inputs = story["inputs"]
    read = set(inputs) if isinstance(inputs, dict) else set()
    differ = sorted(read ^ set(document.lineage.upstream))
    if differ:
        what = (
            f"the document and the footer of the file differ in what was read: {', '.join(differ)}"
        )
        checked.wrong(evidence.place(document.table), what, "Materialise it")


def _column(
    checked: Checked,
    evidence: Evidence,
    document: TableMetadata,
    column: ColumnMetadata,
    headers: Mapping[str, set[str]],
) -> None:
    checked.count("columns")
    told, name = column.lineage, column.name
    where = f"{evidence.place(document.table)}, column {name}"
    if told is None:
        checked.count("without lineage")
        checked.wrong(where, "it has no lineage", _MAKE)
        return
    if told.opaque:
        checked.count("opaque")
        if not all(reason.strip() for reason in told.opaque):
            checked.wrong(where, "it could not be looked into, and no reason is given", _MAKE)
    elif not (told.direct or told.indirect or told.origins):
        checked.count("constant")
    upstream = {(each.table, each.column) for each in told.direct}
    upstream |= {(each.table, each.column) for each in told.indirect}
    for key, above in sorted(upstream):
        other = evidence.tables.get(key)
        if other is None or above not in {each.name for each in other.columns}:
            checked.wrong(where, f"it is made of {key}.{above}, which is not there", _MAKE)
    for each in told.origins:
        if each.header not in headers.get(each.source, ()):
            what = f"it comes from the header {each.header!r} of {each.source}, never delivered"
            checked.wrong(where, what, _MAKE)


CONTROLS = (
    Control(
        "metadata.lineage",
        "Metadata",
        "Lineage is captured at every boundary, from the delivered file to gold, for each column.",
        captured,
        ("tables", "transitions", "manifests", "data"),
    ),
)
