"""Reads delivered files into frames of untouched text.

Nothing here decides what a value means: that is bronze's. Each format has a module with one
``read`` function that returns a :class:`Reading`; a format is recognised by the file's ending.
"""

from jobforge_dagster.medallion.readers.base import Inspection, Malformed, Reading
from jobforge_dagster.medallion.readers.csv import read
from jobforge_dagster.medallion.readers.inspect import inspect

__all__ = ["Inspection", "Malformed", "Reading", "inspect", "read"]
