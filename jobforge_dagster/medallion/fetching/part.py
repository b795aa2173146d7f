"""The part file: bytes that came so far, its lock, and its memo of what they are a part of."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from jobforge_dagster.medallion.fetching.failures import FetchError, shown
from jobforge_dagster.medallion.fetching.headers import content_range, encoding, sendable
from jobforge_dagster.medallion.fetching.terms import Validators
from jobforge_dagster.medallion.storage.atomic import replacing, sync


@dataclass(frozen=True)
class _Origin:
    """The file, as the server described it, that a part belongs to."""

    etag: str | None
    last_modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """What makes sure that the rest belongs to the same bytes; a weak ETag does not."""
        if self.etag and sendable(self.etag) and not self.etag.startswith("W/"):
            return self.etag
        modified = self.last_modified
        return modified if modified and sendable(modified) else None

    def is_still(self, answer: httpx.Response) -> bool:
        """Whether the answer speaks of the same file: servers may disregard If-Range."""
        etag = answer.headers.get("ETag")
        modified = answer.headers.get("Last-Modified")
        return (not etag or not self.etag or etag == self.etag) and (
            not modified or not self.last_modified or modified == self.last_modified
        )


class Part:
    """The bytes that came so far, locked against other processes, and what they are a part of."""

    def __init__(self, to: Path, url: str) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.path = to.with_name(f".{to.name}.{digest}.part")
        self._memo = self.path.with_name(f"{self.path.name}.json")
        self._file = _locked(self.path, url)
        self._moved = False
        self._origin = _remembered(self._memo)
        self.size = self._file.seek(0, os.SEEK_END)
        if not self.resumable:
            self.drop()

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            # Once it has moved, another process may have begun a part of the same name.
            if not self._moved and not self.resumable:
                self._memo.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
        finally:
            self._file.close()

    @property
    def request(self) -> dict[str, str]:
        """The headers that ask for the rest, if there is something to continue."""
        validator = self._origin.validator if self._origin and self.size else None
        return {"Range": f"bytes={self.size}-", "If-Range": validator} if validator else {}

    @property
    def resumable(self) -> bool:
        """Whether the rest of it can be asked for."""
        return bool(self.request)

    def drop(self) -> None:
        """Forget all bytes; the file itself stays, for it bears the lock."""
        self._origin = None
        self._memo.unlink(missing_ok=True)
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def begin(self, answer: httpx.Response, total: int | None) -> None:
        """Start with the first byte of a file; what comes encoded can never be continued."""
        self.drop()
        origin = _Origin(answer.headers.get("ETag"), answer.headers.get("Last-Modified"), total)
        if origin.validator and not encoding(answer):
            with replacing(self._memo) as temporary:
                temporary.write_text(json.dumps(asdict(origin)), encoding="utf-8")
            self._origin = origin

    def continued(self, answer: httpx.Response) -> int | None:
        """The size of the whole file, or None if the answer is not the rest of this part."""
        origin, (start, said) = self._origin, content_range(answer)
        if (
            origin is None
            or start != self.size
            or (said is not None and origin.total is not None and said != origin.total)
            or not origin.is_still(answer)
            or encoding(answer)
        ):
            return None
        return origin.total if said is None else said

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self.size += len(chunk)

    def flush(self) -> None:
        """Make the bytes readable by path."""
        self._file.flush()

    def conclude(self) -> Validators:
        """Nothing more will come: from now on the bytes are taken as a file, or go.

        Returns:
            What was known of the file when the part was begun, if it could be continued.
        """
        origin, self._origin = self._origin, None
        return Validators(origin.etag, origin.last_modified) if origin else Validators(None, None)

    def become(self, to: Path) -> None:
        """Take the place of the file, durably."""
        sync(self.path)
        self._memo.unlink(missing_ok=True)
        self.path.replace(to)
        self._moved = True
        sync(to.parent)


def _locked(path: Path, url: str) -> BinaryIO:
    """Open a part for this process alone."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held the lock until now may have renamed or removed the file.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        except BlockingIOError:
            file.close()
            raise FetchError(
                f"{shown(url)} is already being downloaded to the same place. "
                "Wait until that is done."
            ) from None
        except BaseException:
            file.close()
            raise
        file.close()


def _remembered(memo: Path) -> _Origin | None:
    """What a part belongs to, if that was written down and can be read."""
    try:
        found = json.loads(memo.read_text(encoding="utf-8"))
        etag, modified, total = found["etag"], found["last_modified"], found["total"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    texts = all(text is None or isinstance(text, str) for text in (etag, modified))
    return _Origin(etag, modified, total) if texts and isinstance(total, int | None) else None
