"""Finds a file in a CKAN portal by its name: the address changes, the name does not."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote, urlsplit

import httpx

from jobforge_dagster.medallion.fetching.download import (
    DEFAULT_POLICY,
    FetchError,
    Policy,
    download,
    shown,
)

_LARGEST_ANSWER = 64 * 1024**2
_LISTED = 20

_Json = Mapping[str, object]


@dataclass(frozen=True)
class Resource:
    """A file of a dataset, as the portal describes it.

    Attributes:
        url: Where the file is.
        name: Its name in the portal.
        modified: When it was last changed, as the portal writes it.
        licence: The dataset's licence.
        hash: The file's sha256, if the portal knows it.
        size: In bytes, if the portal knows it.
        title: The dataset's title.
    """

    url: str
    name: str
    modified: str | None
    licence: str | None
    hash: str | None
    size: int | None
    title: str | None


def find_resource(
    portal: str,
    dataset: str,
    resource: str,
    *,
    client: httpx.Client,
    policy: Policy = DEFAULT_POLICY,
) -> Resource:
    """Ask a CKAN portal for the one file of a dataset that is called so.

    Args:
        portal: The address below which ``/api/3/action`` lies.
        dataset: The dataset's name or id.
        resource: The name of the file in any language, or its id, or its URL's file name; or, if
            nothing is called so, a pattern of its URL's file name with ``*``, ``?`` or ``[…]``.
            Case does not matter.
        client: Sends the requests.
        policy: How patiently.

    Returns:
        What the portal says of the file.

    Raises:
        FetchError: The portal does not answer as CKAN does, or no or several files are called so.
    """
    where = f"dataset {dataset!r} of the CKAN portal {shown(portal)}"
    package = _package(portal, dataset, where, client, policy)
    return _described(_chosen(package, resource, where), package, where)


def _package(portal: str, dataset: str, where: str, client: httpx.Client, policy: Policy) -> _Json:
    """The dataset's description."""
    url = f"{portal.strip().rstrip('/')}/api/3/action/package_show?id={quote(dataset, safe='')}"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "package_show.json"
        limited = replace(policy, limit=min(policy.limit, _LARGEST_ANSWER))
        try:
            download(url, file, client=client, policy=limited)
        except FetchError as error:
            raise FetchError(f"The {where} cannot be looked up: {error}") from None
        return _result(file.read_bytes(), where)


def _result(answer: bytes, where: str) -> _Json:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        raise FetchError(
            f"The answer about the {where} is not JSON. Check the portal's address."
        ) from None
    if not isinstance(found, dict) or found.get("success") is not True:
        raise FetchError(
            f"The answer about the {where} is no success{_complaint(found)}. "
            "Check the dataset's name and the portal's address."
        )
    package = found.get("result")
    if not isinstance(package, dict):
        raise FetchError(f"The answer about the {where} describes no dataset.")
    return package


def _complaint(answer: object) -> str:
    """What the portal says was wrong."""
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f" ({message[:200]})" if isinstance(message, str) and message else ""


def _chosen(package: _Json, wanted: str, where: str) -> _Json:
    """The one file that is called so."""
    resources = [found for found in _list(package.get("resources")) if isinstance(found, dict)]
    if not resources:
        raise FetchError(f"The {where} has no files.")
    matches = [
        found for found in resources if _is_called(wanted, _text(found, "id"), *_names(found))
    ]
    matches = matches or [found for found in resources if _is_called(wanted, _file_name(found))]
    matches = matches or [found for found in resources if _fits(wanted, _file_name(found))]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise FetchError(
            f"The {where} has {len(matches)} files called {wanted!r}; name one by its id: "
            f"{_listing(matches, wanted)}."
        )
    raise FetchError(
        f"The {where} has no file called {wanted!r}. It has: {_listing(resources, wanted)}. "
        "Correct the name."
    )


def _is_called(wanted: str, *names: str) -> bool:
    return bool(wanted.strip()) and any(_key(wanted) == _key(name) for name in names)


def _fits(pattern: str, file_name: str) -> bool:
    """Whether the pattern, if it is one, describes the file name, if there is one."""
    is_pattern = any(sign in pattern for sign in "*?[")
    return is_pattern and bool(file_name) and fnmatchcase(_key(file_name), _key(pattern))


def _listing(resources: Sequence[_Json], wanted: str) -> str:
    """The files by name, the most similar first."""
    ranked = sorted(resources, key=lambda found: -_likeness(found, wanted))
    shown_first = "; ".join(_label(found) for found in ranked[:_LISTED])
    more = len(ranked) - _LISTED
    return f"{shown_first}; and {more} more" if more > 0 else shown_first


def _likeness(found: _Json, wanted: str) -> float:
    names = (*_names(found), _file_name(found))
    return max(SequenceMatcher(None, _key(wanted), _key(name)).ratio() for name in names)


def _label(found: _Json) -> str:
    names = " / ".join(repr(name) for name in dict.fromkeys(_names(found)))
    details = [_file_name(found), f"id {_text(found, 'id')}" if _text(found, "id") else ""]
    return f"{names or 'unnamed'} ({', '.join(filter(None, details))})"


def _described(found: _Json, package: _Json, where: str) -> Resource:
    url = _text(found, "url")
    name = next(iter(_names(found)), "") or _file_name(found)
    if not url:
        raise FetchError(f"The file {name!r} of the {where} has no address. Ask the publisher.")
    return Resource(
        url=url,
        name=name,
        modified=_first(
            _text(found, "last_modified"),
            _text(found, "metadata_modified"),
            _text(package, "metadata_modified"),
        ),
        licence=_first(_text(package, "license_title"), _text(package, "license_id")),
        hash=_sha256(_text(found, "hash")),
        size=_size(found.get("size")),
        title=_first(_text(package, "title"), *_translations(package, "title_translated")),
    )


def _names(found: _Json) -> list[str]:
    return [
        name for name in (_text(found, "name"), *_translations(found, "name_translated")) if name
    ]


def _translations(found: _Json, field: str) -> list[str]:
    texts = found.get(field)
    return [_text(texts, language) for language in texts] if isinstance(texts, dict) else []


def _file_name(found: _Json) -> str:
    try:
        return unquote(PurePosixPath(urlsplit(_text(found, "url")).path).name)
    except ValueError:
        return ""


def _key(name: str) -> str:
    """What two names must share to be the same; accents may be written in two ways."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _sha256(text: str) -> str | None:
    found = re.fullmatch(r"(?:sha256:)?\s*([0-9a-f]{64})", text.lower())
    return found[1] if found else None


def _size(size: object) -> int | None:
    found = re.fullmatch(r"([0-9]{1,18})(?:\.0+)?", str(size).strip())
    return (int(found[1]) or None) if found else None


def _text(found: _Json, field: str) -> str:
    text = found.get(field)
    return text.strip() if isinstance(text, str) else ""


def _list(found: object) -> Sequence[object]:
    return found if isinstance(found, list) else ()


def _first(*texts: str) -> str | None:
    return next((text for text in texts if text), None)
