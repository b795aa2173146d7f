"""Downloads from a server that misbehaves: whole and checked, or the previous file stays."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobforge_dagster.medallion.fetching.ckan import Resource, find_resource
from jobforge_dagster.medallion.fetching.download import (
    Downloaded,
    FetchError,
    Policy,
    Validators,
    download,
)

QUICK = Policy(attempts=3, backoff=0.01, timeout=5.0, total=20.0)
ONCE = replace(QUICK, attempts=1)
BEFORE = b"the previous file\n"
BODY = b"".join(b"%06d,some row\n" % number for number in range(20_000))
CHANGED = BODY.replace(b"some", b"like")
HALF = len(BODY) // 2
MODIFIED = "Wed, 01 Jan 2025 00:00:00 GMT"
Answer = Callable[["Handler"], None]


@dataclass
class Site:
    """What a server answers at each path, one after the other, and what it was asked."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, Message]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def script(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return f"{self.url}{path}"

    def header(self, request: int, name: str) -> str | None:
        return self.asked[request][1][name]


class Handler(BaseHTTPRequestHandler):
    """Answers one request per connection as the site's script says."""

    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        answers = self.site.answers[self.path]
        self.site.asked.append((self.path, self.headers))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        with suppress(ConnectionError):  # the client may have had enough
            answer(self)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    class Bound(Handler):
        site = Site("")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    Bound.site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Bound.site
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return _before(tmp_path / "landing" / "rows.csv")


def _before(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(BEFORE)
    return path


def _says(
    status: int = 200, body: bytes = b"", cut: int | None = None, **headers: str | None
) -> Answer:
    """An answer with a header for each keyword; ``cut`` off after so many bytes of its body."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **named}.items():
            if value is not None:
                handler.send_header(name, value)
        handler.end_headers()
        handler.site.sent.append(len(body[:cut]))
        handler.wfile.write(body[:cut])

    return answer


def _serves(body: bytes, cut: int | None = None, **headers: str | None) -> Answer:
    """A file, or the rest of it if that is asked for and the validator is that of this file."""

    def answer(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        validators = (headers.get("ETag"), headers.get("Last_Modified"))
        if not asked or handler.headers["If-Range"] not in validators:
            return _says(200, body, cut, **headers)(handler)
        start = int(asked[1])
        place = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return _says(206, body[start:], cut, Content_Range=place, **headers)(handler)

    return answer


def _chunked(body: bytes, *, end: bool = True) -> Answer:
    def answer(handler: Handler) -> None:
        _says(Content_Length=None, Transfer_Encoding="chunked")(handler)
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if end else b""))

    return answer


def _refused(
    url: str,
    to: Path,
    client: httpx.Client,
    policy: Policy = QUICK,
    *,
    part: bool = False,
    **more: Any,
) -> str:
    """The message of a download that fails, and leaves what it should."""
    with pytest.raises(FetchError) as failure:
        download(url, to, client=client, policy=policy, **more)
    _untouched(to, part=part)
    assert failure.value.__cause__ is None
    return str(failure.value)


def _untouched(to: Path, *, part: bool = False) -> None:
    assert to.read_bytes() == BEFORE
    others = sorted(path.name for path in to.parent.iterdir() if path != to)
    assert len(others) == (2 if part else 0), others
    assert all(re.search(r"\.part(\.json)?$", name) for name in others)


def _arrived(got: Downloaded | None, to: Path, body: bytes = BODY) -> Downloaded:
    assert got is not None
    assert to.read_bytes() == body
    assert (got.sha256, got.size) == (hashlib.sha256(body).hexdigest(), len(body))
    assert list(to.parent.iterdir()) == [to]
    return got


def test_what_came_is_described(site: Site, client: httpx.Client, tmp_path: Path) -> None:
    headers: dict[str, Any] = {
        "ETag": '"1"',
        "Last_Modified": MODIFIED,
        "Content_Type": "application/octet-stream",
    }
    named = "attachment; filename=\"../../rows.csv\"; filename*=UTF-8''..%2Fdonn%C3%A9es.csv"
    url = site.script("/rows?key=s3cret", _serves(BODY, Content_Disposition=named, **headers))
    to = tmp_path / "new" / "rows.csv"
    told: list[tuple[int, int | None]] = []

    got = download(
        url.replace("//", "//me:s3cret@"),
        to,
        client=client,
        sha256=hashlib.sha256(BODY).hexdigest().upper(),
        progress=lambda *now: told.append(now),
    )

    assert _arrived(got, to) == Downloaded(
        url=f"{site.url}/rows?key=***",
        sha256=hashlib.sha256(BODY).hexdigest(),
        size=len(BODY),
        etag='"1"',
        last_modified=MODIFIED,
        content_type="application/octet-stream",
        file_name="données.csv",
    )
    assert told[-1] == (len(BODY), len(BODY))
    assert site.header(0, "Accept-Encoding") == "identity"
    assert site.header(0, "If-None-Match") is None


@pytest.mark.parametrize(
    "validator",
    [{"ETag": '"1"'}, {"Last_Modified": MODIFIED}, {"ETag": 'W/"1"', "Last_Modified": MODIFIED}],
)
def test_a_cut_off_transfer_is_continued(
    site: Site, client: httpx.Client, to: Path, validator: dict[str, Any]
) -> None:
    url = site.script("/rows", _serves(BODY, cut=HALF, **validator), _serves(BODY, **validator))
    received: list[int] = []

    got = download(
        url, to, client=client, policy=QUICK, progress=lambda done, _: received.append(done)
    )

    _arrived(got, to)
    assert site.sent == [HALF, len(BODY) - HALF]
    assert site.header(1, "Range") == f"bytes={HALF}-"
    assert site.header(1, "If-Range") == list(validator.values())[-1]
    assert received == sorted(received)


def test_a_later_process_continues_what_a_killed_one_began(
    site: Site, client: httpx.Client, to: Path
) -> None:
    url = site.script("/rows", _serves(BODY, ETag='"1"'))
    killed = f"""
import os, httpx, pathlib
from jobforge_dagster.medallion.fetching.download import download
die = lambda done, _: os.kill(os.getpid(), 9) if done > 100_000 else None
download({url!r}, pathlib.Path({str(to)!r}), client=httpx.Client(trust_env=False), progress=die)
"""
    assert subprocess.run([sys.executable, "-c", killed]).returncode == -signal.SIGKILL
    _untouched(to, part=True)

    _arrived(download(url, to, client=client, policy=ONCE), to)

    found = re.fullmatch(r"bytes=(\d+)-", site.header(1, "Range") or "")
    assert found
    assert int(found[1]) > 50_000
    assert site.header(1, "If-Range") == '"1"'


def test_a_file_that_changed_in_between_starts_over(
    site: Site, client: httpx.Client, to: Path
) -> None:
    url = site.script("/rows", _serves(BODY, cut=HALF, ETag='"1"'), _serves(CHANGED, ETag='"2"'))

    got = _arrived(download(url, to, client=client, policy=QUICK), to, CHANGED)

    assert got.etag == '"2"'
    assert site.header(1, "If-Range") == '"1"'


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(_says(416), id="416"),
        pytest.param(
            _says(206, CHANGED[5:], Content_Range=f"bytes 5-{len(BODY) - 1}/{len(BODY)}"),
            id="another-start",
        ),
        pytest.param(
            _says(206, CHANGED[HALF:], Content_Range=f"bytes {HALF}-{len(BODY)}/{len(BODY) + 1}"),
            id="another-total",
        ),
        pytest.param(_says(206, CHANGED[HALF:]), id="no-range"),
        pytest.param(
            _says(
                206,
                CHANGED[HALF:],
                Content_Range=f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}",
                ETag='"2"',
            ),
            id="another-etag",
        ),
    ],
)
def test_an_answer_that_does_not_fit_the_part_starts_over(
    site: Site, client: httpx.Client, to: Path, second: Answer
) -> None:
    url = site.script("/rows", _serves(BODY, cut=HALF, ETag='"1"'), second, _serves(CHANGED))
    _refused(url, to, client, ONCE, part=True)

    _arrived(download(url, to, client=client, policy=ONCE), to, CHANGED)

    assert [site.header(request, "Range") for request in (1, 2)] == [f"bytes={HALF}-", None]


@pytest.mark.parametrize("validator", [{}, {"ETag": 'W/"1"'}, {"ETag": '"\xe9"'}])
def test_without_a_strong_validator_nothing_is_continued(
    site: Site, client: httpx.Client, to: Path, validator: dict[str, Any]
) -> None:
    url = site.script("/rows", _serves(BODY, cut=HALF, **validator))

    said = _refused(url, to, client)

    assert f"the server broke off, or answered with what is no HTTP, after {HALF:,} bytes" in said
    assert [site.header(request, "Range") for request in range(3)] == [None] * 3


@pytest.mark.parametrize("memo", [b"", b"[]", b'{"etag": 1, "last_modified": null, "total": null}'])
def test_a_part_whose_memory_is_damaged_starts_over(
    site: Site, client: httpx.Client, to: Path, memo: bytes
) -> None:
    url = site.script("/rows", _serves(BODY, cut=HALF, ETag='"1"'), _serves(BODY, ETag='"1"'))
    _refused(url, to, client, ONCE, part=True)
    next(to.parent.glob(".*.part.json")).write_bytes(memo)

    _arrived(download(url, to, client=client, policy=ONCE), to)

    assert site.header(1, "Range") is None


def test_a_trickle_ends(site: Site, client: httpx.Client, to: Path) -> None:
    def trickle(handler: Handler) -> None:
        _says(body=b"", Content_Length="100000", ETag='"1"')(handler)
        for _ in range(1000):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    url = site.script("/rows", trickle)
    began = time.monotonic()

    said = _refused(url, to, client, replace(QUICK, total=0.5), part=True)

    assert "took longer than the 0.5 s allowed" in said
    assert time.monotonic() - began < 8


def test_a_server_that_falls_silent_is_tried_again(
    site: Site, client: httpx.Client, to: Path
) -> None:
    awake = threading.Event()

    def silent(_: Handler) -> None:
        awake.wait(10)

    url = site.script("/rows", silent, _serves(BODY))

    _arrived(download(url, to, client=client, policy=replace(QUICK, timeout=0.3)), to)
    awake.set()


def test_nobody_answers(client: httpx.Client, to: Path) -> None:
    said = _refused("http://me:s3cret@127.0.0.1:1/rows?key=s3cret", to, client)

    assert "http://127.0.0.1:1/rows?key=***" in said
    assert "tried 3 times: no connection came about" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "url", ["ftp://me:s3cret@host/rows", "rows.csv", "http://", "http://me:s3cret@host:x/?s3cret"]
)
def test_what_is_no_web_address_is_not_asked(client: httpx.Client, to: Path, url: str) -> None:
    said = _refused(url, to, client)

    assert "is no http or https address" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(("status", "says"), [(404, "404 Not Found"), (403, "403 Forbidden")])
def test_what_is_refused_is_asked_for_once(
    site: Site, client: httpx.Client, to: Path, status: int, says: str
) -> None:
    said = _refused(site.script("/rows", _says(status, b"no")), to, client)

    assert f"{site.url}/rows was answered with {says}" in said
    assert len(site.asked) == 1


@pytest.mark.parametrize(("status", "date"), [(429, False), (503, True)])
def test_a_busy_server_says_when_to_come_again(
    site: Site, client: httpx.Client, to: Path, status: int, date: bool
) -> None:
    after = formatdate(time.time() + 2, usegmt=True) if date else "1"
    url = site.script("/rows", _says(status, Retry_After=after), _serves(BODY))
    began = time.monotonic()

    _arrived(download(url, to, client=client, policy=QUICK), to)

    assert time.monotonic() - began > 0.9
    assert len(site.asked) == 2


def test_a_server_that_is_busy_for_longer_than_allowed(
    site: Site, client: httpx.Client, to: Path
) -> None:
    began = time.monotonic()

    said = _refused(site.script("/rows", _says(429, Retry_After="3600")), to, client)

    assert "429 Too Many Requests, and the 3,600 s to wait" in said
    assert time.monotonic() - began < 8
    assert len(site.asked) == 1


def test_a_failing_server_is_tried_again(site: Site, client: httpx.Client, to: Path) -> None:
    url = site.script("/rows", _says(500), _says(500), _serves(BODY))

    _arrived(download(url, to, client=client, policy=QUICK), to)

    assert len(site.asked) == 3


def test_a_server_that_keeps_failing(site: Site, client: httpx.Client, to: Path) -> None:
    said = _refused(site.script("/rows", _says(502)), to, client)

    assert "tried 3 times: the server answered 502 Bad Gateway" in said
    assert len(site.asked) == 3


def test_redirects_are_followed(site: Site, client: httpx.Client, to: Path) -> None:
    site.script("/rows?token=s3cret", _serves(BODY))
    url = site.script("/old", _says(302, Location="/rows?token=s3cret"))

    got = _arrived(download(url, to, client=client, policy=QUICK), to)

    assert got.url == f"{site.url}/rows?token=***"


def test_a_cut_off_transfer_is_continued_behind_a_redirect(
    site: Site, client: httpx.Client, to: Path
) -> None:
    site.script("/rows", _serves(BODY, cut=HALF, ETag='"1"'), _serves(BODY, ETag='"1"'))
    url = site.script("/old", _says(302, Location="/rows"))

    _arrived(download(url, to, client=client, policy=QUICK), to)

    assert site.header(3, "Range") == f"bytes={HALF}-"


def test_redirects_end(site: Site, client: httpx.Client, to: Path) -> None:
    said = _refused(site.script("/rows", _says(302, Location="/rows")), to, client)

    assert "redirects more than 10 times" in said
    assert len(site.asked) == 11


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ("file:///etc/passwd", "file:…, which is refused"),
        ("ftp://host/rows", "ftp:…, which is refused"),
        ("data:text/csv,a", "what is no address"),
    ],
)
def test_redirects_lead_to_the_web_only(
    site: Site, client: httpx.Client, to: Path, there: str, says: str
) -> None:
    said = _refused(site.script("/rows", _says(302, Location=there)), to, client)

    assert f"/rows redirects to {says}" in said
    assert len(site.asked) == 1


def test_redirects_do_not_lead_down_from_https(to: Path) -> None:
    down = httpx.Response(302, headers={"Location": "http://me:s3cret@host/rows?key=s3cret"})

    with httpx.Client(transport=httpx.MockTransport(lambda _: down)) as client:
        said = _refused("https://host/rows", to, client)

    assert "redirects from https down to http://host/rows?key=***, which is refused" in said


def test_a_redirect_elsewhere_does_not_take_the_credentials_along(site: Site, to: Path) -> None:
    site.script("/rows", _serves(BODY))
    elsewhere = site.url.replace("127.0.0.1", "localhost")
    url = site.script("/old", _says(302, Location=f"{elsewhere}/rows"))

    with httpx.Client(trust_env=False, auth=("me", "s3cret")) as client:
        _arrived(download(url, to, client=client, policy=QUICK), to)

    assert site.header(0, "Authorization")
    assert site.header(1, "Authorization") is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_serves(b"a,b\n1,2\n", Content_Type="text/html; charset=utf-8"), id="type"),
        pytest.param(_serves(b"\xef\xbb\xbf\r\n <!DocType HTML><p>Sorry"), id="doctype"),
        pytest.param(_serves(b"<HTML lang='en'>", Content_Type="text/csv"), id="html"),
    ],
)
def test_an_html_page_is_no_file(
    site: Site, client: httpx.Client, to: Path, answer: Answer
) -> None:
    said = _refused(site.script("/rows", answer), to, client)

    assert "/rows is an HTML page, not a file" in said
    assert len(site.asked) == 1


def test_an_html_page_may_be_what_is_wanted(
    site: Site, client: httpx.Client, tmp_path: Path
) -> None:
    page = b"<!doctype html><p>Hello"
    url = site.script("/page", _serves(page, Content_Type="text/html"))

    _arrived(download(url, tmp_path / "page.html", client=client), tmp_path / "page.html", page)


def test_an_empty_body_is_no_file(site: Site, client: httpx.Client, to: Path) -> None:
    assert "is empty (0 bytes)" in _refused(site.script("/rows", _says()), to, client)


def test_an_encoding_is_undone(site: Site, client: httpx.Client, to: Path) -> None:
    packed = gzip.compress(BODY[:HALF]) + gzip.compress(BODY[HALF:])
    url = site.script("/rows", _says(200, packed, Content_Encoding="gzip"))

    _arrived(download(url, to, client=client, policy=QUICK), to)


def test_a_truncated_encoding_is_tried_again(site: Site, client: httpx.Client, to: Path) -> None:
    packed = gzip.compress(BODY)
    short = _says(200, packed[: len(packed) // 2], Content_Encoding="gzip", ETag='"1"')
    url = site.script("/rows", short, short, _says(200, packed, Content_Encoding="gzip"))

    _arrived(download(url, to, client=client, policy=QUICK), to)

    assert len(site.asked) == 3
    said = _refused(site.script("/short", short), _before(to), client)
    assert "tried 3 times: its gzip encoding was cut off" in said


def test_an_unknown_encoding_is_refused(site: Site, client: httpx.Client, to: Path) -> None:
    said = _refused(site.script("/rows", _says(200, b"x", Content_Encoding="br")), to, client)

    assert "came encoded as 'br'" in said


@pytest.mark.parametrize("twice", [False, True])
def test_a_gzip_file_declared_as_an_encoding_stays_as_it_is(
    site: Site, client: httpx.Client, tmp_path: Path, twice: bool
) -> None:
    packed = gzip.compress(BODY)
    sent = gzip.compress(packed) if twice else packed
    url = site.script("/rows", _says(200, sent, Content_Encoding="gzip"))

    _arrived(download(url, tmp_path / "a.gz", client=client), tmp_path / "a.gz", packed)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("rows.csv.gz", gzip.compress(BODY)[:-20]),
        ("rows.csv.gz", BODY),
        ("rows.csv", gzip.compress(BODY)[:-20]),
        ("rows.csv.gz", gzip.compress(BODY)[:-8] + b"damaged!"),
    ],
)
def test_a_broken_gzip_file_is_refused(
    site: Site, client: httpx.Client, tmp_path: Path, name: str, body: bytes
) -> None:
    url = site.script("/rows", _serves(body, ETag='"1"'))

    said = _refused(url, _before(tmp_path / "landing" / name), client)

    assert "is not a whole gzip file" in said


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("rows.csv"), BODY)  # of no time: the same bytes always
    return packed.getvalue()


@pytest.mark.parametrize("name", ["rows.zip", "rows.XLSX"])
def test_a_broken_zip_file_is_refused(
    site: Site, client: httpx.Client, tmp_path: Path, name: str
) -> None:
    to = _before(tmp_path / "landing" / name)
    url = site.script("/rows", _serves(_zip()[:-30], ETag='"1"'), _serves(_zip()))

    assert f"is not a whole {to.suffix.lower()} file" in _refused(url, to, client)
    _arrived(download(url, to, client=client), to, _zip())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(_serves(BODY, ETag='"1"'), f"it has {len(BODY):,} bytes", id="header"),
        pytest.param(_chunked(BODY), "it goes on after that", id="stream"),
        pytest.param(
            _says(200, gzip.compress(b"0" * 1_000_000), Content_Encoding="gzip"),
            "it goes on after that",
            id="decoded",
        ),
    ],
)
def test_a_file_that_is_too_large_is_refused(
    site: Site, client: httpx.Client, to: Path, answer: Answer, says: str
) -> None:
    said = _refused(site.script("/rows", answer), to, client, replace(QUICK, limit=100_000))

    assert "is larger than the 100,000 bytes allowed" in said
    assert says in said
    assert len(site.asked) == 1


def test_chunks_that_break_off_are_tried_again(site: Site, client: httpx.Client, to: Path) -> None:
    url = site.script("/rows", _chunked(BODY, end=False), _chunked(BODY))

    _arrived(download(url, to, client=client, policy=QUICK), to)


def test_a_file_with_another_checksum_is_refused(
    site: Site, client: httpx.Client, to: Path
) -> None:
    said = _refused(site.script("/rows", _serves(BODY, ETag='"1"')), to, client, sha256="0" * 64)

    assert f"has the sha256 {hashlib.sha256(BODY).hexdigest()}, not 000" in said


@pytest.mark.parametrize(
    ("known", "header"),
    [
        (Validators('"1"', None), ("If-None-Match", '"1"')),
        (Validators(None, MODIFIED), ("If-Modified-Since", MODIFIED)),
    ],
)
def test_what_is_the_same_is_not_sent_again(
    site: Site, client: httpx.Client, to: Path, known: Validators, header: tuple[str, str]
) -> None:
    url = site.script("/rows", _says(304, Content_Length=None), _serves(BODY))

    assert download(url, to, client=client, known=known) is None

    _untouched(to)
    assert site.header(0, header[0]) == header[1]
    to.unlink()
    _arrived(download(url, to, client=client, known=known), to)
    assert site.header(1, header[0]) is None


def test_what_has_not_the_demanded_checksum_is_sent_again(
    site: Site, client: httpx.Client, to: Path
) -> None:
    url = site.script("/rows", _serves(BODY))
    demanded = hashlib.sha256(BODY).hexdigest()

    for _ in range(2):
        _arrived(
            download(url, to, client=client, known=Validators('"1"', None), sha256=demanded), to
        )

    assert [site.header(request, "If-None-Match") for request in (0, 1)] == [None, '"1"']


def test_two_downloads_do_not_write_the_same_file(
    site: Site, client: httpx.Client, to: Path
) -> None:
    url = site.script("/rows", _serves(BODY))
    said: list[str] = []

    def meanwhile(_done: int, _total: int | None) -> None:
        with httpx.Client(trust_env=False) as other, pytest.raises(FetchError) as failure:
            download(url, to, client=other)
        said.append(str(failure.value))

    _arrived(download(url, to, client=client, progress=meanwhile), to)

    assert "is already being downloaded" in said[0]
    assert len(site.asked) == 1


def test_a_folder_that_cannot_be_written(site: Site, client: httpx.Client, to: Path) -> None:
    with pytest.raises(FetchError, match=r"cannot be saved as .*: File exists"):
        download(site.script("/rows", _serves(BODY)), to / "rows.csv", client=client)

    assert to.read_bytes() == BEFORE


PACKAGE = {
    "title": "Job Bank postings",
    "license_title": "Open Government Licence - Canada",
    "metadata_modified": "2025-03-01",
    "resources": [
        {
            "id": "AB-1",
            "name": "Postings in May",
            "name_translated": {"en": "Postings in May", "fr": "Offres publiées en mai"},
            "url": "https://host/data/offres%20mai.csv?x=1",
            "last_modified": "2025-06-01T00:00:00",
            "hash": "SHA256:" + "AB" * 32,
            "size": 1234,
        },
        {"id": "AB-2", "name": "Postings in June", "url": "https://host/june.csv", "hash": "123"},
        {"id": "AB-3", "name": "Twice", "url": "https://host/a.csv", "size": "1.2 MB"},
        {"id": "AB-4", "name": "Twice", "url": "https://host/a.csv"},
        {"id": "AB-5", "name": "Nowhere", "url": ""},
        {"id": None, "name": None, "url": None},
    ],
}


def _portal(site: Site, *answers: Answer) -> str:
    return site.script("/data/api/3/action/package_show?id=job%20bank", *answers)[
        : len(site.url) + len("/data")
    ]


def _package(answer: object) -> Answer:
    return _says(200, json.dumps(answer).encode(), Content_Type="application/json")


def _found(site: Site, client: httpx.Client, name: str, *answers: Answer) -> Resource:
    portal = _portal(site, *(answers or [_package({"success": True, "result": PACKAGE})]))
    return find_resource(portal + "/", "job bank", name, client=client, policy=QUICK)


@pytest.mark.parametrize(
    "name", [" postings IN may", "Offres publie\u0301es en mai", "ab-1", "Offres mai.csv"]
)
def test_a_resource_is_found(site: Site, client: httpx.Client, name: str) -> None:
    assert _found(site, client, name) == Resource(
        url="https://host/data/offres%20mai.csv?x=1",
        name="Postings in May",
        modified="2025-06-01T00:00:00",
        licence="Open Government Licence - Canada",
        hash="ab" * 32,
        size=1234,
        title="Job Bank postings",
    )


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (" OFFRES*.csv", "Postings in May"),
        ("Offres ma[hi].CSV", "Postings in May"),
        ("jun?.csv", "Postings in June"),
    ],
)
def test_a_resource_is_found_by_a_pattern_of_its_file_name(
    site: Site, client: httpx.Client, pattern: str, name: str
) -> None:
    assert _found(site, client, pattern).name == name


@pytest.mark.parametrize(
    "same", [{"name": "*.CSV"}, {"name_translated": {"fr": "*.CSV"}}, {"id": "*.CSV"}]
)
def test_a_resource_that_is_called_like_a_pattern_comes_first(
    site: Site, client: httpx.Client, same: dict[str, Any]
) -> None:
    resources = [{"url": "https://host/a.csv"}, {"url": "https://host/b.xlsx", **same}]
    answer = _package({"success": True, "result": {"resources": resources}})

    assert _found(site, client, "*.csv", answer).url == "https://host/b.xlsx"


def test_a_file_name_that_looks_like_a_pattern_comes_first(
    site: Site, client: httpx.Client
) -> None:
    resources = [{"url": "https://host/rows1.csv"}, {"url": "https://host/Rows%5B1%5D.csv"}]
    answer = _package({"success": True, "result": {"resources": resources}})

    assert _found(site, client, "rows[1].csv", answer).url == "https://host/Rows%5B1%5D.csv"


def test_what_a_portal_does_not_know_is_none(site: Site, client: httpx.Client) -> None:
    found = _found(site, client, "Postings in June")

    assert (found.modified, found.hash, found.size) == ("2025-03-01", None, None)


def test_a_busy_portal_is_asked_again(site: Site, client: httpx.Client) -> None:
    answers = [_says(503), _package({"success": True, "result": PACKAGE})]

    assert _found(site, client, "AB-1", *answers).size == 1234


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Postings in Juni", r"no file called 'Postings in Juni'. It has: 'Postings in June' "),
        ("", "no file called ''"),
        ("twice", r"has 2 files called 'twice'.* 'Twice' \(a\.csv, id AB-3\); 'Twice' .*AB-4"),
        ("*.xlsx", r"no file called '\*.xlsx'. It has: .*\(june\.csv, id AB-2\)"),
        ("post*", r"no file called 'post\*'"),
        ("?.csv", r"has 2 files called '\?.csv'; name one by its id: .*AB-3.*AB-4"),
        ("*", r"has 4 files called '\*'"),
        ("Nowhere", "file 'Nowhere' of the dataset 'job bank' .* has no address"),
    ],
)
def test_a_resource_that_is_not_found(
    site: Site, client: httpx.Client, name: str, says: str
) -> None:
    with pytest.raises(FetchError, match=says):
        _found(site, client, name)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (_says(200, b"<html>Sorry</html>", Content_Type="text/html"), "is an HTML page"),
        (_says(200, b"<!DOCTYPE html>"), "is an HTML page"),
        (_says(200, b"Sorry"), "is not JSON"),
        (_package([1]), "is no success"),
        (_package({"success": False, "error": {"message": "No way"}}), r"success \(No way\)"),
        (_package({"success": True, "result": None}), "describes no dataset"),
        (_package({"success": True, "result": {"resources": "x"}}), "has no files"),
        (_says(404, b"{}"), "404 Not Found"),
        (_says(), "is empty"),
    ],
)
def test_an_answer_that_is_not_ckans(
    site: Site, client: httpx.Client, answer: Answer, says: str
) -> None:
    with pytest.raises(FetchError, match=rf"'job bank' of the CKAN portal {site.url}/data.*{says}"):
        _found(site, client, "AB-1", answer)
