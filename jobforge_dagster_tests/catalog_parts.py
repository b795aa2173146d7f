"""Builders of catalog documents that tell everything but what a test is about."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

from jobforge_dagster.catalog.chain import hash_of
from jobforge_dagster.catalog.documents import LayerTransitionLog, TableMetadata
from jobforge_dagster.catalog.documents.base import Words
from jobforge_dagster.catalog.documents.glossary import TermEntry
from jobforge_dagster.catalog.documents.table import ColumnMetadata
from jobforge_dagster.medallion.declare import Layer

MORNING = datetime(2026, 2, 3, 6, 0, tzinfo=UTC)
RUN = "0d6a7c52-4a5e-4a39-8e0f-5f2f6f0d7b11"
FORMER_RUN = "7b8de6a4-9d0c-4f7c-8a38-0d0b6b6f3c55"
FILES = ("shop/orders 2026-01.csv", "shop/orders 2026-02.csv")
BATCHES = ("1f1d1f0e-5c0b-4b57-9d0a-3b6f7d5f0a01", "2a2c9b64-0c55-4d8a-8a7a-93c9f2d1be02")
LAYERS: tuple[Layer, ...] = get_args(Layer)
PROVENANCE = {
    "_source_file": "String",
    "_ingested_at": "Datetime(time_unit='us', time_zone='UTC')",
    "_batch_id": "String",
    "_layer": "String",
}

SOURCE = {
    "source": "orders",
    "publisher": "Example Shop Ltd.",
    "system": "Till",
    "licence": "CC-BY-4.0",
    "licence_name": "Creative Commons Attribution 4.0",
    "licence_url": "https://creativecommons.org/licenses/by/4.0/",
    "dataset": None,
    "published": date(2026, 1, 31),
    "url": None,
}

QUALITY = {
    "completeness": 0.98,
    "uniqueness": 1.0,
    "validity": 0.75,
    "integrity": None,
    "quarantined": 1,
    "deduplicated": 1,
    "warned": 1,
    "rules": (
        {
            "rule": "amount_positive",
            "text": "{amount} is not above zero",
            "severity": "reject",
            "columns": ("amount",),
            "rows": 1,
        },
        {
            "rule": "not_in_future",
            "text": "{ordered_on} lies ahead",
            "severity": "warn",
            "columns": ("ordered_on",),
            "rows": 1,
        },
    ),
}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def column(name: str, dtype: str, english: str | None = None, **said: Any) -> ColumnMetadata:
    """A column; ``said`` replaces what is not told of it."""
    facts: dict[str, Any] = {
        "name": name,
        "type": dtype,
        "nullable": True,
        "primary_key": False,
        "provenance": name in PROVENANCE,
        "description": {"en": english, "fr": None},
        "term": None,
        "classification": "public",
        "declassified": None,
        "lineage": None,
        "examples": (),
        "statistics": {"nulls": 0, "minimum": None, "maximum": None},
    }
    if said.get("lineage"):
        said["lineage"] = {"name": name} | said["lineage"]
    return ColumnMetadata.model_validate(facts | said)


def made_of(table: str, name: str, header: str, kind: str = "identity") -> dict[str, Any]:
    """The lineage of a column that is made of one column of ``table``."""
    return {
        "direct": ({"table": table, "column": name, "kind": kind},),
        "origins": ({"source": "orders", "header": header, "kind": kind},),
    }


def table(key: str, columns: tuple[ColumnMetadata, ...], **said: Any) -> TableMetadata:
    """A table; ``said`` gives parts of its document, each added to what is here."""
    layer, name = key.split("/")[0], key.split("/")[-1]
    columns = (*columns, *(column(name, dtype) for name, dtype in PROVENANCE.items()))
    parts: dict[str, Any] = {
        "technical": {
            "path": key if layer == "staged" else f"{key}.parquet",
            "format": "parquet",
            "files": 1,
            "rows": 3,
            "columns": len(columns),
            "bytes": 2048,
            "sha256": sha(key),
            "schema_version": "1.0.0",
            "schema_change": None,
            "primary_key": tuple(each.name for each in columns if each.primary_key),
            "foreign_keys": (),
            "created": MORNING - timedelta(days=30),
            "updated": MORNING + timedelta(minutes=2, microseconds=250),
            "updated_by_run": RUN,
            "code_version": sha("code")[:16],
        },
        "business": {
            "title": name.replace("_", " ").capitalize(),
            "description": "One order of the shop.",
            "purpose": None,
            "business_questions": (),
            "measures": (),
        },
        "lineage": {
            "upstream": (),
            "parents": (),
            "downstream": (),
            "code": {"file": "jobforge_dagster/domains/shop.py", "symbol": name},
            "grain": "a row of the first input",
            "source_files": FILES,
            "batch_ids": BATCHES,
            "rows": (),
            "row_origins": (),
            "opaque": (),
        },
        "governance": {
            "owner": "Shop data team",
            "steward": None,
            "classification": "public",
            "retention": None,
            "sources": (SOURCE,),
        },
        "quality": None,
        "power_bi": None,
        "purview": {
            "qualified_name": f"jobforge://{key}",
            "type_name": "jobforge_table",
            "classifications": (),
        },
    }
    for part, default in parts.items():
        told = said.get(part)
        parts[part] = default | told if default and told else told or default
    domain = key.split("/")[1] if key.count("/") > 1 else "shop"
    head = {"table": key, "layer": layer, "name": name, "domain": domain, "columns": columns}
    return TableMetadata.model_validate(head | parts | {"gaps": said.get("gaps", ())})


def transition(
    sequence: int, key: str, inputs: tuple[tuple[str, int], ...], previous: str, **said: Any
) -> LayerTransitionLog:
    """A transition of ``inputs`` (key and rows each) into ``key``; ``said`` replaces facts."""
    started = MORNING + timedelta(minutes=sequence)
    layers = [name.split("/")[0] for name in (inputs[0][0], key)]
    facts: dict[str, Any] = {
        "transition_id": sha(f"{sequence} {key}"),
        "run_id": RUN,
        "table": key,
        "batch_ids": BATCHES,
        "source_layer": layers[0],
        "target_layer": layers[1],
        "source_tables": tuple(name for name, _ in inputs),
        "source_files": FILES,
        "target_file": f"{key}.parquet",
        "row_count_in": sum(rows for _, rows in inputs),
        "row_count_out": 3,
        "rows_expected": 3,
        "rows_quarantined": 0,
        "rows_deduplicated": 0,
        "transforms_applied": (),
        "started_at": started,
        "status": "success",
        "errors": (),
        "code_version": sha("code")[:16],
        "inputs": tuple(
            {"table": name, "sha256": sha(name), "files": 1, "rows": rows} for name, rows in inputs
        ),
        "output_sha256": sha(key),
        "completed_at": started + timedelta(seconds=40),
        "sequence": sequence,
        "previous": previous,
    }
    record = LayerTransitionLog.model_validate(facts | {"hash": ""} | said)
    return record.model_copy(update={"hash": hash_of(record)})


def term(name: str, label: str, french: str | None, columns: tuple[str, ...]) -> TermEntry:
    """A term without a French definition."""
    return TermEntry(
        id=name,
        label=Words(en=label, fr=french),
        definition=Words(en=f"What the shop calls {label.lower()}.", fr=None),
        authority="Example Shop Ltd.",
        url=None,
        owner="Shop data team",
        steward=None,
        related=("customer",) if name == "refund" else (),
        columns=columns,
    )
