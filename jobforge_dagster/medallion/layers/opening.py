"""Opening: a delivered file as its reader tells of it, and a large one while it is still hashed.

What a file holds tells whether it is staged already, so every new file is hashed before it is
staged. To hash it takes one core, to prove what it is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeAlias

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.readers import Reading, read, unpacked
from jobforge_dagster.medallion.storage.landing import Landed
from jobforge_dagster.medallion.storage.root import DataRoot

LARGE = 1 << 26
"""Bytes from which on a file is opened ahead; of less, a thread is not worth it."""

Opened: TypeAlias = AbstractContextManager[Reading]


@contextmanager
def opener(
    root: DataRoot, source: Source, new: Sequence[Landed]
) -> Iterator[Callable[[Landed], Opened]]:
    """Give what opens the files of a source, one at a time.

    The first large one is opened at once, in a thread; what is wrong with it is raised to who asks
    for it. Only the first: what an archive holds is unpacked as long as it is open. Whoever is
    interrupted meanwhile waits for it.

    Args:
        root: the data root.
        source: the source.
        new: files that may have to be staged.
    """
    first = next((each for each in new if each.stamp and each.stamp[1] >= LARGE), None)
    with ExitStack() as held, ThreadPoolExecutor(max_workers=1) as beside:
        ahead = first and beside.submit(held.enter_context, _opened(root, source, first))

        @contextmanager
        def opened(landed: Landed) -> Iterator[Reading]:
            if ahead and landed is first:
                with held:
                    yield ahead.result()
            else:
                with _opened(root, source, landed) as reading:
                    yield reading

        yield opened


@contextmanager
def _opened(root: DataRoot, source: Source, landed: Landed) -> Iterator[Reading]:
    with unpacked(
        landed.path, landed.file, source.member, source.max_unpacked, root.staged / source.name
    ) as content:
        reading = read(
            content.path, content.name, source.read_as, source.renames, source.max_unpacked
        )
        reading.facts |= content.facts
        yield reading
