"""What changed between two versions of a table: every row, and why; for any two versions."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge_dagster.asking.diff import diff, merging
from jobforge_dagster.asking.diff.collecting import Collected
from jobforge_dagster.asking.diff.comparing import compare
from jobforge_dagster.asking.diff.contents import Content
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage import versions
from jobforge_dagster_tests.conftest import Lake
from jobforge_dagster_tests.shop import SHOP

HEAD = "Order No,Customer,Amount\n"
DELIVERIES = [
    f"{HEAD}1,Ann,10\n2,Bob,\n3,Cy,3\n4,Dan,4\n",
    f"{HEAD}1,Ann,10\n2,Bob,2\n3,Cy,\n5,Eve,5\n6,Fay,-6\n",
    f"{HEAD}1,Ann,11\n2,Bob,2\n3,Cy,\n5,Eve,5\n",
]
SHOUTING = SHOP.replace("str.strip_chars()", "str.to_uppercase()")
EVOLVED = SHOP.replace(
    "@SHOP.silver(schema=Order,",
    '''class Noted(dy.Schema):
    """One order, with a note."""

    order_id = dy.String(primary_key=True, metadata=meaning("Its number."))
    amount = dy.Float64(nullable=True, metadata=meaning("Cents."))
    customer = dy.String(metadata=meaning("Who ordered."))
    note = dy.String(metadata=meaning("A note."))


@SHOP.silver(schema=Noted,''',
).replace(
    "str.strip_chars())",
    'str.strip_chars(), pl.col("amount").cast(pl.Float64), note=pl.lit("-"))',
)
EVOLVED = EVOLVED.replace('pl.col("amount").sum()', 'pl.col("amount").sum().cast(pl.Int64)')


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A shop with three deliveries; to be copied."""
    packages = tmp_path_factory.mktemp("packages")
    for name, text in {"": SHOP, "_shouting": SHOUTING, "_evolved": EVOLVED}.items():
        package = packages / f"diff_shop{name}"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "shop.py").write_text(text)
    sys.path.insert(0, str(packages))
    lake = Lake(tmp_path_factory.mktemp("story") / "data", packages=("diff_shop",))
    for content in DELIVERIES:
        lake.drop("shop/orders.csv", content)
        assert lake.run().success
    yield lake
    sys.path.remove(str(packages))


@pytest.fixture
def lake(story: Lake, tmp_path: Path) -> Lake:
    """A copy, made of hard links: files are replaced, not written to."""
    shutil.copytree(story.path, tmp_path / "data", copy_function=os.link)
    return Lake(tmp_path / "data", packages=story.packages)


def asked(lake: Lake, *arguments: str) -> dict[str, Any]:
    told = lake.command("diff", *arguments, "--json")
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def told(lake: Lake, *arguments: str) -> str:
    result = lake.command("diff", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def runs(lake: Lake, key: str = "silver/shop/order") -> list[str]:
    return [each.run_id for each in lake.publications(key)]


def counts(found: dict[str, Any]) -> tuple[int, int, int, int]:
    return found["added"], found["removed"], found["changed"], found["unchanged"]


def test_rows_are_told_by_key_with_old_and_new_values(story: Lake) -> None:
    first, second, _ = runs(story)

    found = asked(story, "silver.order", "--from", first, "--to", second)

    assert (found["before"]["run_id"], found["after"]["run_id"]) == (first, second)
    assert found["key"] == ["order_id"]
    assert counts(found) == (1, 1, 2, 1)
    assert found["added_rows"] == [{"order_id": "5", "customer": "Eve", "amount": 5}]
    assert found["removed_rows"] == [{"order_id": "4", "customer": "Dan", "amount": 4}]
    assert found["changed_cells"] == [
        {"order_id": "2", "_column": "amount", "_old": None, "_new": "2"},
        {"order_id": "3", "_column": "amount", "_old": "3", "_new": None},
    ]
    assert found["by_column"] == {"amount": 2}


def test_by_default_the_version_that_stands_is_compared_with_the_one_before(story: Lake) -> None:
    _, second, third = runs(story)

    found = asked(story, "order")

    assert (found["before"]["run_id"], found["after"]["run_id"]) == (second, third)
    assert found["before"]["exact"] is found["after"]["exact"] is True
    assert counts(found) == (0, 0, 1, 3)
    assert asked(story, "order", "--to", second)["before"]["run_id"] == runs(story)[0]


def test_what_caused_it_is_told(story: Lake) -> None:
    first, second, _ = story.manifests("orders")

    found = asked(story, "order", "--from", runs(story)[0], "--to", runs(story)[1])

    assert [(each["change"], each["batch_id"]) for each in found["causes"]["deliveries"]] == [
        ("removed", first["batch_id"]),
        ("added", second["batch_id"]),
    ]
    assert found["causes"]["deliveries"][0]["file"] == "shop/orders.csv"
    assert found["causes"]["inputs"] == {"bronze/shop/orders": {"before": 4, "after": 5}}
    assert found["causes"]["code"] is False
    assert found["quality"]["rejected"] == {
        "silver/shop/order:amount.min": {"before": 0, "after": 1}
    }
    assert found["quality"]["metrics"]["validity"] == {"before": 1.0, "after": 0.8}


def test_people_are_told_in_words(story: Lake) -> None:
    first, second, _ = runs(story)

    text = told(story, "silver.order", "--from", first[:8], "--to", second[:8])

    for line in (
        "1 row added, 1 removed, 2 changed, 1 unchanged.",
        "Changed by column: amount 2",
        "  + order_id=5: customer Eve, amount 5",
        "  - order_id=4: customer Dan, amount 4",
        "  ~ order_id=2",
        "      amount: null → 2",
        "  rows rejected by silver/shop/order:amount.min: 0 → 1",
        "  bronze.orders changed: 4 → 5 rows",
    ):
        assert f"{line}\n" in text
    assert "code" not in text
    few = told(story, "order", "--from", first, "--to", second, "--limit", "1")
    assert "Changed (the first 1 of 2):" in few
    assert "order_id=3" not in few


def finished_run(lake: Lake, run_id: str, ended_at: str | None) -> None:
    """Let the catalog know a run that published nothing."""
    path = lake.root.catalog / "runs" / f"{run_id}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"started_at": None, "ended_at": ended_at}))


def test_a_version_is_named_by_run_delivery_or_time(lake: Lake) -> None:
    key = "silver/shop/order"
    first, second, third = lake.publications(key)
    finished_run(lake, "00000000-idle", second.written_at.isoformat())
    names = {
        first.run_id: first,
        second.run_id[:8]: second,
        first.written_at.isoformat(): first,
        second.written_at.isoformat(): second,
        lake.manifests("orders")[1]["batch_id"][:8]: second,
        lake.manifests("orders")[1]["received_at"]: first,
        "00000000-idle": second,
        "9000-01-01": third,
    }
    for name, version in names.items():
        assert asked(lake, key, "--as-of", name)["before"]["run_id"] == version.run_id, name
    same = told(lake, key, "--as-of", "9000-01-01")
    assert "Both are the same version." in same
    assert "0 rows added, 0 removed, 0 changed, 4 unchanged." in same


def test_rows_without_a_key_are_compared_as_wholes(story: Lake) -> None:
    first, second, _ = runs(story, "bronze/shop/orders")

    found = asked(story, "bronze.orders", "--from", first, "--to", second)

    assert (found["key"], counts(found)) == ([], (4, 3, 0, 1))
    assert sorted(row["order_id"] for row in found["added_rows"]) == ["2", "3", "5", "6"]
    assert "There is no key: rows are compared as wholes" in told(story, "bronze.orders")


def test_where_rows_come_from_is_compared_where_that_is_asked_for(story: Lake) -> None:
    found = asked(story, "order", "--provenance")

    assert found["by_column"] == {"_batch_id": 4, "amount": 1}


def test_all_rows_that_differ_can_be_written(story: Lake, tmp_path: Path) -> None:
    first, second, _ = runs(story)
    file = tmp_path / "differing.parquet"

    asked(story, "order", "--from", first, "--to", second, "--output", str(file), "--limit", "0")

    assert pl.read_parquet(file).sort("_change", "order_id").rows() == [
        ("added", None, "5", "Eve", 5),
        ("changed from", ["amount"], "2", "Bob", None),
        ("changed from", ["amount"], "3", "Cy", 3),
        ("changed to", ["amount"], "2", "Bob", 2),
        ("changed to", ["amount"], "3", "Cy", None),
        ("removed", None, "4", "Dan", 4),
    ]
    inside = story.command("diff", "order", "--output", str(story.path / "gold/dim_x.parquet"))
    assert (inside.exit_code, "within the data root" in inside.output) == (1, True)


@pytest.mark.parametrize("lost", ["deleted", "damaged"])
def test_a_version_that_is_not_kept_is_made_again_and_the_answer_is_the_same(
    lake: Lake, lost: str
) -> None:
    before, files = asked(lake, "dim_customer"), lake.files()
    folder = lake.root.cache / "versions"
    kept = {path: path.read_bytes() for path in folder.rglob("gold/*/*.parquet")}
    assert len(kept) == 2
    for path, content in kept.items():
        path.unlink()
        if lost == "damaged":
            path.write_bytes(content[:-9] + b"x" * 9)

    result = lake.command("diff", "dim_customer", "--json")

    assert json.loads(result.stdout) == before
    assert result.stderr == ""
    assert lake.files() == files
    again = kept[
        lake.root.cache / f"versions/gold/dim_customer/{before['before']['sha256']}.parquet"
    ]
    assert again in [path.read_bytes() for path in folder.rglob("gold/*/*.parquet")]
    assert not list(lake.root.cache.glob("diff-*"))
    assert lake.command("catalog", "verify").exit_code == 0


def test_a_version_that_the_code_of_today_makes_otherwise_is_told_as_such(lake: Lake) -> None:
    shutil.rmtree(lake.root.cache / "versions")
    changed = Lake(lake.path, packages=("diff_shop_shouting",))

    text = told(changed, "order")

    assert "compared is what the code of today makes of the deliveries of then" in text
    assert "Changed by column: amount 1, customer 4" in text


def test_a_version_that_cannot_be_made_again_is_told(lake: Lake) -> None:
    shutil.rmtree(lake.root.cache / "versions")
    staged = lake.path / lake.manifests("orders")[1]["staged_file"]
    staged.unlink()
    pl.DataFrame({"Order No": ["1"]}).write_parquet(staged)

    result = lake.command("diff", "order")

    assert result.exit_code == 1
    assert result.output.startswith("Error: The version of silver.order of ")
    assert "is not kept any more, and making it again failed: " in result.output


def test_columns_that_came_and_changed_their_type_are_told(lake: Lake) -> None:
    lake.packages = ("diff_shop_evolved",)
    assert lake.run().success

    found = asked(lake, "order")

    assert found["schema"] == {
        "version": {"before": "1.0.0", "after": "2.0.0"},
        "added": {"note": "String"},
        "removed": {},
        "retyped": {"amount": {"before": "Int64", "after": "Float64"}},
        "primary_key": None,
    }
    assert counts(found) == (0, 0, 0, 4)
    assert found["causes"]["code"] is True
    text = told(lake, "order")
    for line in ("  + note (String)", "  ~ amount: Int64 → Float64", "  the code changed"):
        assert f"{line}\n" in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["silver.ordr"], 1, "Did you mean silver.order?"),
        (["staged.orders"], 1, "Compare what reads it: jobforge diff bronze.orders"),
        (["order", "--as-of", "2001-01-01"], 1, "at 2001-01-01 00:00:00 UTC there was none"),
        (["order", "--from", "zzz"], 1, "'zzz' is no run, no batch and no time"),
        (["order", "--from", ""], 1, "'' is no run"),
        (["order", "--from", "x", "--as-of", "y"], 2, "either --as-of, or --from and --to"),
    ],
)
def test_a_mistake_is_told_in_words(
    story: Lake, arguments: list[str], code: int, says: str
) -> None:
    result = story.command("diff", *arguments)

    assert result.exit_code == code
    assert says in result.output


def test_a_start_that_stands_for_several_runs_is_refused(lake: Lake) -> None:
    first = runs(lake)[0]
    finished_run(lake, f"{first[:8]}-other", None)

    result = lake.command("diff", "order", "--from", first[:8])

    assert result.exit_code == 1
    assert f"'{first[:8]}' stands for several: run {first}" in result.output
    unfinished = lake.command("diff", "order", "--from", f"{first[:8]}-other")
    assert (unfinished.exit_code, "tells no time" in unfinished.output) == (1, True)


def test_of_the_first_version_there_is_nothing_to_compare(story: Lake) -> None:
    result = story.command("diff", "order", "--to", runs(story)[0])

    assert result.exit_code == 1
    assert "silver.order was first published on" in result.output
    assert "nothing before it to compare it with" in result.output


def test_a_disk_without_hard_links_costs_no_publication(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(lake.root.cache / "versions")

    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(versions, "os", SimpleNamespace(link=refuse))
    lake.drop("shop/orders.csv", DELIVERIES[2] + "7,Gus,7\n")

    assert lake.run().success

    assert not list((lake.root.cache / "versions").rglob("*.parquet"))
    assert asked(lake, "order")["added_rows"][0]["order_id"] == "7"


def test_only_the_last_versions_are_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    published = lake.publications("silver/shop/order")
    folder = lake.root.cache / "versions"
    own = folder / "silver/shop/order"

    def kept() -> set[str]:
        return {path.stem for path in own.glob("*.parquet")}

    assert kept() == {each.sha256 for each in published[:2]}
    monkeypatch.setattr(versions, "LAST", 2)
    versions.keep(lake.root, published[2])
    assert kept() == {each.sha256 for each in published[1:]}
    assert counts(asked(lake, "order")) == (0, 0, 1, 3)
    monkeypatch.setattr(versions, "MOST", 0)
    versions.keep(lake.root, published[2])
    assert not list(folder.rglob("*.parquet"))


def test_a_version_that_is_made_again_does_not_drive_out_a_newer_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = lake.publications("silver/shop/order")
    own = lake.root.cache / "versions/silver/shop/order"
    monkeypatch.setattr(versions, "LAST", 1)
    (own / f"{first.sha256}.parquet").unlink()

    assert asked(lake, "order", "--from", first.run_id)["before"]["exact"] is True

    assert [path.stem for path in own.iterdir()] == [second.sha256]
    (own / f"{second.sha256}.parquet").unlink()
    versions.keep(lake.root, third)
    assert asked(lake, "order")["before"]["exact"] is True
    assert [path.stem for path in own.iterdir()] == [third.sha256]


def test_a_former_version_is_looked_for_where_it_is_kept(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = runs(lake)
    standing = lake.root.table("silver/shop/order").stat().st_ino
    looked_at: list[int] = []

    def watched(path: Path) -> str:
        looked_at.append(path.stat().st_ino)
        return sha256_of(path)

    monkeypatch.setattr(versions, "sha256_of", watched)
    asked(lake, "order", "--from", first, "--to", second)
    assert len(looked_at) == 2
    assert standing not in looked_at


def test_without_hard_links_a_version_stays_what_it_is_while_it_is_read(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(versions, "os", SimpleNamespace(link=refuse))
    last = lake.publications("silver/shop/order")[-1]

    file = versions.held(lake.root, last, tmp_path)

    lake.root.table("silver/shop/order").unlink()
    assert file is not None
    assert sha256_of(file) == last.sha256


def test_the_later_version_is_not_taken_for_the_earlier(story: Lake) -> None:
    first, second, _ = runs(story)

    result = story.command("diff", "order", "--from", second, "--to", first)

    assert result.exit_code == 1
    assert f"'{second}' names a later version of silver.order (" in result.output
    assert "Exchange the two." in result.output


def test_a_notebook_prints_what_the_command_prints(story: Lake) -> None:
    first, second, _ = runs(story)

    found = diff("order", first, second, root=story.root)

    assert f"{found}\n" == told(story, "order", "--from", first, "--to", second)
    assert found.to_dict() == asked(story, "order", "--from", first, "--to", second)


def test_nothing_that_was_delivered_steers_the_terminal(lake: Lake) -> None:
    lake.drop("shop/orders.csv", DELIVERIES[2].replace("Bob", "B\x1b[31mob"))
    assert lake.run().success

    text = told(lake, "order")

    assert "      customer: Bob → B\\x1b[31mob\n" in text
    assert asked(lake, "order")["changed_cells"][0]["_new"] == "B\x1b[31mob"


DATA: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "text": (pl.String(), st.sampled_from(["", "a", "a ", "é"])),
    "number": (pl.Int64(), st.integers(-1, 2)),
    "float": (pl.Float64(), st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")])),
    "money": (pl.Decimal(10, 2), st.sampled_from([Decimal("1.10"), Decimal("1.20")])),
    "day": (pl.Date(), st.sampled_from([date(2020, 1, 1), date(1900, 2, 28)])),
    "many": (pl.List(pl.String), st.lists(st.sampled_from(["x", None]), max_size=2)),
    "bytes": (pl.Binary(), st.sampled_from([b"", b"\xff"])),
    "part": (
        pl.Struct({"a": pl.Int64}),
        st.fixed_dictionaries({"a": st.sampled_from([1, None])}),
    ),
}
KEYS: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "k1": (pl.String(), st.sampled_from(["A", "a", "b"])),
    "k2": (pl.Int16(), st.integers(-2, 3)),
}
ROW = (
    st.tuples(*(values for _, values in KEYS.values())),
    st.tuples(*(st.none() | values for _, values in DATA.values())),
)
SCHEMA = {name: dtype for name, (dtype, _) in {**KEYS, **DATA}.items()}


def _written(rows: list[tuple[Any, ...]], file: Path) -> None:
    pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(file)


def _same(value: Any) -> str:
    return repr(0.0 if value == 0 and isinstance(value, float) else value)


def _compared(
    folder: Path, before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], key: tuple[str, ...]
) -> Collected:
    files = folder / "before.parquet", folder / "after.parquet"
    for rows, file in zip((before, after), files, strict=True):
        _written(rows, file)
    left, right = (Content(file, exact=True, primary_key=key) for file in files)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(merging, "AT_ONCE", 4)
        return compare(left, right, folder)


@settings(max_examples=40)
@given(
    before=st.dictionaries(*ROW, max_size=14),
    after=st.dictionaries(*ROW, max_size=14),
    shuffled=st.booleans(),
)
def test_any_two_versions_differ_in_what_a_dictionary_says(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[tuple[Any, ...], tuple[Any, ...]],
    after: dict[tuple[Any, ...], tuple[Any, ...]],
    shuffled: bool,
) -> None:
    left, right = (
        [
            key + values
            for key, values in (
                rows.items() if shuffled else sorted(rows.items(), key=lambda row: row[0])
            )
        ]
        for rows in (before, after)
    )
    found = _compared(tmp_path_factory.mktemp("pair"), left, right, tuple(KEYS))

    cells = {
        (*key, name, values_index)
        for key in before.keys() & after.keys()
        for values_index, name in enumerate(DATA)
        if _same(before[key][values_index]) != _same(after[key][values_index])
    }
    changed = {cell[:2] for cell in cells}
    assert set(found.added_rows.select(*KEYS).iter_rows()) == after.keys() - before.keys()
    assert set(found.removed_rows.select(*KEYS).iter_rows()) == before.keys() - after.keys()
    assert (found.added, found.removed) == (found.added_rows.height, found.removed_rows.height)
    assert found.changed == len(changed)
    assert found.unchanged == len(before.keys() & after.keys()) - len(changed)
    told_cells = set(found.changed_cells.select(*KEYS, "_column").iter_rows())
    assert told_cells == {cell[:3] for cell in cells}
    assert found.by_column == Counter(cell[2] for cell in cells)


@settings(max_examples=40)
@given(before=st.lists(st.tuples(*ROW), max_size=12), after=st.lists(st.tuples(*ROW), max_size=12))
def test_any_two_versions_without_a_key_differ_in_what_a_multiset_says(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], after: list[Any]
) -> None:
    left, right = ([key + values for key, values in rows] for rows in (before, after))
    found = _compared(tmp_path_factory.mktemp("pair"), left, right, ())

    was, is_ = (Counter(tuple(map(_same, row)) for row in rows) for rows in (left, right))
    added = Counter(tuple(map(_same, row)) for row in found.added_rows.iter_rows())
    removed = Counter(tuple(map(_same, row)) for row in found.removed_rows.iter_rows())
    assert (added, removed) == (is_ - was, was - is_)
    assert (found.unchanged, found.changed) == ((was & is_).total(), 0)


def test_a_key_that_is_another_or_of_another_type_is_no_obstacle(tmp_path: Path) -> None:
    was, is_ = tmp_path / "was.parquet", tmp_path / "is.parquet"
    pl.DataFrame({"k": [1, 2, 10], "v": ["a", "b", "c"]}).write_parquet(was)
    pl.DataFrame({"k": ["1", "10", "2"], "v": ["a", "C", "b"], "w": 1}).write_parquet(is_)

    found = compare(Content(was, True, ("k",)), Content(is_, True, ("k",)), tmp_path)

    assert (found.added, found.removed, found.changed, found.unchanged) == (0, 0, 1, 2)
    assert found.changed_cells.rows() == [("10", "v", "c", "C")]
    found = compare(Content(was, True, ("k",)), Content(is_, True, ("v",)), tmp_path)
    assert (found.key, found.added, found.removed, found.unchanged) == ((), 1, 1, 2)
    assert found.added_rows.rows() == [("10", "C", 1)]
