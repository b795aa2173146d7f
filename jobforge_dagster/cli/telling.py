"""What ``jobforge catalog`` says of a table, for people and for programs."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches

import click
import polars as pl

from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.documents import (
    GlossaryDocument,
    LayerTransitionLog,
    TableMetadata,
)
from jobforge_dagster.catalog.store import LAYERS, CatalogError, get, glossary_path, table_path
from jobforge_dagster.cli.common import print_grid, print_json
from jobforge_dagster.medallion.storage.root import DataRoot


def tell_table(root: DataRoot, key: str, *, as_json: bool) -> None:
    """Tell of a table."""
    table = _document(root, key)
    if as_json:
        print_json(table.model_dump(mode="json"))
        return
    technical, lineage, governance = table.technical, table.lineage, table.governance
    click.echo(f"{table.table}: {table.business.description}")
    for name, text in (
        ("purpose", table.business.purpose),
        ("answers", "\n            ".join(table.business.business_questions)),
        ("rows", f"{technical.rows} in {technical.columns} columns, {technical.bytes} bytes"),
        ("version", technical.schema_version),
        ("updated", f"{technical.updated:%Y-%m-%d %H:%M} UTC by run {technical.updated_by_run}"),
        ("owner", f"{governance.owner}, steward {governance.steward}"),
        ("class", governance.classification),
        ("made by", f"{lineage.code.file}: {lineage.code.symbol}" if lineage.code else None),
        ("made of", ", ".join(lineage.upstream)),
        ("read by", ", ".join(lineage.downstream)),
        ("files", ", ".join(lineage.source_files)),
        ("gaps", f"{len(table.gaps)} facts that nobody declared" if table.gaps else None),
    ):
        if text:
            click.echo(f"  {name:<9} {text}")
    rows = [
        (column.name, column.type, column.description.en, column.term, column.classification)
        for column in table.columns
    ]
    names = ("column", "type", "meaning", "term", "class")
    print_grid(pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"), nothing="")


def tell_column(root: DataRoot, key: str, name: str, *, as_json: bool) -> None:
    """Tell of a column, down to the delivered headers."""
    table = _document(root, key)
    found = {column.name: column for column in table.columns}
    if name not in found:
        close = get_close_matches(name, found, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise CatalogError(f"{key} has no column {name}.{hint}")
    column = found[name]
    if as_json:
        print_json(column.model_dump(mode="json"))
        return
    click.echo(f"{key}.{name} ({column.type}): {column.description.en or 'nobody said what it is'}")
    if column.description.fr:
        click.echo(f"  {column.description.fr}")
    made_of = column.lineage
    for source in made_of.direct if made_of else ():
        click.echo(f"  made of    {source.table}.{source.column} ({source.kind})")
    for deciding in made_of.indirect if made_of else ():
        kinds = ", ".join(deciding.kinds)
        click.echo(f"  decided by {deciding.table}.{deciding.column} ({kinds})")
    for origin in made_of.origins if made_of else ():
        how = ", ".join([*([origin.kind] if origin.kind else []), *origin.kinds])
        click.echo(f"  from       {origin.source}: {origin.header!r} ({how})")
    for reason in made_of.opaque if made_of else ():
        click.echo(f"  opaque     {reason}")
    deciding_rows = [f"{each.table}.{each.column}" for each in table.lineage.rows]
    if deciding_rows:
        click.echo(f"  rows by    {', '.join(deciding_rows)}")


def tell_transitions(root: DataRoot, key: str, last: int, *, as_json: bool) -> None:
    """Tell how a table came to be as it stands."""
    paths = []
    if all(part not in ("", "..") for part in key.split("/")):
        folder = chain.lineage(root) / key
        found = sorted(path.name for path in folder.glob("*.json"))
        paths = [folder / name for name in found[-last:]]
    if not paths:
        raise _unknown(root, key)
    records = [get(root, path, LayerTransitionLog) for path in paths]
    if as_json:
        print_json([record.model_dump(mode="json") for record in records])
        return
    rows = [
        (
            f"{record.completed_at:%Y-%m-%d %H:%M:%S}",
            record.status,
            f"{record.row_count_in} > {record.row_count_out}",
            str(record.rows_quarantined),
            record.run_id[:8],
            (record.output_sha256 or "")[:12],
            "; ".join(record.errors or record.transforms_applied)[:80],
        )
        for record in records
    ]
    names = ("completed (UTC)", "status", "rows", "quarantined", "run", "sha256", "what")
    print_grid(pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"), nothing="")


def tell_gaps(root: DataRoot, *, as_json: bool) -> None:
    """Tell what nobody declared."""
    paths = [
        path
        for layer in LAYERS
        for path in sorted((root.catalog / "tables" / layer).glob("*.json"))
    ]
    found = {
        table.table: table.gaps for table in (get(root, path, TableMetadata) for path in paths)
    }
    glossary = glossary_path(root)
    unused = get(root, glossary, GlossaryDocument).unused if glossary.exists() else ()
    if as_json:
        print_json({"tables": found, "unused_terms": unused})
        return
    kinds = Counter(_kind(gap) for gaps in found.values() for gap in gaps)
    rows = sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
    print_grid(
        pl.DataFrame(rows, schema={"nobody said": pl.String, "times": pl.Int64}, orient="row"),
        nothing="Everything is declared.",
    )
    if unused:
        click.echo(f"No column holds the terms {', '.join(unused)}.")


def _kind(gap: str) -> str:
    """A gap without the name of the column or source that it is of."""
    parts = gap.split(".")
    if parts[0] == "columns":
        return f"columns: {'.'.join(parts[-2:])}"
    return f"{parts[1]}: {parts[-1]}" if parts[1:2] == ["sources"] else gap


def _document(root: DataRoot, key: str) -> TableMetadata:
    path = table_path(root, key)
    if not path.exists():
        raise _unknown(root, key)
    table = get(root, path, TableMetadata)
    if table.table != key:
        raise _unknown(root, key)
    return table


def _unknown(root: DataRoot, key: str) -> CatalogError:
    folder = chain.lineage(root)
    known = sorted({path.parent.relative_to(folder).as_posix() for path in chain.records(root)})
    if not known:
        return CatalogError(
            "The catalog is empty. Make the tables first: dagster asset materialize --select '*'"
        )
    close = get_close_matches(key, known, n=1)
    hint = f" The closest is {close[0]}." if close else ""
    return CatalogError(f"The catalog knows no table {key!r}.{hint}")
