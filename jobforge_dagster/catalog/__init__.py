"""What is known: documents about tables, transitions, runs and terms, and what is made of them.

Takes facts that events carry and gives JSON documents. Knows how tables are declared and stored
(``medallion``), but not how they are run: nothing here imports Dagster.
"""
