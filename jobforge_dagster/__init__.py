"""JobForge: a governed, auditable medallion data platform on Dagster."""
