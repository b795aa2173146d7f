"""Why one value is what it is: the delivered cells that it is made of, and the proof of it.

It is found by walking back from table to table. The lineage of each function narrows the columns,
the marks of ``contributors`` narrow the rows, and where several rows or cells remain, the function
is run again on fewer of them. What is left is proved twice: the value is computed again from these
records alone, and each cell is changed to see whether the answer changes.
"""

from jobforge_dagster.asking.why.ask import BUDGET, why
from jobforge_dagster.asking.why.model import Cell, Experiment, Why

__all__ = ["BUDGET", "Cell", "Experiment", "Why", "why"]
