"""Business, technical and operational metadata link to each other: every link, from both ends."""

from __future__ import annotations

from jobforge_dagster.catalog.audit.evidence import AGAIN, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents import LayerTransitionLog, TableMetadata
from jobforge_dagster.catalog.store import glossary_path, run_path
from jobforge_dagster.medallion.storage.root import LAYERS

_GLOSSARY = "Materialise the table and catalog/glossary"
_ABSENT = "columns of tables that are not made yet"


def linked(evidence: Evidence) -> Checked:
    """Follow all links between tables, terms, transitions and runs."""
    checked = Checked.of(
        "documents of tables", "columns with terms", "terms", "transitions", "runs", "links"
    )
    checked.count("documents of tables", len(evidence.tables))
    checked.count("transitions", len(evidence.transitions))
    checked.count("runs", len(evidence.runs))
    for document in evidence.tables.values():
        _to_terms(checked, evidence, document)
        _to_runs(checked, evidence, document)
        _to_tables(checked, evidence, document)
    _from_terms(checked, evidence)
    for transition in evidence.transitions:
        _to_documents(checked, evidence, transition)
    _from_runs(checked, evidence)
    return checked


def _to_terms(checked: Checked, evidence: Evidence, document: TableMetadata) -> None:
    glossary = evidence.glossary
    terms = {term.id: term for term in glossary.terms} if glossary else {}
    place = evidence.place(document.table)
    for column in document.columns:
        if column.term is None:
            continue
        checked.count("columns with terms")
        checked.count("links")
        term = terms.get(column.term)
        if term is None:
            what = f"column {column.name} names the term {column.term}, which no glossary explains"
            checked.wrong(place, what, _GLOSSARY)
        elif document.layer != "staged" and f"{document.table}.{column.name}" not in term.columns:
            what = f"column {column.name} names the term {term.id}, which does not name it"
            checked.wrong(place, what, _GLOSSARY)


def _from_terms(checked: Checked, evidence: Evidence) -> None:
    if evidence.glossary is None:
        return
    place = evidence.root.relative(glossary_path(evidence.root))
    ids = {term.id for term in evidence.glossary.terms}
    absent = 0
    for term in evidence.glossary.terms:
        checked.count("terms")
        for related in term.related:
            checked.count("links")
            if related not in ids:
                what = f"{term.id} is related to {related}, which is no term"
                checked.wrong(place, what, _GLOSSARY)
        for name in term.columns:
            key, _, column = name.rpartition(".")
            document = evidence.tables.get(key)
            if document is None and not evidence.stands(key):
                absent += 1
                continue
            checked.count("links")
            held = {each.name: each.term for each in document.columns} if document else {}
            if held.get(column) != term.id:
                what = f"{term.id} names {name}, and no document has such a column with that term"
                checked.wrong(place, what, _GLOSSARY)
    if absent:
        checked.notes.append(f"{place}: {absent} {_ABSENT}.")


def _to_runs(checked: Checked, evidence: Evidence, document: TableMetadata) -> None:
    run = document.technical.updated_by_run
    if run is None:
        return
    checked.count("links")
    made = evidence.made.get(document.table, ())
    again = f"set back to the publication of {document.technical.updated:%Y-%m-%d %H:%M:%S} UTC"
    told = run in evidence.runs or any(
        run == each.run_id or again in each.transforms_applied for each in made
    )
    if not told:
        what = f"run {run} made the table, and neither runs/ nor a transition of it tells of it"
        checked.wrong(evidence.place(document.table), what, AGAIN)


def _to_tables(checked: Checked, evidence: Evidence, document: TableMetadata) -> None:
    place = evidence.place(document.table)
    above = [] if document.layer == "staged" else document.lineage.upstream
    for key in above:
        checked.count("links")
        other = evidence.tables.get(key)
        if other is None:
            checked.wrong(
                place, f"it is made of {key}, which has no document", f"Materialise {key}"
            )
        elif document.table not in other.lineage.downstream:
            what = f"it is made of {key}, whose document does not name it as downstream"
            checked.wrong(place, what, f"Materialise {key}")
    for key in document.lineage.downstream:
        other = evidence.tables.get(key)
        if other is None:
            if evidence.stands(key):
                what = f"{key} reads it and is on the disk, but has no document"
                checked.wrong(place, what, f"Materialise {key}")
            continue
        checked.count("links")
        if document.table not in other.lineage.upstream:
            what = f"it names {key} as downstream, which is not made of it"
            checked.wrong(place, what, "Materialise both")


def _to_documents(checked: Checked, evidence: Evidence, transition: LayerTransitionLog) -> None:
    place = f"transition {transition.sequence} of {transition.table}"
    named = [transition.table, *transition.source_tables, *(i.table for i in transition.inputs)]
    if transition.status == "failed":
        named = [key for key in named if evidence.stands(key)]  # it may never have been made
    for key in dict.fromkeys(named):
        if key.startswith("source/"):
            continue
        checked.count("links")
        if key not in evidence.tables:
            checked.wrong(place, f"it names {key}, which has no document", f"Materialise {key}")


def _from_runs(checked: Checked, evidence: Evidence) -> None:
    told = {(each.run_id, each.table) for each in evidence.transitions}
    for run in evidence.runs.values():
        place = evidence.root.relative(run_path(evidence.root, run.run_id))
        for step in run.steps:
            if step.table is None or step.table.partition("/")[0] not in LAYERS:
                continue  # the glossary, or a mart: the warehouse tells of it
            checked.count("links")
            if step.outcome in ("published", "unchanged") and step.table not in evidence.tables:
                checked.wrong(place, f"it names {step.table}, which has no document", AGAIN)
            elif step.outcome == "published" and (run.run_id, step.table) not in told:
                what = f"its step {step.step} published {step.table}, and no transition tells of it"
                checked.wrong(place, what, AGAIN)


CONTROLS = (
    Control(
        "metadata.linked",
        "Metadata",
        "Business, technical and operational metadata link to each other.",
        linked,
        ("tables", "glossary", "transitions", "runs", "manifests"),
    ),
)
