"""Takes the one file out of a compressed delivery, into a temporary file of our own naming.

What is inside may be a bomb or name paths that climb: nothing is written under a name from an
archive, and the bytes are counted as they come, whatever the archive claims.
"""

from __future__ import annotations

import errno
import fnmatch
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any, Literal

from jobforge_dagster.medallion.errors import DeliveryError

_CHUNK = 1 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip archive begins; the second one is empty."""
_DAMAGE = (
    BadGzipFile,
    EOFError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the standard library raises over archives that are not sound."""


@dataclass(frozen=True)
class Content:
    """What a delivery holds, uncompressed.

    Attributes:
        path: where it can be read.
        name: what to call it in an error.
        packed: how it was compressed.
        member: its name in the archive.
    """

    path: Path
    name: str
    packed: Literal["gzip", "zip"] | None = None
    member: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {"packed": self.packed, "member": self.member} if self.packed else {}


@contextmanager
def unpacked(
    path: Path, name: str, member: str | None, limit: int, folder: Path
) -> Iterator[Content]:
    """Give the content of a delivery; what had to be unpacked is gone at the end.

    Args:
        path: the file as delivered.
        name: what to call it in an error.
        member: glob of the file to take from an archive; without it, the only one.
        limit: bytes that the content may have.
        folder: where there is room to unpack it.

    Raises:
        DeliveryError: the archive is damaged, dangerous or ambiguous, or holds too much.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] == b"\x1f\x8b":
        with _room(folder) as content:
            with path.open("rb") as raw, _damage(name), GzipFile(fileobj=raw) as packed:
                _copy(packed, content, name, limit)
            yield Content(content, f"{name} (unpacked)", "gzip")
    elif head in _ZIP and (chosen := _chosen(path, name, member)):
        with _room(folder) as content:
            with _damage(name), zipfile.ZipFile(path) as archive, archive.open(chosen) as packed:
                _copy(packed, content, name, limit)
            yield Content(content, f"{name} ({chosen.filename})", "zip", chosen.filename)
    else:
        yield Content(path, name)


def _chosen(path: Path, name: str, member: str | None) -> zipfile.ZipInfo | None:
    """The member to read; ``None`` if the archive is itself a document (a workbook)."""
    with _damage(name), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.filename == "[Content_Types].xml" for entry in entries):
        return None
    for entry in entries:
        inside = PurePosixPath(entry.filename.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts or ":" in "".join(inside.parts[:1]):
            raise DeliveryError(
                f"{name} holds {entry.filename!r}, a path that leads out of the archive. Whoever "
                f"made it may mean harm: it is not read."
            )
    files = [
        entry
        for entry in entries
        if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
    ]
    found = [each for each in files if member is None or fnmatch.fnmatch(each.filename, member)]
    if len(found) != 1:
        known = ", ".join(repr(each.filename) for each in files[:10]) or "nothing"
        wanted = f"{member!r} of its source fits {len(found)}" if member else "one is expected"
        raise DeliveryError(
            f"{name} holds {known}; {wanted}. Declare which one it is by member=, a glob."
        )
    if found[0].flag_bits & 0x1:
        raise DeliveryError(f"{name} is locked by a password. Ask for it without one.")
    return found[0]


def _copy(packed: IO[bytes] | GzipFile, to: Path, name: str, limit: int) -> None:
    size = 0
    with to.open("wb") as out:
        while chunk := packed.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise DeliveryError(
                    f"{name} unpacks to more than {limit} bytes, which is as much as its source "
                    f"allows. If that is meant, declare max_unpacked=."
                )
            out.write(chunk)


@contextmanager
def _room(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".unpacking-", dir=folder) as own:
        yield Path(own) / "content"


def damages(error: BaseException) -> bool:
    """Whether an error comes of an archive that is not sound, rather than of the disk or of us."""
    if isinstance(error, OSError):
        # Seeking to where a damaged archive points is an invalid argument.
        return isinstance(error, BadGzipFile) or error.errno in (None, errno.EINVAL)
    return isinstance(error, _DAMAGE)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not damages(error):
            raise
        raise DeliveryError(
            f"{name} is damaged and cannot be unpacked: {error}. Ask for it again."
        ) from error
