"""The glossary as an asset: its terms become a document of the catalog like all that is known."""

import dagster as dg

from jobforge_dagster.catalog.describe.glossary import glossary_document
from jobforge_dagster.catalog.describe.known import Known
from jobforge_dagster.catalog.store import glossary_path
from jobforge_dagster.medallion.fingerprint import platform_version
from jobforge_dagster.orchestration.telling import Step, carried

KEY = "catalog/glossary"


def glossary_asset(known: Known) -> dg.AssetsDefinition:
    """The asset of the business terms; what it makes is written by the projector."""
    owners = (
        sorted({term.owner for term in known.declared.glossary.terms})
        if (known.declared.glossary)
        else []
    )

    @dg.asset(
        key=dg.AssetKey(KEY.split("/")),
        description="Business terms in English and French, and the columns that hold them.",
        group_name="catalog",
        owners=owners,
        code_version=platform_version(),
        kinds={"json"},
    )
    def glossary(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        document = glossary_document(known)
        step = Step(known.root, KEY, context.run_id, context.instance)
        facts = step.glossary(document)
        step.tell_if_the_log_does_not(facts)
        if document.unused:
            context.log.warning(f"No column holds the terms {', '.join(document.unused)}.")
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": known.root.relative(glossary_path(known.root)),
                "terms": len(document.terms),
                "unused": len(document.unused),
                **carried(facts),
            }
        )

    return glossary
