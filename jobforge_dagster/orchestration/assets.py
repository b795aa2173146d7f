"""Turns declarations into assets: the key is the path on disk, the group is the family.

The group says the domain, owners who answers for it, tags the licence and the steward, kinds the
layer and the format: a node of the graph shows the last part of its key alone, so without a kind
the layers of one source look the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import dagster as dg
import polars as pl

from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.errors import ContractError, MissingTableError
from jobforge_dagster.medallion.fingerprint import (
    platform_version,
    source_version,
    table_version,
)
from jobforge_dagster.medallion.formats import name_of
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.layers import table as promoted
from jobforge_dagster.medallion.layers.staged import expected, stage
from jobforge_dagster.medallion.lineage.promoted import bronze_sources, table_sources
from jobforge_dagster.medallion.marts import questions_of
from jobforge_dagster.medallion.storage import deliveries, parquet
from jobforge_dagster.medallion.storage.audit import Input, Promotion, audit
from jobforge_dagster.medallion.storage.compacted import files_of
from jobforge_dagster.medallion.storage.deliveries import read_as_declared
from jobforge_dagster.medallion.storage.publications import Publication, recorded
from jobforge_dagster.medallion.storage.publish import deliveries_input, input_of, log, now
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.waivers import waivers_in_force
from jobforge_dagster.orchestration.checks import (
    check_results,
    check_specs,
    delivery_check_result,
    delivery_check_spec,
)
from jobforge_dagster.orchestration.executor import ABSENT
from jobforge_dagster.orchestration.facts import (
    declared_columns,
    delivery_metadata,
    lineage_metadata,
    source_metadata,
    table_definition_metadata,
)
from jobforge_dagster.orchestration.failures import failure, told_to_people
from jobforge_dagster.orchestration.logs import tell
from jobforge_dagster.orchestration.settings import QualitySettings
from jobforge_dagster.orchestration.telling import Step, carried


@dataclass(frozen=True)
class AsOf:
    """A moment whose tables are made again.

    Attributes:
        moment: UTC.
        arrived: when the last delivery of then did.
        records: the data root where the publications of then are recorded.
    """

    moment: datetime
    arrived: datetime
    records: DataRoot

    def publication(self, key: str, fingerprint: str) -> Publication | None:
        """What was recorded then, if it was made from the same inputs by the same code."""
        return recorded(self.records, key, fingerprint, self.moment, self.arrived)


def staged_asset(source: Source, known: Known) -> dg.AssetsDefinition:
    """The asset that stages what a publisher delivered."""
    root = known.root
    spec = dg.AssetSpec(
        key=_key(source.staged_key),
        description=f"The publisher's file, untouched. {source.description}",
        metadata=source_metadata(source),
        code_version=platform_version(),
        **_policy(source, {source.origin.licence.code}),
        kinds={name_of(source.read_as), "parquet"},
        skippable=True,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=source.cadence)
        if source.cadence
        else None,
    )

    @dg.multi_asset(
        name=_argument(source.staged_key),
        specs=[spec],
        check_specs=[delivery_check_spec(spec.key)],
        can_subset=False,
    )
    def staged(context: dg.AssetExecutionContext) -> Iterator[Any]:
        step = _step(context, known.root, source, source.staged_key)
        with told_to_people(step):
            staging = stage(root, source, run_id=context.run_id, at=now())
        if staging is None:
            wanted = expected(source)
            tell("absent", table=source.staged_key, expected_file=wanted)
            yield dg.AssetObservation(asset_key=spec.key, metadata={ABSENT: wanted})
            yield delivery_check_result(None)  # Dagster has no check that may be left out
            return
        manifest = staging.manifest
        tell(
            "published" if staging.new else "unchanged",
            table=source.staged_key,
            rows=sum(each.rows for each in staging.standing),
        )
        if staging.left:
            context.log.warning(
                f"{source.staged_key}: no file of it lies in the landing folder any more. What was "
                f"delivered on {manifest.received_at:%Y-%m-%d} stands."
            )
        former = [each.file for each in staging.standing if not read_as_declared(source, each)]
        if former:
            context.log.warning(
                f"{source.staged_key}: {', '.join(former)} was read as the source declared before, "
                f"and lies in the landing folder no more. Put it back to have it read as now."
            )
        facts = step.staged(known, source, staging)
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata=delivery_metadata(source, staging, now())
            | {"read_formerly": len(former)}
            | carried(facts),
            check_results=[delivery_check_result(sum(each.malformed for each in staging.standing))],
            data_version=dg.DataVersion(deliveries_input(staging.standing).fingerprint),
        )
        step.tell_if_the_log_does_not(facts)

    return staged


def bronze_asset(source: Source, known: Known, as_of: AsOf | None = None) -> dg.AssetsDefinition:
    """The asset that names and types a staged delivery."""
    version = source_version(source)

    @dg.asset(
        key=_key(source.key),
        deps=[_key(source.staged_key)],
        io_manager_key="medallion",
        description=source.description,
        metadata={
            "dagster/column_schema": declared_columns(source.schema, keys=False),
            "dagster/table_name": f"bronze.{source.name}",
        },
        code_version=version,
        check_specs=check_specs(source, _key(source.key)),
        **_policy(source, {source.origin.licence.code}),
        kinds={source.layer, "parquet"},
    )
    def named_and_typed(
        context: dg.AssetExecutionContext, quality: QualitySettings
    ) -> Iterator[Any]:
        step = _step(context, known.root, source, source.key)
        with told_to_people(step):
            promotion, extra = _promote_source(known, source, version, as_of)
        if extra:
            context.log.warning(
                f"{source.key}: {', '.join(extra)} not declared; kept as text. Declare what "
                f"such a column means in {source.schema.__name__}."
            )
        told = {"extra_columns": dg.MetadataValue.json(extra)}
        yield from _audited(step, known, source, promotion, quality, told, as_of)

    return cast("dg.AssetsDefinition", named_and_typed)


def table_asset(table: Table, known: Known, as_of: AsOf | None = None) -> dg.AssetsDefinition:
    """The asset of a declared silver or gold table."""
    root, version = known.root, table_version(table)
    names = {_argument(upstream.key): upstream for upstream in table.upstream}

    @dg.asset(
        key=_key(table.key),
        ins={name: dg.AssetIn(key=_key(upstream.key)) for name, upstream in names.items()},
        io_manager_key="medallion",
        description=table.description,
        metadata=table_definition_metadata(table, questions_of(table, known.declared.marts)),
        code_version=version,
        check_specs=check_specs(table, _key(table.key)),
        **_policy(table, _licences(table)),
        kinds={table.layer, "parquet"},
    )
    def made(
        context: dg.AssetExecutionContext, quality: QualitySettings, **frames: pl.LazyFrame
    ) -> Iterator[Any]:
        upstream = {names[name].key: frame for name, frame in frames.items()}
        step = _step(context, root, table, table.key)
        with told_to_people(step):
            inputs = {key: _present(root, key) for key in upstream}
            waivers = waivers_in_force(root, table, as_of.moment if as_of else now())
            promotion = Promotion(
                key=table.key,
                code_version=version,
                inputs=inputs,
                build=lambda own: promoted.build(table, upstream, own),
                max_rejected=table.max_rejected,
                waivers=waivers,
                lineage=lambda made: table_sources(
                    made,
                    waivers,
                    {key: each.lineage for key, each in inputs.items()},
                    {key: root.table(key) for key in inputs},
                ),
                discreet=known.is_discreet(table),
            )
        yield from _audited(step, known, table, promotion, quality, {}, as_of)

    return cast("dg.AssetsDefinition", made)


def _promote_source(
    known: Known, source: Source, version: str, as_of: AsOf | None
) -> tuple[Promotion, list[str]]:
    root = known.root
    manifests = deliveries.standing(root, source, as_of.moment if as_of else None)
    if not manifests:
        raise MissingTableError(
            f"{source.staged_key} has no delivery yet: drop {expected(source)} and stage it by: "
            f"dagster asset materialize --select 'key:\"{source.staged_key}\"'"
        )
    delivered = bronze.gathered(
        source, manifests, lambda alike: parquet.scan(files_of(root, source, alike))
    )
    promotion = Promotion(
        key=source.key,
        code_version=version,
        inputs={source.staged_key: deliveries_input(manifests)},
        build=lambda _: bronze.build(source, delivered),
        max_rejected=source.max_rejected,
        lineage=lambda _: bronze_sources(source, delivered, manifests),
        discreet=known.is_discreet(source),
    )
    return promotion, bronze.extra_columns(delivered)


def _audited(
    step: Step,
    known: Known,
    declared: Source | Table,
    promotion: Promotion,
    quality: QualitySettings,
    metadata: Mapping[str, Any],
    as_of: AsOf | None,
) -> Iterator[Any]:
    """Judge a table, hand it to the IO manager to publish, and report each rule."""
    at, root, run_id = now(), step.root, step.run_id
    former = as_of.publication(promotion.key, promotion.fingerprint) if as_of else None
    with (
        told_to_people(step),
        audit(root, promotion, run_id=run_id, at=at, former=former) as audited,
    ):
        excess = audited.excess(quality.limit(promotion.key))
        if excess:
            log(root, run_id, at, "refused", audited.publication)
            yield from check_results(declared, audited, published=False)
            raise failure(ContractError(excess), step, audited.publication)
        facts = step.published(known, declared, audited)
        yield dg.MaterializeResult(
            value=audited,
            metadata={
                **metadata,
                **lineage_metadata(audited.publication.lineage),
                **carried(facts),
            },
            check_results=list(check_results(declared, audited, published=True)),
            data_version=dg.DataVersion(promotion.fingerprint),
        )
        step.tell_if_the_log_does_not(facts)


def _step(
    context: dg.AssetExecutionContext, root: DataRoot, declared: Source | Table, key: str
) -> Step:
    return Step(
        root=root,
        key=key,
        run_id=context.run_id,
        instance=context.instance,
        retry_number=context.retry_number,
        declared=declared,
    )


def _present(root: DataRoot, key: str) -> Input:
    found = input_of(root, key)
    if found is None:
        raise MissingTableError(f"{root.table(key).name} was not written by JobForge: make {key}.")
    return found


def _policy(declared: Source | Table, licences: set[str]) -> dict[str, Any]:
    """What is said of every asset in the same way: group, owner and tags."""
    tags = {"licence": licences.pop() if len(licences) == 1 else "several"}
    if declared.steward:
        tags["steward"] = declared.steward
    return {"group_name": declared.domain, "owners": [declared.owner], "tags": tags}


def _licences(table: Table) -> set[str]:
    found: set[str] = set()
    for upstream in table.inputs:
        if isinstance(upstream, Source):
            found.add(upstream.origin.licence.code)
        else:
            found |= _licences(upstream)
    return found


def _key(key: str) -> dg.AssetKey:
    return dg.AssetKey(key.split("/"))


def _argument(key: str) -> str:
    return key.replace("/", "__").replace("-", "_")
