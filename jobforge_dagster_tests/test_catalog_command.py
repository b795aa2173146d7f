"""``jobforge catalog``: words for people, JSON for programs, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jobforge_dagster.cli import main
from jobforge_dagster_tests.conftest import Lake
from jobforge_dagster_tests.history import Project, built_shop

COMMANDS = {
    "show": ("show", "gold/dim_customer"),
    "show-column": ("show", "gold/dim_customer", "amount"),
    "transitions": ("transitions", "gold/dim_customer"),
    "gaps": ("gaps",),
    "verify": ("verify",),
    "rebuild": ("rebuild",),
    "export": ("export", "odcs"),
}


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    return built_shop(tmp_path, tmp_path_factory, monkeypatch)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A built shop that nothing changes."""
    with pytest.MonkeyPatch.context() as patched:
        yield built_shop(tmp_path_factory.mktemp("still"), tmp_path_factory, patched).lake


def _in_words(told: Result) -> bool:
    """Whether a command ended as it should end, well or not."""
    ended = told.exception is None or isinstance(told.exception, SystemExit)
    return ended and "Traceback" not in told.output


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("there", [True, False], ids=["empty", "nothing"])
def test_an_empty_lake_is_told_in_words(tmp_path: Path, name: str, there: bool) -> None:
    lake = Lake(tmp_path / "data")
    if there:
        lake.path.mkdir()

    told = lake.command("catalog", *COMMANDS[name])

    assert _in_words(told), told.exception
    assert told.exit_code == (0 if name in ("gaps", "verify") else 1)
    assert told.output.strip()
    if name in ("show", "show-column", "transitions", "export"):
        assert "The catalog is empty. Make the tables first" in told.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_works_on_a_shop(project: Project, name: str) -> None:
    told = project.command("catalog", *COMMANDS[name])

    assert _in_words(told), told.exception
    assert told.exit_code == 0, told.output
    assert told.output.strip()


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "shop"])
def test_what_programs_read_is_json(project: Project, name: str, empty: bool) -> None:
    if empty:
        shutil.rmtree(project.catalog)
        for layer in ("staged", "bronze", "silver", "gold"):
            shutil.rmtree(project.lake.path / layer)

    told = project.command("catalog", *COMMANDS[name], "--json")

    assert _in_words(told), told.exception
    if told.exit_code == 0:
        json.loads(told.stdout)
    else:
        assert (empty, told.stdout) == (True, "")


STRANGE = {
    "typo": "gold/dim_custommer",
    "layer-alone": "gold",
    "layer-with-slash": "gold/",
    "another-domain": "silver/market/order",
    "empty": "",
    "dot": ".",
    "up": "../tables/gold",
    "further-up": "gold/../../../dagster",
    "star": "*",
    "absolute": "/etc/passwd",
    "long": f"gold/{'x' * 5000}",
    "line-end": "gold/dim\ncustomer",
    "null": "gold/dim\0customer",
    "surrogate": "gold/\udcff",
    "accent": "gold/é",
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("command", ["show", "show-column", "transitions"])
def test_a_table_that_is_unknown_is_told_in_words(still: Lake, command: str, name: str) -> None:
    more = ("amount",) if command == "show-column" else ()

    told = still.command("catalog", command.partition("-")[0], STRANGE[name], *more)

    assert _in_words(told), told.exception
    assert told.exit_code in (1, 2)
    assert told.output.startswith("Error: ") or told.exit_code == 2
    assert told.stdout == ""


def test_records_of_another_folder_are_none_of_ours(still: Lake, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "package.json").write_text("{}")

    told = still.command("catalog", "transitions", str(elsewhere))

    assert _in_words(told), told.exception
    assert "There is no table" in told.output


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("gold/dim_custommer", "gold.dim_customer"),
        ("gold.dim_custommer", "gold.dim_customer"),
        ("silver.ordr", "silver.order"),
        ("dim_custmer", "gold.dim_customer"),
        ("staged.order", "staged.orders"),
    ],
)
@pytest.mark.parametrize("command", ["show", "transitions"])
def test_the_closest_name_is_told_as_one_may_type_it(
    still: Lake, command: str, asked: str, meant: str
) -> None:
    told = still.command("catalog", command, asked)

    assert told.exit_code == 1
    assert f"There is no table '{asked}'. Did you mean {meant}?" in told.output


@pytest.mark.parametrize("name", ["silver/shop/order", "silver/order", "silver.order", "order"])
@pytest.mark.parametrize("command", ["show", "transitions"])
def test_a_table_is_named_as_everywhere(still: Lake, command: str, name: str) -> None:
    told = still.command("catalog", command, name, "--json")

    assert told.exit_code == 0, told.output
    assert told.stdout == still.command("catalog", command, "silver/shop/order", "--json").stdout


def test_the_closest_column_is_told(still: Lake) -> None:
    told = still.command("catalog", "show", "gold/dim_customer", "amont")

    assert told.exit_code == 1
    assert "gold/dim_customer has no column amont. Did you mean amount?" in told.output
    other = still.command("catalog", "show", "gold/dim_customer", "zzz")
    assert (other.exit_code, "Did you mean" in other.output) == (1, False)


def test_a_table_is_shown_with_what_it_is_made_of(still: Lake) -> None:
    told = still.command("catalog", "show", "gold/dim_customer")

    for text in ("made of   silver/shop/order", "owner     team:shop", "amount", "Cents, in all."):
        assert text in told.output
    document = json.loads(still.command("catalog", "show", "gold/dim_customer", "--json").stdout)
    assert document == json.loads(
        (still.root.catalog / "tables/gold/dim_customer.json").read_text()
    )


def test_a_column_is_shown_down_to_the_delivered_header(still: Lake) -> None:
    told = still.command("catalog", "show", "gold/dim_customer", "amount")

    assert "silver/shop/order.amount" in told.output
    assert "'Amount'" in told.output
    column = json.loads(
        still.command("catalog", "show", "gold/dim_customer", "amount", "--json").stdout
    )
    assert [each["header"] for each in column["lineage"]["origins"]].count("Amount") == 1


def test_the_last_transitions_are_shown_newest_last(project: Project) -> None:
    project.deliver("Order No,Customer,Amount\n1,Ann,10\n")
    assert project.run().success

    both = json.loads(
        project.command("catalog", "transitions", "gold/dim_customer", "--json").stdout
    )
    [last] = json.loads(
        project.command(
            "catalog", "transitions", "gold/dim_customer", "--last", "1", "--json"
        ).stdout
    )
    assert [each["sequence"] for each in both] == [4, 8]
    assert last == both[1]
    for wrong in ("0", "-1", "many"):
        told = project.command("catalog", "transitions", "gold/dim_customer", "--last", wrong)
        assert told.exit_code == 2


def test_transitions_are_in_the_order_of_the_chain(project: Project) -> None:
    project.deliver("Order No,Customer,Amount\n1,Ann,10\n")
    assert project.run().success
    first = project.lake.publications("gold/dim_customer")[0].written_at
    assert project.command("rebuild", "--as-of", first.isoformat(), "--in-place").exit_code == 0

    told = json.loads(
        project.command("catalog", "transitions", "gold/dim_customer", "--json").stdout
    )

    sequences = [each["sequence"] for each in told]
    assert sequences == sorted(sequences)
    assert told[0]["output_sha256"] == told[2]["output_sha256"] != told[1]["output_sha256"]


def test_gaps_name_what_nobody_declared(still: Lake) -> None:
    told = still.command("catalog", "gaps")
    gaps = json.loads(still.command("catalog", "gaps", "--json").stdout)

    assert "business: purpose" in told.output or "business.purpose" in told.output
    assert "business.purpose" in gaps["tables"]["gold/dim_customer"]
    assert "columns.amount.description.fr" in gaps["tables"]["gold/dim_customer"]
    assert gaps["unused_terms"] == []


@pytest.mark.parametrize("form", ["", "xml", "ODCS", "../odcs"])
def test_a_format_that_is_none_is_told_with_those_that_are(still: Lake, form: str) -> None:
    told = still.command("catalog", "export", form)

    assert told.exit_code == 1
    assert f"There is no format {form!r}. Known are openlineage, odcs, dcat" in told.output
    assert not (still.root.catalog / "exports").exists()


@pytest.mark.parametrize("form", ["openlineage", "odcs", "dcat", "datapackage", "atlas", "powerbi"])
def test_every_format_is_written_where_one_says_and_twice_the_same(
    project: Project, form: str, tmp_path: Path
) -> None:
    before = project.documents()
    to = tmp_path / "out"

    told = project.command("catalog", "export", form, "--to", str(to))

    assert told.exit_code == 0, told.output
    files = {path: path.read_bytes() for path in to.rglob("*") if path.is_file()}
    assert told.output.strip() == f"{len(files)} files in {to}"
    assert project.documents() == before
    assert project.command("catalog", "export", form, "--to", str(to)).exit_code == 0
    assert {path: path.read_bytes() for path in to.rglob("*") if path.is_file()} == files
    assert not [path for path, text in files.items() if str(tmp_path).encode() in text]


def test_a_place_to_export_to_that_is_none_is_told(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    assert project.command("catalog", "export", "odcs", "--to", str(file)).exit_code == 2
    below = project.command("catalog", "export", "odcs", "--to", str(file / "below"))
    assert (below.exit_code, _in_words(below)) == (1, True)


@pytest.mark.parametrize(
    "arguments", [(), ("show",), ("transitions",), ("export",), ("shew",), ("show", "a", "b", "c")]
)
def test_a_command_that_is_not_whole_is_told_how_to_be(
    still: Lake, arguments: tuple[str, ...]
) -> None:
    told = still.command("catalog", *arguments)

    assert _in_words(told), told.exception
    assert told.exit_code == 2
    assert "Usage: " in told.output


def test_a_broken_configuration_of_the_history_is_told_in_words(project: Project) -> None:
    (project.folder / "dagster.yaml").write_text("storage: [\n")

    told = project.command("catalog", "show", "gold/dim_customer")

    assert told.exit_code == 0, told.output
    rebuilt = project.command("catalog", "rebuild")
    assert _in_words(rebuilt), rebuilt.exception


def _offered(lake: Lake, line: str) -> list[str]:
    """What bash offers at the end of a line, on the tab key."""
    words = line.split(" ")
    told = CliRunner().invoke(
        main,
        env={
            "_JOBFORGE_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "JOBFORGE_DATA_ROOT": str(lake.path),
        },
    )
    assert _in_words(told), told.exception
    return told.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("jobforge catalog tr", ["transitions"]),
        ("jobforge catalog show ", None),
        ("jobforge catalog show gold/", ["gold/dim_customer"]),
        ("jobforge catalog show gold/dim_customer amo", ["amount"]),
        ("jobforge catalog show gold/nothing amo", []),
        ("jobforge catalog transitions silver/", ["silver/shop/order"]),
        ("jobforge quarantine replay --table g", ["gold/dim_customer"]),
        ("jobforge quarantine list --state o", ["open"]),
        ("jobforge ingest x.csv --source o", ["orders"]),
        ("jobforge sources withdraw ", ["orders"]),
        ("jobforge catalog gaps --j", ["--json"]),
    ],
)
def test_the_tab_key_offers_what_is_there(
    still: Lake, line: str, offered: list[str] | None
) -> None:
    all_tables = ["staged.orders", "bronze.orders", "silver.order", "gold.dim_customer"]

    assert _offered(still, line) == (all_tables if offered is None else offered)


def test_the_tab_key_offers_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert _offered(Lake(tmp_path / "data"), "jobforge catalog show ") == []


def test_a_table_is_shown_without_loading_what_that_does_not_need(still: Lake) -> None:
    program = """
import sys
from jobforge_dagster.cli import main
try:
    main(["catalog", "show", "gold/dim_customer"])
except SystemExit as end:
    assert not end.code
assert not {"dagster", "dataframely", "polars", "duckdb"} & {*sys.modules}
"""
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "JOBFORGE_DATA_ROOT": str(still.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stderr
    assert "Cents, in all." in told.stdout
