"""The IO manager: the path from the key, the atomic write, and the facts about what was written.

It takes :class:`Audited` and publishes it; it gives LazyFrames with the trace of each row and
without the clock. What is missing is an error that names the table and the command that makes it.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl

from jobforge_dagster.medallion.errors import MissingTableError
from jobforge_dagster.medallion.provenance import INGESTED_AT, LAYER
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.audit import Audited
from jobforge_dagster.medallion.storage.publish import publish
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.facts import table_metadata
from jobforge_dagster.orchestration.failures import failure, told_to_people
from jobforge_dagster.orchestration.logs import tell
from jobforge_dagster.orchestration.telling import Step


class MedallionIOManager(dg.ConfigurableIOManager):
    """Publishes promotions below a data root, and scans the tables there."""

    data_root: str

    @property
    def root(self) -> DataRoot:
        """The data root."""
        return DataRoot(Path(self.data_root))

    def handle_output(self, context: dg.OutputContext, obj: Audited) -> None:
        """Publish a table and report the facts."""
        step = Step(
            root=self.root,
            key=obj.promotion.key,
            run_id=context.run_id,
            instance=context.step_context.instance,
            retry_number=context.step_context.previous_attempt_count,
        )
        try:
            with told_to_people(step, obj.publication):
                publish(self.root, obj)
        except BaseException:
            # Dagster leaves the generator that wrote them where it stands, until it is collected.
            if obj.written is not None:
                obj.written.discard()
            raise
        metadata = context.definition_metadata or {}
        context.add_output_metadata(
            table_metadata(self.root, obj, metadata.get("dagster/column_schema"))
        )
        _report(obj)

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan a table."""
        key = "/".join(context.asset_key.path)
        path = self.root.table(key)
        if not path.exists():
            error = MissingTableError(
                f"{key} is not there yet ({self.root.relative(path)} below the data root). Make "
                f"it, with what it needs, by: dagster asset materialize --select '+key:\"{key}\"'"
            )
            raise failure(error)
        return parquet.scan(path).drop(INGESTED_AT, LAYER)


def _report(audited: Audited) -> None:
    counts = audited.publication.conservation
    refused = {"rejected": counts.rejected, "deduplicated": counts.deduplicated}
    tell(
        "unchanged" if audited.unchanged else "published",
        table=audited.publication.table,
        rows=counts.accepted,
        **{fate: rows for fate, rows in refused.items() if rows},
    )
