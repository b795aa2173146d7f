"""The text of an event is the one that Dagster writes, to the letter."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterInstance
from dagster._core.errors import DagsterInvariantViolationError
from dagster._serdes import serialize_value
from hypothesis import given
from hypothesis import strategies as st

from jobforge_dagster.orchestration.event_text import text_of

_words = st.text(max_size=8)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=8,
)
_column = st.builds(
    dg.TableColumn,
    name=_words,
    type=_words,
    description=st.none() | _words,
    constraints=st.builds(
        dg.TableColumnConstraints,
        nullable=st.booleans(),
        unique=st.booleans(),
        other=st.lists(_words, max_size=2),
    ),
    tags=st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["", "c"]), max_size=2),
)
_schema = st.builds(dg.TableSchema, columns=st.lists(_column, max_size=3))
_key = st.lists(st.sampled_from(["gold", "silver", "table"]), min_size=1, max_size=3).map(
    dg.AssetKey
)
_lineage = st.builds(
    dg.TableColumnLineage,
    deps_by_column=st.dictionaries(
        _words,
        st.lists(st.builds(dg.TableColumnDep, asset_key=_key, column_name=_words), max_size=2),
        max_size=2,
    ),
)
_value: Any = st.one_of(
    _words.map(dg.MetadataValue.text),
    _words.map(dg.MetadataValue.md),
    _words.map(dg.MetadataValue.url),
    st.integers().map(dg.MetadataValue.int),
    st.floats().map(dg.MetadataValue.float),
    st.booleans().map(dg.MetadataValue.bool),
    st.just(dg.MetadataValue.null()),
    st.just(dg.MetadataValue.timestamp(datetime(2026, 1, 2, tzinfo=UTC))),
    st.dictionaries(_words, _json, max_size=3).map(dg.MetadataValue.json),
    _schema.map(dg.MetadataValue.table_schema),
    _lineage.map(dg.MetadataValue.column_lineage),
    _key.map(dg.MetadataValue.asset),
)
_metadata = st.dictionaries(_words, _value, max_size=4)


@given(_key, _metadata, _words | st.none(), st.dictionaries(st.just("tag"), st.just("on")))
def test_a_materialization(key: Any, metadata: Any, words: str | None, tags: Any) -> None:
    told = dg.AssetMaterialization(key, description=words, metadata=metadata, tags=tags)
    assert text_of(told) == serialize_value(told)


@given(_key, _metadata, st.booleans(), st.sampled_from(dg.AssetCheckSeverity))
def test_a_check(key: Any, metadata: Any, passed: bool, severity: Any) -> None:
    told = dg.AssetCheckEvaluation(key, "check", passed, metadata, None, severity)
    assert text_of(told) == serialize_value(told)


@given(_schema, _metadata)
def test_what_several_events_share(schema: dg.TableSchema, metadata: Any) -> None:
    shared = metadata | {"columns": dg.MetadataValue.table_schema(schema)}
    for each in (dg.AssetMaterialization("one", metadata=shared), dg.AssetObservation("one")):
        assert text_of(each) == serialize_value(each)
    again = dg.AssetMaterialization("two", metadata={"columns": schema})
    assert text_of(again) == serialize_value(again)


def test_every_event_of_runs() -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="first")])
    def first() -> Any:
        yield dg.Output(1, metadata={"columns": dg.TableSchema([dg.TableColumn("a")])})
        yield dg.AssetCheckResult(passed=True, check_name="good")

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def second(context: dg.AssetExecutionContext, first: int) -> None:
        context.log.warning("d'où \ud800 \x00")
        try:
            raise DagsterInvariantViolationError("why")
        except DagsterInvariantViolationError as error:
            raise dg.Failure("broken", metadata={"at": 1}) from error

    with DagsterInstance.ephemeral() as instance:
        run = dg.materialize(
            [first, second], instance=instance, partition_key="a", raise_on_error=False
        )
        events = instance.all_logs(run.run_id)
    assert len({each.dagster_event_type for each in events}) > 10
    for event in events:
        assert text_of(event) == serialize_value(event)
