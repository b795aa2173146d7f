"""``why`` on the publishers' own files: some two hundred values of all gold tables.

What an answer says would happen is done to copies of the files, with Python's ``csv``, and a run of
the whole graph shows whether it happens.
"""

from __future__ import annotations

import csv
import io
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.asking.why import Cell, Why, why
from jobforge_dagster.asking.why.replay import Planned, Record
from jobforge_dagster.medallion.declare import Table
from jobforge_dagster_tests.conftest import REAL, Lake
from jobforge_dagster_tests.made import made_real

pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the publishers' files (../shared/real_sources) are not here"
)

ANSWERS = 200
SAMPLED = 10
"""Answers of which each record, and records of which each, is left out."""

SLOW = ("gold/dim_descriptor", "gold/fact_oasis_rating")
"""Tables of which each column is asked for once: an answer takes a second."""

BOM = "\ufeff"


@dataclass(frozen=True)
class Landing:
    """The delivered files, as Python's ``csv`` reads them."""

    folder: Path

    def rows(self, file: str) -> list[list[str]]:
        with (self.folder / file).open(encoding="utf-8-sig", newline="") as opened:
            return list(csv.reader(opened, strict=True))

    def write(self, file: str, rows: list[list[str]]) -> None:
        path = self.folder / file
        before = path.read_text("utf-8")
        written = io.StringIO()
        end = "\r\n" if "\r\n" in before.partition("\n")[0] + "\n" else "\n"
        csv.writer(written, lineterminator=end).writerows(rows)
        mark = BOM if before.startswith(BOM) else ""
        path.write_bytes(f"{mark}{written.getvalue()}".encode())


@dataclass
class Answered:
    """An answer, with a copy of the lake that it was asked of."""

    lake: Lake
    answers: list[Why]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    """Some two hundred random values, of every column of every gold table."""
    lake, _ = made_real(tmp_path_factory, tmp_path_factory.mktemp("why"))
    tables = Tables(lake.root)
    return Answered(
        lake,
        [
            why(table.key, key, column, tables=tables, budget=60)
            for table, key, column in _asked(lake, tables, random.Random(6))
        ],
    )


def _asked(
    lake: Lake, tables: Tables, chance: random.Random
) -> Iterator[tuple[Table, dict[str, str], str]]:
    gold = [table for table in tables.declared.tables if table.layer == "gold"]
    cells = [(table, column) for table in gold for column in table.schema.column_names()]
    again = [(table, column) for table, column in cells if table.key not in SLOW]
    chance.shuffle(again)
    for table, column in [*cells, *(again * 2)[: ANSWERS - len(cells)]]:
        rows = lake.table(table.key)
        row = rows.row(chance.randrange(rows.height), named=True)
        yield table, {name: str(row[name]) for name in table.schema.primary_key()}, column


def test_every_value_is_computed_again_from_the_records_that_are_named(
    answered: Answered,
) -> None:
    assert len(answered.answers) == ANSWERS
    for answer in answered.answers:
        row = _row(answered.lake, answer)
        assert row is not None
        assert answer.value == row[answer.column]
        assert answer.recomputed is not None
        assert answer.recomputed.same, answer
        assert answer.recomputed.records == len(answer.witnesses) > 0
        assert answer.least, answer


def test_no_record_that_is_named_can_be_left_out(answered: Answered) -> None:
    tables = Tables(answered.lake.root)
    for answer in answered.answers[:: ANSWERS // SAMPLED]:
        records = [
            Record(f"staged/{each.source}", each.batch_id, each.record) for each in answer.witnesses
        ]
        assert _made_of(tables, answer, records) == [answer.value]
        for record in records[:SAMPLED]:
            others = [each for each in records if each != record]
            assert _made_of(tables, answer, others) != [answer.value], (answer, record)


def _made_of(tables: Tables, answer: Why, records: list[Record]) -> list[Any]:
    """What the functions make of some records alone."""
    kept: dict[str, list[Record]] = {}
    for record in records:
        kept.setdefault(record.source, []).append(record)
    made = Planned(tables, kept).frame(answer.table)
    row = [pl.col(name) == value for name, value in answer.row.items()]
    return made.filter(row).select(pl.col(answer.column)).collect()[answer.column].to_list()


def test_no_experiment_fails(answered: Answered) -> None:
    """What cannot be made again would pass for needed, whatever the reason."""
    for answer in answered.answers:
        for cell in answer.cells:
            assert {each.outcome for each in cell.experiments} <= {"changes", "goes", "stays"}


def test_every_cell_stands_in_a_delivered_file_as_it_is_told(answered: Answered) -> None:
    rows_of = cache(Landing(answered.lake.root.landing).rows)
    for answer in answered.answers:
        for cell in answer.cells:
            header, *records = rows_of(cell.file)
            if cell.header is None:
                assert cell.text == str(cell.record)
                assert 1 <= int(cell.text) <= len(records)
            elif cell.record is None:
                assert cell.text == cell.header
                assert header.count(cell.header) == 1
            else:
                assert header.count(cell.header) == 1
                text = records[cell.record - 1][header.index(cell.header)]
                assert (cell.text or "") == text
            assert cell.verdict != "not tested"
        for witness in answer.witnesses:
            assert 1 <= witness.record < len(rows_of(witness.file))


def test_a_value_is_made_of_a_cell_unless_the_code_or_the_rows_make_it(answered: Answered) -> None:
    made_of_none = {
        (answer.table, answer.column)
        for answer in answered.answers
        if answer.value is not None and not any(cell.role == "made" for cell in answer.cells)
    }
    # The names of measures and the scopes of codes stand in the code; scales are counted there.
    assert made_of_none <= {
        ("gold/fact_cops_projection", "measure"),
        ("gold/agg_cops_projection", "measure"),
        ("gold/agg_cops_projection", "scope"),
        ("gold/dim_oasis_profile", "is_split"),
        ("gold/dim_descriptor", "scale_no"),
        ("gold/dim_descriptor", "scale_max"),
        ("gold/fact_oasis_rating", "scale_no"),
        ("gold/bridge_exclusion", "excluded_kind"),
    }


def test_what_is_said_to_happen_without_a_cell_happens_in_a_run(
    answered: Answered, tmp_path: Path
) -> None:
    """All at once: each is done to another record, none to one that another answer needs."""
    deeds = _apart(answered.answers)
    lake = _altered(answered.lake, tmp_path, deeds.values())
    for place, deed in deeds.items():
        answer = answered.answers[place]
        row = _row(lake, answer)
        told = (answer, deed, row)
        if deed.outcome == "goes":
            assert row is None, told
        elif deed.outcome == "stays":
            assert row is not None, told
            assert row[answer.column] == answer.value, told
        elif deed.text is None:
            assert row is None or row[answer.column] != answer.value, told
        else:
            assert row is not None, told
            assert row[answer.column] == deed.value != answer.value, told
    done = Counter((deed.text is None, deed.outcome) for deed in deeds.values())
    assert done[False, "changes"] > ANSWERS / 5
    assert done[False, "goes"] > ANSWERS / 20
    assert done[True, "changes"] > ANSWERS / 20
    assert done[True, "stays"]
    assert done[False, "stays"]
    assert done[True, "stays"] + done[False, "stays"] > ANSWERS / 50
    assert {answered.answers[place].table for place in deeds} == {
        answer.table for answer in answered.answers
    }


@dataclass(frozen=True)
class Deed:
    """Something to do to a file, and what is said to come of it.

    Attributes:
        text: what to write into the cell; ``None`` to leave its record out.
        outcome: as in an experiment; of a record left out, ``changes`` stands for ``goes`` too.
    """

    cell: Cell
    text: str | None
    outcome: str
    value: Any = None


REFERRED_TO = {"noc_structure", "oasis_labels", "oasis_guide", "job_titles"}
"""Sources of keys that many tables refer to: without one of these, rows of other answers go."""

NUMBERED = {"oasis_exclusions"}
"""Sources of tables whose key is the number of a record: it changes with the records before."""


def _apart(answers: list[Why]) -> dict[int, Deed]:
    """A deed for each answer, if none of the others needs its record; of all kinds in turn."""
    needed: dict[tuple[str, int | None], set[int]] = {}
    for place, answer in enumerate(answers):
        for witness in answer.witnesses:
            needed.setdefault((witness.file, witness.record), set()).add(place)
    # A code that becomes another's makes two of one: neither row stands.
    texts = {(cell.file, cell.text) for answer in answers for cell in answer.cells if cell.text}
    found: dict[int, Deed] = {}
    spoilt: set[int] = set()
    for place, answer in enumerate(answers):
        if place in spoilt:
            continue
        spare = _spare(answer, edited=place % 2 == 0)
        kinds = [_edit(answer, "changes"), _edit(answer, "goes"), _removal(answer), spare]
        turned = kinds[3:] + kinds[place % 3 : 3] + kinds[: place % 3]
        for deed in filter(None, turned):
            others = needed[deed.cell.file, deed.cell.record] - {place}
            if not others & {*found} and (deed.cell.file, deed.text) not in texts:
                found[place] = deed
                spoilt |= others
                break
    return found


def _edit(answer: Why, outcome: str) -> Deed | None:
    for cell in answer.cells:
        if cell.record is None or cell.header is None or cell.verdict != "necessary":
            continue
        last = cell.experiments[-1]
        if last.outcome != outcome or last.action != "edit":
            continue
        if cell.source not in REFERRED_TO or (cell.role, outcome) == ("made", "changes"):
            return Deed(cell, last.text or "", outcome, last.value)
    return None


def _removal(answer: Why) -> Deed | None:
    """Of a record that a value must go with: no other says the same."""
    several = any("aggregation" in cell.kinds for cell in answer.cells)
    corrected = any(hop.corrections for hop in answer.hops)  # one that finds nothing stops the run
    if several or corrected or answer.column in answer.row or answer.value is None:
        return None  # without the record of an empty cell the value may be null as well
    for cell in answer.cells:
        kept = cell.source in REFERRED_TO | NUMBERED
        if cell.verdict == "necessary" and cell.record is not None and not kept:
            return Deed(cell, None, "changes")
    return None


def _spare(answer: Why, *, edited: bool) -> Deed | None:
    """Of a cell, or its whole record, that a value stands without."""
    for cell in answer.cells:
        if cell.verdict == "sufficient" and cell.source not in NUMBERED:
            first = cell.experiments[0]
            text = first.text or "" if edited and first.action == "edit" else None
            return Deed(cell, text, "stays")
    return None


def _altered(lake: Lake, folder: Path, deeds: Iterable[Deed]) -> Lake:
    copy = Lake(folder / "data")
    shutil.copytree(lake.path, copy.path)
    landing = Landing(copy.root.landing)
    files: dict[str, list[Deed]] = {}
    for deed in deeds:
        files.setdefault(deed.cell.file, []).append(deed)
    for file, some in files.items():
        header, *records = landing.rows(file)
        gone = {deed.cell.record for deed in some if deed.text is None}
        for deed in some:
            if deed.text is not None:
                assert deed.cell.header is not None
                assert deed.cell.record is not None
                records[deed.cell.record - 1][header.index(deed.cell.header)] = deed.text
        kept = [record for number, record in enumerate(records, start=1) if number not in gone]
        landing.write(file, [header, *kept])
    run = copy.run(quality={"max_rejected": 1.0})
    assert run.success, run.failures
    return copy


def _row(lake: Lake, answer: Why) -> dict[str, Any] | None:
    found = lake.table(answer.table).filter(
        pl.all_horizontal(pl.col(name) == value for name, value in answer.row.items())
    )
    assert found.height <= 1
    return found.row(0, named=True) if found.height else None
