"""The question of what changed, as a notebook and the command line ask it."""

from __future__ import annotations

from pathlib import Path

from jobforge_dagster.asking import names
from jobforge_dagster.asking.diff import facts
from jobforge_dagster.asking.diff.choosing import choose
from jobforge_dagster.asking.diff.comparing import compare
from jobforge_dagster.asking.diff.contents import Content, Remake, opened, workplace
from jobforge_dagster.asking.diff.facts import Change
from jobforge_dagster.asking.diff.model import Diff, Version
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.root import DataRoot


def diff(
    table: str,
    from_: str | None = None,
    to: str | None = None,
    *,
    provenance: bool = False,
    limit: int | None = None,
    output: Path | None = None,
    root: DataRoot | None = None,
    remake: Remake | None = None,
) -> Diff:
    """Compare two versions of a table: by default the one that stands and the one before it.

    A version is named by a run (then it is the one that stood after it), by a delivery (the first
    that was made with it) or by a time (the one that stood then): an id or the start of one, or
    ISO 8601, in UTC where it names no zone.

    Args:
        table: its name: ``gold.dim_noc``, its key, or the last part alone.
        from_: the earlier version; by default the one before the later.
        to: the later version; by default the one that stands.
        provenance: whether to compare also where rows come from, beside what they hold.
        limit: how many rows of each kind to give back; all, if ``None``.
        output: a Parquet file for all rows that differ, whole, those that changed as they were and
            as they are.
        root: the data root; by default the one that the environment names.
        remake: how to make a version again that is not kept any more.

    Raises:
        UnknownNameError: there is no such table, run or delivery, or there are several.
        JobForgeError: there is no such version, or it cannot be had any more.
    """
    root = root or DataRoot.from_environment()
    key = names.table_named(table, names.keys(root))
    earlier, later = choose(root, key, from_, to)
    if output is not None and output.resolve().is_relative_to(root.path.resolve()):
        raise JobForgeError(f"{output} lies within the data root. Name a file elsewhere.")
    with workplace(root) as folder:
        before = opened(root, earlier, folder, remake)
        after = before if earlier == later else opened(root, later, folder, remake)
        were, are = (parquet.scan(each.file).collect_schema() for each in (before, after))
        found = compare(before, after, folder, provenance=provenance, limit=limit, output=output)
        return Diff(
            table=key,
            before=_version(earlier, before),
            after=_version(later, after),
            key=found.key,
            added=found.added,
            removed=found.removed,
            changed=found.changed,
            unchanged=found.unchanged,
            by_column=dict(sorted(found.by_column.items())),
            added_rows=found.added_rows,
            removed_rows=found.removed_rows,
            changed_cells=found.changed_cells,
            schema=facts.schema_change(
                earlier, later, were, are, Change(before.primary_key, after.primary_key)
            ),
            quality=facts.quality_change(earlier, later),
            causes=facts.causes(root, earlier, later),
        )


def _version(publication: Publication, content: Content) -> Version:
    return Version(
        run_id=publication.run_id,
        written_at=publication.written_at,
        sha256=publication.sha256,
        rows=publication.conservation.accepted,
        exact=content.exact,
    )
