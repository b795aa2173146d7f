"""How Dagster runs it. With ``definitions.py`` the only place that imports Dagster."""
