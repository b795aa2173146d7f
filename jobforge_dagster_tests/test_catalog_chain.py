"""The chain of transitions: whatever is altered, removed, moved or put there by hand is found."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.documents import IndexLine, LayerTransitionLog
from jobforge_dagster.catalog.documents.transition import BoundInput, TransitionFacts
from jobforge_dagster.catalog.verify import verify
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.history import HEAD, Project
from jobforge_dagster_tests.shop import ORDERS, SHOP

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
KEYS = ("staged/orders", "bronze/shop/orders", "silver/shop/order", "gold/dim_customer")


def facts_of(number: int, key: str = "", content: bytes = b"") -> TransitionFacts:
    """A transition that tells something in every field."""
    key = key or KEYS[number % len(KEYS)]
    return TransitionFacts(
        transition_id=f"{number:08x}-0000-5000-8000-000000000000",
        run_id=f"run-{number // 4}",
        table=key,
        batch_ids=(f"batch-{number}",),
        source_layer="bronze",
        target_layer="silver",
        source_tables=("bronze/shop/orders",),
        source_files=("shop/orders.csv", "shop/événement.csv"),
        target_file=f"{key}.parquet",
        row_count_in=100 + number,
        row_count_out=90 + number,
        rows_expected=100 + number,
        rows_quarantined=7,
        rows_deduplicated=3,
        transforms_applied=("made by shop.py:order", "judged by Order"),
        started_at=START + timedelta(seconds=number),
        status="partial",
        errors=("nothing of note",),
        code_version="92c5e81239011b3a",
        inputs=(BoundInput(table="bronze/shop/orders", sha256="ab" * 32, files=1, rows=100),),
        output_sha256=sha256(content or f"table {number}".encode()).hexdigest(),
    )


@dataclass
class Chain:
    """A data root whose chain tells of four tables, each made twice."""

    root: DataRoot

    @property
    def index(self) -> Path:
        return self.root.catalog / "lineage" / "index.jsonl"

    @property
    def records(self) -> list[Path]:
        """In the order of the chain."""
        folder = self.index.parent
        return [folder / json.loads(line)["record"] for line in self.lines]

    @property
    def lines(self) -> list[str]:
        return self.index.read_text("utf-8").splitlines()

    def write_lines(self, lines: list[str]) -> None:
        self.index.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    def findings(self, head: str | None = None) -> list[str]:
        return verify(self.root, head).findings

    def change(self, place: int, **told: Any) -> None:
        """Say something else in a record."""
        path = self.records[place]
        record = json.loads(path.read_bytes()) | told
        path.write_text(f"{json.dumps(record, indent=2, ensure_ascii=False)}\n", "utf-8")

    def change_line(self, place: int, **told: Any) -> None:
        """Say something else in a line of the index."""
        lines = self.lines
        record = json.loads(lines[place]) | told
        lines[place] = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        self.write_lines(lines)

    def hash_again(self, place: int) -> str:
        """Give a record the hash of what it says now."""
        record = LayerTransitionLog.model_validate_json(self.records[place].read_bytes())
        self.change(place, hash=chain.hash_of(record))
        return chain.hash_of(record)

    def command(self, *arguments: str) -> Any:
        return Lake(self.root.path).command("catalog", "verify", *arguments)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = DataRoot(tmp_path_factory.mktemp("chain") / "data")
    for number in range(8):
        assert chain.append(root, facts_of(number), START + timedelta(minutes=number))
    for number in range(4, 8):
        path = root.table(KEYS[number % 4])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"table {number}".encode())
    assert Chain(root).findings() == []
    return root.path


@pytest.fixture
def whole(template: Path, tmp_path: Path) -> Chain:
    shutil.copytree(template, tmp_path / "data")
    return Chain(DataRoot(tmp_path / "data"))


def test_the_whole_chain_verifies_and_tells_its_head(whole: Chain) -> None:
    told = whole.command()

    head = json.loads(whole.lines[-1])["hash"]
    assert told.exit_code == 0
    assert told.output.splitlines() == [
        "8 transitions, 4 files. All is as it was written.",
        f"head {head}",
    ]
    assert json.loads(whole.command("--json").output) == {
        "records": 8,
        "head": head,
        "findings": [],
        "tables": 4,
    }


def test_each_record_is_bound_to_the_one_before_it(whole: Chain) -> None:
    before = ""
    for place, path in enumerate(whole.records, start=1):
        record = LayerTransitionLog.model_validate_json(path.read_bytes())
        told = json.loads(path.read_bytes())
        own = told.pop("hash")
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert (record.sequence, record.previous) == (place, before)
        assert own == sha256(f"{before}\n{text}".encode()).hexdigest()
        before = own


FIELDS = {
    "number": {"row_count_out": 91},
    "null-for-a-number": {"rows_quarantined": None},
    "text": {"run_id": "run-x"},
    "layer": {"source_layer": "gold"},
    "status": {"status": "success"},
    "errors": {"errors": []},
    "list": {"source_files": ["shop/événement.csv", "shop/orders.csv"]},
    "transforms": {"transforms_applied": ["made by shop.py:order"]},
    "code": {"code_version": "92c5e81239011b3b"},
    "input-hash": {
        "inputs": [{"table": "bronze/shop/orders", "sha256": "cd" * 32, "files": 1, "rows": 100}]
    },
    "output-hash": {"output_sha256": "00" * 32},
    "own-hash": {"hash": "00" * 32},
    "previous-hash": {"previous": "00" * 32},
    "sequence": {"sequence": 99},
    "id": {"transition_id": "ffffffff-0000-5000-8000-000000000000"},
    "started": {"started_at": "2020-01-01T00:00:00Z"},
    "completed": {"completed_at": "2020-01-01T00:00:00Z"},
    "unknown-field": {"note": "by hand"},
    "version": {"document_version": "1.7"},
}


@pytest.mark.parametrize("place", [0, 3, 7])
@pytest.mark.parametrize("field", FIELDS)
def test_an_edited_record_is_named(whole: Chain, field: str, place: int) -> None:
    name = f"lineage/{whole.records[place].relative_to(whole.index.parent).as_posix()}"
    whole.change(place, **FIELDS[field])

    assert [finding for finding in whole.findings() if finding.startswith(f"{name}: ")]


LINE_FIELDS = {
    "number": {"row_count_out": 91},
    "text": {"run_id": "run-x"},
    "table": {"table": "gold/other"},
    "status": {"status": "success"},
    "hash": {"hash": "00" * 32},
    "previous": {"previous": "00" * 32},
    "output": {"output_sha256": None},
    "sequence": {"sequence": 99},
    "record": {"record": "gold/other/20260102T030405.678901Z-00000000.json"},
    "completed": {"completed_at": "2020-01-01T00:00:00Z"},
    "unknown-field": {"note": "by hand"},
}


@pytest.mark.parametrize("place", [0, 3, 7])
@pytest.mark.parametrize("field", LINE_FIELDS)
def test_an_edited_line_of_the_index_is_found(whole: Chain, field: str, place: int) -> None:
    whole.change_line(place, **LINE_FIELDS[field])

    assert [finding for finding in whole.findings() if "index" in finding]


def _remove_record(whole: Chain) -> str:
    path = whole.records[3]
    path.unlink()
    return f"{path.name}: it is gone."


def _remove_line(whole: Chain) -> str:
    whole.write_lines([line for place, line in enumerate(whole.lines) if place != 3])
    return "index.jsonl, line 4: it does not follow the line before it."


def _remove_first_line(whole: Chain) -> str:
    whole.write_lines(whole.lines[1:])
    return "index.jsonl, line 1: it does not follow the line before it."


def _remove_last_line(whole: Chain) -> str:
    path = whole.records[-1]
    whole.write_lines(whole.lines[:-1])
    return f"{path.name}: the index has no line of it."


def _remove_both(whole: Chain) -> str:
    whole.records[3].unlink()
    return _remove_line(whole)


def _insert_line(whole: Chain) -> str:
    lines = whole.lines
    whole.write_lines([*lines[:4], lines[3], *lines[4:]])
    return "index.jsonl, line 5: it does not follow the line before it."


def _insert_both(whole: Chain) -> str:
    """A transition that never was, with a hash of its own, between two others."""
    record = LayerTransitionLog.model_validate_json(whole.records[3].read_bytes())
    told = record.model_copy(
        update={"transition_id": "forged", "sequence": 5, "previous": record.hash}
    )
    told = told.model_copy(update={"hash": chain.hash_of(told)})
    path = whole.records[3].with_name("20260102T030409.000000Z-forged.json")
    path.write_text(told.as_json(), "utf-8")
    lines = whole.lines
    lines.insert(4, chain.line_of(whole.root, told, path).model_dump_json())
    whole.write_lines(lines)
    return "index.jsonl, line 6: it does not follow the line before it."


def _insert_record(whole: Chain) -> str:
    path = whole.records[3].with_name("20260102T030409.000000Z-forged.json")
    path.write_bytes(whole.records[3].read_bytes())
    return f"{path.name}: the index has no line of it."


def _swap_lines(whole: Chain) -> str:
    lines = whole.lines
    lines[3], lines[4] = lines[4], lines[3]
    whole.write_lines(lines)
    return "index.jsonl, line 4: it does not follow the line before it."


def _swap_records(whole: Chain) -> str:
    one, other = whole.records[3], whole.records[7]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return f"{one.name}: its line in the index says something else."


def _hash_again(whole: Chain) -> str:
    whole.change(3, row_count_out=0)
    whole.hash_again(3)
    return f"{whole.records[3].name}: its line in the index says something else."


def _hash_again_with_its_line(whole: Chain) -> str:
    whole.change(3, row_count_out=0)
    whole.change_line(3, row_count_out=0, hash=whole.hash_again(3))
    return "index.jsonl, line 5: it does not follow the line before it."


def _alter_table(whole: Chain) -> str:
    whole.root.table("gold/dim_customer").write_bytes(b"something else")
    return "gold/dim_customer.parquet: it is not what its last transition made"


def _set_back_table(whole: Chain) -> str:
    whole.root.table("gold/dim_customer").write_bytes(b"table 3")
    return "gold/dim_customer.parquet: it is not what its last transition made"


def _remove_table(whole: Chain) -> str:
    whole.root.table("gold/dim_customer").unlink()
    return "gold/dim_customer.parquet: it is gone."


def _add_table(whole: Chain) -> str:
    whole.root.table("gold/dim_other").write_bytes(b"table 3")
    return "gold/dim_other.parquet: no transition tells of it."


def _add_staged_file(whole: Chain) -> str:
    path = whole.root.staged / "orders" / "2026-01-02" / "orders.csv.5b1f0c2e.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"table 3")
    return f"{whole.root.relative(path)}: no transition tells of it."


TAMPERINGS: list[Callable[[Chain], str]] = [
    _remove_record,
    _remove_line,
    _remove_first_line,
    _remove_last_line,
    _remove_both,
    _insert_line,
    _insert_both,
    _insert_record,
    _swap_lines,
    _swap_records,
    _hash_again,
    _hash_again_with_its_line,
    _alter_table,
    _set_back_table,
    _remove_table,
    _add_table,
    _add_staged_file,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=[each.__name__[1:] for each in TAMPERINGS])
def test_what_was_tampered_with_is_named(whole: Chain, tamper: Callable[[Chain], str]) -> None:
    says = tamper(whole)

    told = whole.command()

    assert told.exit_code == 1
    assert says in told.output
    findings = json.loads(whole.command("--json").output)["findings"]
    assert any(says in finding for finding in findings)


def test_a_cut_off_end_is_found_by_a_head_that_was_noted(whole: Chain) -> None:
    head = json.loads(whole.lines[-1])["hash"]
    middle = json.loads(whole.lines[4])["hash"]
    for key in KEYS:
        whole.root.table(key).unlink()
    for path in whole.records[4:]:
        path.unlink()
    whole.write_lines(whole.lines[:4])
    for number in range(4):
        whole.root.table(KEYS[number]).write_bytes(f"table {number}".encode())

    assert whole.command().exit_code == 0
    for known in (head, head[:8], middle):
        told = whole.command("--head", known)
        assert told.exit_code == 1
        assert f"The head {known} is not in the chain: its end was cut off" in told.output
    first = json.loads(whole.lines[0])["hash"]
    assert whole.command("--head", first[:12]).exit_code == 0


def test_a_last_record_that_was_written_anew_is_found_by_its_head(whole: Chain) -> None:
    head = json.loads(whole.lines[-1])["hash"]
    whole.change(7, rows_quarantined=0)
    whole.change_line(7, rows_quarantined=0, hash=whole.hash_again(7))

    assert whole.command().exit_code == 0
    assert whole.command("--head", head).exit_code == 1


def test_an_empty_chain_has_no_head(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    told = Lake(tmp_path / "data").command("catalog", "verify")

    assert told.exit_code == 0
    assert told.output.splitlines() == [
        "0 transitions, 0 files. All is as it was written.",
        "head (none yet)",
    ]
    assert Lake(tmp_path / "data").command("catalog", "verify", "--head", "3f9c01ab").exit_code == 1


def _restored(whole: Chain, change: Callable[[Path], None], place: int) -> list[str]:
    """What is found after one file of the chain was changed, which is undone then."""
    files = [whole.index, *whole.records]
    path = files[place % len(files)]
    before = path.read_bytes()
    try:
        change(path)
        return whole.findings()
    finally:
        path.write_bytes(before)


@settings(max_examples=300)
@given(
    place=st.integers(0, 8),
    at=st.integers(0, 10_000),
    byte=st.integers(0, 255) | st.sampled_from(b" \n\tTt_:0e,"),
)
@example(place=1, at=2, byte=ord("\t"))
def test_no_byte_can_be_another(whole: Chain, place: int, at: int, byte: int) -> None:
    same = False

    def change(path: Path) -> None:
        nonlocal same
        content = bytearray(path.read_bytes())
        same = content[at % len(content)] == byte
        content[at % len(content)] = byte
        path.write_bytes(content)

    assert bool(_restored(whole, change, place)) != same


@settings(max_examples=100)
@given(place=st.integers(0, 8), at=st.integers(0, 10_000), length=st.integers(1, 40))
def test_no_bytes_can_be_left_out(whole: Chain, place: int, at: int, length: int) -> None:
    def change(path: Path) -> None:
        content = path.read_bytes()
        start = at % len(content)
        path.write_bytes(content[:start] + content[start + length :])

    assert _restored(whole, change, place)


VALUES = st.one_of(
    st.none(), st.integers(0, 200), st.text(max_size=10), st.lists(st.text(max_size=4), max_size=2)
)


@settings(max_examples=200)
@given(
    place=st.integers(1, 8),
    field=st.sampled_from(sorted(LayerTransitionLog.model_fields)),
    value=VALUES,
)
@example(place=1, field="previous", value=None)
@example(place=8, field="errors", value=["x"])
def test_no_field_can_say_anything_else(whole: Chain, place: int, field: str, value: Any) -> None:
    same = False

    def change(path: Path) -> None:
        nonlocal same
        told = json.loads(path.read_bytes())
        same = told[field] == value
        told[field] = value
        path.write_text(f"{json.dumps(told, indent=2, ensure_ascii=False)}\n", "utf-8")

    assert bool(_restored(whole, change, place)) != same


@settings(max_examples=100)
@given(place=st.integers(0, 7), field=st.sampled_from(sorted(IndexLine.model_fields)), value=VALUES)
@example(place=0, field="record", value="\0")
def test_no_field_of_a_line_can_say_anything_else(
    whole: Chain, place: int, field: str, value: Any
) -> None:
    same = json.loads(whole.lines[place])[field] == value

    assert bool(_restored(whole, lambda _: whole.change_line(place, **{field: value}), 0)) != same


SAME = {
    "told-twice": (r'("status": ?)', r'\1"failed","status":'),
    "another-date": (r"2026-01-02T", "2026-01-02 "),
    "another-number": (r'("row_count_in": ?\d+)', r"\1.0"),
    "text-for-a-number": (r'("sequence": ?)(\d+)', r'\1"\2"'),
    "more-space": (r"^{", "{ "),
}


@pytest.mark.parametrize("where", ["record", "line"])
@pytest.mark.parametrize("how", SAME)
def test_what_says_the_same_in_other_words_is_found(whole: Chain, how: str, where: str) -> None:
    path = whole.records[3] if where == "record" else whole.index
    old, new = SAME[how]
    text, count = re.subn(old, new, path.read_text("utf-8"), count=1)
    assert count == 1
    path.write_text(text, "utf-8")

    assert whole.findings()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"\xff\xfe\x00", b"[" * 100_000, b'{"document_version": "9.0"}'],
    ids=["empty", "torn", "null", "list", "no-text", "deep", "newer"],
)
def test_a_record_that_is_none_is_a_finding_and_no_crash(whole: Chain, content: bytes) -> None:
    whole.records[3].write_bytes(content)
    for_index = whole.lines
    told = whole.command()
    assert (told.exit_code, whole.records[3].name in told.output) == (1, True)

    for_index[2] = content.decode("utf-8", "replace")
    whole.write_lines(for_index)
    assert "index.jsonl, line 3: it is damaged." in whole.command().output


def test_a_record_of_the_index_that_lies_elsewhere_is_a_finding(whole: Chain) -> None:
    copy = whole.root.path / "elsewhere.json"
    copy.write_bytes(whole.records[3].read_bytes())
    whole.change_line(3, record="../../elsewhere.json")

    assert whole.command().exit_code == 1


APPENDING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.documents.transition import TransitionFacts
from jobforge_dagster.catalog.store import writing
from jobforge_dagster.medallion.storage.root import DataRoot

root = DataRoot(Path(sys.argv[1]))
for line in sys.argv[2:]:
    with writing(root):
        assert chain.append(root, TransitionFacts.model_validate_json(line), datetime.now(UTC))
"""


def test_who_only_asks_disturbs_nobody_who_adds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = DataRoot(tmp_path / "data")
    now = datetime(2026, 11, 21, tzinfo=UTC)
    told = [facts_of(number) for number in range(3)]
    chain.append(root, told[0], now)
    asked: list[bool] = []
    line_of = chain.line_of

    def asking(*arguments: Any) -> IndexLine:
        asked.extend(chain.holds(root, each) for each in told)
        return line_of(*arguments)

    monkeypatch.setattr(chain, "line_of", asking)
    chain.append(root, told[1], now)

    assert asked == [True, False, False]
    assert not [each for each in verify(root).findings if each.startswith(("index", "lineage"))]
    assert [chain.holds(root, each) for each in told] == [True, True, False]


def test_four_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    made = Chain(DataRoot(tmp_path / "data"))
    told = [facts_of(number).model_dump_json() for number in range(100)]
    processes = [
        subprocess.Popen([sys.executable, "-c", APPENDING, made.root.path, *told[each::4]])
        for each in range(4)
    ]
    assert [process.wait(120) for process in processes] == [0, 0, 0, 0]

    records = [json.loads(path.read_bytes()) for path in made.records]
    assert [record["sequence"] for record in records] == list(range(1, 101))
    assert {record["transition_id"] for record in records} == {
        facts_of(number).transition_id for number in range(100)
    }
    findings = [each for each in made.findings() if ".parquet" not in each]
    assert findings == []
    assert not list(made.root.path.rglob("*.tmp"))


def test_a_transition_that_is_told_again_is_not_added_again(whole: Chain) -> None:
    before = {path: path.read_bytes() for path in [whole.index, *whole.records]}

    for number in range(8):
        assert not chain.append(whole.root, facts_of(number), datetime.now(UTC))

    assert {path: path.read_bytes() for path in [whole.index, *whole.records]} == before


def _read_so_far() -> int:
    """Bytes that this process has read from anywhere."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["rchar"])


def test_the_twenty_thousandth_transition_costs_as_much_as_the_first(tmp_path: Path) -> None:
    root = DataRoot(tmp_path / "data")
    chain.append(root, facts_of(0), START)
    template = json.loads(chain.index(root).read_text("utf-8"))
    with chain.index(root).open("a", encoding="utf-8") as file:
        for number in range(2, 20_000):
            file.write(f"{json.dumps(template | {'sequence': number})}\n")
    size = chain.index(root).stat().st_size

    before = _read_so_far()
    assert chain.append(root, facts_of(1), START)
    cost = _read_so_far() - before

    last = chain.head(root)
    assert last is not None
    assert last.sequence == 20_000
    assert size > 10_000_000
    assert cost < 100_000


def test_a_line_may_be_longer_than_what_is_read_first(tmp_path: Path) -> None:
    root = DataRoot(tmp_path / "data")
    long = facts_of(0).model_copy(update={"run_id": "r" * 300_000})
    assert chain.append(root, long, START)
    assert chain.append(root, facts_of(1), START)

    assert [path.name for path in Chain(root).records] == [
        chain.record_path(root, facts_of(number)).name for number in range(2)
    ]
    assert [each for each in Chain(root).findings() if ".parquet" not in each] == []


@pytest.fixture
def project(domains: Domains, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(domains(shop=SHOP), monkeypatch)
    made.deliver(f"{ORDERS}004,Dan,-4\n")
    assert made.run().success
    return made


def test_a_transition_binds_inputs_output_and_code(project: Project) -> None:
    lake = project.lake
    told = {each.table: each for each in project.transitions()}
    tables = {
        key: sha256(lake.root.table(key).read_bytes()).hexdigest()
        for key in told
        if not key.startswith("staged/")
    }

    assert list(told) == list(KEYS)
    staged = lake.path / str(told["staged/orders"].target_file)
    assert told["staged/orders"].output_sha256 == sha256(staged.read_bytes()).hexdigest()
    landed = sha256((lake.root.landing / "shop/orders.csv").read_bytes()).hexdigest()
    read = {key: each.inputs[0] for key, each in told.items()}
    assert {key: (each.table, each.sha256, each.rows) for key, each in read.items()} == {
        "staged/orders": ("source/shop/orders.csv", landed, 4),
        "bronze/shop/orders": ("staged/orders", told["staged/orders"].output_sha256, 4),
        "silver/shop/order": ("bronze/shop/orders", tables["bronze/shop/orders"], 4),
        "gold/dim_customer": ("silver/shop/order", tables["silver/shop/order"], 3),
    }
    assert {key: told[key].output_sha256 for key in tables} == tables
    assert told["silver/shop/order"].status == "partial"
    assert told["silver/shop/order"].rows_quarantined == 1
    assert {each.status for key, each in told.items() if "silver" not in key} == {"success"}
    for key in tables:
        [publication] = lake.publications(key)
        assert told[key].code_version == publication.code_version
        assert told[key].run_id == publication.run_id == project.runs()[0].run_id
        assert told[key].source_files == ("shop/orders.csv",)
        assert told[key].batch_ids == (lake.manifests("orders")[0]["batch_id"],)


def test_another_content_and_another_code_are_bound_anew(
    project: Project, domains: Domains
) -> None:
    project.deliver(f"{HEAD}1,Ann,10\n")
    assert project.run().success
    domains(shop=SHOP.replace("str.strip_chars()", "str.to_uppercase()"))
    assert project.run().success

    first, second, third = project.transitions("silver/shop/order")
    assert first.inputs != second.inputs
    assert second.inputs == third.inputs
    assert first.code_version == second.code_version != third.code_version
    assert len({each.output_sha256 for each in (first, second, third)}) == 3
    assert len(project.transitions("bronze/shop/orders")) == 2
    assert project.verify().findings == []
