"""NOC 2021: Canada's National Occupational Classification, as a tree and as a flat dimension."""

import dataframely as dy
import polars as pl

from jobforge_dagster.domains.licences import STATISTICS_CANADA
from jobforge_dagster.medallion.declare import Ckan, Domain, Origin, meaning, references, rule
from jobforge_dagster.medallion.grain import Where
from jobforge_dagster.medallion.provenance import carried, join

NOC = Domain(
    "noc",
    title="National Occupational Classification",
    owner="team:classification",
    steward="classification",
)

PORTAL = "https://open.canada.ca/data"
"""The federal open-data portal, which runs CKAN."""

NOC_2021 = Origin(
    publisher="Statistics Canada, with Employment and Social Development Canada",
    system="NOC 2021 V1.0",
    licence=STATISTICS_CANADA,
    dataset="1feee3b5-8068-4dbb-b361-180875837593",
)

UNIT_GROUP = r"^\d{5}$"
LEVELS = {"broad_category": 1, "major_group": 2, "sub_major_group": 3, "minor_group": 4}
IS_UNIT_GROUP = pl.col("level") == 5


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
        min=1, max=5, metadata=meaning("Level in the tree, 1 (broad category) to 5 (unit group).")
    )
    structure = dy.String(
        metadata=meaning("Name of the level.", header="Hierarchical structure"),
    )
    title = dy.String(
        metadata=meaning("Title of the class.", header="Class title", term="noc-title"),
    )
    definition = dy.String(
        metadata=meaning("What the class comprises.", header="Class definition"),
    )

    @rule("code {noc_code} has not as many digits as its level, {level}")
    def code_length_is_level(cls) -> pl.Expr:
        return pl.col("noc_code").str.len_chars() == pl.col("level")


noc_structure = NOC.source(
    "noc_structure",
    files="noc/noc_structure*.csv",
    schema=NocNode,
    origin=NOC_2021,
    fetch=Ckan(PORTAL, "1feee3b5-8068-4dbb-b361-180875837593", "*classification_structure.csv"),
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
        metadata=meaning("Code of the class above: the code without its last digit."),
    )


@NOC.gold(
    schema=DimNocNode,
    inputs=[noc_node],
    foreign_keys=[references("parent_code", None)],
    answers=["Where does this occupation stand in the classification?"],
)
def dim_noc_node(nodes: pl.LazyFrame) -> pl.LazyFrame:
    above = pl.col("noc_code").str.slice(0, pl.col("level").cast(pl.UInt32) - 1)
    return nodes.with_columns(parent_code=pl.when(pl.col("level") > 1).then(above))


class DimNoc(dy.Schema):
    """One NOC 2021 unit group (an occupation) with the codes and titles of its ancestors."""

    noc_code = dy.String(
        primary_key=True,
        regex=UNIT_GROUP,
        metadata=meaning("Code of the unit group.", term="noc-code"),
    )
    title = dy.String(metadata=meaning("Title of the unit group.", term="noc-title"))
    definition = dy.String(metadata=meaning("What the unit group comprises."))
    teer = dy.Int8(
        min=0,
        max=5,
        metadata=meaning(
            "Training, education, experience and responsibilities (0 to 5): the code's second "
            "digit.",
            term="teer",
        ),
    )
    broad_category_code = dy.String(regex=r"^\d$", metadata=meaning("Code, level 1."))
    broad_category = dy.String(metadata=meaning("Title, level 1."))
    major_group_code = dy.String(regex=r"^\d{2}$", metadata=meaning("Code, level 2."))
    major_group = dy.String(metadata=meaning("Title, level 2."))
    sub_major_group_code = dy.String(regex=r"^\d{3}$", metadata=meaning("Code, level 3."))
    sub_major_group = dy.String(metadata=meaning("Title, level 3."))
    minor_group_code = dy.String(regex=r"^\d{4}$", metadata=meaning("Code, level 4."))
    minor_group = dy.String(metadata=meaning("Title, level 4."))


@NOC.gold(
    schema=DimNoc,
    inputs=[noc_node],
    grain=Where(IS_UNIT_GROUP),
    answers=[
        "Where does this occupation stand in the classification?",
        "What training does this occupation need (TEER)?",
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
