"""Bytes -> text: what the bytes seem to be, in which encoding, and what is refused.

Every message names the source as the caller calls it.
"""

from __future__ import annotations

import codecs
import re

from index.errors import SourceError

SUPPORTED = "Plain text, Markdown, HTML, PDF, Word (.docx) and EPUB are supported."

_LONGEST_VALUE = 200

_MAGIC = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office file"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"OggS", "an Ogg sound or video file"),
    (b"ID3", "an MP3 sound file"),
)
_IN_ZIP = (
    (b"word/", "a Word document (.docx)"),
    (b"xl/", "an Excel workbook (.xlsx)"),
    (b"ppt/", "a PowerPoint presentation (.pptx)"),
    (b"opendocument", "an OpenDocument file"),
    (b"epub", "an EPUB book"),
)
# Bytes that begin as text might are binary only if there are NUL bytes as well.
_ALSO_TEXT = frozenset((b"BZh", b"OggS", b"ID3"))
_BOMS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def looks_like(data: bytes) -> str | None:
    """What a binary file seems to be by its first bytes, or None."""
    for magic, what in _MAGIC:
        if data.startswith(magic) and (magic not in _ALSO_TEXT or b"\0" in data):
            if magic.startswith(b"PK"):
                return next((inner for mark, inner in _IN_ZIP if mark in data[:8192]), what)
            return what
    if data[:4] == b"RIFF" and data[8:12] in {b"WEBP", b"WAVE", b"AVI "}:
        return "a WebP image, or a sound or video file"
    return "a video file" if data[4:8] == b"ftyp" else None


def refuse_binary(data: bytes, name: str) -> None:
    if not data:
        raise SourceError(f"{name} is empty. Add a file that holds the article's text.")
    if looks := looks_like(data):
        raise SourceError(
            f"{name} seems to be {looks}, which cannot be read. {SUPPORTED}"
            " Save its text in one of these and add that."
        )


def decode(data: bytes, charset: str | None, name: str, *, is_html: bool) -> str:
    """BOM, then the charset it was sent with, strict UTF-8, the one it declares, a guess."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decode_as(
                data[len(bom) :], encoding, f"begins with the mark of {encoding}", name
            )
    if charset:
        return _decode_as(data, charset, f"was sent as {show(charset)}", name)
    if b"\0" in data:
        raise SourceError(
            f"{name} holds NUL bytes and so seems to be binary, or UTF-16 without a byte order"
            f" mark. {SUPPORTED} If it is text, save it as UTF-8."
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        declared = _declared_in(data) if is_html else None
    if declared:
        return _decode_as(data, declared, f"declares {show(declared)}", name)
    return _guess(data, name)


def _declared_in(page: bytes) -> str | None:
    """The charset that an HTML page says it is written in."""
    found = re.search(
        rb"<(?:meta\b[^>]*?charset|\?xml\b[^>]*?encoding)\s*=\s*[\"']?\s*([\w.:-]+)",
        page[:4096],
        re.IGNORECASE,
    )
    return found[1].decode("ascii", "replace") if found else None


# Programs that say Latin-1 or ASCII write Windows-1252, as browsers know.
_MEANT = {"iso8859-1": "cp1252", "ascii": "cp1252"}
# Python knows these as encodings; no document is written in them.
_NO_CHARSET = frozenset(("unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined"))


def _decode_as(data: bytes, charset: str, why: str, name: str) -> str:
    try:
        encoding = codecs.lookup(charset).name.replace("unicode-escape", "unicode_escape")
        if encoding.replace("-", "_") in _NO_CHARSET:
            raise LookupError(charset)
        return data.decode(_MEANT.get(encoding, encoding))
    except UnicodeError as error:
        where = f" (at byte {error.start:,})" if hasattr(error, "start") else ""
        raise SourceError(
            f"{name} {why}, but cannot be decoded as such{where}. Save it as UTF-8."
        ) from error
    except (LookupError, ValueError) as error:
        raise SourceError(f"{name} {why}, which is no known encoding. Save it as UTF-8.") from error


def _guess(data: bytes, name: str) -> str:
    """Windows-1252 if that makes plain Western text, else charset-normalizer's best."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    if text and _is_western(text):
        return text
    from charset_normalizer import from_bytes  # noqa: PLC0415 - rarely needed

    # UTF-7 and -16 are declared or marked where they are meant; EBCDIC is no article's.
    wide = ["utf_7", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"]
    ebcdic = ["cp037", "cp1026", "cp1140", "cp273", "cp424", "cp500", "cp875"]
    best = from_bytes(data, cp_exclusion=wide + ebcdic).best()
    if best is None:
        raise SourceError(
            f"{name} is in no encoding that can be recognised, or is binary. {SUPPORTED}"
            " If it is text, save it as UTF-8."
        )
    return _decode_as(data, best.encoding, f"seems to be in {best.encoding}", name)


def _is_western(text: str) -> bool:
    """Whether Windows-1252 fits: mostly ASCII letters, and no symbol or capital inside a word.

    "Să" for "Sã" is what a detector makes of a short English text with a foreign name.
    """
    letters = len(re.findall(r"[^\W\d_]", text))
    if len(re.findall(r"[A-Za-z]", text)) < 0.7 * letters:
        return False
    symbol_inside = r"[^\W\d_][\u00a1-\u00ac\u00ae-\u00bf\u2020-\u2030\u02c6\u02dc][^\W\d_]"
    capital_inside = r"[a-zß-ÿ][À-ÖØ-Þ][a-z]"
    return not re.search(f"{symbol_inside}|{capital_inside}", text)


def refuse_unusable(text: str, name: str) -> None:
    """Refuse what decoded, but is no text that can be stored."""
    if not text.strip():
        raise SourceError(f"{name} holds nothing but white space. Add the article's text to it.")
    controls = len(re.findall(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]", text))
    if "\0" in text or 10 * controls > len(text):
        raise SourceError(
            f"{name} seems to be binary: {controls:,} of its {len(text):,} characters are control"
            f" characters. {SUPPORTED}"
        )
    if re.search(r"[\ud800-\udfff]", text):
        raise SourceError(f"{name} holds halves of characters (surrogates). Save it as UTF-8.")


def show(value: object) -> str:
    """A value as it may stand in a message: quoted, nothing invisible in it, not too long."""
    text = str(value)
    return repr(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…")
