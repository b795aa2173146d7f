"""What people ask: SQL, where a row comes from, why a value is what it is, what changed.

Answers are computed from the files, the documents and the declarations; nothing here writes a table
or knows Dagster. The command line (``cli/``) and a notebook (``import jobforge_dagster``) ask the
same functions.
"""
