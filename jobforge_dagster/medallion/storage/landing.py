"""The landing folder: which files lie there for a source, and what they hold.

A file is known by its content. Hashing is spared for one that was hashed before and that nothing
wrote to since: the number, size and times that the file system itself keeps are the same. What is
remembered of that is a cache, which may be deleted at any time.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.errors import DeclarationError, DeliveryError
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.provenance import SEPARATOR
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.root import DataRoot

_ENTRY = 5
"""What is remembered of a file: its stamp, and its hash."""
_TEMPORARY = (".", "~$")
"""How the names of files begin that are being written: ours, and those of office programs."""
_RACY = 2.0
"""Seconds after a write in which another one may leave all times the same."""

_LINK_TO_FOLDER = "is a link to a folder. Move the folder itself there"
_LINK_OUT = "is a link out of the landing folder. Copy what it leads to there"

Stamp = tuple[int, int, int, int]
"""Inode, size, time of modification and of change, as the file system keeps them."""


@dataclass(frozen=True, eq=False)
class Landed:
    """A file, or what pretends to be one, below the landing folder.

    Attributes:
        file: its path below the landing folder, POSIX.
        where: its whole path.
        stamp: changes when anything was written; ``None`` if it cannot be read.
        trouble: why it cannot be a delivery, if it cannot.
        hides: whether what is below it is not seen: a link to a folder, or one that is closed.
    """

    file: str
    where: str
    stamp: Stamp | None
    trouble: str | None = None
    hides: bool = False

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.where)

    @property
    def modified_ns(self) -> int:
        """When it was modified last, by its own claim, in nanoseconds."""
        return self.stamp[2] if self.stamp else 0

    @property
    def shown(self) -> str:
        """Its path in a form that can be printed."""
        return self.file if self.file.isprintable() else ascii(self.file)


def landed(root: DataRoot, source: Source) -> list[Landed]:
    """What lies there for a source, in the order of paths."""
    return matching(source, walk(root, _literal_folder(source.files)))


def claims(source: Source, file: str) -> bool:
    """Whether a source claims a file, by its path below the landing folder."""
    return _pattern(source.files).fullmatch(file) is not None


def place_for(source: Source, name: str) -> str:
    """Where a file of some name goes, below the landing folder: under that name, if it is claimed.

    Raises:
        DeliveryError: the source claims no such file.
    """
    folder = _literal_folder(source.files)
    plain = source.files.rpartition("/")[2].replace("*", "").replace("?", "")
    for file in (f"{folder}{name}", f"{folder}{plain}"):
        if claims(source, file):
            return file
    raise DeliveryError(
        f"{source.name} does not claim a file called {name!r}: its files={source.files!r}. Widen "
        f"the glob."
    )


def check_files(source: Source) -> None:
    """Refuse a glob that is none, or that leads out of the landing folder.

    Raises:
        DeclarationError: it does.
    """
    parts = source.files.split("/")
    if source.files.startswith("/") or ".." in parts or "" in parts:
        raise DeclarationError(f"{source.key}: files={source.files!r} is no path below landing.")
    try:
        _pattern(source.files)
    except re.error as error:
        raise DeclarationError(
            f"{source.key}: files={source.files!r} is no glob: {error}."
        ) from None


def matching(source: Source, files: Sequence[Landed]) -> list[Landed]:
    """Those of some files, in the order of paths, that a source claims."""
    folder = _literal_folder(source.files)
    found = [each for parent in _above(folder) for each in _hiding(files, parent)]
    first = bisect_left(files, folder, key=lambda each: each.file)
    for each in files[first:]:
        if not each.file.startswith(folder):
            break
        if claims(source, each.file):
            found.append(each)
    return found


def _above(folder: str) -> list[str]:
    parts = folder.split("/")[:-1]
    return ["/".join(parts[: place + 1]) for place in range(len(parts))]


def _hiding(files: Sequence[Landed], folder: str) -> Iterator[Landed]:
    """What keeps the files of a folder from being seen."""
    first = bisect_left(files, folder, key=lambda each: each.file)
    for each in itertools.takewhile(lambda each: each.file == folder, files[first:]):
        if each.hides:
            yield each


def walk(root: DataRoot, below: str = "") -> list[Landed]:
    """Everything below the landing folder, or one folder of it, in the order of paths.

    Folders are listed too: one that has the name of a file is a trouble to be told. Links to
    folders are not followed; hidden files are none.
    """
    below = below.rstrip("/")
    start = root.landing / below
    home = os.path.realpath(root.landing)
    for folder in _above(f"{below}/") if below else ():
        way = root.landing / folder
        if way.is_symlink():
            inside = _within(os.path.realpath(way), home)
            trouble = _LINK_TO_FOLDER if inside else _LINK_OUT
            return [Landed(folder, str(way), None, trouble, hides=True)]
    if not start.is_dir():
        return []
    return sorted(_entries(str(start), below, home), key=lambda each: each.file)


def _entries(folder: str, below: str, home: str) -> Iterator[Landed]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        told = f"cannot be read: {error.strerror or error}"
        yield Landed(below, folder, None, told, hides=True)
        return
    for entry in entries:
        if entry.name.startswith(_TEMPORARY):
            continue
        file = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield Landed(file, entry.path, None, "is a folder; the source expects a file there")
            yield from _entries(entry.path, file, home)
            continue
        trouble = _trouble(entry, home)
        stamp: Stamp | None = None
        if not trouble:
            try:
                status = entry.stat()
            except OSError as error:
                trouble = f"cannot be read: {error.strerror or error}"
            else:
                stamp = (
                    status.st_ino,
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                )
        hides = trouble is not None and Path(entry.path).is_dir()
        yield Landed(file, entry.path, stamp, trouble, hides)


def _trouble(entry: os.DirEntry[str], home: str) -> str | None:
    if SEPARATOR in entry.name:
        return (
            f"has '{SEPARATOR}' in its name, which separates files in provenance. Rename the file"
        )
    if not entry.name.isprintable():  # half-decoded bytes are not printable either
        return "has a name that is not UTF-8 or holds control characters. Rename the file"
    if entry.is_symlink():
        target = os.path.realpath(entry.path)
        if not _within(target, home):
            return _LINK_OUT
        if os.path.isdir(target):  # noqa: PTH112
            return _LINK_TO_FOLDER
    elif not entry.is_file():
        return "is no regular file"
    return None


def _within(path: str, home: str) -> bool:
    return path == home or path.startswith(f"{home}{os.sep}")


def _literal_folder(files: str) -> str:
    """The part of a glob before the first folder or name with a wildcard."""
    parts = files.split("/")[:-1]
    plain = [not re.search(r"[*?\[]", part) for part in parts]
    folders = parts[: plain.index(False)] if False in plain else parts
    return "".join(f"{folder}/" for folder in folders)


@cache
def _pattern(files: str) -> re.Pattern[str]:
    r"""A glob as an expression: ``*`` and ``?`` stay within a folder, ``**`` does not."""
    told = ""
    parts = files.split("/")
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if part == "**":
            told += ".*" if last else "(?:[^/]+/)*"
            continue
        tokens = re.findall(r"\*+|\?|\[!?\]?[^\]]*\]|.", part, re.DOTALL)
        told += "".join(map(_expression, tokens)) + ("" if last else "/")
    return re.compile(told, re.DOTALL)


def _expression(token: str) -> str:
    if token[0] == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if token[0] == "[" and len(token) > 1:
        inner = token[1:-1].replace("\\", r"\\")
        return f"[^/{inner[1:]}]" if inner[:1] == "!" else f"[{inner}]"
    return re.escape(token)


class Seen:
    """The hashes of the files of a source that were read before."""

    def __init__(self, root: DataRoot, source: Source) -> None:
        self._path = root.cache / "seen" / f"{source.name}.json"
        try:
            read = json.loads(self._path.read_bytes())
            self._known = {file: [*entry] for file, entry in read.items() if len(entry) == _ENTRY}
        except (OSError, ValueError, TypeError, AttributeError):
            self._known = {}  # not of ours: hashed again
        self._before = dict(self._known)

    def known(self, landed: Landed) -> str | None:
        """The sha256 of a file that nothing was written to since it was hashed, else ``None``."""
        entry = self._known.get(landed.file)
        if landed.stamp is None or entry is None or tuple(entry[:-1]) != landed.stamp:
            return None
        return str(entry[-1])

    def sha256(self, landed: Landed) -> str:
        """The sha256 of a file.

        Raises:
            DeliveryError: it cannot be read, is empty, or was changed meanwhile.
        """
        if landed.trouble or landed.stamp is None:
            raise DeliveryError(f"{landed.shown} {landed.trouble}.")
        if not landed.stamp[1]:
            raise DeliveryError(
                f"{landed.shown} is empty (0 bytes). Ask the publisher for it again."
            )
        if found := self.known(landed):
            return found
        began = time.time()
        try:
            digest = sha256_of(landed.path)
        except OSError as error:
            raise DeliveryError(
                f"{landed.shown} cannot be read: {error.strerror or error}."
            ) from error
        if stamp_of(landed.path) != landed.stamp:
            raise DeliveryError(
                f"{landed.shown} was changed while it was read. Run again once it is still."
            )
        if began - landed.stamp[3] / 1e9 > _RACY:
            self._known[landed.file] = [*landed.stamp, digest]
        return digest

    def keep(self, files: Iterable[Landed]) -> None:
        """Remember what was hashed, and forget files that are gone."""
        there = {each.file for each in files}
        now = {file: entry for file, entry in self._known.items() if file in there}
        if now != self._before:
            with replacing(self._path) as temporary:
                temporary.write_text(json.dumps(now, sort_keys=True), "utf-8")
            self._before = now


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; ``None`` if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
