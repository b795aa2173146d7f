"""A table that refers to itself and sets duplicates aside: which rows stand must settle."""

from __future__ import annotations

from jobforge_dagster_tests.conftest import Domains

PARTS = """
    import dataframely as dy
    import polars as pl

    from jobforge_dagster.medallion.declare import (
        Deduplicate, Domain, Licence, Origin, meaning, references,
    )

    PARTS = Domain("parts", title="Parts", owner="team:parts")
    ORIGIN = Origin(publisher="P", system="S", licence=Licence("MIT", "MIT"))


    class Part(dy.Schema):
        \"\"\"A part, and the one that it belongs to.\"\"\"

        part = dy.String(primary_key=True, metadata=meaning("Part."))
        name = dy.String(metadata=meaning("Name."))
        belongs_to = dy.String(nullable=True, metadata=meaning("The part that it belongs to."))


    parts = PARTS.source("parts", files="parts.csv", schema=Part, origin=ORIGIN)


    @PARTS.silver(
        schema=Part,
        inputs=[parts],
        deduplicate=Deduplicate(by=("name",), order=("part",)),
        foreign_keys=[references("belongs_to", None)],
        max_rejected=1.0,
    )
    def part(parts: pl.LazyFrame) -> pl.LazyFrame:
        return parts
"""

SWINGS = "part,name,belongs_to\nd,one,\na,one,r\nr,two,d\nz,three,nowhere\n"
"""Of d and a, which share a name, a stands; r belongs to d, and a to r."""


def test_rows_that_never_settle_are_refused_in_words(domains: Domains) -> None:
    lake = domains(parts=PARTS)
    lake.drop("parts.csv", SWINGS)

    run = lake.run()

    assert "which of its rows stand does not settle" in run.only_failure()
    assert not lake.root.table("silver/parts/part").exists()


def test_rows_that_lose_what_they_belong_to_go_one_after_the_other(domains: Domains) -> None:
    lake = domains(parts=PARTS)
    lake.drop("parts.csv", "part,name,belongs_to\na,one,\nb,two,c\nc,three,nowhere\nd,four,b\n")

    assert lake.run().success

    assert lake.table("silver/parts/part")["part"].to_list() == ["a"]
    assert len(lake.quarantine("silver")) == 3
