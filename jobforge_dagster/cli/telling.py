"""What ``jobforge catalog`` says of a table, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import typer

from jobforge_dagster.asking.documents import NOTHING, reading, table_path, table_paths
from jobforge_dagster.asking.names import closest, table_named
from jobforge_dagster.cli.common import print_json, print_rows
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot


def tell_table(root: DataRoot, name: str, *, as_json: bool) -> None:
    """Tell of a table."""
    with _document(root, name) as table:
        if as_json:
            print_json(table)
            return
        technical, lineage, governance = table["technical"], table["lineage"], table["governance"]
        business, code = table["business"], lineage["code"]
        updated = f"{_moment(technical['updated']):%Y-%m-%d %H:%M} UTC"
        size = f"{technical['rows']} in {technical['columns']} columns, {technical['bytes']} bytes"
        typer.echo(f"{table['table']}: {business['description']}")
        for name, text in (
            ("purpose", business["purpose"]),
            ("answers", "\n            ".join(business["business_questions"])),
            ("rows", size),
            ("version", technical["schema_version"]),
            ("updated", f"{updated} by run {technical['updated_by_run']}"),
            ("owner", f"{governance['owner']}, steward {governance['steward']}"),
            ("class", governance["classification"]),
            ("made by", f"{code['file']}: {code['symbol']}" if code else None),
            ("made of", ", ".join(lineage["upstream"])),
            ("read by", ", ".join(lineage["downstream"])),
            ("files", ", ".join(lineage["source_files"])),
            ("gaps", f"{len(table['gaps'])} facts that nobody declared" if table["gaps"] else None),
        ):
            if text:
                typer.echo(f"  {name:<9} {text}")
        rows = [
            (
                column["name"],
                column["type"],
                column["description"]["en"],
                column["term"],
                column["classification"],
            )
            for column in table["columns"]
        ]
        print_rows(("column", "type", "meaning", "term", "class"), rows, nothing="")


def tell_column(root: DataRoot, table_name: str, name: str, *, as_json: bool) -> None:
    """Tell of a column, down to the delivered headers."""
    with _document(root, table_name) as table:
        key = table["table"]
        found = {column["name"]: column for column in table["columns"]}
        if name not in found:
            raise JobForgeError(f"{key} has no column {name}.{closest(name, found)}")
        column = found[name]
        if as_json:
            print_json(column)
            return
        meaning = column["description"]
        typer.echo(f"{key}.{name} ({column['type']}): {meaning['en'] or 'nobody said what it is'}")
        if meaning["fr"]:
            typer.echo(f"  {meaning['fr']}")
        if column["lineage"]:
            _tell_made_of(column["lineage"])
        deciding = [f"{each['table']}.{each['column']}" for each in table["lineage"]["rows"]]
        if deciding:
            typer.echo(f"  rows by    {', '.join(deciding)}")


def _tell_made_of(made_of: dict[str, Any]) -> None:
    for source in made_of["direct"]:
        typer.echo(f"  made of    {source['table']}.{source['column']} ({source['kind']})")
    for deciding in made_of["indirect"]:
        kinds = ", ".join(deciding["kinds"])
        typer.echo(f"  decided by {deciding['table']}.{deciding['column']} ({kinds})")
    for origin in made_of["origins"]:
        how = ", ".join([*([origin["kind"]] if origin["kind"] else []), *origin["kinds"]])
        typer.echo(f"  from       {origin['source']}: {origin['header']!r} ({how})")
    for reason in made_of["opaque"]:
        typer.echo(f"  opaque     {reason}")


def tell_transitions(root: DataRoot, name: str, last: int, *, as_json: bool) -> None:
    """Tell how a table came to be as it stands."""
    folder = root.catalog / "lineage" / _key(root, name)
    paths = sorted(folder.glob("*.json"))[-last:]
    with reading(root, paths) as records:
        rows = [
            (
                f"{_moment(record['completed_at']):%Y-%m-%d %H:%M:%S}",
                record["status"],
                f"{record['row_count_in']} > {record['row_count_out']}",
                str(record["rows_quarantined"]),
                record["run_id"][:8],
                (record["output_sha256"] or "")[:12],
                "; ".join(record["errors"] or record["transforms_applied"])[:80],
            )
            for record in records
        ]
    if as_json:
        print_json(records)
        return
    names = ("completed (UTC)", "status", "rows", "quarantined", "run", "sha256", "what")
    print_rows(names, rows, nothing="")


def tell_gaps(root: DataRoot, *, as_json: bool) -> None:
    """Tell what nobody declared."""
    with reading(root, table_paths(root)) as tables:
        found = {table["table"]: table["gaps"] for table in tables}
    glossary = root.catalog / "glossary" / "glossary.json"
    with reading(root, [glossary] if glossary.exists() else []) as documents:
        unused = [term for document in documents for term in document["unused"]]
    if as_json:
        print_json({"tables": found, "unused_terms": unused})
        return
    kinds = Counter(_kind(gap) for gaps in found.values() for gap in gaps)
    rows = sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
    print_rows(("nobody said", "times"), rows, nothing="Everything is declared.")
    if unused:
        typer.echo(f"No column holds the terms {', '.join(unused)}.")


def _kind(gap: str) -> str:
    """A gap without the name of the column or source that it is of."""
    parts = gap.split(".")
    if parts[0] == "columns":
        return f"columns: {'.'.join(parts[-2:])}"
    return f"{parts[1]}: {parts[-1]}" if parts[1:2] == ["sources"] else gap


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@contextmanager
def _document(root: DataRoot, name: str) -> Iterator[dict[str, Any]]:
    with reading(root, [table_path(root, _key(root, name))]) as [table]:
        yield table


def _key(root: DataRoot, name: str) -> str:
    """The key of a table that the catalog knows.

    Raises:
        JobForgeError: there is none; tells the closest.
    """
    folder = root.catalog / "lineage"
    known = {
        path.relative_to(folder).as_posix()
        for path in folder.glob("*/**")
        if next(path.glob("*.json"), None)
    }
    if not known:
        raise JobForgeError(NOTHING)
    return table_named(name, sorted(known))
