"""Jobs beside the tables: downloading the publishers' current files.

Never part of a run over the assets: only who starts it goes to the network.
"""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.orchestration.failures import IO_RETRIES


class FetchConfig(dg.Config):
    """What to download: names of sources, never an address, which anyone could give."""

    sources: list[str] = Field(default_factory=list, description="Names; without one, all.")


def fetch_job(sources: Sequence[Source], root: DataRoot) -> dg.JobDefinition:
    """The job that downloads what sources say where it can be downloaded."""

    @dg.op(retry_policy=IO_RETRIES)
    def fetch(context: dg.OpExecutionContext, config: FetchConfig) -> None:
        from jobforge_dagster.medallion.fetching.fetch import client, fetch_all

        known = {source.name: source for source in sources if source.fetch}
        unknown = sorted(set(config.sources) - set(known))
        if unknown:
            raise dg.Failure(
                f"No source that can be downloaded is called {', '.join(unknown)}. These are: "
                f"{', '.join(sorted(known)) or 'none'}.",
                allow_retries=False,
            )
        wanted = [known[name] for name in config.sources or known]
        with client() as connection:
            outcomes = fetch_all(root, wanted, client=connection)
        for outcome in outcomes:
            told = "is new" if outcome.changed else "did not change"
            context.log.info(f"{outcome.source}: {outcome.failure or f'{outcome.file} {told}'}")
        failures = [each for each in outcomes if each.failure]
        if failures:
            raise dg.Failure(
                "\n".join(f"{each.source}: {each.failure}" for each in failures),
                allow_retries=False,
            )

    @dg.job(description="Downloads the publishers' current files into the landing folder.")
    def fetch_sources() -> None:
        fetch()

    return fetch_sources
