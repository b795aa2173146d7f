"""OaSIS texts: what is written about each profile, one sentence or title a row."""

from typing import NamedTuple

import dataframely as dy
import polars as pl

from jobforge_dagster.domains.noc import UNIT_GROUP, dim_noc
from jobforge_dagster.domains.oasis import (
    OASIS,
    OASIS_2023,
    PROFILE,
    code_of_profile,
    label_of_profile,
    trimmed,
    with_profile_code,
)
from jobforge_dagster.domains.oasis.profiles import dim_oasis_profile, profile
from jobforge_dagster.medallion.declare import Deduplicate, Table, meaning, references


class ProfileText(dy.Schema):
    """One text about an OaSIS profile, as delivered."""

    profile_code = dy.String(
        primary_key=True, regex=PROFILE, metadata=code_of_profile("OaSIS profile code")
    )


class OrderedText(ProfileText):
    """One text about an OaSIS profile, in the order in which the publisher lists them."""

    ordinal = dy.UInt32(
        primary_key=True,
        metadata=meaning(
            "Place of the text among the profile's, from 1.",
            french="Rang du texte parmi ceux du profil, à partir de 1.",
        ),
    )


class Text(NamedTuple):
    """A file of texts: the source, the glob of its file, its two schemas, and what for."""

    source: str
    files: str
    column: str
    delivered: type[dy.Schema]
    ordered: type[dy.Schema]
    purpose: str
    question: str


DUTY = meaning(
    "A main duty.", header="Main duties", french="Une fonction principale.", term="main-duty"
)
REQUIREMENT = meaning(
    "What is asked of who wants the job.",
    header="Employment requirement",
    french="Ce qui est exigé de qui veut l'emploi.",
    term="employment-requirement",
)
INFORMATION = meaning(
    "A further remark.",
    header="Additional information (EN)",
    french="Une remarque supplémentaire.",
)
WORKPLACE = meaning(
    "A workplace or employer.",
    header="Workplace/employer name",
    french="Un lieu de travail ou un employeur.",
    term="workplace",
)


class DeliveredDuty(ProfileText):
    """One main duty of an OaSIS profile, as delivered."""

    duty = dy.String(metadata=DUTY)


class MainDuty(OrderedText):
    """One main duty of an OaSIS profile."""

    duty = dy.String(metadata=DUTY)


class DeliveredRequirement(ProfileText):
    """One employment requirement of an OaSIS profile, as delivered."""

    requirement = dy.String(metadata=REQUIREMENT)


class EmploymentRequirement(OrderedText):
    """One employment requirement of an OaSIS profile."""

    requirement = dy.String(metadata=REQUIREMENT)


class DeliveredInformation(ProfileText):
    """One further remark about an OaSIS profile, as delivered."""

    information = dy.String(metadata=INFORMATION)


class AdditionalInformation(OrderedText):
    """One further remark about an OaSIS profile."""

    information = dy.String(metadata=INFORMATION)


class DeliveredWorkplace(ProfileText):
    """One workplace or employer of an OaSIS profile, as delivered."""

    workplace = dy.String(metadata=WORKPLACE)
    profile_name = dy.String(metadata=label_of_profile("Profile name"))


class Workplace(OrderedText):
    """One kind of workplace or employer of an OaSIS profile."""

    workplace = dy.String(metadata=WORKPLACE)


TEXTS = {
    "main_duty": Text(
        "main_duties",
        "main-duties",
        "duty",
        DeliveredDuty,
        MainDuty,
        purpose="To say what people of a profile do.",
        question="What are the main duties of this occupation?",
    ),
    "employment_requirement": Text(
        "employment_requirements",
        "employment-requirements",
        "requirement",
        DeliveredRequirement,
        EmploymentRequirement,
        purpose="To say what it takes to be given a job of a profile.",
        question="What does this occupation ask of those who want to enter it?",
    ),
    "additional_information": Text(
        "additional_information",
        "additional-information",
        "information",
        DeliveredInformation,
        AdditionalInformation,
        purpose="To keep what else the publisher says of a profile.",
        question="What else should be known of this occupation?",
    ),
    "workplace": Text(
        "workplaces_employers",
        "workplaces-employers",
        "workplace",
        DeliveredWorkplace,
        Workplace,
        purpose="To say where people of a profile work.",
        question="Where do people of this occupation work, and for whom?",
    ),
}


def declare_text(name: str, text: Text) -> Table:
    """One family of text: its source, its silver table and its gold attribute table."""
    column = text.column
    source = OASIS.source(
        f"oasis_{text.source}",
        files=f"oasis/{text.files}_oasis*.csv",
        schema=text.delivered,
        origin=OASIS_2023,
        purpose=text.purpose,
    )

    @OASIS.silver(
        name=name,
        schema=text.ordered,
        inputs=[source],
        foreign_keys=[references("profile_code", profile)],
    )
    def ordered(texts: pl.LazyFrame) -> pl.LazyFrame:
        return (
            with_profile_code(texts)
            .with_columns(trimmed(column))
            .with_columns(ordinal=pl.col("_source_row").rank("ordinal").over("profile_code"))
        )

    @OASIS.gold(
        name=f"attr_{name}",
        schema=text.ordered,
        inputs=[ordered],
        foreign_keys=[references("profile_code", dim_oasis_profile)],
        answers=[text.question],
        purpose=text.purpose,
    )
    def attribute(texts: pl.LazyFrame) -> pl.LazyFrame:
        return texts

    return attribute


ATTRIBUTES = [declare_text(name, text) for name, text in TEXTS.items()]


class ExampleTitle(ProfileText):
    """One job title that belongs to an OaSIS profile."""

    title = dy.String(
        primary_key=True,
        metadata=meaning(
            "The job title.",
            header="Job title text",
            french="L'appellation d'emploi.",
            term="example-title",
        ),
    )
    title_type = dy.String(
        check={"known_type": lambda kind: kind.is_in(["Example", "Index", "Inclusion"])},
        metadata=meaning(
            "Why the title is listed.",
            header="Job title type",
            french="Pourquoi l'appellation figure dans la liste.",
            term="example-title",
        ),
    )
    concordance_no = dy.Int32(
        min=1,
        metadata=meaning(
            "The publisher's number of the title.",
            header="Concordance number",
            french="Le numéro que l'éditeur donne à l'appellation.",
        ),
    )


oasis_example_titles = OASIS.source(
    "oasis_example_titles",
    files="oasis/example-titles_oasis*.csv",
    schema=ExampleTitle,
    origin=OASIS_2023,
    purpose="To find the profile that a job title belongs to.",
)


@OASIS.silver(
    schema=ExampleTitle,
    inputs=[oasis_example_titles],
    foreign_keys=[references("profile_code", profile)],
    deduplicate=Deduplicate(by=("profile_code", "title"), order=("concordance_no",)),
)
def example_title(titles: pl.LazyFrame) -> pl.LazyFrame:
    return with_profile_code(titles).with_columns(trimmed("title", "title_type"))


@OASIS.gold(
    schema=ExampleTitle,
    inputs=[example_title],
    foreign_keys=[references("profile_code", dim_oasis_profile)],
    purpose="To find the profile that a job title belongs to.",
)
def attr_example_title(titles: pl.LazyFrame) -> pl.LazyFrame:
    return titles


class DeliveredExclusion(dy.Schema):
    """One job title that is not part of an OaSIS profile, and the class where it belongs."""

    profile_code = dy.String(
        metadata=code_of_profile("OaSIS profile code"),
        regex=PROFILE,
    )
    excluded_code = dy.String(
        metadata=meaning(
            "Where the title belongs: a unit group or a profile.",
            header="Excluded code",
            french="Où l'appellation se classe : un groupe de base ou un profil.",
            term="exclusion",
        ),
        regex=r"^\d{5}(\.\d{2})?$",
    )
    job_title = dy.String(
        nullable=True,
        metadata=meaning(
            "The title, if one is named.",
            header="Job title",
            french="L'appellation, si une est nommée.",
            term="exclusion",
        ),
    )


class Exclusion(DeliveredExclusion):
    """One exclusion from an OaSIS profile, with its number and the kind of class it points to."""

    exclusion_no = dy.UInt32(
        primary_key=True,
        metadata=meaning(
            "Number of the record in the publisher's file.",
            french="Numéro de l'enregistrement dans le fichier de l'éditeur.",
        ),
    )
    excluded_kind = dy.String(
        check={"known_kind": lambda kind: kind.is_in(["unit_group", "profile"])},
        metadata=meaning(
            "What the excluded code names: unit_group or profile.",
            french="Ce que désigne le code exclu : unit_group (groupe) ou profile (profil).",
            term="exclusion",
        ),
    )


oasis_exclusions = OASIS.source(
    "oasis_exclusions",
    files="oasis/exclusions_oasis*.csv",
    schema=DeliveredExclusion,
    origin=OASIS_2023,
    purpose="To know which jobs a profile does not take in, and where they belong.",
)


@OASIS.silver(
    schema=Exclusion,
    inputs=[oasis_exclusions],
    foreign_keys=[references("profile_code", profile)],
)
def exclusion(exclusions: pl.LazyFrame) -> pl.LazyFrame:
    """An excluded code of five digits is a unit group: unlike a profile code it is complete."""
    return (
        with_profile_code(exclusions)
        .with_columns(
            trimmed("excluded_code", "job_title"),
            exclusion_no=pl.col("_source_row"),
        )
        .with_columns(
            excluded_kind=pl.when(pl.col("excluded_code").str.contains(UNIT_GROUP))
            .then(pl.lit("unit_group"))
            .otherwise(pl.lit("profile"))
        )
    )


class BridgeExclusion(Exclusion):
    """One exclusion from an OaSIS profile, keyed to the unit group or profile it points to."""

    excluded_noc_code = dy.String(
        nullable=True,
        metadata=meaning(
            "The unit group, if it is one.",
            french="Le groupe de base, si c'en est un.",
            term="noc-code",
        ),
    )
    excluded_profile_code = dy.String(
        nullable=True,
        metadata=meaning(
            "The profile, if it is one.",
            french="Le profil, si c'en est un.",
            term="oasis-profile-code",
        ),
    )


@OASIS.gold(
    schema=BridgeExclusion,
    inputs=[exclusion],
    foreign_keys=[
        references("profile_code", dim_oasis_profile),
        references("excluded_noc_code", dim_noc),
        references("excluded_profile_code", dim_oasis_profile),
    ],
    answers=["Which jobs are not part of this occupation, and where do they belong?"],
    purpose="To lead from a profile to the classes where the jobs belong that it excludes.",
)
def bridge_exclusion(exclusions: pl.LazyFrame) -> pl.LazyFrame:
    kind, code = pl.col("excluded_kind"), pl.col("excluded_code")
    return exclusions.with_columns(
        excluded_noc_code=pl.when(kind == "unit_group").then(code),
        excluded_profile_code=pl.when(kind == "profile").then(code),
    )
