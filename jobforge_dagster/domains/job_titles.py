"""Job titles: a job architecture of functions, families and titles, mapped to the NOC.

The federal list is not open data. The file that ships is synthetic, in the shape of the real one.
"""

import dataframely as dy
import polars as pl

from jobforge_dagster.domains.noc import UNIT_GROUP, dim_noc
from jobforge_dagster.medallion.corrections import correct, corrections
from jobforge_dagster.medallion.declare import (
    Domain,
    Licence,
    Measure,
    Origin,
    meaning,
    references,
    rule,
)
from jobforge_dagster.medallion.grain import Groups
from jobforge_dagster.medallion.provenance import aggregate

JOB_TITLES = Domain(
    "job_titles",
    title="Job architecture",
    owner="team:job-architecture",
    steward="job-architecture",
    classification="public",
)

SYNTHETIC = Origin(
    publisher="JobForge (synthetic)",
    system="Job architecture sample",
    licence=Licence(code="MIT", name="MIT License"),
)

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def slug(column: str) -> pl.Expr:
    """A stable key from a name: its letters and digits without accents, joined by dashes."""
    return (
        pl.col(column)
        .str.normalize("NFKD")
        .str.replace_all(r"\p{M}", "")
        .str.to_lowercase()
        .str.replace_all(r"[^a-z0-9]+", "-")
        .str.strip_chars("-")
    )


TITLE_ID = meaning(
    "The publisher's id of the title.",
    header="Job_Title_ID",
    french="L'identifiant que l'éditeur donne au titre.",
    term="job-title",
)
TITLE_EN = meaning(
    "Title in English.", header="Job_Title_EN", french="Titre en anglais.", term="job-title"
)
TITLE_FR = meaning(
    "Title in French.", header="Titre_de_poste_FR", french="Titre en français.", term="job-title"
)
FUNCTION_EN = meaning(
    "Function in English.",
    header="Job_Function_EN",
    french="Fonction en anglais.",
    term="job-function",
)
FUNCTION_FR = meaning(
    "Function in French.", header="Fonction_FR", french="Fonction en français.", term="job-function"
)
FAMILY_EN = meaning(
    "Family in English.", header="Job_Family_EN", french="Famille en anglais.", term="job-family"
)
FAMILY_FR = meaning(
    "Family in French.", header="Famille_FR", french="Famille en français.", term="job-family"
)
MANAGERIAL_LEVEL = meaning(
    "Level of management, if any.",
    header="Managerial_Level",
    french="Niveau de gestion, s'il y en a un.",
    term="managerial-level",
)
NOC_2016 = meaning(
    "Unit group of NOC 2016.",
    header="NOC_2016",
    french="Groupe de base de la CNP 2016.",
    term="noc-2016-code",
)
NOC_2021 = meaning(
    "Unit group of NOC 2021.",
    header="NOC_2021",
    french="Groupe de base de la CNP 2021.",
    term="noc-code",
)
FUNCTION_ID = meaning(
    "Key of the function, from its name.",
    french="Clé de la fonction, tirée de son nom.",
    term="job-function",
)
FAMILY_ID = meaning(
    "Key of the family, from its name.",
    french="Clé de la famille, tirée de son nom.",
    term="job-family",
)


class JobTitleFile(dy.Schema):
    """One job title of the job architecture, as delivered."""

    job_title_id = dy.String(primary_key=True, metadata=TITLE_ID)
    title_en = dy.String(metadata=TITLE_EN)
    title_fr = dy.String(nullable=True, metadata=TITLE_FR)
    function_en = dy.String(metadata=FUNCTION_EN)
    function_fr = dy.String(nullable=True, metadata=FUNCTION_FR)
    family_en = dy.String(metadata=FAMILY_EN)
    family_fr = dy.String(nullable=True, metadata=FAMILY_FR)
    managerial_level = dy.String(nullable=True, metadata=MANAGERIAL_LEVEL)
    noc_2016_code = dy.String(nullable=True, regex=r"^\d{4}$", metadata=NOC_2016)
    noc_2021_code = dy.String(nullable=True, regex=UNIT_GROUP, metadata=NOC_2021)


job_titles = JOB_TITLES.source(
    "job_titles",
    files="job_titles/job_titles*.csv",
    schema=JobTitleFile,
    origin=SYNTHETIC,
    purpose="To show how an employer's job titles are tied to occupations.",
)


SPELLINGS = corrections(__file__, "spellings")


class JobTitle(JobTitleFile):
    """One job title of the job architecture, with the keys of its function and family."""

    function_id = dy.String(regex=SLUG, metadata=FUNCTION_ID)
    family_id = dy.String(regex=SLUG, metadata=FAMILY_ID)


@JOB_TITLES.silver(schema=JobTitle, inputs=[job_titles])
def job_title(titles: pl.LazyFrame) -> pl.LazyFrame:
    """Names come padded; a slug is the same for every spelling of case, accent and dash."""
    names = pl.col(JobTitleFile.column_names())
    trimmed = titles.with_columns(names.str.strip_chars())
    return correct(trimmed, SPELLINGS).with_columns(
        function_id=slug("function_en"), family_id=slug("family_en")
    )


class DimJobFunction(dy.Schema):
    """One function of the job architecture."""

    function_id = dy.String(primary_key=True, regex=SLUG, metadata=FUNCTION_ID)
    function_en = dy.String(metadata=FUNCTION_EN)
    function_fr = dy.String(nullable=True, metadata=FUNCTION_FR)


def first_by_id(column: str) -> pl.Expr:
    """The value of the title with the lowest id that has one."""
    return pl.col(column).sort_by("job_title_id").drop_nulls().first()


@JOB_TITLES.gold(
    schema=DimJobFunction,
    inputs=[job_title],
    grain=Groups(["function_id"]),
    answers=["Which functions does the job architecture have?"],
    purpose="To sum up job titles by function.",
)
def dim_job_function(titles: pl.LazyFrame) -> pl.LazyFrame:
    return aggregate(titles, "function_id", first_by_id("function_en"), first_by_id("function_fr"))


class DimJobFamily(dy.Schema):
    """One family of the job architecture, within its function."""

    family_id = dy.String(primary_key=True, regex=SLUG, metadata=FAMILY_ID)
    function_id = dy.String(regex=SLUG, metadata=FUNCTION_ID)
    family_en = dy.String(metadata=FAMILY_EN)
    family_fr = dy.String(nullable=True, metadata=FAMILY_FR)


@JOB_TITLES.gold(
    schema=DimJobFamily,
    inputs=[job_title],
    grain=Groups(["family_id", "function_id"]),
    foreign_keys=[references("function_id", dim_job_function)],
    answers=["Which job families does a function have?"],
    purpose="To sum up job titles by family, and families by function.",
)
def dim_job_family(titles: pl.LazyFrame) -> pl.LazyFrame:
    return aggregate(
        titles, ["family_id", "function_id"], first_by_id("family_en"), first_by_id("family_fr")
    )


class DimJobTitle(dy.Schema):
    """One job title of the job architecture, with its family, function and occupation."""

    job_title_id = dy.String(primary_key=True, metadata=TITLE_ID)
    title_en = dy.String(metadata=TITLE_EN)
    title_fr = dy.String(nullable=True, metadata=TITLE_FR)
    function_id = dy.String(metadata=FUNCTION_ID)
    family_id = dy.String(metadata=FAMILY_ID)
    managerial_level = dy.String(nullable=True, metadata=MANAGERIAL_LEVEL)
    noc_2016_code = dy.String(nullable=True, metadata=NOC_2016)
    noc_2021_code = dy.String(nullable=True, metadata=NOC_2021)

    @rule("the title {job_title_id} ({title_en}) belongs to no occupation of NOC 2021", "warn")
    def has_an_occupation(cls) -> pl.Expr:
        return pl.col("noc_2021_code").is_not_null()


@JOB_TITLES.gold(
    schema=DimJobTitle,
    inputs=[job_title],
    foreign_keys=[
        references("function_id", dim_job_function),
        references("family_id", dim_job_family),
        references("noc_2021_code", dim_noc),
    ],
    purpose="To tie each job title to its family, its function and its occupation.",
    measures=[
        Measure("Job titles", "COUNTROWS('dim_job_title')", "Number of job titles.", "#,0"),
        Measure(
            "Job titles without an occupation",
            "CALCULATE(COUNTROWS('dim_job_title'), ISBLANK('dim_job_title'[noc_2021_code]))",
            "Number of job titles that are tied to no unit group of NOC 2021.",
            "#,0",
        ),
    ],
)
def dim_job_title(titles: pl.LazyFrame) -> pl.LazyFrame:
    return titles
