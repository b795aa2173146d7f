"""A hypothesis strategy of catalogs with awkward names, gaps and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from jobforge_dagster.catalog.documents import GlossaryDocument, LayerTransitionLog, TableMetadata
from jobforge_dagster.catalog.documents.base import Words
from jobforge_dagster.catalog.documents.glossary import TermEntry
from jobforge_dagster.catalog.documents.table import ColumnMetadata
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster.medallion.classification import CLASSIFICATIONS
from jobforge_dagster_tests.catalog_parts import LAYERS, column, sha, table, transition

TYPES = (
    "String",
    "Int8",
    "UInt32",
    "Float64",
    "Boolean",
    "Date",
    "Time",
    "Datetime(time_unit='us', time_zone=None)",
    "Duration(time_unit='us')",
    "Decimal(precision=10, scale=2)",
    "List(String)",
    "Struct({'a': Int64})",
    "Enum(categories=['a', 'b'])",
    "Binary",
    "Null",
)

AWKWARD = ("a b", "it's", 'say "so"', "v1.0", "été", "東京", "😀", "100%", "#", "a\\b", "?x=1&y")
letters = st.characters(codec="utf-8", exclude_characters="/", exclude_categories=("Cs", "Cc"))
names = st.sampled_from(AWKWARD) | st.text(letters, min_size=1, max_size=8)
file_names = names.filter(lambda name: "\\" not in name)
"""Names of tables become names of files, and a backslash parts folders on some machines."""

prose = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
maybe_prose = st.none() | prose
counts = st.integers(0, 1 << 62)
maybe_counts = st.none() | counts


@st.composite
def snapshots(draw: Callable[[Any], Any]) -> Snapshot:
    """Catalogs of up to four tables, with or without transitions and a glossary; no runs."""
    keys = draw(st.lists(_keys(), max_size=4, unique=True))
    keys.sort(key=lambda key: (LAYERS.index(key.split("/")[0]), key))
    tables: list[TableMetadata] = []
    for key in keys:
        tables.append(draw(_tables(key, tuple(tables))))
    glossary = draw(st.none() | _glossaries(tuple(tables)))
    return Snapshot(tuple(tables), draw(_transitions(tuple(keys))), (), glossary)


def _keys() -> st.SearchStrategy[str]:
    flat = st.builds("{}/{}".format, st.sampled_from(("staged", "gold")), file_names)
    deep = st.builds(
        "{}/{}/{}".format, st.sampled_from(("bronze", "silver")), file_names, file_names
    )
    return flat | deep


@st.composite
def _columns(draw: Callable[[Any], Any], name: str) -> ColumnMetadata:
    classification = draw(st.sampled_from(CLASSIFICATIONS))
    public = classification == "public"
    return column(
        name,
        draw(st.sampled_from(TYPES)),
        nullable=draw(st.booleans()),
        primary_key=draw(st.booleans()),
        description={"en": draw(maybe_prose), "fr": draw(maybe_prose)},
        term=draw(st.sampled_from((None, "term", "absent"))),
        classification=classification,
        examples=draw(st.lists(prose | counts, max_size=2)) if public else (),
        statistics={"nulls": draw(maybe_counts), "minimum": None, "maximum": None},
    )


@st.composite
def _tables(
    draw: Callable[[Any], Any], key: str, others: tuple[TableMetadata, ...]
) -> TableMetadata:
    columns = tuple(
        draw(_columns(name)) for name in draw(st.lists(names, min_size=1, max_size=4, unique=True))
    )
    first = columns[0].name
    targets = [(other.table, other.columns[0].name) for other in others] + [(key, first)]
    keys = [
        {"columns": (first,), "table": target, "refers_to": (name,)}
        for target, name in draw(st.lists(st.sampled_from(targets), max_size=2, unique=True))
    ]
    upstream = [other.table for other in others]
    return table(
        key,
        columns,
        technical={
            "rows": draw(counts),
            "bytes": draw(counts),
            "files": draw(st.integers(1, 9)),
            "sha256": draw(st.sampled_from((None, sha(key)))),
            "schema_version": draw(st.sampled_from((None, "1.0.0", "2.1.0"))),
            "foreign_keys": keys,
            "updated_by_run": draw(st.none() | names),
            "code_version": draw(st.none() | names),
        },
        business={"title": draw(prose), "description": draw(prose), "purpose": draw(maybe_prose)},
        lineage={
            "upstream": upstream or draw(st.lists(names, max_size=2, unique=True)),
            "grain": draw(maybe_prose),
            "source_files": draw(st.lists(names, max_size=2, unique=True)),
        },
        governance={
            "owner": draw(names),
            "steward": draw(st.none() | names),
            "classification": draw(st.sampled_from(CLASSIFICATIONS)),
            "sources": draw(st.lists(_sources(), max_size=2)),
        },
    )


def _sources() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "source": names,
            "publisher": names,
            "system": names,
            "licence": st.sampled_from(("CC-BY-4.0", "OGL-Canada-2.0", "own")),
            "licence_name": names,
            "licence_url": st.sampled_from((None, "https://example.org/licence")),
            "dataset": st.none() | names,
            "published": st.none() | st.dates(),
            "url": st.sampled_from((None, "https://example.org/data.csv")),
        }
    )


@st.composite
def _transitions(
    draw: Callable[[Any], Any], keys: tuple[str, ...]
) -> tuple[LayerTransitionLog, ...]:
    made: list[LayerTransitionLog] = []
    for key in draw(st.lists(st.sampled_from(keys), max_size=3)) if keys else ():
        failed = draw(st.booleans())
        name = "source/delivered" if key.startswith("staged/") else draw(st.sampled_from(keys))
        said = {"status": "failed", "output_sha256": None, "target_file": None} if failed else {}
        previous = made[-1].hash if made else ""
        inputs = ((name, draw(st.integers(0, 9))),)
        made.append(transition(len(made) + 1, key, inputs, previous, **said))
    return tuple(made)


def _glossaries(tables: tuple[TableMetadata, ...]) -> st.SearchStrategy[GlossaryDocument]:
    words = st.builds(Words, en=maybe_prose, fr=maybe_prose)
    holders = tuple(
        f"{each.table}.{column.name}"
        for each in tables
        for column in each.columns
        if column.term == "term"
    )
    term = st.builds(
        TermEntry,
        id=st.just("term"),
        label=words,
        definition=words,
        authority=names,
        url=st.just(None),
        owner=names,
        steward=st.none() | names,
        related=st.just(()),
        columns=st.just(holders),
    )
    return st.builds(
        GlossaryDocument,
        document_version=st.just("1.0"),
        terms=st.tuples(term),
        unused=st.just(()),
    )
