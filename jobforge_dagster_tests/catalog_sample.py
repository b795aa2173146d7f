"""A small, complete, made-up catalog of a shop, and a strategy that makes stranger ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jobforge_dagster.catalog.documents import (
    GlossaryDocument,
    LayerTransitionLog,
    RunDocument,
    TableMetadata,
)
from jobforge_dagster.catalog.documents.run import CheckOutcome, Starter, StepOutcome, Totals
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster_tests.catalog_parts import (
    BATCHES,
    FILES,
    FORMER_RUN,
    MORNING,
    QUALITY,
    RUN,
    column,
    made_of,
    table,
    term,
    transition,
)
from jobforge_dagster_tests.catalog_strategy import snapshots

__all__ = ["sample_snapshot", "snapshots"]

STAGED, BRONZE, SILVER = "staged/orders", "bronze/shop/orders", "silver/shop/order"
CUSTOMER, FACT = "gold/dim_customer", "gold/fact_order"
HEADERS = ("Order No.", "Client", "Amount ($)", "Day")
SHOP_COLUMNS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("order_id", "String", "Number of the order.", {"primary_key": True, "nullable": False}),
    ("customer_name", "String", "Who bought.", {"classification": "confidential"}),
    ("amount", "Decimal(precision=10, scale=2)", "What was paid.", {"term": "amount"}),
    ("ordered_on", "Date", "The day of the order.", {}),
)


def sample_snapshot() -> Snapshot:
    """The shop's catalog after a run that failed at its dimension of customers."""
    return Snapshot(
        tables=sample_tables(),
        transitions=sample_transitions(),
        runs=(sample_run(),),
        glossary=sample_glossary(),
    )


def sample_tables() -> tuple[TableMetadata, ...]:
    """One table of each layer, and two of gold."""
    return (
        table(
            STAGED,
            tuple(column(header, "String", lineage=_delivered(header)) for header in HEADERS),
            technical={"files": 2, "schema_version": None},
            business={"title": "Orders"},
            lineage={"upstream": FILES, "downstream": (BRONZE,), "grain": None},
            gaps=("columns/Client/description/en", "governance/steward"),
        ),
        table(
            BRONZE,
            tuple(
                column(name, dtype, text, lineage=made_of(STAGED, header, header), **said)
                for (name, dtype, text, said), header in zip(SHOP_COLUMNS, HEADERS, strict=True)
            ),
            business={"title": "Orders"},
            lineage={"upstream": (STAGED,), "downstream": (SILVER,)},
            governance={"classification": "confidential"},
        ),
        table(
            SILVER,
            tuple(
                column(name, dtype, text, lineage=made_of(BRONZE, name, header), **said)
                for (name, dtype, text, said), header in zip(SHOP_COLUMNS, HEADERS, strict=True)
            ),
            lineage={"upstream": (BRONZE,), "downstream": (CUSTOMER, FACT)},
            governance={"classification": "confidential"},
            quality=QUALITY,
        ),
        _dim_customer(),
        _fact_order(),
    )


def _delivered(header: str) -> dict[str, Any]:
    origin = {"source": "orders", "header": header, "kind": "identity"}
    return {"origins": (origin,)}


def _dim_customer() -> TableMetadata:
    name = made_of(SILVER, "customer_name", "Client", "transformation")
    columns = (
        column(
            "customer_id",
            "UInt32",
            "Number of the customer.",
            nullable=False,
            primary_key=True,
            term="customer",
            lineage=name,
            examples=(1, 2),
            statistics={"nulls": 0, "minimum": 1, "maximum": 2},
            declassified="A number that is drawn by lot.",
        ),
        column(
            "customer_name",
            "String",
            nullable=False,
            description={"en": "Who bought.", "fr": "Qui a acheté."},
            classification="confidential",
            lineage=name,
        ),
    )
    return table(
        CUSTOMER,
        columns,
        technical={"rows": 2, "updated_by_run": FORMER_RUN, "updated": MORNING - timedelta(days=1)},
        business={"description": "One customer.", "purpose": "To know who buys."},
        lineage={"upstream": (SILVER,), "downstream": (FACT,)} | _rows(),
        governance={"classification": "confidential", "steward": "A. Martin", "retention": "P7Y"},
        quality=QUALITY | {"rules": ()},
        power_bi={"table": "Customer", "storage_mode": "import", "description": None},
    )


def _rows() -> dict[str, Any]:
    """What decides which customers there are."""
    kinds = ("group_by", "sort")
    return {
        "rows": ({"table": SILVER, "column": "customer_name", "kinds": kinds},),
        "row_origins": ({"source": "orders", "header": "Client", "kinds": kinds},),
    }


def _fact_order() -> TableMetadata:
    joined = made_of(SILVER, "customer_name", "Client", "transformation") | {
        "indirect": ({"table": SILVER, "column": "customer_name", "kinds": ("join",)},)
    }
    amount = made_of(SILVER, "amount", "Amount ($)", "aggregation")
    columns = (
        column(
            "order_id",
            "String",
            nullable=False,
            primary_key=True,
            description={"en": "Number of the order.", "fr": "Numéro de la commande."},
            lineage=made_of(SILVER, "order_id", "Order No."),
            examples=("A-1", "A-2"),
            statistics={"nulls": 0, "minimum": "A-1", "maximum": "A-3"},
        ),
        column("customer_id", "UInt32", "Who bought.", term="customer", lineage=joined),
        column(
            "amount",
            "Decimal(precision=10, scale=2)",
            "What was paid.",
            term="amount",
            lineage=amount,
            examples=(9.5, 12.25),
            statistics={"nulls": 1, "minimum": 9.5, "maximum": 12.25},
        ),
        column("tags", "List(String)"),
    )
    reference = {"columns": ("customer_id",), "table": CUSTOMER, "refers_to": ("customer_id",)}
    measure = {
        "name": "Turnover",
        "expression": "SUM('Order'[amount])",
        "description": "All that was paid.",
        "format": "#,0.00",
    }
    return table(
        FACT,
        columns,
        technical={"foreign_keys": (reference,), "schema_version": "1.1.0"},
        business={"business_questions": ("What was sold?",), "measures": (measure,)},
        lineage={"upstream": (SILVER, CUSTOMER), "parents": (CUSTOMER,)},
        quality=QUALITY | {"integrity": 1.0},
        power_bi={"table": "Order", "storage_mode": "import", "description": "One order."},
        gaps=("columns/tags/description/en", "governance/steward"),
    )


def sample_transitions() -> tuple[LayerTransitionLog, ...]:
    """A delivery was staged, the facts were published in part, the customers were not."""
    delivered = f"source/{FILES[1]}"
    staged = transition(
        1,
        STAGED,
        ((delivered, 2),),
        "",
        batch_ids=BATCHES[1:],
        source_files=FILES[1:],
        target_file="staged/orders/2026-02-03/orders 2026-02.parquet",
        row_count_out=2,
        rows_expected=2,
        transforms_applied=("provenance columns added",),
    )
    fact = transition(
        2,
        FACT,
        ((SILVER, 4), (CUSTOMER, 2)),
        staged.hash,
        status="partial",
        row_count_in=6,
        rows_expected=4,
        rows_quarantined=1,
        transforms_applied=("joined with customers", "validated"),
    )
    failed = transition(
        3,
        CUSTOMER,
        ((SILVER, 4),),
        fact.hash,
        status="failed",
        target_file=None,
        row_count_out=None,
        rows_expected=None,
        rows_quarantined=None,
        rows_deduplicated=None,
        errors=("QualityError: 3 of 4 rows were refused",),
        output_sha256=None,
    )
    return staged, fact, failed


def sample_run() -> RunDocument:
    """The run of these transitions."""
    check = CheckOutcome(check="rows_are_conserved", passed=True, severity="error", rows=None)
    steps = tuple(
        StepOutcome(
            step=each.table.replace("/", "__"),
            table=each.table,
            outcome="failed" if each.status == "failed" else "published",
            attempts=2 if each.status == "failed" else 1,
            started_at=each.started_at,
            ended_at=each.completed_at,
            rows=each.row_count_out,
            quarantined=each.rows_quarantined,
            deduplicated=each.rows_deduplicated,
            error=each.errors[0] if each.errors else None,
            checks=() if each.status == "failed" else (check,),
        )
        for each in sample_transitions()
    )
    return RunDocument(
        run_id=RUN,
        job="build",
        status="failed",
        started_by=Starter(kind="command line", name="jobforge run", user=None),
        code_version=None,
        configuration={},
        started_at=MORNING,
        ended_at=MORNING + timedelta(minutes=5),
        error="gold/dim_customer failed",
        steps=steps,
        totals=Totals(
            steps=3,
            published=2,
            unchanged=0,
            failed=1,
            skipped=0,
            rows_published=5,
            rows_quarantined=1,
            rows_deduplicated=0,
            checks=2,
            checks_failed=0,
        ),
    )


def sample_glossary() -> GlossaryDocument:
    """Three terms: one without French, one that no column holds."""
    return GlossaryDocument(
        terms=(
            term(
                "amount", "Amount", None, tuple(f"{key}.amount" for key in (BRONZE, FACT, SILVER))
            ),
            term(
                "customer",
                "Customer",
                "Client",
                tuple(f"{key}.customer_id" for key in (CUSTOMER, FACT)),
            ),
            term("refund", "Refund", "Remboursement", ()),
        ),
        unused=("refund",),
    )
