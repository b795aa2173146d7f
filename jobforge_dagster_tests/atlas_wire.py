"""A model of what Apache Atlas takes, strict where its documentation says what it refuses.

The rules are those of the Atlas REST API v2 (data types AtlasTypesDef, AtlasEntity,
AtlasEntitiesWithExtInfo, AtlasGlossaryTerm) and of the types that come with it (base model).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Json = dict[str, Any]
Guid = Annotated[str, Field(pattern=r"^-[1-9]\d*$")]
Name = Annotated[str, Field(min_length=1)]
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "long": (int,),
    "date": (int,),
    "boolean": (bool,),
    "double": (float, int),
}
BITS = {"int": 32, "long": 64, "date": 64}


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel)


class AttributeDef(Strict):
    name: Name
    type_name: Annotated[str, Field(pattern=r"^(array<)?(string|int|long|date|boolean|double)>?$")]
    cardinality: Literal["SINGLE", "LIST", "SET"]
    is_indexable: bool
    is_optional: bool
    is_unique: bool


class StructDef(Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z][\w ]*$")]
    description: str | None = None
    super_types: list[str]
    type_version: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    attribute_defs: list[AttributeDef]


class EndDef(Strict):
    type: Name
    name: Name
    is_container: bool
    cardinality: Literal["SINGLE", "LIST", "SET"]


class RelationshipDef(Strict):
    name: Name
    type_version: str
    relationship_category: Literal["ASSOCIATION", "AGGREGATION", "COMPOSITION"]
    propagate_tags: Literal["NONE", "ONE_TO_TWO", "TWO_TO_ONE", "BOTH"]
    attribute_defs: list[AttributeDef]
    end_def_1: EndDef
    end_def_2: EndDef


class TypesDef(Strict):
    enum_defs: list[Json]
    struct_defs: list[Json]
    classification_defs: list[StructDef]
    entity_defs: list[StructDef]
    relationship_defs: list[RelationshipDef]


class ObjectId(Strict):
    guid: Guid | None = None
    type_name: Name
    unique_attributes: dict[Literal["qualifiedName"], Name] | None = None


class Tag(Strict):
    type_name: Name
    propagate: bool


class Entity(Strict):
    guid: Guid
    type_name: Name
    attributes: Json
    classifications: list[Tag] = []
    relationship_attributes: dict[str, ObjectId | list[ObjectId]] = {}


class Bulk(Strict):
    referred_entities: dict[str, Entity]
    entities: list[Entity]


class Term(Strict):
    name: Annotated[str, Field(pattern=r"^[^@.]+$")]
    qualified_name: Name
    short_description: str | None = None
    long_description: str | None = None
    additional_attributes: dict[str, str]
    anchor: dict[Literal["glossaryGuid"], Guid]


class Types:
    """The defined types with those that Atlas brings along."""

    def __init__(self, defined: TypesDef) -> None:
        self.parents: dict[str, list[str]] = {
            "Referenceable": [],
            "Asset": ["Referenceable"],
            "DataSet": ["Asset"],
            "Process": ["Asset"],
            "AtlasGlossaryTerm": [],
        }
        self.attributes: dict[str, dict[str, tuple[str, bool]]] = {
            "Referenceable": {"qualifiedName": ("string", True)},
            "Asset": {
                "name": ("string", True),
                "description": ("string", False),
                "owner": ("string", False),
            },
        }
        self.ends: dict[tuple[str, str], tuple[str, bool]] = {
            ("Process", "inputs"): ("DataSet", True),
            ("Process", "outputs"): ("DataSet", True),
            ("Referenceable", "meanings"): ("AtlasGlossaryTerm", True),
        }
        for each in defined.entity_defs:
            assert each.name not in self.parents, each.name
            self.parents[each.name] = each.super_types
            self.attributes[each.name] = {
                attribute.name: (attribute.type_name, not attribute.is_optional)
                for attribute in each.attribute_defs
            }
        for related in defined.relationship_defs:
            for end, other in (
                (related.end_def_1, related.end_def_2),
                (related.end_def_2, related.end_def_1),
            ):
                self.ends[end.type, end.name] = (other.type, end.cardinality != "SINGLE")
        self.tags = {each.name for each in defined.classification_defs}
        for parents in self.parents.values():
            assert set(parents) <= set(self.parents), parents

    def line(self, name: str) -> list[str]:
        """A type and all above it."""
        assert name in self.parents, f"no type {name}"
        return [name, *(above for each in self.parents[name] for above in self.line(each))]


def check(files: dict[str, Any]) -> None:
    """Refuse what Atlas would."""
    types = Types(TypesDef.model_validate(files["atlas/typedefs.json"]))
    bulk = Bulk.model_validate(files["atlas/entities.json"])
    terms = {Term.model_validate(each).qualified_name for each in files.get("atlas/terms.json", ())}
    guids = {entity.guid: entity for entity in bulk.entities}
    names = [entity.attributes.get("qualifiedName") for entity in bulk.entities]
    assert len(guids) == len(bulk.entities), "a guid is given twice"
    assert len(set(names)) == len(names), "a qualified name is given twice"
    for entity in bulk.entities:
        check_attributes(types, entity)
        assert {tag.type_name for tag in entity.classifications} <= types.tags
        for name, related in entity.relationship_attributes.items():
            ends = [types.ends.get((each, name)) for each in types.line(entity.type_name)]
            wanted = next((end for end in ends if end is not None), None)
            assert wanted, f"{entity.type_name} has no {name}"
            assert isinstance(related, list) == wanted[1], name
            for each in related if isinstance(related, list) else [related]:
                assert wanted[0] in types.line(each.type_name)
                if each.guid is not None:
                    assert each.guid in guids, each.guid
                    assert guids[each.guid].type_name == each.type_name
                else:
                    assert each.unique_attributes
                    assert each.unique_attributes["qualifiedName"] in terms


def check_attributes(types: Types, entity: Entity) -> None:
    line = types.line(entity.type_name)
    defined = {
        name: kind
        for each in reversed(line)
        for name, kind in types.attributes.get(each, {}).items()
    }
    for name, (_, required) in defined.items():
        assert name in entity.attributes or not required, f"{entity.type_name} wants {name}"
    for name, value in entity.attributes.items():
        assert name in defined, f"{entity.type_name} has no {name}"
        kind = defined[name][0]
        inner = kind.removeprefix("array<").removesuffix(">")
        for each in value if kind != inner else [value]:
            assert isinstance(each, KINDS[inner]), (name, each)
            assert isinstance(each, bool) == (inner == "boolean"), (name, each)
            if inner in BITS and isinstance(each, int):
                assert each.bit_length() < BITS[inner], (name, each)
