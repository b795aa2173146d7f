"""Downloads one file: resumed where cut off, tried again where that helps, whole or not at all."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import itertools
import json
import os
import random
import re
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

import httpx

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.atomic import replacing, sync

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_REDIRECTS = 10
_LONGEST_PAUSE = 60.0
_BLOCK = 1024 * 1024
_GZIP = b"\x1f\x8b"
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_START = re.compile(rb"(?:\xef\xbb\xbf|\s)*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    OSError,
    OverflowError,
    ValueError,
    struct.error,
)


class FetchError(JobForgeError):
    """A file cannot be fetched; the file that was fetched before stays as it was."""


@dataclass(frozen=True)
class Validators:
    """What is known of the file from the last time."""

    etag: str | None
    last_modified: str | None


@dataclass(frozen=True)
class Policy:
    """How much is fetched at most, and how patiently.

    Attributes:
        limit: The most bytes that a file may have.
        attempts: How often it is tried in all.
        backoff: Seconds before the second try; doubled for each further one, at most 60.
        timeout: Seconds for connecting, and for each wait for more bytes.
        total: Seconds for the whole download with all its tries and pauses.
    """

    limit: int = 2 * 1024**3
    attempts: int = 5
    backoff: float = 1.0
    timeout: float = 30.0
    total: float = 3600.0


DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class Downloaded:
    """What came, and what the server said of it.

    Attributes:
        url: The last address after redirects, fit to be shown: see :func:`shown`.
        sha256: Of the bytes as saved.
        size: In bytes, as saved.
        etag: As the server sent it, to be given back as :class:`Validators`.
        last_modified: Likewise.
        content_type: As the server sent it.
        file_name: The name that the server proposes, reduced to a safe base name.
    """

    url: str
    sha256: str
    size: int
    etag: str | None
    last_modified: str | None
    content_type: str | None
    file_name: str | None


def download(
    url: str,
    to: Path,
    *,
    client: httpx.Client,
    known: Validators | None = None,
    sha256: str | None = None,
    policy: Policy = DEFAULT_POLICY,
    progress: Callable[[int, int | None], None] | None = None,
) -> Downloaded | None:
    """Download a file, and put it in the place of ``to`` once it is whole and checked.

    Args:
        url: An http or https address.
        to: Where the file goes; its folder is made if need be.
        client: Sends the requests; its own retries and redirects are not used.
        known: What came the last time; if the file is still the same, it is not sent again.
        sha256: What the file must have; else it is refused.
        policy: How much, and how patiently.
        progress: Told the bytes so far, and those expected in all if that is known.

    Returns:
        What came, or None if the server says that ``to`` is still what it has.

    Raises:
        FetchError: The file could not be had; ``to`` is as it was before.
    """
    _check_address(url)
    try:
        with _Part(to, url) as part:
            return _Transfer(
                url=url,
                to=to,
                client=client,
                conditions=_conditions(known, to, sha256),
                sha256=sha256,
                policy=policy,
                progress=progress or _silent,
                part=part,
                deadline=time.monotonic() + policy.total,
            ).run()
    except OSError as error:
        raise FetchError(
            f"{shown(url)} cannot be saved as {to}: {error.strerror or error}. "
            "Check the folder, its permissions and the free space."
        ) from error


def shown(url: str) -> str:
    """The address as people may see it: without a user, and without the values of its query."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url)[0])
    query = "&".join(
        f"{pair.split('=')[0]}=***" if "=" in pair else "***"
        for pair in parsed.query.decode("ascii").split("&")
        if pair
    )
    bare = str(parsed.copy_with(username="", password="", query=None, fragment=None))
    return f"{bare}?{query}" if query else bare


class _AgainError(Exception):
    """What may go better the next time, perhaps not before a pause that the server asked for."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class _StartOverError(Exception):
    """What was begun cannot be continued; it was dropped, and is to be asked for as a whole."""


@dataclass(frozen=True)
class _Origin:
    """The file, as the server described it, that a part belongs to."""

    etag: str | None
    last_modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """What makes sure that the rest belongs to the same bytes; a weak ETag does not."""
        if self.etag and _sendable(self.etag) and not self.etag.startswith("W/"):
            return self.etag
        modified = self.last_modified
        return modified if modified and _sendable(modified) else None

    def is_still(self, answer: httpx.Response) -> bool:
        """Whether the answer speaks of the same file: servers may disregard If-Range."""
        etag = answer.headers.get("ETag")
        modified = answer.headers.get("Last-Modified")
        return (not etag or not self.etag or etag == self.etag) and (
            not modified or not self.last_modified or modified == self.last_modified
        )


class _Part:
    """The bytes that came so far, locked against other processes, and what they are a part of."""

    def __init__(self, to: Path, url: str) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.path = to.with_name(f".{to.name}.{digest}.part")
        self._memo = self.path.with_name(f"{self.path.name}.json")
        self._file = _locked(self.path, url)
        self._moved = False
        self.origin = _remembered(self._memo)
        self.size = self._file.seek(0, os.SEEK_END)
        if not self.resumable:
            self.drop()

    def __enter__(self) -> _Part:
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
    def resumable(self) -> bool:
        """Whether the rest of it can be asked for."""
        return self.size > 0 and self.origin is not None and self.origin.validator is not None

    @property
    def request(self) -> dict[str, str]:
        """The headers that ask for the rest, if there is something to continue."""
        if not self.resumable or not self.origin or not self.origin.validator:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self.origin.validator}

    def drop(self) -> None:
        """Forget all bytes; the file itself stays, for it bears the lock."""
        self.origin = None
        self._memo.unlink(missing_ok=True)
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def begin(self, origin: _Origin | None) -> None:
        """Start with the first byte of a file; without an origin it can never be continued."""
        self.drop()
        if origin and origin.validator:
            with replacing(self._memo) as temporary:
                temporary.write_text(json.dumps(asdict(origin)), encoding="utf-8")
            self.origin = origin

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self.size += len(chunk)

    def flush(self) -> None:
        """Make the bytes readable by path."""
        self._file.flush()

    def conclude(self) -> _Origin | None:
        """Nothing more will come: from now on the bytes are taken as a file, or go."""
        origin, self.origin = self.origin, None
        return origin

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


@dataclass(frozen=True)
class _Transfer:
    """One download with all its tries."""

    url: str
    to: Path
    client: httpx.Client
    conditions: dict[str, str]
    sha256: str | None
    policy: Policy
    progress: Callable[[int, int | None], None]
    part: _Part
    deadline: float

    def run(self) -> Downloaded | None:
        """Try until it is there, or until it is known that it will not be."""
        failed = 0
        while True:
            try:
                return self._attempt()
            except _StartOverError:
                continue
            except _AgainError as again:
                failed += 1
                reason, pause = str(again), again.pause
            self._wait(failed, reason, pause)

    def _attempt(self) -> Downloaded | None:
        asked = self.part.request
        headers = {"Accept-Encoding": "identity", **self.conditions, **asked}
        try:
            with self._answer(headers) as answer:
                if answer.status_code == HTTPStatus.NOT_MODIFIED and self.conditions:
                    self.part.drop()
                    return None
                total = self._accept(answer, resuming=bool(asked))
                self._receive(answer, total)
        except httpx.TransportError as error:
            came = f", after {self.part.size:,} bytes" if self.part.size else ""
            raise _AgainError(f"{_trouble(error)}{came}") from None
        except httpx.InvalidURL:
            raise self._error("redirects to what is no address", "Check the address.") from None
        except httpx.HTTPError as error:
            raise self._error(f"cannot be fetched ({type(error).__name__})") from None
        return self._finish(answer)

    @contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The answer's head, after redirects; its body is still to come."""
        timeout = max(0.001, min(self.policy.timeout, self._remaining()))
        request = self.client.build_request("GET", self.url, headers=headers, timeout=timeout)
        answer = self.client.send(request, stream=True, follow_redirects=False)
        try:
            for _ in range(_REDIRECTS):
                if answer.next_request is None:
                    break
                answer.close()
                self._check_redirect(answer.request.url, answer.next_request.url)
                # The client's own credentials are not for wherever a redirect leads.
                answer = self.client.send(
                    answer.next_request, stream=True, follow_redirects=False, auth=None
                )
            if answer.next_request is not None:
                raise self._error(f"redirects more than {_REDIRECTS} times", "Check the address.")
            yield answer
        finally:
            answer.close()

    def _check_redirect(self, here: httpx.URL, there: httpx.URL) -> None:
        self._check_time()
        if there.scheme not in ("http", "https"):
            raise self._error(
                f"redirects to {there.scheme}:…, which is refused",
                "Only http and https are followed.",
            )
        if here.scheme == "https" and there.scheme == "http":
            raise self._error(
                f"redirects from https down to {shown(str(there))}, which is refused",
                "Anyone on the way could change the file: find an https address.",
            )

    def _accept(self, answer: httpx.Response, *, resuming: bool) -> int | None:
        """Make the part ready for the answer's body; the bytes expected in all, if known."""
        status = answer.status_code
        if resuming and status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self.part.drop()
            raise _StartOverError
        if status != HTTPStatus.OK and not (resuming and status == HTTPStatus.PARTIAL_CONTENT):
            raise self._refusal(answer)
        self._check_head(answer)
        total = self._continued(answer) if status != HTTPStatus.OK else _length(answer)
        if total is not None and total > self.policy.limit:
            self.part.drop()
            raise self._too_large(f"has {total:,} bytes")
        if status == HTTPStatus.OK:
            self.part.begin(_origin(answer, total))
        return total if not _encoding(answer) else None

    def _continued(self, answer: httpx.Response) -> int:
        """The size of the whole file, if the answer is indeed the rest of the part."""
        origin = self.part.origin
        found = re.fullmatch(
            r"\s*bytes\s+([0-9]{1,18})-[0-9]+/([0-9]{1,18}|\*)\s*",
            answer.headers.get("Content-Range", ""),
        )
        known = origin.total if origin else None
        said = int(found[2]) if found and found[2] != "*" else None
        total = known if said is None else said
        if (
            found is None
            or origin is None
            or total is None
            or int(found[1]) != self.part.size
            or (known is not None and total != known)
            or not origin.is_still(answer)
            or _encoding(answer)
        ):
            self.part.drop()
            raise _StartOverError
        return total

    def _check_head(self, answer: httpx.Response) -> None:
        """Refuse what need not even be downloaded to be refused."""
        encoding = _encoding(answer)
        if encoding and encoding != "gzip":
            raise self._error(
                f"came encoded as {encoding[:40]!r}, though it was asked for as it is",
                "Only gzip can be undone here.",
            )
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind in _HTML_TYPES:
            self._refuse_html()

    def _refuse_html(self) -> None:
        if self.to.suffix.lower() not in (".html", ".htm"):
            raise self._error(
                "is an HTML page, not a file: perhaps an error, a login or a landing page",
                "Open the address in a browser, and take that of the file itself.",
            )

    def _receive(self, answer: httpx.Response, total: int | None) -> None:
        """Append the body to the part, and see whether it is all there."""
        try:
            for chunk in self._body(answer):
                if self.part.size + len(chunk) > self.policy.limit:
                    self.part.drop()
                    raise self._too_large("goes on after that")
                self.part.write(chunk)
                self.progress(self.part.size, total)
        finally:
            self.part.flush()
        if total is not None and self.part.size < total:
            raise _AgainError(f"it was cut off after {self.part.size:,} of {total:,} bytes")
        if total is not None and self.part.size > total:
            self.part.drop()
            raise _AgainError(f"more came than the {total:,} bytes announced")

    def _body(self, answer: httpx.Response) -> Iterator[bytes]:
        """The body's bytes as they come, decoded if they are encoded."""
        chunks = self._timely(answer.iter_raw())
        if not _encoding(answer):
            return chunks
        if _named_gzip(self.to):
            # Many servers declare a .gz file's own compression as an encoding of the transfer.
            first = next(chunks, b"")
            chunks = itertools.chain([first], chunks)
            if not _is_gzip_in_gzip(first):
                return chunks
        return _decoded(chunks)

    def _timely(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._check_time()
            yield chunk

    def _finish(self, answer: httpx.Response) -> Downloaded:
        """Check what came, and put it in its place."""
        size, origin = self.part.size, self.part.conclude()
        digest = self._check_file()
        self.part.become(self.to)
        headers = answer.headers
        return Downloaded(
            url=shown(str(answer.url)),
            sha256=digest,
            size=size,
            etag=headers.get("ETag") or (origin.etag if origin else None),
            last_modified=headers.get("Last-Modified")
            or (origin.last_modified if origin else None),
            content_type=headers.get("Content-Type"),
            file_name=_file_name(headers.get("Content-Disposition", "")),
        )

    def _check_file(self) -> str:
        """The checksum of a file that is what it should be."""
        path = self.part.path
        with path.open("rb") as file:
            start = file.read(1024)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not start:
            raise self._error("is empty (0 bytes)", "Ask its publisher, or try again later.")
        if _HTML_START.match(start):
            self._refuse_html()
        if self.sha256 and digest != self.sha256.strip().lower():
            raise self._error(
                f"has the sha256 {digest}, not {self.sha256.strip().lower()} as demanded",
                "If the publisher changed the file on purpose, demand the new checksum.",
            )
        if _named_gzip(self.to) or start.startswith(_GZIP):
            self._check_gzip(path)
        if self.to.suffix.lower() in (".zip", ".xlsx"):
            self._check_zip(path)
        return digest

    def _check_gzip(self, path: Path) -> None:
        try:
            with gzip.open(path) as file:
                while file.read(_BLOCK):
                    self._check_time()
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self._error(
                f"is not a whole gzip file ({error})",
                "Try again later; if that does not help, ask its publisher.",
            ) from None

    def _check_zip(self, path: Path) -> None:
        try:
            with zipfile.ZipFile(path):
                pass
        except _BROKEN_ZIP as error:
            raise self._error(
                f"is not a whole {self.to.suffix.lower()} file ({error})",
                "Try again later; if that does not help, ask its publisher.",
            ) from None

    def _refusal(self, answer: httpx.Response) -> Exception:
        """What to do about an answer that brings no file."""
        status = answer.status_code
        said = f"{status} {_phrase(status)}".strip()
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            asks = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
            return _AgainError(f"the server answered {said}", _retry_after(answer) if asks else 0.0)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return self._error(f"was answered with {said}", "The server does not let you have it.")
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return self._error(f"was answered with {said}", "It may have moved: check the address.")
        return self._error(f"was answered with {said}", "Check the address.")

    def _wait(self, failed: int, reason: str, pause: float) -> None:
        """Wait before the next try, or give up."""
        self._check_time()
        if failed >= self.policy.attempts:
            times = "once" if failed == 1 else f"{failed} times"
            raise self._error(
                f"could not be fetched, tried {times}: {reason}",
                f"Try again later{self._kept()}.",
            )
        backoff = min(_LONGEST_PAUSE, self.policy.backoff * 2.0 ** min(failed - 1, 30))
        pause = max(pause, backoff * random.uniform(0.5, 1.0))
        if pause >= self._remaining():
            raise self._error(
                f"could not be fetched: {reason}, and the {pause:,.0f} s to wait for the next try "
                f"do not fit into the {self.policy.total:,g} s allowed for the whole download",
                f"Try again later{self._kept()}.",
            )
        time.sleep(pause)

    def _remaining(self) -> float:
        return self.deadline - time.monotonic()

    def _check_time(self) -> None:
        if self._remaining() <= 0:
            raise self._error(
                f"took longer than the {self.policy.total:,g} s allowed, "
                f"with {self.part.size:,} bytes there",
                f"Try again, or allow more time{self._kept()}.",
            )

    def _kept(self) -> str:
        return "; what came so far is kept and continued" if self.part.resumable else ""

    def _too_large(self, what: str) -> FetchError:
        return self._error(
            f"is larger than the {self.policy.limit:,} bytes allowed: it {what}",
            "Raise the limit if that is right.",
        )

    def _error(self, what: str, advice: str = "") -> FetchError:
        return FetchError(f"{shown(self.url)} {what}. {advice}".rstrip())


class _Stream(io.RawIOBase):
    """Chunks, to be read like a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _decoded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What was gzipped for the transfer, in blocks that do not grow with its compression."""
    try:
        with gzip.GzipFile(fileobj=io.BufferedReader(_Stream(chunks))) as file:
            while block := file.read1(_BLOCK):
                yield block
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise _AgainError("its gzip encoding was cut off or damaged on the way") from None


def _is_gzip_in_gzip(start: bytes) -> bool:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, len(_GZIP)) == _GZIP
    except zlib.error:
        return False


def _silent(_done: int, _total: int | None) -> None:
    """Nobody wants to know how far it is."""


def _check_address(url: str) -> None:
    try:
        parsed = httpx.URL(url)
        fit = parsed.scheme in ("http", "https") and bool(parsed.host)
    except httpx.InvalidURL:
        fit = False
    if not fit:
        raise FetchError(f"{shown(url)!r} is no http or https address. Correct it.")


def _conditions(known: Validators | None, to: Path, sha256: str | None) -> dict[str, str]:
    """The headers that ask for the file only if it has changed."""
    if known is None or not to.is_file() or (sha256 and not _has(to, sha256)):
        return {}
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value and _sendable(value)}


def _sendable(value: str) -> bool:
    """Whether a header may hold it: what a server sends is not always fit to be sent back."""
    return value.isascii() and value.isprintable()


def _has(path: Path, sha256: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256.strip().lower()


def _encoding(answer: httpx.Response) -> str | None:
    """What the body is encoded with for the transfer, if anything."""
    said = str(answer.headers.get("Content-Encoding", "")).strip().lower()
    if said in ("", "identity"):
        return None
    return "gzip" if said == "x-gzip" else said


def _length(answer: httpx.Response) -> int | None:
    """The bytes that the body is announced to have."""
    said = answer.headers.get("Content-Length", "")
    chunked = "Transfer-Encoding" in answer.headers
    return int(said) if re.fullmatch(r"[0-9]{1,18}", said) and not chunked else None


def _origin(answer: httpx.Response, total: int | None) -> _Origin | None:
    """What a part of this answer would belong to; decoded bytes cannot be continued."""
    if _encoding(answer):
        return None
    return _Origin(answer.headers.get("ETag"), answer.headers.get("Last-Modified"), total)


def _retry_after(answer: httpx.Response) -> float:
    """The seconds to wait that the server asks for."""
    said = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", said):
        return float(said)
    try:
        date = parsedate_to_datetime(said)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return 0.0


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _trouble(error: httpx.TransportError) -> str:
    """What went wrong on the way, in words that hold nothing of the address."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return "no connection came about in time"
    if isinstance(error, httpx.TimeoutException):
        return "the server fell silent"
    if isinstance(error, httpx.ConnectError):
        return f"no connection came about ({error})"
    if isinstance(error, httpx.ProtocolError):
        return "the server broke off, or answered with what is no HTTP"
    return f"the connection failed ({type(error).__name__})"


def _named_gzip(path: Path) -> bool:
    return path.suffix.lower() in (".gz", ".tgz")


def _file_name(disposition: str) -> str | None:
    """The proposed name without folders and whatever a file system or a shell may stumble on."""
    name = _extended_name(disposition) or _plain_name(disposition)
    base = re.split(r"[/\\]", name)[-1]
    safe = "".join(letter for letter in base if letter.isprintable() and letter not in '<>:"|?*')
    safe = safe.strip(" .")
    while len(safe.encode("utf-8", "replace")) > 150:
        stem, dot, suffix = safe.rpartition(".")
        safe = f"{stem[:-1]}{dot}{suffix}" if len(stem) > 1 and len(suffix) < 20 else safe[:-1]
    return safe or None


def _extended_name(disposition: str) -> str:
    pattern = r"(?:^|;)\s*filename\*\s*=\s*\"?(utf-8|iso-8859-1)'[^']*'([^;\"\s]+)"
    found = re.search(pattern, disposition, re.IGNORECASE)
    return unquote(found[2], encoding=found[1]) if found else ""


def _plain_name(disposition: str) -> str:
    pattern = r"(?:^|;)\s*filename\s*=\s*(?:\"((?:\\.|[^\"\\])*)\"|([^;\"]+))"
    found = re.search(pattern, disposition, re.IGNORECASE)
    return (re.sub(r'\\(["\\])', r"\1", found[1] or "") or found[2] or "") if found else ""
