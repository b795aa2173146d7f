"""The documents: valid by their schemas, true of the files, and silent about what is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from jobforge_dagster.catalog import schemas
from jobforge_dagster.catalog.snapshot import snapshot
from jobforge_dagster_tests.conftest import ROOT, Domains
from jobforge_dagster_tests.history import HEAD, Project, built_shop, told_anew
from jobforge_dagster_tests.made import made_sample
from jobforge_dagster_tests.shop import ORDERS, SHOP

KINDS = {
    "tables/": "table",
    "runs/": "run",
    "glossary/": "glossary",
    "lineage/": "layer_transition",
    "catalog/lineage/": "layer_transition",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The shipped sample after a run in another process."""
    folder = tmp_path_factory.mktemp("sample")
    lake = made_sample(tmp_path_factory, folder)
    with pytest.MonkeyPatch.context() as patched:
        yield Project(lake, patched)


def _validator(project: Project, kind: str) -> Draft202012Validator:
    schema = json.loads((project.catalog / "schemas" / f"{kind}.schema.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return Draft202012Validator(schema, format_checker=FormatChecker())


def _kind(name: str) -> str:
    return next(kind for start, kind in KINDS.items() if name.startswith(start))


def test_every_document_is_valid_by_its_schema_and_its_model(sample: Project) -> None:
    validators = {kind: _validator(sample, kind) for kind in schemas.DOCUMENTS}
    counted = dict.fromkeys(schemas.DOCUMENTS, 0)
    for name, content in sample.documents().items():
        if name.startswith("schemas/"):
            assert content.decode() == schemas.texts()[Path(name).name.partition(".")[0]]
            continue
        if name.endswith(".jsonl"):
            kind, documents = "transition_index", [json.loads(x) for x in content.splitlines()]
        else:
            kind, documents = _kind(name), [json.loads(content)]
            model = schemas.DOCUMENTS[kind]
            assert model.model_validate_json(content).as_json().encode() == content, name
        counted[kind] += len(documents)
        for document in documents:
            assert not list(validators[kind].iter_errors(document)), name
    for path in sample.lake.root.manifests.glob("*.json"):
        assert not list(validators["manifest"].iter_errors(json.loads(path.read_bytes()))), path
    for path in sample.lake.path.glob("*/**/_metadata/**/*.json"):
        told = json.loads(path.read_bytes())
        assert not list(validators["publication"].iter_errors(told)), path
    for path in sample.lake.root.staged.glob("*/_arrivals.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            assert not list(validators["arrival"].iter_errors(json.loads(line))), path
    assert counted["table"] == counted["layer_transition"] == counted["transition_index"] > 90
    assert counted["run"] >= 1
    assert counted["glossary"] == 1


def test_a_schema_refuses_what_is_none_of_its_documents(sample: Project) -> None:
    document = json.loads((sample.catalog / "tables/gold/dim_noc.json").read_bytes())
    validator = _validator(sample, "table")
    for wrong in (
        {**document, "more": 1},
        {**document, "layer": "platinum"},
        {**document, "columns": None},
        {name: value for name, value in document.items() if name != "technical"},
    ):
        assert list(validator.iter_errors(wrong))


def test_the_committed_schemas_are_those_of_the_models() -> None:
    folder = ROOT / "data" / "catalog" / "schemas"

    found = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}

    assert found == {f"{name}.schema.json": text for name, text in schemas.texts().items()}


def test_figures_are_those_of_the_files(sample: Project) -> None:
    for key, table in sample.tables().items():
        technical = table.technical
        if table.layer == "staged":
            [path] = (sample.lake.path / technical.path).rglob("*.parquet")
        else:
            path = sample.lake.path / technical.path
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
        assert (technical.rows, technical.columns) == (frame.height, frame.width), key
        assert technical.bytes == path.stat().st_size, key
        assert technical.sha256 == sha256(path.read_bytes()).hexdigest(), key
        names = [column.name for column in table.columns]
        if table.layer != "staged":
            assert names == frame.columns, key
        for column, name in zip(table.columns, frame.columns, strict=True):
            assert column.type == str(frame.schema[name])
            if column.statistics.nulls is not None:
                assert column.statistics.nulls == frame[name].null_count(), (key, name)
            examples = column.examples
            assert len(examples) == len(set(examples)) <= 3, (key, name)
            assert all(len(str(each)) <= 40 for each in examples), (key, name)
            there = {str(each) for each in frame[name].unique().to_list()}
            assert {str(each) for each in examples} <= there, (key, name)


def test_what_reads_and_what_is_read_tell_of_each_other(sample: Project) -> None:
    tables = sample.tables()
    for key, table in tables.items():
        for upstream in (*table.lineage.upstream, *table.lineage.parents):
            if table.layer == "staged":
                assert upstream.startswith("source/")
            elif upstream in table.lineage.upstream:
                assert key in tables[upstream].lineage.downstream, (key, upstream)
        for downstream in table.lineage.downstream:
            read = tables[downstream].lineage
            assert key in {*read.upstream, *read.parents}, (key, downstream)


def test_the_code_of_every_table_exists(sample: Project) -> None:
    for key, table in sample.tables().items():
        code = table.lineage.code
        assert code is not None, key
        text = (ROOT / code.file).read_text("utf-8")
        name = code.symbol.rpartition(".")[2]
        assert f"class {name}(" in text or f"def {name}(" in text, (key, code)


def test_columns_lead_to_columns_and_headers_that_exist(sample: Project) -> None:
    tables = sample.tables()
    headers = {
        name: set(manifest["header"])
        for name in (table.name for table in tables.values() if table.layer == "staged")
        for manifest in sample.lake.manifests(name)
    }
    known = {key: {column.name for column in table.columns} for key, table in tables.items()}
    for key, table in tables.items():
        for column in table.columns:
            made_of = column.lineage
            if made_of is None or table.layer in ("staged", "bronze"):
                continue
            for each in (*made_of.direct, *made_of.indirect):
                assert each.column in known[each.table], (key, column.name, each)
            for origin in made_of.origins:
                assert origin.header in headers[origin.source], (key, column.name, origin)


def test_a_run_that_changes_nothing_touches_nothing(sample: Project) -> None:
    assert sample.command("questions", "refresh").exit_code == 0  # it is a copy in another folder
    folders = ("tables", "glossary", "lineage", "schemas")
    before, times = sample.documents(*folders), sample.times(*folders)
    files = sample.lake.files()

    states = {facts.get("state") for facts in sample.run().metadata.values()}
    assert states == {"unchanged", None}

    assert sample.documents(*folders) == before
    assert sample.times(*folders) == times
    assert sample.lake.files() == files
    assert len(sample.runs()) >= 2
    told_anew(sample)


def test_no_path_of_the_machine_and_no_row_of_data_leaks(sample: Project) -> None:
    text = b"".join(sample.documents().values()).decode()

    for secret in (str(sample.folder), str(ROOT), str(Path.home()), "/tmp/"):
        assert secret not in text


def test_the_sample_verifies_and_is_read_whole(sample: Project) -> None:
    whole = snapshot(sample.lake.root)

    assert sample.verify().findings == []
    assert len(whole.tables) == len(sample.tables())
    assert [each.sequence for each in whole.transitions] == list(
        range(1, len(whole.transitions) + 1)
    )
    glossary = whole.glossary
    assert glossary is not None
    used = {f"{t.table}.{c.name}": c.term for t in whole.tables for c in t.columns if c.term}
    for term in glossary.terms:
        for column in term.columns:
            assert used[column] == term.id


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    return built_shop(tmp_path, tmp_path_factory, monkeypatch)


def test_created_stays_and_updated_moves_with_the_data(project: Project) -> None:
    before = project.tables()
    project.deliver(f"{HEAD}1,Ann,10\n")
    assert project.run().success

    after = project.tables()
    for key, table in before.items():
        assert after[key].technical.created == table.technical.created, key
        assert after[key].technical.updated > table.technical.updated, key


def test_a_materialization_tells_where_its_columns_come_from(project: Project) -> None:
    project.deliver(f"{HEAD}1,Ann,10\n")
    assert project.run().success

    for key in ("silver/shop/order", "gold/dim_customer"):
        event = project.lake.instance.get_latest_materialization_event(dg.AssetKey(key.split("/")))
        assert event is not None
        made = event.asset_materialization
        assert made is not None
        lineage: Any = made.metadata["dagster/column_lineage"].value
        [dep] = lineage.deps_by_column["amount"]
        assert dep.column_name == "amount"
        assert dep.asset_key.to_user_string() in project.table(key).lineage.upstream


SECRET = 'dy.Int64(nullable=True, min=0, metadata=meaning("Cents.", header="Amount"'
CONFIDENTIAL = f'{SECRET}, classification="confidential"'
GOLD = 'return aggregate(orders, "customer", pl.col("amount").sum())'
CENTS = 'meaning("Cents, in all.")'


def _public(project: Project, key: str) -> dict[str, str]:
    return {column.name: column.classification for column in project.table(key).columns}


def _with(text: str, *replacements: tuple[str, str]) -> str:
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return text


def _own_schemas(text: str) -> str:
    """Silver has a schema of its own, which says nothing of who may see what."""
    own = text[text.index("class Order(") : text.index("LENIENT = ")]
    silver = own.replace("class Order(", "class Bought(")
    text = text.replace("LENIENT = ", f"{silver}\n\nLENIENT = ", 1)
    return text.replace("silver(schema=Order", "silver(schema=Bought")


MADE = {
    "sum": "pl.col('amount').sum()",
    "renamed": "pl.col('amount').alias('spare').max().alias('amount')",
    "computed": "(pl.col('amount').sum() * 2 + 1).alias('amount')",
    "conditional": "pl.when(pl.col('amount') > 5).then(1).otherwise(0).sum().cast(pl.Int64)"
    ".alias('amount')",
    "counted": "pl.col('amount').count().cast(pl.Int64).alias('amount')",
    "text": "pl.col('amount').cast(pl.String).str.len_chars().sum().cast(pl.Int64)",
    "filtered": "pl.col('amount').filter(pl.col('amount') > 0).first().alias('amount')",
    "opaque": "pl.col('amount').map_batches(lambda s: s.sum(), returns_scalar=True,"
    " return_dtype=pl.Int64).alias('amount')",
}


@pytest.mark.parametrize("how", MADE)
def test_what_is_made_of_a_confidential_column_is_confidential(
    domains: Domains, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    text = _own_schemas(SHOP).replace(SECRET, CONFIDENTIAL, 1)
    gold = f'return aggregate(orders, "customer", {MADE[how]})'
    project = Project(domains(shop=_with(text, (GOLD, gold))), monkeypatch)
    project.deliver(f"{HEAD}1,Ann,987654321\n2,Bob,987654322\n")
    result = project.run()
    assert result.success, result.failures

    for key in ("bronze/shop/orders", "silver/shop/order", "gold/dim_customer"):
        assert _public(project, key)["amount"] == "confidential", key
        assert project.table(key).governance.classification == "confidential"
        assert project.table(key).purview.classifications == ("confidential",)
    assert _public(project, "gold/dim_customer")["customer"] == "public"
    for table in project.tables().values():
        for column in table.columns:
            if column.classification != "public":
                assert column.examples == (), table.table
                assert (column.statistics.minimum, column.statistics.maximum) == (None, None)
    assert b"98765432" not in b"".join(project.documents("tables").values())


def test_a_reason_makes_a_column_public_again(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f'{CENTS[:-1]}, classification="public", declassified="Only sums are left.")'
    text = _with(_own_schemas(SHOP).replace(SECRET, CONFIDENTIAL, 1), (CENTS, said))
    project = Project(domains(shop=text), monkeypatch)
    project.deliver(ORDERS)
    assert project.run().success

    assert _public(project, "silver/shop/order")["amount"] == "confidential"
    gold = {column.name: column for column in project.table("gold/dim_customer").columns}
    assert gold["amount"].classification == "public"
    assert gold["amount"].declassified == "Only sums are left."
    assert gold["amount"].examples


def test_a_raised_classification_removes_the_examples_though_nothing_else_changed(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(domains(shop=_own_schemas(SHOP)), monkeypatch)
    project.deliver(f"{HEAD}1,Ann,987654321\n2,Bob,987654322\n")
    assert project.run().success
    assert b"987654321" in b"".join(project.documents("tables").values())
    before = project.lake.files()

    domains(shop=_own_schemas(SHOP).replace(SECRET, CONFIDENTIAL, 1))
    assert set(project.run().states().values()) == {"unchanged"}

    assert project.lake.files() == before
    assert b"98765432" not in b"".join(project.documents("tables").values())
    for key in ("staged/orders", "bronze/shop/orders", "silver/shop/order", "gold/dim_customer"):
        assert "confidential" in _public(project, key).values(), key
    told_anew(project)
    domains(shop=_own_schemas(SHOP))
    assert project.run().success
    assert b"987654321" in b"".join(project.documents("tables").values())


def test_a_secret_value_is_not_told_by_an_error_either(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHOP.replace(SECRET, CONFIDENTIAL).replace("LENIENT = 1.0", "LENIENT = 0.0")
    project = Project(domains(shop=text), monkeypatch)
    project.deliver(f"{HEAD}1,Ann,-987654321\n2,Bob,x987654322\n3,Cy,10\n")

    assert not project.run().success

    assert b"98765432" not in b"".join(project.documents().values())


def test_no_path_of_the_machine_is_told_by_an_error(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = 'return orders.with_columns(pl.col("customer").str.strip_chars())'
    reading = 'open(__import__("os").path.abspath("data/source/shop/nothing.csv"))'
    project = Project(domains(shop=_with(SHOP, (body, f"{reading}\n    {body}"))), monkeypatch)
    monkeypatch.setattr(
        "jobforge_dagster.orchestration.failures.IO_RETRIES", dg.RetryPolicy(max_retries=0)
    )
    project.deliver(ORDERS)

    assert not project.run().success

    assert str(project.folder).encode() not in b"".join(project.documents().values())
