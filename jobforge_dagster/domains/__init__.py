"""What the data means: one readable module per source family, found by discovery.

This is the only folder that is touched to add a table. A module declares a
:class:`~jobforge_dagster.medallion.declare.Domain`, its sources and its tables; nothing is
registered anywhere else. Nothing here knows Dagster, a path on disk or the clock.
"""
