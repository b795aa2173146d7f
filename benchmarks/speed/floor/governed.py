"""The workload layer by layer, with what an auditor asks for of the rows; still without a platform.

    python governed.py SOURCE DIMENSION OUT

`layered.py` tells what layers cost. This adds what must be written for them to be answered for: the
row of the source in each layer, refused and repeated rows as they were delivered with the reason,
hashes of what is written. Columns, checks, words for people, catalog and lineage are not there, nor
is it asked whether the CSV is sound: nothing that governs these rows can cost less by much.
"""

from __future__ import annotations

import sys
from pathlib import Path

from layered import main

if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), governed=True)
