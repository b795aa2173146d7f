"""The catalog as DCAT-AP 3.0.1 with PROV-O, in JSON-LD.

Gold tables and staged sources are datasets. Bronze and silver tables are not on offer, so a portal
that harvests the catalog must not list them: they are plain ``prov:Entity``, which keeps the chain
from a gold table down to the delivered files whole.
"""

from __future__ import annotations

from jobforge_dagster.catalog.exports.dcat.description import Description
from jobforge_dagster.catalog.exports.dcat.graph import as_json_ld
from jobforge_dagster.catalog.snapshot import Files, Snapshot

BASE = "urn:jobforge:"


def export(snapshot: Snapshot, base: str = BASE, publisher: str | None = None) -> Files:
    """Describe the tables as a DCAT-AP catalogue.

    Args:
        snapshot: the documents.
        base: what the names of our own nodes begin with.
        publisher: who publishes the catalogue; without it, the owner of most datasets (of several
            such owners, the first by name), because the standard wants exactly one.

    Yields:
        ``dcat/catalog.jsonld``; nothing if there is no table to offer.
    """
    description = Description(snapshot, base)
    if description.datasets:
        yield "dcat/catalog.jsonld", as_json_ld(description.statements(publisher))
