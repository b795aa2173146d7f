"""Reads delivered files into frames of untouched text.

Nothing here decides what a value means: that is bronze's. ``inspect`` proves that a file is text
as declared, ``read`` gives its records as a :class:`Reading`. The one format so far is CSV.
"""

from jobforge_dagster.medallion.readers.base import Inspection, Malformed, Reading
from jobforge_dagster.medallion.readers.csv import read
from jobforge_dagster.medallion.readers.inspect import inspect

__all__ = ["Inspection", "Malformed", "Reading", "inspect", "read"]
