"""One pass over the bytes of a text: its encoding, proven, and its line endings.

Memory does not grow with the file. Whatever is not text is refused here, in words, before a reader
can make nonsense of it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import GUESS

LineEnding = Literal["LF", "CRLF", "LF and CRLF", "CR", "none"]

_CHUNK = 1 << 16
"""Bytes read at a time. What is made of many more is given back to the system, and taken anew, each
time, which costs more than looking at it."""
_SAMPLE = 1 << 20
"""Bytes by which an encoding is guessed."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office document"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"\x89PNG", "a PNG image"),
    (b"%PDF", "a PDF document"),
    (b"PAR1\x15", "a Parquet file"),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
)

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Text:
    """What one pass over a text tells.

    Attributes:
        encoding: as Python names it.
        told_by: ``declaration``, ``mark`` (of the byte order), ``content`` (which is valid UTF-8)
            or ``guess``.
        bom: whether the text begins with a byte-order mark.
        line_ending: ``CR`` if a carriage return stands anywhere without a line feed behind it;
            line breaks inside cells count too.
    """

    encoding: str
    told_by: Literal["declaration", "mark", "content", "guess"]
    bom: bool
    line_ending: LineEnding

    @property
    def codec(self) -> str:
        """The codec that reads the text without its mark."""
        return "utf-8-sig" if self.encoding == "utf-8" else self.encoding

    @property
    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "encoding": self.encoding,
            "encoding_told_by": self.told_by,
            "bom": self.bom,
            "line_ending": self.line_ending,
        }


def inspect(path: Path, name: str, declared: str | None, what: str) -> Text:
    """Prove that a file is text in the declared, or a detected, encoding.

    Args:
        path: where the file lies.
        name: what to call it in an error.
        declared: the declared encoding.
        what: the format, for errors.

    Raises:
        DeliveryError: the file is not text, or is in another encoding.
    """
    with path.open("rb") as file:
        head = file.read(64)
    _refuse_other_formats(head, name, what)
    mark = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if declared is not None and declared != GUESS:
        encoding = codecs.lookup(declared).name
        if mark and not encoding.startswith(mark):
            raise DeliveryError(
                f"{name} is {mark.upper()}, but its source declares {declared}. If the "
                f'publisher writes {mark.upper()} now, declare encoding="{mark}".'
            )
        encoding = mark or encoding  # by a name that takes the mark off
        return Text(encoding, "declaration", mark is not None, _pass(path, name, encoding))
    try:
        line_ending = _pass(path, name, mark or "utf-8")
    except DeliveryError:
        if declared != GUESS or mark:
            raise
        guessed = _guess(path, name)
        return Text(guessed, "guess", bom=False, line_ending=_pass(path, name, guessed))
    return Text(mark or "utf-8", "mark" if mark else "content", mark is not None, line_ending)


def _pass(path: Path, name: str, encoding: str) -> LineEnding:
    """Decode everything, and tell its line endings."""
    decoder = codecs.getincrementaldecoder(encoding)()
    found: set[LineEnding] = set()
    size, waiting = 0, False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            piece = chunk
            # In UTF-8, ASCII is what it is and need not be decoded, unless a character was begun.
            if encoding != "utf-8" or not chunk.isascii() or decoder.getstate()[0]:
                text = _decoded(decoder, chunk, size, name, encoding)
                if encoding != "utf-8":
                    piece = text.encode("utf-8", "surrogatepass")
            waiting = _note_endings(piece, found, waiting)
            size += len(chunk)
    _decoded(decoder, b"", size, name, encoding)
    if waiting or "CR" in found:
        return "CR"
    return "LF and CRLF" if len(found) > 1 else next(iter(found), "none")


def _note_endings(piece: bytes, found: set[LineEnding], waiting: bool) -> bool:
    """Note the line endings of a piece of text.

    Args:
        piece: the text, in an encoding that ASCII is part of.
        found: where to note them.
        waiting: whether the piece before ended with a carriage return.

    Returns:
        Whether this one does.
    """
    if not piece:
        return waiting
    completed = waiting and piece.startswith(b"\n")
    if waiting:
        found.add("CRLF" if completed else "CR")
    if b"\r" not in piece:
        if "LF" not in found and piece.find(b"\n", completed) >= 0:
            found.add("LF")
        return False
    text = np.frombuffer(piece, np.uint8)
    returns, feeds = (text == ord("\r"))[:-1], (text == ord("\n"))[1:]
    if (returns & ~feeds).any():
        found.add("CR")
    if (returns & feeds).any():
        found.add("CRLF")
    if (feeds & ~returns).any() or (piece.startswith(b"\n") and not completed):
        found.add("LF")
    return piece.endswith(b"\r")


def _decoded(
    decoder: codecs.IncrementalDecoder, chunk: bytes, offset: int, name: str, encoding: str
) -> str:
    try:
        return decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError as error:
        # The decoder may hold a few bytes of the chunk before: the offset is near, not exact.
        byte = error.object[error.start]
        raise DeliveryError(
            f"{name} is not {encoding}: byte 0x{byte:02X} near offset {offset + error.start} "
            f"({error.reason}). If the publisher writes another encoding, declare it in the "
            f'source, for instance encoding="cp1252"; encoding="{GUESS}" takes the likeliest.'
        ) from error
    except UnicodeError as error:
        raise DeliveryError(
            f"{name} is not {encoding} ({error}). If the publisher writes no mark of the byte "
            f'order, declare it: encoding="{encoding}-le".'
        ) from error


def _guess(path: Path, name: str) -> str:
    from charset_normalizer import from_bytes

    sample = bytearray()
    with path.open("rb") as file:
        # Only what is not ASCII tells encodings apart, and it may come late.
        while len(sample) < _SAMPLE and (line := file.readline(_SAMPLE)):
            if not line.isascii():
                sample += line
    likely = from_bytes(bytes(sample))
    best = likely.best()
    if best is None:
        raise DeliveryError(f"{name} is text in no encoding that is known. Is it text at all?")
    for match in likely:
        as_likely = (match.chaos, match.coherence) == (best.chaos, best.coherence)
        if as_likely and "cp1252" in match.could_be_from_charset:
            return "cp1252"  # by far the most used of those that are as likely
    return codecs.lookup(best.encoding).name


def _refuse_other_formats(head: bytes, name: str, what: str) -> None:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for signature, found in _SIGNATURES:
        if start.startswith(signature):
            raise DeliveryError(f"{name} is not {what}: it looks like {found}.")
    for signature, found in _MARKUP:
        if start.lower().startswith(signature):
            raise DeliveryError(f"{name} is not {what}: it looks like {found}.")
