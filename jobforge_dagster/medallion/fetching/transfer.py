"""One download with all its tries: what came is continued, until it is whole or hopeless."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from jobforge_dagster.medallion.fetching.asking import answered
from jobforge_dagster.medallion.fetching.checks import check_file, check_head
from jobforge_dagster.medallion.fetching.failures import (
    AgainError,
    FetchError,
    StartOverError,
    failure,
    refusal,
    shown,
    trouble,
)
from jobforge_dagster.medallion.fetching.gzipped import decoded
from jobforge_dagster.medallion.fetching.headers import encoding, file_name, length
from jobforge_dagster.medallion.fetching.part import Part
from jobforge_dagster.medallion.fetching.terms import Downloaded, Policy

_LONGEST_PAUSE = 60.0


@dataclass(frozen=True)
class Transfer:
    """One download with all its tries.

    Attributes:
        url: The address, already checked.
        to: Where the file goes.
        client: Sends the requests.
        conditions: The headers that ask for the file only if it has changed.
        sha256: What the file must have, in lower case.
        policy: How much, and how patiently.
        progress: Told the bytes so far, and those expected in all if that is known.
        part: Takes the bytes that come.
        deadline: When it must be done, by the monotonic clock.
    """

    url: str
    to: Path
    client: httpx.Client
    conditions: dict[str, str]
    sha256: str | None
    policy: Policy
    progress: Callable[[int, int | None], None] | None
    part: Part
    deadline: float

    def run(self) -> Downloaded | None:
        """Try until it is there, or until it is known that it will not be."""
        failed = 0
        while True:
            try:
                return self._attempt()
            except StartOverError:
                continue
            except AgainError as again:
                failed += 1
                reason, pause = str(again), again.pause
            self._wait(failed, reason, pause)

    def _attempt(self) -> Downloaded | None:
        asked = self.part.request
        try:
            with answered(
                self.url,
                {"Accept-Encoding": "identity", **self.conditions, **asked},
                client=self.client,
                timeout=max(0.001, min(self.policy.timeout, self._remaining())),
                check_time=self._check_time,
            ) as answer:
                if answer.status_code == HTTPStatus.NOT_MODIFIED and self.conditions:
                    self.part.drop()
                    return None
                total = self._accept(answer, resuming=bool(asked))
                self._receive(answer, total)
        except httpx.TransportError as error:
            came = f", after {self.part.size:,} bytes" if self.part.size else ""
            raise AgainError(f"{trouble(error)}{came}") from None
        except httpx.InvalidURL:
            raise failure(
                self.url, "redirects to what is no address", "Check the address."
            ) from None
        except httpx.HTTPError as error:
            raise failure(self.url, f"cannot be fetched ({type(error).__name__})") from None
        return self._finish(answer)

    def _accept(self, answer: httpx.Response, *, resuming: bool) -> int | None:
        """Make the part ready for the answer's body; the bytes expected in all, if known."""
        status = answer.status_code
        if resuming and status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self.part.drop()
            raise StartOverError
        rest = resuming and status == HTTPStatus.PARTIAL_CONTENT
        if status != HTTPStatus.OK and not rest:
            raise refusal(self.url, answer)
        check_head(answer, url=self.url, to=self.to)
        total = self.part.continued(answer) if rest else length(answer)
        if rest and total is None:
            self.part.drop()
            raise StartOverError
        if total is not None and total > self.policy.limit:
            self.part.drop()
            raise self._too_large(f"has {total:,} bytes")
        if not rest:
            self.part.begin(answer, total)
        return None if encoding(answer) else total

    def _receive(self, answer: httpx.Response, total: int | None) -> None:
        """Append the body to the part, and see whether it is all there."""
        try:
            chunks = self._timely(answer.iter_raw())
            for chunk in decoded(chunks, self.to) if encoding(answer) else chunks:
                if self.part.size + len(chunk) > self.policy.limit:
                    self.part.drop()
                    raise self._too_large("goes on after that")
                self.part.write(chunk)
                if self.progress:
                    self.progress(self.part.size, total)
        finally:
            self.part.flush()
        if total is not None and self.part.size < total:
            raise AgainError(f"it was cut off after {self.part.size:,} of {total:,} bytes")
        if total is not None and self.part.size > total:
            self.part.drop()
            raise AgainError(f"more came than the {total:,} bytes announced")

    def _timely(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._check_time()
            yield chunk

    def _finish(self, answer: httpx.Response) -> Downloaded:
        """Check what came, and put it in its place."""
        size, begun = self.part.size, self.part.conclude()
        digest = check_file(
            self.part.path,
            url=self.url,
            to=self.to,
            sha256=self.sha256,
            check_time=self._check_time,
        )
        self.part.become(self.to)
        return Downloaded(
            url=shown(str(answer.url)),
            sha256=digest,
            size=size,
            etag=answer.headers.get("ETag") or begun.etag,
            last_modified=answer.headers.get("Last-Modified") or begun.last_modified,
            content_type=answer.headers.get("Content-Type"),
            file_name=file_name(answer),
        )

    def _wait(self, failed: int, reason: str, pause: float) -> None:
        """Wait before the next try, or give up."""
        self._check_time()
        if failed >= self.policy.attempts:
            times = "once" if failed == 1 else f"{failed} times"
            raise failure(
                self.url,
                f"could not be fetched, tried {times}: {reason}",
                f"Try again later{self._kept()}.",
            )
        backoff = min(_LONGEST_PAUSE, self.policy.backoff * 2.0 ** min(failed - 1, 30))
        pause = max(pause, backoff * random.uniform(0.5, 1.0))
        if pause >= self._remaining():
            raise failure(
                self.url,
                f"could not be fetched: {reason}, and the {pause:,.0f} s to wait for the next try "
                f"do not fit into the {self.policy.total:,g} s allowed for the whole download",
                f"Try again later{self._kept()}.",
            )
        time.sleep(pause)

    def _remaining(self) -> float:
        return self.deadline - time.monotonic()

    def _check_time(self) -> None:
        if self._remaining() <= 0:
            raise failure(
                self.url,
                f"took longer than the {self.policy.total:,g} s allowed, "
                f"with {self.part.size:,} bytes there",
                f"Try again, or allow more time{self._kept()}.",
            )

    def _kept(self) -> str:
        return "; what came so far is kept and continued" if self.part.resumable else ""

    def _too_large(self, what: str) -> FetchError:
        return failure(
            self.url,
            f"is larger than the {self.policy.limit:,} bytes allowed: it {what}",
            "Raise the limit if that is right.",
        )
