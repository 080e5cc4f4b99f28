"""A file or bytes -> a `Document`: the text that is stored, its title and its headings.

What is stored, and what offsets therefore count:

* Plain text: every code point as decoded, line ends included. A leading byte order mark
  is an encoding mark and not text. Control characters, bidi overrides and zero-width
  characters stay; whoever displays a text guards against them. U+0000 marks a binary
  file and lone surrogates cannot be encoded, so both are refused.
* Markdown: the rendered text, without markup, front matter and HTML tags.
* HTML: the article alone, without menus, footers and all else that surrounds it.
* PDF: its text layer in reading order, without what runs along the edge of every page, and
  with U+FFFD in the place of U+0000.
* DOCX and EPUB: the body, without headers, footers and contents.

In all but plain text, blocks stand apart by a blank line, list items, table rows and hard
breaks by a line end. Nothing is fetched, and nothing but SourceError is raised.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import SourceError
from index.sources import epub, feed, markdown, pdf, webpage, word
from index.sources.blocks import Rendered, Span
from index.sources.byline import byline, is_byline
from index.sources.decoding import (
    SUPPORTED,
    decode,
    looks_like,
    refuse_binary,
    refuse_unusable,
    show,
)
from index.sources.webpage import TooMuch
from index.types import Document

TEXT, MARKDOWN, HTML = "text/plain", "text/markdown", "text/html"
PDF, EPUB, FEED = "application/pdf", "application/epub+zip", "application/rss+xml"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_TYPES = {
    TEXT: TEXT,
    MARKDOWN: MARKDOWN,
    "text/x-markdown": MARKDOWN,
    HTML: HTML,
    "application/xhtml+xml": HTML,
    PDF: PDF,
    "application/x-pdf": PDF,
    DOCX: DOCX,
    EPUB: EPUB,
    FEED: FEED,
    "application/atom+xml": FEED,
    "application/xml": FEED,
    "text/xml": FEED,
}
_SUFFIXES = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".txt": TEXT,
    ".text": TEXT,
    ".pdf": PDF,
    ".docx": DOCX,
    ".epub": EPUB,
}
READABLE_SUFFIXES = frozenset(_SUFFIXES)

_BY_CONTENT = {"a PDF file": PDF, "a Word document (.docx)": DOCX, "an EPUB book": EPUB}
"""What the first bytes tell for certain, whatever a name or a server says."""
_BINARY = frozenset({PDF, DOCX, EPUB, FEED})
"""Formats whose parsers read bytes."""
LONGEST_TEXT = 5_000_000
"""Characters: some two thousand pages. A small file can unpack to any length."""
_TITLE_CHARS = 120
_LONGEST_TITLE = 200


def read(
    source: str | Path | bytes,
    *,
    media_type: str | None = None,
    title: str | None = None,
    max_bytes: int,
) -> Document:
    """Read one article: ``load`` it, and ``parse`` what was loaded."""
    return parse(load(source, title=title, max_bytes=max_bytes), media_type, title)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The bytes of a source, and what is known of it without looking into them.

    ``name`` is how messages call it, ``source`` what it is stored under, ``stem`` the
    title of last resort.
    """

    name: str
    data: bytes
    source: str
    suffix: str = ""
    stem: str = ""


def parse(loaded: Loaded, media_type: str | None = None, title: str | None = None) -> Document:
    """Make a document of bytes.

    ``media_type``, with its charset, overrules what suffix and content suggest. Raises
    SourceError alone; its message names the fault, the value and the remedy.
    """
    name, data = loaded.name, loaded.data
    kind, charset = _media_type(media_type, loaded.suffix, data, name)
    if kind in _BINARY:
        rendered = _render(data, kind, name)
    else:
        refuse_binary(data, name)
        raw = decode(data, charset, name, is_html=kind == HTML)
        refuse_unusable(raw, name)
        rendered = _render(raw, kind, name)
    # A PDF may call a glyph so that it has no letter for.
    text = rendered.text.replace("\0", "\ufffd")
    if len(text) > LONGEST_TEXT:
        raise SourceError(
            f"{name} holds {len(text):,} characters, and at most {LONGEST_TEXT:,} are read as one"
            " article. Split it."
        )
    if not any(char.isalnum() for char in text):
        remedy = _NO_WORDS.get(kind, _NO_WORDS[HTML])
        raise SourceError(f"{name} has no words to quote once it is read as {kind}. {remedy}")
    named = _clean_title(title) or _clean_title(rendered.title) or _clean_title(loaded.stem)
    author, published = byline(text) if kind != HTML else ("", "")
    return Document(
        title=named or "Untitled",
        text=text,
        source=loaded.source,
        media_type=kind,
        headings=rendered.headings,
        author=_clean_title(rendered.author or author),
        published=_clean_title(rendered.published or published),
        pages=rendered.pages,
        canonical=rendered.canonical,
    )


def _render(raw: str | bytes, kind: str, name: str) -> Rendered:
    """Title, text and headings; whatever a parser raises on odd input becomes SourceError."""
    try:
        return _RENDERERS[kind](raw)
    except SourceError as error:
        raise SourceError(f"{name} {error}") from error
    except (RecursionError, TooMuch, MemoryError) as error:
        raise SourceError(
            f"{name} is nested too deeply, or has too much in one piece, to be read as {kind}."
            " Save it as plain text and add that."
        ) from error
    except ImportError:  # a broken installation is not the article's fault
        raise
    except Exception as error:
        raise SourceError(
            f"{name} cannot be read as {kind} ({type(error).__name__}: {error})."
            " Save it as plain text and add that."
        ) from error


# --- Where the bytes come from.


def load(
    source: str | Path | bytes,
    *,
    title: str | None = None,
    filename: str | None = None,
    max_bytes: int,
) -> Loaded:
    """The bytes of a file or an upload.

    A str or Path is a path, and ``Loaded.source`` the absolute one. Bytes have none: theirs
    is ``upload:`` with the title or the ``filename``, or a fingerprint without either, so
    that the same upload is the same source and different ones are not. Raises SourceError.
    """
    if isinstance(source, bytes):
        called = _clean_title(title) or _clean_title(filename)
        name = f"The upload {show(called)}" if called else "The upload"
        _refuse_size(len(source), max_bytes, name)
        path = Path(_clean_title(filename))
        # Never a bare name: it could be taken for a path, and read at the next re-index.
        upload = f"upload:{called or hashlib.sha256(source).hexdigest()[:16]}"
        return Loaded(name, source, upload, path.suffix.lower(), path.stem)
    name = show(source)
    if not str(source).strip():
        raise SourceError("The path of the article is empty. Give the path of a file.")
    try:
        # Not resolved: a link may be meant to point to a newer file one day.
        path = Path(os.path.abspath(source))  # noqa: PTH100 - Path.absolute keeps ".."
        str(path).encode()
        data = _read_file(path, max_bytes, name)
        return Loaded(name, data, str(path), path.suffix.lower(), path.stem)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError(f"There is no file {name}. Check the path and its spelling.") from error
    except PermissionError as error:
        raise SourceError(
            f"{name} may not be read by this program. Change the permissions of the file"
            " or of its folder."
        ) from error
    except UnicodeEncodeError as error:
        raise SourceError(f"The file name {name} is not valid Unicode. Rename the file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{name} cannot be read as a file ({reason}). Check the path.") from error


def _read_file(path: Path, max_bytes: int, name: str) -> bytes:
    """The bytes of a regular file; opened only once it is known not to block or be endless."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{name} is a folder. Give the path of one file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{name} is a device or a pipe and not a file. Save its text as a file.")
    _refuse_size(status.st_size, max_bytes, name)
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)  # it may have grown, or be one whose size reads as 0
    _refuse_size(len(data), max_bytes, name)
    return data


def _refuse_size(size: int, max_bytes: int, name: str) -> None:
    if size > max_bytes:
        raise SourceError(
            f"{name} is too large: {_size(size)}, and at most {_size(max_bytes)} are read."
            " Split it, or let the operator raise MAX_ARTICLE_MB."
        )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count:,} bytes"


# --- The media type, and titles.


def kind_of(loaded: Loaded, media_type: str | None = None) -> str:
    """What a source would be parsed as; SourceError when it cannot be."""
    return _media_type(media_type, loaded.suffix, loaded.data, loaded.name)[0]


def can_read(media_type: str) -> bool:
    """Whether a media type, as a server gives it, is worth looking into."""
    essence = media_type.partition(";")[0].strip().lower()
    return essence in {*_TYPES, "", "application/octet-stream"} or essence.startswith("text/")


def _media_type(given: str | None, suffix: str, data: bytes, name: str) -> tuple[str, str | None]:
    """The media type to read as, and the charset that came with it."""
    looks = looks_like(data)
    if looks in _BY_CONTENT:
        return _BY_CONTENT[looks], None
    if feed.is_feed(data):
        return FEED, None
    essence, _, parameters = (given or "").partition(";")
    essence = essence.strip().lower()
    declared = re.search(r"charset\s*=\s*[\"']?([^\s;\"']+)", parameters, re.IGNORECASE)
    charset = declared[1] if declared else None
    if not can_read(essence):
        raise SourceError(
            f"{name} is of type {show(essence)}{f', {looks}' if looks else ''},"
            f" which cannot be read. {SUPPORTED}"
        )
    kind = _TYPES.get(essence)
    if kind is None:  # of text there are many: CSV, reStructuredText, source code
        kind = TEXT if essence.startswith("text/") else _SUFFIXES.get(suffix)
    if kind in _BINARY:
        raise SourceError(f"{name} is called a {_EXTENSION[kind]} file and is none. {SUPPORTED}")
    starts_as_html = re.match(
        rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)\b", data[:512], re.IGNORECASE
    )
    return kind or (HTML if starts_as_html else TEXT), charset


def _clean_title(title: str | None) -> str:
    """A title on one line, without characters that cannot be seen or stored; "" if none."""
    seen = "".join(
        " " if char.isspace() else char
        for char in title or ""
        if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    )
    line = " ".join(seen.split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 1].rstrip()}…"


def _plain(text: str) -> Rendered:
    """Plain text as it is; its first line is the title, and a heading, if it looks like one.

    A byline right below belongs to the heading: it is no sentence either.
    """
    span = _title_line(text)
    if span is None:
        return Rendered("", text, ())
    return Rendered(text[span[0] : span[1]], text, ((span[0], _byline_end(text, span[1])),))


def _byline_end(text: str, end: int) -> int:
    line = re.compile(r"(?:\r\n|[\r\n])([^\r\n]+)").match(text, end)
    return line.end() if line and is_byline(line[1]) else end


def _title_line(text: str) -> Span | None:
    """The first non-empty line if it reads like a title and text follows it.

    With no blank line below, it must also be clearly shorter than the line that follows:
    the first line of a hard-wrapped paragraph is no title, and its sentence must stay
    quotable.
    """
    lines = [m.span() for m in re.finditer(r"[^\r\n]+", text[:10_000]) if m[0].strip()]
    if len(lines) < 2:
        return None
    first, second = (text[start:end].strip() for start, end in lines[:2])
    if len(first) > _TITLE_CHARS or not any(char.isalnum() for char in first):
        return None
    if re.search(r"[.!?…:;,。][\"'\u201d\u2019)\]]*$", first) or re.match(
        r"(?:[•*+\u2013\u2014-]|\d+[.)])\s", first
    ):
        return None
    gap = text[lines[0][1] : lines[1][0]]
    is_apart = len(re.findall(r"\r\n|\r|\n", gap)) > 1
    if not is_apart and is_byline(second):
        is_apart = True
    if not is_apart and (second[0].islower() or 4 * len(first) > 3 * len(second)):
        return None
    start = text.index(first)
    return start, start + len(first)


_RENDERERS: dict[str, Callable[[Any], Rendered]] = {
    TEXT: _plain,
    MARKDOWN: markdown.render,
    HTML: webpage.render,
    PDF: pdf.render,
    DOCX: word.render,
    EPUB: epub.render,
    FEED: feed.render,
}
_EXTENSION = {PDF: "PDF", DOCX: "Word (.docx)", EPUB: "EPUB", FEED: "feed"}
_NO_WORDS = {
    HTML: "If it is a page that a browser builds by script, copy its text into a .txt file and"
    " add that.",
    PDF: "If its pages are pictures of text, have them recognised (OCR) first.",
}
