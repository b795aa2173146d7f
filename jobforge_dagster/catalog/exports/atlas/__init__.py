"""Apache Atlas and Microsoft Purview: types, entities, lineage and glossary, as request bodies.

Each file is the body of one request of the Atlas v2 REST API, to be sent in this order:

* ``typedefs.json``: POST ``/api/atlas/v2/types/typedefs``
* ``glossary.json``: POST ``/api/atlas/v2/glossary``
* ``terms.json``: POST ``/api/atlas/v2/glossary/terms``, once the guid of the glossary that the
  server gave stands in the place of ``-1`` as the anchor of each term
* ``entities.json``: POST ``/api/atlas/v2/entity/bulk``
"""

from __future__ import annotations

from jobforge_dagster.catalog.documents.base import text_of
from jobforge_dagster.catalog.exports.atlas.entities import bulk
from jobforge_dagster.catalog.exports.atlas.glossary import Glossary
from jobforge_dagster.catalog.exports.atlas.typedefs import typedefs
from jobforge_dagster.catalog.snapshot import Files, Snapshot


def export(snapshot: Snapshot) -> Files:
    """The catalog for Atlas or Purview.

    Args:
        snapshot: all documents.

    Returns:
        The files below ``atlas/``; those of the glossary only if there is one.
    """
    glossary = Glossary(snapshot.glossary)
    yield "atlas/typedefs.json", text_of(typedefs(snapshot.tables))
    if snapshot.glossary is not None:
        yield "atlas/glossary.json", text_of(glossary.header())
        yield "atlas/terms.json", text_of(glossary.terms())
    yield "atlas/entities.json", text_of(bulk(snapshot, glossary))
