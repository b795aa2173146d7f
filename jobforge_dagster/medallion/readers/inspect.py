"""One pass over a delivered file's bytes: its hash, and whether it is text as declared.

Memory does not grow with the file. Whatever is not text is refused here, in words, before a
reader can make nonsense of it.
"""

from __future__ import annotations

import codecs
import hashlib
from pathlib import Path

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.readers.base import Inspection, LineEnding

_CHUNK = 1 << 20

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office document"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"\x89PNG", "a PNG image"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
)

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def inspect(path: Path, name: str, encoding: str = "utf-8") -> Inspection:
    """Hash a file and prove that it is text in the declared encoding.

    Args:
        path: where the file lies.
        name: what to call it in an error: its path below the landing folder.
        encoding: as declared by the source.

    Raises:
        DeliveryError: the file is missing, a folder, unreadable, empty, not text, in another
            encoding, or was changed while it was read.
    """
    if path.is_dir():
        raise DeliveryError(f"{name} is a folder; the source expects a file of that name.")
    try:
        return _inspect(path, name, encoding)
    except OSError as error:
        raise DeliveryError(f"{name} cannot be read: {error.strerror or error}.") from error


def _inspect(path: Path, name: str, encoding: str) -> Inspection:
    before = path.stat()
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(encoding)()
    size = returns = newlines = pairs = 0
    tail = b""
    head = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if not size:
                head = chunk[:64]
                _refuse_other_formats(head, name, encoding)
            digest.update(chunk)
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise _wrong_encoding(error, size, name, encoding) from error
            size += len(chunk)
            returns += chunk.count(b"\r")
            newlines += chunk.count(b"\n")
            pairs += (tail + chunk).count(b"\r\n")
            tail = chunk[-1:] if chunk.endswith(b"\r") else b""
    if not size:
        raise DeliveryError(f"{name} is empty (0 bytes). Ask the publisher for it again.")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _wrong_encoding(error, size, name, encoding) from error
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DeliveryError(f"{name} was changed while it was read. Run again once it is still.")
    return Inspection(
        sha256=digest.hexdigest(),
        size=size,
        encoding=codecs.lookup(encoding).name,
        bom=head.startswith((codecs.BOM_UTF8, *_UTF16)),
        line_ending=_line_ending(returns, newlines, pairs),
    )


def _line_ending(returns: int, newlines: int, pairs: int) -> LineEnding:
    if returns != pairs:
        return "CR"
    if not newlines:
        return "none"
    if not pairs:
        return "LF"
    return "CRLF" if pairs == newlines else "LF and CRLF"


def _refuse_other_formats(head: bytes, name: str, encoding: str) -> None:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for signature, what in _SIGNATURES:
        if start.startswith(signature):
            raise DeliveryError(f"{name} is not CSV: it looks like {what}.")
    if head.startswith(_UTF16) and not encoding.lower().replace("_", "-").startswith("utf-16"):
        raise DeliveryError(
            f"{name} is UTF-16, but its source declares {encoding}. If the publisher writes "
            f'UTF-16, declare encoding="utf-16".'
        )


def _wrong_encoding(
    error: UnicodeDecodeError, offset: int, name: str, encoding: str
) -> DeliveryError:
    # The decoder may hold a few bytes of the chunk before, so the offset is near, not exact.
    byte = error.object[error.start]
    return DeliveryError(
        f"{name} is not {encoding}: byte 0x{byte:02X} near offset {offset + error.start} "
        f"({error.reason}). If the publisher writes another encoding, declare it in the source, "
        f'for instance encoding="cp1252".'
    )
