"""What may go wrong, for good or only this time, told without what is secret in an address."""

from __future__ import annotations

import re
from http import HTTPStatus

import httpx

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.fetching.headers import retry_after


class FetchError(JobForgeError):
    """A file cannot be fetched; the file that was fetched before stays as it was."""


class AgainError(Exception):
    """What may go better the next time, perhaps not before a pause that the server asked for."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class StartOverError(Exception):
    """What was begun cannot be continued; it was dropped, and is to be asked for as a whole."""


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


def failure(url: str, what: str, advice: str = "") -> FetchError:
    """What is wrong with the file at an address, and what to do."""
    return FetchError(f"{shown(url)} {what}. {advice}".rstrip())


def refusal(url: str, answer: httpx.Response) -> FetchError | AgainError:
    """What to do about an answer that brings no file."""
    status = answer.status_code
    said = f"{status} {_phrase(status)}".strip()
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        asks = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
        return AgainError(f"the server answered {said}", retry_after(answer) if asks else 0.0)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        advice = "The server does not let you have it."
    elif status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        advice = "It may have moved: check the address."
    else:
        advice = "Check the address."
    return failure(url, f"was answered with {said}", advice)


def trouble(error: httpx.TransportError) -> str:
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


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
