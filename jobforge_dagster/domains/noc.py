"""NOC 2021: Canada's National Occupational Classification, as a tree and as a flat dimension."""

from typing import Any

import dataframely as dy
import polars as pl

from jobforge_dagster.domains.licences import STATISTICS_CANADA
from jobforge_dagster.medallion.declare import (
    Ckan,
    Domain,
    Measure,
    Origin,
    meaning,
    references,
    rule,
)
from jobforge_dagster.medallion.grain import Where
from jobforge_dagster.medallion.provenance import carried, join

NOC = Domain(
    "noc",
    title="National Occupational Classification",
    owner="team:classification",
    steward="classification",
    classification="public",
)

PORTAL = "https://open.canada.ca/data"
"""The federal open-data portal, which runs CKAN."""

DATASET = "1feee3b5-8068-4dbb-b361-180875837593"

NOC_2021 = Origin(
    publisher="Statistics Canada, with Employment and Social Development Canada",
    system="NOC 2021 V1.0",
    licence=STATISTICS_CANADA,
    dataset=DATASET,
    url=f"{PORTAL}/en/dataset/{DATASET}",
)

UNIT_GROUP = r"^\d{5}$"
LEVELS = {"broad_category": 1, "major_group": 2, "sub_major_group": 3, "minor_group": 4}
IS_UNIT_GROUP = pl.col("level") == 5

UNIT_GROUP_CODE = meaning(
    "Code of the unit group.", french="Code du groupe de base.", term="noc-code"
)


def code_of(level: str, french: str) -> dict[str, Any]:
    """What the code of a class above a unit group means; the level's name is its term."""
    return meaning(f"Code of the {level}.", french=f"Code {french}.", term=level.replace(" ", "-"))


def title_of(level: str, french: str) -> dict[str, Any]:
    """What the title of such a class means."""
    term = level.replace(" ", "-")
    return meaning(f"Title of the {level}.", french=f"Titre {french}.", term=term)


class NocNode(dy.Schema):
    """One class of the NOC 2021 tree: a broad category, a unit group or a level between."""

    noc_code = dy.String(
        primary_key=True,
        regex=r"^\d{1,5}$",
        metadata=meaning(
            "Code of the class; its length is its level.",
            header="Code - NOC 2021 V1.0",
            french="Code de la classe; sa longueur donne son niveau.",
            term="noc-code",
        ),
    )
    level = dy.Int8(
        min=1,
        max=5,
        metadata=meaning(
            "Level in the tree, 1 (broad category) to 5 (unit group).",
            french="Niveau dans l'arborescence, de 1 (grande catégorie) à 5 (groupe de base).",
            term="noc-level",
        ),
    )
    structure = dy.String(
        metadata=meaning(
            "Name of the level.",
            header="Hierarchical structure",
            french="Nom du niveau.",
            term="noc-level",
        ),
    )
    title = dy.String(
        metadata=meaning(
            "Title of the class.",
            header="Class title",
            french="Titre de la classe.",
            term="noc-title",
        ),
    )
    definition = dy.String(
        metadata=meaning(
            "What the class comprises.",
            header="Class definition",
            french="Ce que comprend la classe.",
        ),
    )

    @rule("code {noc_code} has not as many digits as its level, {level}")
    def code_length_is_level(cls) -> pl.Expr:
        return pl.col("noc_code").str.len_chars() == pl.col("level")


noc_structure = NOC.source(
    "noc_structure",
    files="noc/noc_structure*.csv",
    schema=NocNode,
    origin=NOC_2021,
    fetch=Ckan(PORTAL, DATASET, "*classification_structure.csv"),
    purpose="To name and place every occupation in the same way.",
)


@NOC.silver(schema=NocNode, inputs=[noc_structure])
def noc_node(structure: pl.LazyFrame) -> pl.LazyFrame:
    """One no-break space stands in a definition; it is harmonised to a plain one."""
    return structure.with_columns(
        pl.col("title", "definition").str.replace_all("\u00a0", " ", literal=True).str.strip_chars()
    )


class DimNocNode(NocNode):
    """One class of the NOC 2021 tree with the class above it: the whole classification."""

    parent_code = dy.String(
        nullable=True,
        metadata=meaning(
            "Code of the class above: the code without its last digit.",
            french="Code de la classe supérieure : le code sans son dernier chiffre.",
            term="noc-code",
        ),
    )


@NOC.gold(
    schema=DimNocNode,
    inputs=[noc_node],
    foreign_keys=[references("parent_code", None)],
    answers=["Which classes are above and below a class of the classification?"],
    purpose="To walk the classification from any class to those above and below it.",
)
def dim_noc_node(nodes: pl.LazyFrame) -> pl.LazyFrame:
    above = pl.col("noc_code").str.slice(0, pl.col("level").cast(pl.UInt32) - 1)
    return nodes.with_columns(parent_code=pl.when(pl.col("level") > 1).then(above))


class DimNoc(dy.Schema):
    """One NOC 2021 unit group (an occupation) with the codes and titles of its ancestors."""

    noc_code = dy.String(primary_key=True, regex=UNIT_GROUP, metadata=UNIT_GROUP_CODE)
    title = dy.String(metadata=title_of("unit group", "du groupe de base"))
    definition = dy.String(
        metadata=meaning(
            "What the unit group comprises.", french="Ce que comprend le groupe de base."
        )
    )
    teer = dy.Int8(
        min=0,
        max=5,
        metadata=meaning(
            "Training, education, experience and responsibilities (0 to 5): the code's second "
            "digit.",
            french="Formation, études, expérience et responsabilités (0 à 5) : le deuxième chiffre "
            "du code.",
            term="teer",
        ),
    )
    broad_category_code = dy.String(
        regex=r"^\d$", metadata=code_of("broad category", "de la grande catégorie")
    )
    broad_category = dy.String(metadata=title_of("broad category", "de la grande catégorie"))
    major_group_code = dy.String(
        regex=r"^\d{2}$", metadata=code_of("major group", "du grand groupe")
    )
    major_group = dy.String(metadata=title_of("major group", "du grand groupe"))
    sub_major_group_code = dy.String(
        regex=r"^\d{3}$", metadata=code_of("sub-major group", "du sous-grand groupe")
    )
    sub_major_group = dy.String(metadata=title_of("sub-major group", "du sous-grand groupe"))
    minor_group_code = dy.String(
        regex=r"^\d{4}$", metadata=code_of("minor group", "du sous-groupe")
    )
    minor_group = dy.String(metadata=title_of("minor group", "du sous-groupe"))


@NOC.gold(
    schema=DimNoc,
    inputs=[noc_node],
    grain=Where(IS_UNIT_GROUP),
    purpose="To cut every figure about occupations by TEER and by the levels of the NOC.",
    measures=[
        Measure("Occupations", "COUNTROWS('dim_noc')", "Number of unit groups.", "#,0"),
    ],
)
def dim_noc(nodes: pl.LazyFrame) -> pl.LazyFrame:
    groups = nodes.filter(IS_UNIT_GROUP).with_columns(
        teer=pl.col("noc_code").str.slice(1, 1).cast(pl.Int8)
    )
    for name, level in LEVELS.items():
        code = f"{name}_code"
        ancestors = nodes.filter(pl.col("level") == level).select(
            pl.col("noc_code").alias(code), pl.col("title").alias(name), carried
        )
        groups = join(
            groups.with_columns(pl.col("noc_code").str.slice(0, level).alias(code)),
            ancestors,
            on=code,
        )
    return groups
