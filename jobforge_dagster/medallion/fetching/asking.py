"""Asks a server for a file: over http or https only, and no less behind redirects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from jobforge_dagster.medallion.fetching.failures import FetchError, failure, shown

_REDIRECTS = 10
_SCHEMES = ("http", "https")


def check_address(url: str) -> None:
    """Refuse what cannot be asked for."""
    try:
        parsed = httpx.URL(url)
        fit = parsed.scheme in _SCHEMES and bool(parsed.host)
    except httpx.InvalidURL:
        fit = False
    if not fit:
        raise FetchError(f"{shown(url)!r} is no http or https address. Correct it.")


@contextmanager
def answered(
    url: str,
    headers: Mapping[str, str],
    *,
    client: httpx.Client,
    timeout: float,
    check_time: Callable[[], None],
) -> Iterator[httpx.Response]:
    """The answer's head, after redirects; its body is still to come."""
    request = client.build_request("GET", url, headers=headers, timeout=timeout)
    answer = client.send(request, stream=True, follow_redirects=False)
    try:
        for _ in range(_REDIRECTS):
            if answer.next_request is None:
                break
            answer.close()
            check_time()
            _check_redirect(url, answer.request.url, answer.next_request.url)
            # The client's own credentials are not for wherever a redirect leads.
            answer = client.send(
                answer.next_request, stream=True, follow_redirects=False, auth=None
            )
        if answer.next_request is not None:
            raise failure(url, f"redirects more than {_REDIRECTS} times", "Check the address.")
        yield answer
    finally:
        answer.close()


def _check_redirect(url: str, here: httpx.URL, there: httpx.URL) -> None:
    if there.scheme not in _SCHEMES:
        raise failure(
            url,
            f"redirects to {there.scheme}:…, which is refused",
            "Only http and https are followed.",
        )
    if here.scheme == "https" and there.scheme == "http":
        raise failure(
            url,
            f"redirects from https down to {shown(str(there))}, which is refused",
            "Anyone on the way could change the file: find an https address.",
        )
