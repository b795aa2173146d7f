"""How a table moves: declarations, contracts, readers, fetching, provenance, quality and storage.

Pure platform: imports no Dagster and names no occupation. Layer functions take and return
LazyFrames; files are touched in ``readers``, ``fetching`` and ``storage`` only.
"""
