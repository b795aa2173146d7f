"""What a value of a plan comes from, and how that of several values is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from jobforge_dagster.medallion.lineage.model import Direct, Indirect, Upstream

Deciding = Mapping[Upstream, frozenset[Indirect]]
"""What decides something, and how."""

NOBODY: Deciding = MappingProxyType({})

_RANK: dict[Direct, int] = {"identity": 0, "transformation": 1, "aggregation": 2}


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression or a column comes from.

    Attributes:
        direct: what it is made of.
        indirect: what decides it alone.
        opaque: what could not be looked into.
        length: what decides how many values there are, where that can differ from the number of
            rows that came in.
        fields: of a struct, where they are known one by one.
    """

    direct: Mapping[Upstream, Direct] = field(default_factory=dict)
    indirect: Deciding = field(default_factory=lambda: NOBODY)
    opaque: tuple[str, ...] = ()
    length: Deciding = field(default_factory=lambda: NOBODY)
    fields: Mapping[str, Value] | None = None

    def at_least(self, kind: Direct) -> Value:
        """The same sources, each of this kind or a worse one, as a value without known fields."""
        rank = _RANK[kind]
        if all(_RANK[each] >= rank for each in self.direct.values()):
            return self if self.fields is None else replace(self, fields=None)
        direct = {
            source: each if _RANK[each] >= rank else kind for source, each in self.direct.items()
        }
        return replace(self, direct=direct, fields=None)

    def deciding(self, kind: Indirect) -> Deciding:
        """All its sources, as what decides something in one way."""
        how = frozenset((kind,))
        return dict.fromkeys((*self.direct, *self.indirect), how)

    def decided_by(self, deciding: Deciding) -> Value:
        """The same value, which something decides besides."""
        if not deciding:
            return self
        return replace(self, indirect=together(self.indirect, deciding), fields=None)

    def counted_by(self, length: Deciding) -> Value:
        """The same value, of whose number something else decides."""
        return self if self.length is length else replace(self, length=length)


NOTHING = Value()
"""A constant."""


def together(*all_deciding: Deciding) -> Deciding:
    """All that decides, in every way in which it does."""
    given = [each for each in all_deciding if each]
    if len(given) < 2:
        return given[0] if given else NOBODY
    found = dict(given[0])
    for each in given[1:]:
        for source, kinds in each.items():
            known = found.get(source)
            found[source] = kinds if known is None or known == kinds else known | kinds
    return found


def merged(values: Iterable[Value], kind: Direct = "identity") -> Value:
    """A value made of several, in this way or a worse one."""
    given = list(values)
    if len(given) == 1:
        return given[0].at_least(kind)
    rank = _RANK[kind]
    direct: dict[Upstream, Direct] = {}
    for value in given:
        for source, each in value.direct.items():
            new = each if _RANK[each] >= rank else kind
            known = direct.get(source)
            direct[source] = new if known is None or _RANK[new] > _RANK[known] else known
    return Value(
        direct,
        together(*(value.indirect for value in given)),
        reasons(value.opaque for value in given),
        together(*(value.length for value in given)),
    )


def worse(one: Direct, other: Direct) -> Direct:
    """The worse of two ways of being made."""
    return one if _RANK[one] >= _RANK[other] else other


def reasons(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All reasons, each once."""
    return tuple(dict.fromkeys(reason for each in several for reason in each))


def sorted_by_key(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """The same mapping in the order of its keys."""
    return {key: mapping[key] for key in sorted(mapping)}
