"""Readings of sensors, delivered in many small files: one source that appends, one that upserts."""

import dataframely as dy

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning

READINGS = Domain("readings", title="Readings", owner="team:benchmark")
ORIGIN = Origin("A benchmark", "Generated", Licence("CC0-1.0", "CC0"))


class Reading(dy.Schema):
    """One reading of one sensor."""

    sensor = dy.Int64(primary_key=True, metadata=meaning("The sensor."))
    day = dy.Int32(metadata=meaning("The day."))
    value = dy.Int16(metadata=meaning("What it read."))


for kind in ("append", "upsert"):
    READINGS.source(kind, files=f"{kind}/*.csv", schema=Reading, origin=ORIGIN, combine=kind)
