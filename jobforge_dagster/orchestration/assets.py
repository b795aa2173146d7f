"""Turns declarations into assets: the key is the path on disk, the group is the family.

The group says the domain, owners who answers for it, tags the licence and the steward, kinds the
layer and the format: a node of the graph shows the last part of its key alone, so without a kind
the layers of one source look the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import dagster as dg
import polars as pl

from jobforge_dagster.medallion.declare import Source, Table
from jobforge_dagster.medallion.errors import JobForgeError, MissingTableError
from jobforge_dagster.medallion.fingerprint import (
    platform_version,
    source_version,
    table_version,
)
from jobforge_dagster.medallion.layers import bronze
from jobforge_dagster.medallion.layers import table as promoted
from jobforge_dagster.medallion.layers.staged import expected, stage
from jobforge_dagster.medallion.storage import deliveries, parquet
from jobforge_dagster.medallion.storage.publish import Input, Promotion, input_of, now
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.executor import ABSENT
from jobforge_dagster.orchestration.facts import (
    declared_columns,
    delivery_metadata,
    source_metadata,
    table_definition_metadata,
)
from jobforge_dagster.orchestration.failures import failure
from jobforge_dagster.orchestration.logs import tell


def staged_asset(source: Source, root: DataRoot) -> dg.AssetsDefinition:
    """The asset that stages what a publisher delivered."""
    spec = dg.AssetSpec(
        key=_key(source.staged_key),
        description=f"The publisher's file, untouched. {source.description}",
        metadata=source_metadata(source),
        code_version=platform_version(),
        **_policy(source, {source.origin.licence.code}),
        kinds={"csv", "parquet"},
        skippable=True,
    )

    @dg.multi_asset(name=_argument(source.staged_key), specs=[spec], can_subset=False)
    def staged(context: dg.AssetExecutionContext) -> Iterator[Any]:
        try:
            staging = stage(root, source, run_id=context.run_id, at=now())
        except JobForgeError as error:
            raise failure(error) from None
        if staging is None:
            wanted = expected(source)
            tell("absent", table=source.staged_key, expected_file=wanted)
            yield dg.AssetObservation(asset_key=spec.key, metadata={ABSENT: wanted})
            return
        manifest = staging.manifest
        tell(
            "published" if staging.new else "unchanged",
            table=source.staged_key,
            rows=manifest.rows,
        )
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata=delivery_metadata(manifest, new=staging.new),
            data_version=dg.DataVersion(manifest.batch_id),
        )

    return staged


def bronze_asset(source: Source, root: DataRoot) -> dg.AssetsDefinition:
    """The asset that names and types a staged delivery."""

    @dg.asset(
        key=_key(source.key),
        deps=[_key(source.staged_key)],
        io_manager_key="medallion",
        description=source.description,
        metadata={
            "dagster/column_schema": declared_columns(source.schema, keys=False),
            "dagster/table_name": f"bronze.{source.name}",
        },
        code_version=source_version(source),
        **_policy(source, {source.origin.licence.code}),
        kinds={source.layer, "parquet"},
    )
    def named_and_typed(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Promotion]:
        try:
            promotion, extra = _promote_source(root, source)
        except JobForgeError as error:
            raise failure(error) from None
        if extra:
            context.log.warning(
                f"{source.key}: {', '.join(extra)} not declared; kept as text. Declare what "
                f"such a column means in {source.schema.__name__}."
            )
        return _result(promotion, {"extra_columns": dg.MetadataValue.json(extra)})

    return cast("dg.AssetsDefinition", named_and_typed)


def table_asset(table: Table, root: DataRoot) -> dg.AssetsDefinition:
    """The asset of a declared silver or gold table."""
    names = {_argument(upstream.key): upstream for upstream in table.upstream}

    @dg.asset(
        key=_key(table.key),
        ins={name: dg.AssetIn(key=_key(upstream.key)) for name, upstream in names.items()},
        io_manager_key="medallion",
        description=table.description,
        metadata=table_definition_metadata(table),
        code_version=table_version(table),
        **_policy(table, _licences(table)),
        kinds={table.layer, "parquet"},
    )
    def made(**frames: pl.LazyFrame) -> dg.MaterializeResult[Promotion]:
        upstream = {names[name].key: frame for name, frame in frames.items()}
        promotion = Promotion(
            key=table.key,
            code_version=table_version(table),
            inputs={key: _present(root, key) for key in upstream},
            build=lambda: promoted.build(table, upstream),
        )
        return _result(promotion, {})

    return cast("dg.AssetsDefinition", made)


def _promote_source(root: DataRoot, source: Source) -> tuple[Promotion, list[str]]:
    manifest = deliveries.standing(root, source)
    if manifest is None:
        raise MissingTableError(
            f"{source.staged_key} has no delivery yet: drop {expected(source)} and stage it by: "
            f"dagster asset materialize --select 'key:\"{source.staged_key}\"'"
        )
    staged = parquet.scan(root.path / manifest.staged_file)
    columns = bronze.columns_of(source, bronze.staged_names(staged), manifest.file)
    batch = Input(manifest.batch_id, (manifest.batch_id,), manifest.rows)
    promotion = Promotion(
        key=source.key,
        code_version=source_version(source),
        inputs={source.staged_key: batch},
        build=lambda: bronze.build(source, staged, columns),
    )
    return promotion, bronze.extra_columns(columns)


def _present(root: DataRoot, key: str) -> Input:
    found = input_of(root, key)
    if found is None:
        raise failure(
            MissingTableError(f"{root.table(key).name} was not written by JobForge: make {key}.")
        )
    return found


def _result(promotion: Promotion, metadata: Mapping[str, Any]) -> dg.MaterializeResult[Promotion]:
    version = dg.DataVersion(promotion.fingerprint)
    return dg.MaterializeResult(value=promotion, metadata=dict(metadata), data_version=version)


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
