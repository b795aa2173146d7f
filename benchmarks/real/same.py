"""Whether two folders of gold tables hold the same rows, whatever their order."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def differences(plain: Path, ours: Path) -> list[str]:
    """Compare two folders of Parquet files table by table.

    Args:
        plain: the tables of the plain script.
        ours: those of the platform; columns that begin with ``_`` are its own and left out.

    Returns:
        Each difference in words; nothing if the tables are the same.
    """
    names = sorted({path.stem for folder in (plain, ours) for path in folder.glob("*.parquet")})
    found = [] if names else ["there is no table on either side"]
    for name in names:
        absent = [
            side
            for side, folder in (("plain", plain), ("ours", ours))
            if not (folder / f"{name}.parquet").exists()
        ]
        if absent:
            found.append(f"{name} is missing from {absent[0]}")
            continue
        told = _of_table(_read(plain, name), _read(ours, name))
        found.extend(f"{name}: {each}" for each in told)
    return found


def _read(folder: Path, name: str) -> pl.DataFrame:
    frame = pl.read_parquet(folder / f"{name}.parquet", glob=False)
    return frame.select(sorted(column for column in frame.columns if not column.startswith("_")))


def _of_table(plain: pl.DataFrame, ours: pl.DataFrame) -> list[str]:
    if plain.schema != ours.schema:
        unlike = dict(plain.schema.items() ^ ours.schema.items())
        return [f"the columns {', '.join(sorted(unlike))} differ in name or type"]
    found = []
    sides = {"plain": _counted(plain), "ours": _counted(ours)}
    for side, other in (("plain", "ours"), ("ours", "plain")):
        alone = sides[side].join(sides[other], on=sides[side].columns, how="anti", nulls_equal=True)
        if alone.height:
            example = alone.row(0, named=True)
            found.append(f"{alone.height:,} rows are in {side} alone, such as {example}")
    return found


def _counted(frame: pl.DataFrame) -> pl.DataFrame:
    """Each distinct row with how often it is there."""
    return frame.group_by(frame.columns).len("_times")
