"""The text of an event, as Dagster writes it, in a fraction of its time.

Dagster walks through an event field by field and looks up at each how it is written, and it writes
the columns of a table anew for each of the three events that tell of them. Here that is looked up
once for a class, and what two events share is written once. What is out of the ordinary is left to
Dagster, so the text is the same to the letter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from enum import Enum
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NamedTuple

from dagster import TableColumnLineage, TableSchema
from dagster._core.definitions.metadata import MetadataFieldSerializer
from dagster._serdes import serialize_value
from dagster_shared.check.record import is_record
from dagster_shared.serdes.serdes import (
    _WHITELIST_MAP,
    EMPTY_VALUES_TO_SKIP,
    NamedTupleSerializer,
    ObjectSerializer,
)

_SHARED = frozenset({TableSchema, TableColumnLineage})
"""Classes whose objects several events hold; they do not change."""

_KEPT = 8


class _Field(NamedTuple):
    """How a field is written: its name in the text, where its value stands, when it is left out."""

    key: str
    place: int
    custom: Any
    not_empty: bool
    not_none: bool


class _Shape(NamedTuple):
    """How the objects of a class are written: texts that all have, and fields, in their order."""

    values: Callable[[Any], Iterable[Any]]
    parts: tuple[_Field | str, ...]


_shapes: dict[type, _Shape | None] = {}
_members: dict[tuple[type, Enum], str] = {}
_written: dict[int, tuple[Any, str]] = {}


def text_of(value: Any) -> str:
    """What ``serialize_value`` gives, to the letter.

    Args:
        value: an event, or whatever Dagster can write.

    Raises:
        SerializationError: Dagster cannot write it.
    """
    kind = type(value)
    write = _PLAIN.get(kind)
    if write is not None:
        return write(value)
    if issubclass(kind, Enum):
        if (kind, value) not in _members:  # members of two classes may be equal
            _members[kind, value] = serialize_value(value)
        return _members[kind, value]
    if kind not in _shapes:
        _shapes[kind] = _shape_of(kind)
    shape = _shapes[kind]
    if shape is None:
        return serialize_value(value)
    if kind not in _SHARED:
        return _object(value, shape)
    known = _written.get(id(value))
    if known is None or known[0] is not value:
        known = (value, _object(value, shape))
        if len(_written) >= _KEPT:
            del _written[next(iter(_written))]
        _written[id(value)] = known
    return known[1]


def _object(value: Any, shape: _Shape) -> str:
    values = tuple(shape.values(value))
    found = []
    for part in shape.parts:
        if isinstance(part, str):
            found.append(part)
            continue
        key, place, custom, not_empty, not_none = part
        inner = values[place]
        if custom is _METADATA:
            if inner or not not_empty:
                found.append(f"{key}: {_metadata(inner)}")
            continue
        if custom is not None:
            inner = custom.pack(inner, whitelist_map=_WHITELIST_MAP, descent_path="")
        if (not_empty and inner in EMPTY_VALUES_TO_SKIP) or (not_none and inner is None):
            continue
        found.append(f"{key}: {text_of(inner)}")
    return f"{{{', '.join(found)}}}"


def _metadata(values: Any) -> str:
    """Metadata as a list, as older versions of Dagster had it."""
    entries = (
        f'{{"__class__": "EventMetadataEntry", "description": null, '
        f'"entry_data": {text_of(value)}, "label": {text_of(label)}}}'
        for label, value in values.items()
    )
    return f"[{', '.join(entries)}]"


def _list(values: Iterable[Any]) -> str:
    return f"[{', '.join(map(text_of, values))}]"


def _dict(values: dict[Any, Any]) -> str:
    if not all(type(key) is str for key in values):
        return serialize_value(values)
    return f"{{{', '.join(f'{quoted(key)}: {text_of(values[key])}' for key in sorted(values))}}}"


def _shape_of(kind: type) -> _Shape | None:
    """How the objects of a class are written; ``None`` if Dagster is to write them."""
    serializer: Any = _WHITELIST_MAP.object_serializers.get(kind.__name__)
    if serializer is None or not issubclass(kind, tuple) or serializer.klass is not kind:
        return None
    own = type(serializer)
    if (
        own.pack_items is not ObjectSerializer.pack_items
        or own.before_pack is not ObjectSerializer.before_pack
        or own.object_as_mapping is not NamedTupleSerializer.object_as_mapping
    ):
        return None
    record = is_record(kind)
    renamed = getattr(kind, "__field_remap__") if record else {}  # noqa: B009  # Dagster's own
    found: dict[str, _Field | str] = {
        "__class__": _constant("__class__", serializer.get_storage_name())
    }
    for place, field in enumerate(getattr(kind, "_fields", ())):
        name = renamed.get(field, field)
        stored = serializer.storage_field_names.get(name, name)
        if stored in found:
            return None
        found[stored] = _Field(
            quoted(stored),
            place,
            serializer.field_serializers.get(name),
            name in serializer.skip_when_empty_fields,
            name in serializer.skip_when_none_fields,
        )
    for name, value in serializer.old_fields.items():
        if name in found:
            return None
        found[name] = _constant(name, value)
    values: Any = getattr(kind, "__hidden_iter__") if record else tuple.__iter__  # noqa: B009
    return _Shape(values, tuple(found[name] for name in sorted(found)))


def _constant(name: str, value: Any) -> str:
    return f"{quoted(name)}: {json.dumps(value, sort_keys=True)}"


_METADATA = MetadataFieldSerializer.get_instance()

_PLAIN: dict[type, Callable[[Any], str]] = {
    str: quoted,
    int: repr,
    float: json.dumps,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    list: _list,
    tuple: _list,
    dict: _dict,
}
"""How what is no object of Dagster's is written."""
