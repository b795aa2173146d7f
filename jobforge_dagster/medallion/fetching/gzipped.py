"""Gzip: undone where it only served the transfer, left alone where it is the file itself."""

from __future__ import annotations

import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobforge_dagster.medallion.fetching.failures import AgainError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1024 * 1024
MAGIC = b"\x1f\x8b"
DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error)


def named_gzip(path: Path) -> bool:
    """Whether a file is gzip by its name."""
    return path.suffix.lower() in (".gz", ".tgz")


def decoded(chunks: Iterator[bytes], to: Path) -> Iterator[bytes]:
    """The bytes of the file, out of a body that is said to be gzipped for the transfer."""
    if named_gzip(to):
        # Many servers declare a .gz file's own compression as an encoding of the transfer.
        first = next(chunks, b"")
        chunks = itertools.chain([first], chunks)
        if not _is_gzip_in_gzip(first):
            return chunks
    return _inflated(chunks)


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """In blocks that do not grow with the compression."""
    try:
        with gzip.GzipFile(fileobj=io.BufferedReader(_Stream(chunks))) as file:
            while block := file.read1(BLOCK):
                yield block
    except DAMAGE:
        raise AgainError("its gzip encoding was cut off or damaged on the way") from None


def _is_gzip_in_gzip(start: bytes) -> bool:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, len(MAGIC)) == MAGIC
    except zlib.error:
        return False


class _Stream(io.RawIOBase):
    """Chunks, to be read like a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._rest = self._rest or next(filter(None, self._chunks), b"")
        target = memoryview(buffer)
        taken, self._rest = self._rest[: len(target)], self._rest[len(target) :]
        target[: len(taken)] = taken
        return len(taken)
