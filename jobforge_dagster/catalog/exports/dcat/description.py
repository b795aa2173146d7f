"""What is said of the catalog, its datasets, their files and how they were made."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from jobforge_dagster.catalog.documents import LayerTransitionLog, TableMetadata
from jobforge_dagster.catalog.documents.table import SourceFacts
from jobforge_dagster.catalog.exports.data_contract.names import contract_id
from jobforge_dagster.catalog.exports.dcat.graph import (
    Iri,
    Literal,
    Statements,
    address,
    full,
    linked,
    moment,
    typed,
)
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster.medallion.declare import Classification

_AUTHORITY = "http://publications.europa.eu/resource/authority/"
_PARQUET = Iri("https://www.iana.org/assignments/media-types/application/vnd.apache.parquet")
_SHA256 = full("spdx:checksumAlgorithm_sha256")
_ACCESS: dict[Classification, str] = {
    "public": "PUBLIC",
    "internal": "RESTRICTED",
    "confidential": "NON_PUBLIC",
    "restricted": "NON_PUBLIC",
}
"""Codes of the access-right authority table, which DCAT-AP asks for (3.0.1, controlled vocabularies
to be used)."""


class Description:
    """The statements about a snapshot.

    Attributes:
        datasets: the tables on offer: those of gold, and the delivered sources.
    """

    def __init__(self, snapshot: Snapshot, base: str) -> None:
        self.base = base
        self.tables = {table.table: table for table in snapshot.tables}
        self.datasets = [each for each in snapshot.tables if each.layer in ("staged", "gold")]
        self.made = {each.table: each for each in snapshot.transitions if each.status != "failed"}
        self.users = {run.run_id: run.started_by.user for run in snapshot.runs}
        terms = snapshot.glossary.terms if snapshot.glossary else ()
        self.labels = {term.id: term.label for term in terms}

    def statements(self, publisher: str | None) -> Statements:
        """Everything, some of it more than once."""
        owners = Counter(table.governance.owner for table in self.datasets)
        most = min(owners, key=lambda owner: (-owners[owner], owner))
        yield from self._head(publisher or most)
        for table in self.tables.values():
            yield from self._entity(table)
            if table.layer in ("staged", "gold"):
                yield from self._dataset(table)
                yield from self._distribution(table)
        for made in self.made.values():
            yield from self._activity(made)

    def _head(self, publisher: str) -> Statements:
        catalog = Iri(f"{self.base}catalog")
        yield from typed(catalog, "dcat:Catalog")
        yield catalog, "dct:title", Literal("Data catalog", "en")
        yield catalog, "dct:title", Literal("Catalogue de données", "fr")
        tables = Counter(table.layer for table in self.datasets)
        english = f"Gold tables: {tables['gold']}; delivered sources: {tables['staged']}."
        french = (
            f"Tables de la couche gold : {tables['gold']}; sources livrées : {tables['staged']}."
        )
        yield catalog, "dct:description", Literal(english, "en")
        yield catalog, "dct:description", Literal(french, "fr")
        yield catalog, "dct:modified", moment(max(each.technical.updated for each in self.datasets))
        yield from self._agent(catalog, "dct:publisher", publisher)
        for code in ("ENG", "FRA"):
            language = Iri(f"{_AUTHORITY}language/{code}")
            yield from linked(catalog, "dct:language", language, "dct:LinguisticSystem")
        for table in self.datasets:
            yield catalog, "dcat:dataset", self._table(table.table)

    def _entity(self, table: TableMetadata) -> Statements:
        node = self._table(table.table)
        yield from typed(node, "prov:Entity")
        yield node, "dct:title", Literal(table.business.title, "en")
        yield node, "dct:identifier", Literal(table.table)
        if table.layer == "staged":
            yield from self._files(node, "prov:wasDerivedFrom", table.lineage.source_files)
        else:
            yield from self._entities(node, "prov:wasDerivedFrom", _inputs(table))
        if table.table in self.made:
            yield node, "prov:wasGeneratedBy", self._transition(self.made[table.table])

    def _dataset(self, table: TableMetadata) -> Statements:
        node, facts, governance = self._table(table.table), table.technical, table.governance
        yield from typed(node, "dcat:Dataset")
        yield node, "dct:description", Literal(table.business.description, "en")
        yield node, "dct:modified", moment(facts.updated)
        yield node, "dcat:distribution", self._iri("distribution", table.table)
        if facts.schema_version is not None:
            yield node, "dcat:version", Literal(facts.schema_version)
        for name in (governance.owner, governance.steward):
            if name is not None:
                contact = self._iri("contact", name)
                yield from linked(node, "dcat:contactPoint", contact, "vcard:Kind")
                yield contact, "vcard:fn", Literal(name)
        access = Iri(f"{_AUTHORITY}access-right/{_ACCESS[governance.classification]}")
        yield from linked(node, "dct:accessRights", access, "dct:RightsStatement")
        yield from self._keywords(node, table)
        yield from self._provenance(node, table)
        if table.layer == "staged":
            yield from self._delivered(node, table)
        else:
            yield node, "dct:issued", moment(facts.created)
            yield from self._agent(node, "dct:publisher", governance.owner)
            yield from self._contract(node, table)
            for key in self._sources(table):
                yield node, "dct:source", self._table(key)
            for key in table.lineage.parents:
                yield node, "dct:relation", self._table(key)

    def _contract(self, node: Iri, table: TableMetadata) -> Statements:
        """The contract that the table keeps, by its id; without a version there is none."""
        if table.technical.schema_version is not None:
            contract = Iri(contract_id(table.table).urn)
            yield from linked(node, "dct:conformsTo", contract, "dct:Standard")
            yield contract, "dct:title", Literal(f"Data contract of {table.table}", "en")

    def _delivered(self, node: Iri, table: TableMetadata) -> Statements:
        """What is known of the publisher's data; publisher and date only if there is one."""
        sources = table.governance.sources
        publishers = {source.publisher for source in sources}
        for publisher in publishers:
            said = "dct:publisher" if len(publishers) == 1 else "dct:creator"
            yield from self._agent(node, said, publisher)
        days = {source.published for source in sources if source.published is not None}
        if len(days) == 1:
            yield node, "dct:issued", Literal(days.pop().isoformat(), datatype="xsd:date")
        for source in sources:
            page = address(source.url)
            if page is not None:
                yield node, "prov:hadPrimarySource", page
            if source.dataset is not None:
                other = self._iri("identifier", f"{source.publisher}/{source.dataset}")
                yield from linked(node, "adms:identifier", other, "adms:Identifier")
                yield other, "skos:notation", Literal(source.dataset)

    def _keywords(self, node: Iri, table: TableMetadata) -> Statements:
        for column in table.columns:
            label = self.labels.get(column.term or "")
            for language in ("en", "fr") if label else ():
                word = getattr(label, language)
                if word is not None:
                    yield node, "dcat:keyword", Literal(word, language)

    def _provenance(self, node: Iri, table: TableMetadata) -> Statements:
        made = self.made.get(table.table)
        told = [f"Grain: {table.lineage.grain}"] if table.lineage.grain else []
        if made is not None and made.transforms_applied:
            told.append(f"Done: {'; '.join(made.transforms_applied)}")
        if told:
            statement = self._iri("provenance", table.table)
            yield from linked(node, "dct:provenance", statement, "dct:ProvenanceStatement")
            yield statement, "rdfs:label", Literal(". ".join(told), "en")

    def _distribution(self, table: TableMetadata) -> Statements:
        node, facts = self._iri("distribution", table.table), table.technical
        yield from typed(node, "dcat:Distribution")
        yield node, "dct:title", Literal(table.business.title, "en")
        yield node, "dcat:accessURL", self._iri("data", facts.path)
        yield from linked(node, "dcat:mediaType", _PARQUET, "dct:MediaType")
        size = Literal(str(facts.bytes), datatype="xsd:nonNegativeInteger")
        yield node, "dcat:byteSize", size
        yield node, "dct:modified", moment(facts.updated)
        # The hash of several files is one of their names and hashes: no single download has it.
        if facts.sha256 is not None and facts.files == 1:
            checksum, algorithm = self._iri("checksum", table.table), _SHA256
            yield from linked(node, "spdx:checksum", checksum, "spdx:Checksum")
            yield checksum, "spdx:checksumValue", Literal(facts.sha256, datatype="xsd:hexBinary")
            yield from linked(checksum, "spdx:algorithm", algorithm, "spdx:ChecksumAlgorithm")
        yield from self._terms_of_use(node, table.governance.sources)

    def _terms_of_use(self, node: Iri, sources: tuple[SourceFacts, ...]) -> Statements:
        """The licence if there is one; DCAT-AP allows no more, so several become rights."""
        licences = {(each.licence, each.licence_name, each.licence_url) for each in sources}
        for code, name, url in licences:
            page = address(url)
            if len(licences) == 1:
                terms = page or self._iri("license", code)
                yield from linked(node, "dct:license", terms, "dct:LicenseDocument")
                yield terms, "dct:title", Literal(name, "en")
                yield terms, "dct:identifier", Literal(code)
            else:
                rights = self._iri("rights", f"{code}/{name}")
                yield from linked(node, "dct:rights", rights, "dct:RightsStatement")
                yield rights, "rdfs:label", Literal(name, "en")
                if page is not None:
                    yield rights, "rdfs:seeAlso", page

    def _activity(self, made: LayerTransitionLog) -> Statements:
        """The last transition that made a table; one that failed has made nothing."""
        node = self._transition(made)
        yield from typed(node, "prov:Activity")
        yield node, "dct:identifier", Literal(made.transition_id)
        yield node, "prov:startedAtTime", moment(made.started_at)
        yield node, "prov:endedAtTime", moment(made.completed_at)
        if made.source_layer == "source":
            yield from self._files(node, "prov:used", made.source_files)
        else:
            keys = tuple(each.table for each in made.inputs)
            yield from self._entities(node, "prov:used", keys)
        code = self.tables[made.table].lineage.code if made.table in self.tables else None
        if code is not None:
            agent = self._iri("code", f"{code.file}/{code.symbol}")
            yield from linked(node, "prov:wasAssociatedWith", agent, "prov:SoftwareAgent")
            yield agent, "rdfs:label", Literal(f"{code.symbol} in {code.file}")
        user = self.users.get(made.run_id)
        if user is not None:
            yield from self._agent(node, "prov:wasAssociatedWith", user)

    def _files(self, node: Iri, predicate: str, paths: tuple[str, ...]) -> Statements:
        for path in paths:
            file = self._iri("delivered", path)
            yield from linked(node, predicate, file, "prov:Entity")
            yield file, "dct:identifier", Literal(path)

    def _entities(self, node: Iri, predicate: str, keys: tuple[str, ...]) -> Statements:
        for key in keys:
            yield from linked(node, predicate, self._table(key), "prov:Entity")

    def _sources(self, table: TableMetadata) -> set[str]:
        """Keys of the staged tables behind a table."""
        found: set[str] = set()
        waiting = [table.table]
        while waiting:
            key = waiting.pop()
            if key in self.tables and key not in found:
                found.add(key)
                waiting += _inputs(self.tables[key])
        return {key for key in found if self.tables[key].layer == "staged"}

    def _agent(self, node: Iri, predicate: str, name: str) -> Statements:
        agent = self._iri("agent", name)
        yield from linked(node, predicate, agent, "foaf:Agent", "prov:Agent")
        yield agent, "foaf:name", Literal(name)

    def _table(self, key: str) -> Iri:
        return self._iri("table", key)

    def _transition(self, made: LayerTransitionLog) -> Iri:
        return self._iri("transition", made.transition_id)

    def _iri(self, kind: str, name: str) -> Iri:
        return Iri(f"{self.base}{kind}/{quote(name, safe='/')}")


def _inputs(table: TableMetadata) -> tuple[str, ...]:
    """Keys of the tables that a table is made of, without those that it only refers to."""
    return tuple(key for key in table.lineage.upstream if key not in table.lineage.parents)
