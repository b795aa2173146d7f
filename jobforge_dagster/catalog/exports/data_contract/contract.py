"""The contract of one gold table: its terms, and who answers for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from open_data_contract_standard.model import (
    AuthoritativeDefinition,
    CustomProperty,
    Description,
    OpenDataContractStandard,
    Server,
    ServiceLevelAgreementProperty,
    Team,
    TeamMember,
)

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.documents.base import Part
from jobforge_dagster.catalog.documents.glossary import TermEntry
from jobforge_dagster.catalog.exports.data_contract.names import contract_id
from jobforge_dagster.catalog.exports.data_contract.schema import schema_of

_FOR_A_TIME = re.compile(r"(\d+) ([a-z]+)")


def contract_of(
    table: TableMetadata, contracted: frozenset[str], terms: Mapping[str, TermEntry]
) -> OpenDataContractStandard:
    """The contract of a table.

    Args:
        table: of gold, with a version of its schema.
        contracted: keys of the tables that have a contract.
        terms: of the glossary, by id.
    """
    created = table.technical.created.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return OpenDataContractStandard(
        apiVersion="v3.1.0",
        kind="DataContract",
        id=str(contract_id(table.table)),
        name=table.name,
        version=table.technical.schema_version,
        status="active",
        domain=table.domain,
        description=_description(table),
        servers=[_server(table)],
        schema=[schema_of(table, contracted, terms)],
        team=_team(table),
        slaProperties=_promises(table),
        authoritativeDefinitions=_publications(table) or None,
        customProperties=_others(table),
        contractCreatedTs=created,
    )


def _description(table: TableMetadata) -> Description:
    governance = table.governance
    limits = [f"Used under {each.licence_name} ({each.licence})." for each in governance.sources]
    if governance.classification != "public":
        limits.append(f"Classified as {governance.classification}.")
    licences = [
        AuthoritativeDefinition(url=each.licence_url, type="licence", description=each.licence_name)
        for each in governance.sources
        if each.licence_url is not None
    ]
    questions = table.business.business_questions
    return Description(
        purpose=table.business.purpose,
        usage="\n".join(questions) if questions else None,
        limitations=" ".join(dict.fromkeys(limits)) or None,
        authoritativeDefinitions=_once(licences) or None,
    )


def _server(table: TableMetadata) -> Server:
    return Server(
        server="data_root",
        type="local",
        description="The path is below the data root.",
        path=table.technical.path,
        format=table.technical.format,
    )


def _team(table: TableMetadata) -> Team:
    steward = table.governance.steward
    members = [TeamMember(username=steward, role="data steward")] if steward is not None else None
    return Team(name=table.governance.owner, members=members)


def _promises(table: TableMetadata) -> list[ServiceLevelAgreementProperty] | None:
    retention = table.governance.retention
    if retention is None:
        return None
    told = _FOR_A_TIME.fullmatch(retention)
    value, unit = (int(told[1]), told[2]) if told else (retention, None)
    return [ServiceLevelAgreementProperty(property="retention", value=value, unit=unit)]


def _publications(table: TableMetadata) -> list[AuthoritativeDefinition]:
    found = [
        AuthoritativeDefinition(
            url=each.url, type="source", description=f"{each.publisher}: {each.source}"
        )
        for each in table.governance.sources
        if each.url is not None
    ]
    return _once(found)


def _once(definitions: Iterable[AuthoritativeDefinition]) -> list[AuthoritativeDefinition]:
    return list({each.url: each for each in definitions}.values())


def _others(table: TableMetadata) -> list[CustomProperty]:
    """What the standard has no place for, in the order of the document."""
    code = table.lineage.code
    known: dict[str, Any] = {
        "tableKey": table.table,
        "classification": table.governance.classification,
        "licences": sorted({each.licence for each in table.governance.sources}),
        "sources": [_told(each) for each in table.governance.sources],
        "upstreamTables": list(table.lineage.upstream),
        "madeBy": _told(code) if code else None,
        "powerBi": _told(table.power_bi) if table.power_bi else None,
        "purviewQualifiedName": table.purview.qualified_name,
        "gapsCount": len(table.gaps),
    }
    return [
        CustomProperty(property=name, value=value)
        for name, value in known.items()
        if value is not None and value != []
    ]


def _told(part: Part) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_none=True)
