"""A file or bytes -> a `Document`: the text that is stored, its title and its headings.

What is stored, and what offsets therefore count:

* Plain text: every code point as decoded, line ends included. A leading byte order mark
  is an encoding mark and not text. Control characters, bidi overrides and zero-width
  characters stay; whoever displays a text guards against them. U+0000 marks a binary
  file and lone surrogates cannot be encoded, so both are refused.
* Markdown: the rendered text, without markup, front matter and HTML tags.
* HTML: the article as trafilatura extracts it, without menus and footers.

In the latter two, blocks stand apart by a blank line, list items, table rows and hard
breaks by a line end. Nothing is fetched, and nothing but SourceError is raised.
"""

from __future__ import annotations

import codecs
import hashlib
import logging
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import SourceError
from index.types import Document

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

TEXT, MARKDOWN, HTML = "text/plain", "text/markdown", "text/html"

_SUPPORTED = "Plain text, Markdown and HTML are supported."
_TYPES = {
    TEXT: TEXT,
    MARKDOWN: MARKDOWN,
    "text/x-markdown": MARKDOWN,
    HTML: HTML,
    "application/xhtml+xml": HTML,
}
_SUFFIXES = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".txt": TEXT,
    ".text": TEXT,
}
_TITLE_CHARS = 120
_LONGEST_TITLE = 200

Span = tuple[int, int]


def read(
    source: str | Path | bytes,
    *,
    media_type: str | None = None,
    title: str | None = None,
    max_bytes: int,
) -> Document:
    """Read one article.

    A str or Path is a path; ``media_type``, with its charset, overrules what suffix and
    content suggest. ``Document.source`` is the absolute path. Bytes have none: theirs is
    ``upload:TITLE``, or a fingerprint without a title, so that the same upload is the
    same source and different ones are not. Raises SourceError alone; its message names
    the fault, the value and the remedy.
    """
    name, path, data = _load(source, title, max_bytes)
    kind, charset = _media_type(media_type, path, data, name)
    _refuse_binary(data, name)
    raw = _decode(data, charset, name, is_html=kind == HTML)
    _refuse_unusable(raw, name)
    found, text, headings = _render(raw, kind, name)
    if not any(char.isalnum() for char in text):
        raise SourceError(
            f"{name} has no words to quote once it is read as {kind}. If it is a page that a"
            " browser builds by script, copy its text into a .txt file and add that."
        )
    named = _clean_title(title) or _clean_title(found) or (path and _clean_title(path.stem))
    return Document(
        title=named or "Untitled",
        text=text,
        source=str(path) if path else _upload_name(data, title),
        media_type=kind,
        headings=headings,
    )


def _render(raw: str, kind: str, name: str) -> tuple[str, str, tuple[Span, ...]]:
    """Title, text and headings; whatever a parser raises on odd input becomes SourceError."""
    try:
        return _RENDERERS[kind](raw)
    except (RecursionError, _TooMuch) as error:
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


def _load(
    source: str | Path | bytes, title: str | None, max_bytes: int
) -> tuple[str, Path | None, bytes]:
    """What to call the source in messages, its absolute path if it has one, and its bytes."""
    if isinstance(source, bytes):
        name = f"The upload {_show(title)}" if _clean_title(title) else "The upload"
        _refuse_size(len(source), max_bytes, name)
        return name, None, source
    name = _show(source)
    if re.match(r"[a-z][a-z0-9+.-]+://|https?:/", str(source), re.IGNORECASE):
        raise SourceError(
            f"{name} is a web address, and fetching pages is not available yet. Save the page"
            " as a file (in a browser: Save as, HTML) and add the file."
        )
    if not str(source).strip():
        raise SourceError("The path of the article is empty. Give the path of a file.")
    try:
        # Not resolved: a link may be meant to point to a newer file one day.
        path = Path(os.path.abspath(source))  # noqa: PTH100 - Path.absolute keeps ".."
        str(path).encode()
        return name, path, _read_file(path, max_bytes, name)
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


def _show(value: object) -> str:
    """A value as it may stand in a message: quoted, nothing invisible in it, not too long."""
    text = str(value)
    return repr(text if len(text) <= _LONGEST_TITLE else f"{text[:_LONGEST_TITLE]}…")


def _upload_name(data: bytes, title: str | None) -> str:
    # Never a bare name: it could be taken for a path, and read at the next re-index.
    return f"upload:{_clean_title(title) or hashlib.sha256(data).hexdigest()[:16]}"


# --- What the bytes are.

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


def _media_type(
    given: str | None, path: Path | None, data: bytes, name: str
) -> tuple[str, str | None]:
    """The media type to read as, and the charset that came with it."""
    essence, _, parameters = (given or "").partition(";")
    essence = essence.strip().lower()
    declared = re.search(r"charset\s*=\s*[\"']?([^\s;\"']+)", parameters, re.IGNORECASE)
    charset = declared[1] if declared else None
    if essence and essence != "application/octet-stream":
        if essence in _TYPES:
            return _TYPES[essence], charset
        if essence.startswith("text/"):  # CSV, reStructuredText, source code
            return TEXT, charset
        looks = _looks_like(data)
        raise SourceError(
            f"{name} is of type {_show(essence)}{f', {looks}' if looks else ''},"
            f" which cannot be read. {_SUPPORTED}"
        )
    suffix = path.suffix.lower() if path else ""
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix], charset
    starts_as_html = re.match(
        rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)\b", data[:512], re.IGNORECASE
    )
    return (HTML if starts_as_html else TEXT), charset


def _looks_like(data: bytes) -> str | None:
    """What a binary file seems to be by its first bytes, or None."""
    for magic, what in _MAGIC:
        if data.startswith(magic) and (magic not in _ALSO_TEXT or b"\0" in data):
            if magic.startswith(b"PK"):
                return next((inner for mark, inner in _IN_ZIP if mark in data[:8192]), what)
            return what
    if data[:4] == b"RIFF" and data[8:12] in {b"WEBP", b"WAVE", b"AVI "}:
        return "a WebP image, or a sound or video file"
    return "a video file" if data[4:8] == b"ftyp" else None


def _refuse_binary(data: bytes, name: str) -> None:
    if not data:
        raise SourceError(f"{name} is empty. Add a file that holds the article's text.")
    if looks := _looks_like(data):
        raise SourceError(
            f"{name} seems to be {looks}, which cannot be read. {_SUPPORTED}"
            " Save its text in one of these and add that."
        )


def _decode(data: bytes, charset: str | None, name: str, *, is_html: bool) -> str:
    """BOM, then the charset it was sent with, strict UTF-8, the one it declares, a guess."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decode_as(
                data[len(bom) :], encoding, f"begins with the mark of {encoding}", name
            )
    if charset:
        return _decode_as(data, charset, f"was sent as {_show(charset)}", name)
    if b"\0" in data:
        raise SourceError(
            f"{name} holds NUL bytes and so seems to be binary, or UTF-16 without a byte order"
            f" mark. {_SUPPORTED} If it is text, save it as UTF-8."
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        declared = _declared_in(data) if is_html else None
    if declared:
        return _decode_as(data, declared, f"declares {_show(declared)}", name)
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
            f"{name} is in no encoding that can be recognised, or is binary. {_SUPPORTED}"
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


def _refuse_unusable(text: str, name: str) -> None:
    """Refuse what decoded, but is no text that can be stored."""
    if not text.strip():
        raise SourceError(f"{name} holds nothing but white space. Add the article's text to it.")
    controls = len(re.findall(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]", text))
    if "\0" in text or 10 * controls > len(text):
        raise SourceError(
            f"{name} seems to be binary: {controls:,} of its {len(text):,} characters are control"
            f" characters. {_SUPPORTED}"
        )
    if re.search(r"[\ud800-\udfff]", text):
        raise SourceError(f"{name} holds halves of characters (surrogates). Save it as UTF-8.")


# --- Titles.


def _clean_title(title: str | None) -> str:
    """A title on one line, without characters that cannot be seen or stored; "" if none."""
    seen = "".join(
        " " if char.isspace() else char
        for char in title or ""
        if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    )
    line = " ".join(seen.split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 1].rstrip()}…"


def _plain(text: str) -> tuple[str, str, tuple[Span, ...]]:
    """Plain text as it is; its first line is the title, and a heading, if it looks like one."""
    span = _title_line(text)
    return (text[span[0] : span[1]], text, (span,)) if span else ("", text, ())


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
    if not is_apart and (second[0].islower() or 4 * len(first) > 3 * len(second)):
        return None
    start = text.index(first)
    return start, start + len(first)


# --- Rendered text: blocks, and which of them are headings.


class _TooMuch(Exception):
    """A page is beyond the parser's limits, so that part of it would be lost."""


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    is_heading: bool
    is_next_line: bool  # of the same list or table as the block before it


class _Writer:
    """Collects words into blocks, and knows about lists and tables. One for each document."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._words: list[str] = []
        self._lists: list[int | None] = []  # the next number, or None for bullets
        self._bullet = ""
        self._cells: list[str] = []
        self._rows_open = 0  # a table may stand in a cell of another
        self._is_first_line = True
        self._is_first_row = True

    def say(self, words: str) -> None:
        self._words.append(words)

    def end(self, *, is_heading: bool = False, is_code: bool = False) -> None:
        """What was said since the last end is a block, or part of the table cell it is in."""
        if self._rows_open:
            self._words.append(" ")
            return
        said = "".join(self._words)
        self._words.clear()
        lines = said.strip("\n").rstrip() if is_code else _trimmed(said)
        if not lines.strip():
            return
        together = bool(self._lists) and not self._is_first_line
        self._blocks.append(_Block(self._indent() + lines, is_heading, together))
        self._bullet, self._is_first_line = "", not self._lists

    def _indent(self) -> str:
        return "  " * (len(self._lists) - 1) + (self._bullet or "  " * bool(self._lists))

    def open_list(self, first: int | None) -> None:
        self.end()
        self._lists.append(first)

    def item(self) -> None:
        self.end()
        number = self._lists[-1] if self._lists else None
        self._bullet = "• " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1

    def close_list(self) -> None:
        self.end()
        if self._lists:
            self._lists.pop()
        self._bullet, self._is_first_line = "", not self._lists

    def open_table(self) -> None:
        self.end()
        self._is_first_row = True

    def open_row(self) -> None:
        self.end()
        self._rows_open += 1

    def end_cell(self) -> None:
        self.end()
        if self._rows_open == 1:
            self._cells.append(" ".join("".join(self._words).split()))
            self._words.clear()

    def close_row(self) -> None:
        if self._rows_open == 1:
            row = " | ".join(self._cells).rstrip(" |")
            if any(char.isalnum() for char in row):
                together = not self._is_first_row
                self._blocks.append(_Block(row, is_heading=False, is_next_line=together))
                self._is_first_row = False
            self._cells.clear()
        self._rows_open -= 1

    def finish(self) -> tuple[str, tuple[Span, ...]]:
        """The text, and the spans of its headings."""
        self.end()
        parts: list[str] = []
        headings: list[Span] = []
        at = 0
        for block in self._blocks:
            gap = "" if not parts else "\n" if block.is_next_line else "\n\n"
            parts += [gap, block.text]
            at += len(gap) + len(block.text)
            if block.is_heading:
                headings.append((at - len(block.text), at))
        return "".join(parts), tuple(headings)


def _trimmed(text: str) -> str:
    """Without white space around its lines, nor empty lines."""
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


# --- Markdown.

# Between two lines of dashes, nothing but fields: prose between two rules is no front matter.
_FRONT_MATTER = re.compile(
    r"---[ \t]*\n"
    r"(?P<fields>[A-Za-z_][\w-]*:.*\n(?:(?:[A-Za-z_][\w-]*:|[ \t]|-[ \t]|#).*\n|\n)*)"
    r"(?:---|\.\.\.)[ \t]*(?:\n|$)"
)


def _markdown(raw: str) -> tuple[str, str, tuple[Span, ...]]:
    """Title, text and headings of Markdown. Tags are stripped if HTML knows them."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - only Markdown needs it

    raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    front = _FRONT_MATTER.match(raw)
    title = re.search(r"^title:[ \t]*(.+)$", front["fields"], re.MULTILINE) if front else None
    body = raw[front.end() :] if front else raw
    # Beyond its own limit the parser drops text without a word; Python's raises an error.
    parser = MarkdownIt("commonmark", {"maxNesting": 1_000_000}).enable(["table", "strikethrough"])
    writer = _Writer()
    for token in parser.parse(body):
        _write_markdown(writer, token)
    text, headings = writer.finish()
    named = title[1].strip().strip("\"'") if title else _first(text, headings)
    return named, text, headings


def _first(text: str, headings: tuple[Span, ...]) -> str:
    return text[slice(*headings[0])] if headings else ""


def _write_markdown(writer: _Writer, token: Any) -> None:
    opening: dict[str, Callable[[], None]] = {
        "bullet_list_open": lambda: writer.open_list(None),
        "ordered_list_open": lambda: writer.open_list(int(token.attrGet("start") or 1)),
        "list_item_open": writer.item,
        "bullet_list_close": writer.close_list,
        "ordered_list_close": writer.close_list,
        "paragraph_close": writer.end,
        "heading_close": lambda: writer.end(is_heading=True),
        "table_open": writer.open_table,
        "tr_open": writer.open_row,
        "th_close": writer.end_cell,
        "td_close": writer.end_cell,
        "tr_close": writer.close_row,
    }
    if token.type in opening:
        opening[token.type]()
    elif token.type == "inline":
        writer.say("".join(_inline(child) for child in token.children))
    elif token.type in {"fence", "code_block"}:
        writer.say(token.content)
        writer.end(is_code=True)
    elif token.type == "html_block":
        writer.say(_tagless(token.content))
        writer.end()


def _inline(token: Any) -> str:
    if token.type == "softbreak":
        return " "
    if token.type == "hardbreak":
        return "\n"
    if token.type == "html_inline":
        return _without_tag(token.content)
    return str(token.content)  # text, code, the description of an image; "" for other marks


def _without_tag(tag: str) -> str:
    """Nothing for a tag of HTML or a comment, but ``vector<int>`` keeps its ``<int>``."""
    # Only Markdown with HTML in it needs lxml.
    from lxml.html.defs import tags  # type: ignore[import-untyped]  # noqa: PLC0415

    name = re.match(r"</?([A-Za-z][\w-]*)", tag)
    if not name:
        return ""
    if name[1].lower() == "br":
        return "\n"
    return "" if name[1].lower() in tags else tag


def _tagless(fragment: str) -> str:
    """The words of a block of HTML within Markdown, a line for each block in it."""
    from lxml import etree  # type: ignore[import-untyped]  # noqa: PLC0415
    from lxml.html.defs import block_tags  # noqa: PLC0415

    pieces: list[str] = []
    walk = etree.iterwalk(_parse_html(f"<div>{fragment}</div>"), events=("start", "end"))
    for event, element in walk:
        if event == "start" and element.tag in {"script", "style", "template"}:
            walk.skip_subtree()
        elif event == "start":
            pieces += ["\n" if element.tag in block_tags | {"br", "tr", "td", "th"} else ""]
            pieces += [_collapsed(element.text)]
        if event == "end":
            pieces += ["\n" if element.tag in block_tags else ""]
            pieces += [_collapsed(element.tail)]
    return _trimmed("".join(pieces))


# --- HTML.


def _parse_html(page: str) -> HtmlElement:
    """The tree of a page, mended as a browser would, or _TooMuch if a part would be lost."""
    from lxml import etree, html  # noqa: PLC0415 - only HTML needs it

    parser = html.HTMLParser(
        recover=True, no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    try:
        tree = html.document_fromstring(page.encode(), parser=parser)
    except etree.LxmlError:  # a page of comments, say
        tree = html.document_fromstring(b"<html><body></body></html>")
    if any(error.level >= etree.ErrorLevels.FATAL for error in parser.error_log):
        raise _TooMuch
    _drop_controls(tree)
    return tree


def _drop_controls(tree: HtmlElement) -> None:
    """HTML forbids control characters, and trafilatura stumbles over ``&#31;`` and its like."""
    forbidden = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
    for element in tree.iter():
        if element.text and forbidden.search(element.text):
            element.text = forbidden.sub("", element.text)
        if element.tail and forbidden.search(element.tail):
            element.tail = forbidden.sub("", element.tail)


def _html(raw: str) -> tuple[str, str, tuple[Span, ...]]:
    """Title, text and headings of the article on a page."""
    # Imported here, since only HTML needs them and they take a while to load.
    from trafilatura import bare_extraction, baseline  # noqa: PLC0415
    from trafilatura.metadata import extract_title  # noqa: PLC0415

    # It logs what it cannot extract; here that becomes an error with words of ours.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    tree = _parse_html(raw)
    title = str(tree.xpath("string(//meta[@property='og:title']/@content)")) or extract_title(tree)
    found: Any = bare_extraction(tree, include_comments=False, include_tables=True)
    body = found.body if found else baseline(tree)[0]
    text, headings = _write_html(body)
    return title or _first(text, headings), text, headings


def _write_html(body: Any) -> tuple[str, tuple[Span, ...]]:
    """Render trafilatura's tree: head, p, list, item, quote, table, row, cell, code, lb."""
    from lxml import etree  # noqa: PLC0415 - only HTML needs it

    writer = _Writer()
    walk = etree.iterwalk(body, events=("start", "end"))
    for event, element in walk:
        if event == "start":
            _open_html(writer, element)
            if element.tag == "code":
                writer.say("".join(element.itertext()))
                walk.skip_subtree()
            else:
                writer.say(_collapsed(element.text))
        else:
            _close_html(writer, element)
            writer.say(_collapsed(element.tail))
    return writer.finish()


def _open_html(writer: _Writer, element: Any) -> None:
    if element.tag == "list":
        writer.open_list(1 if element.get("rend") == "ol" else None)
    elif element.tag == "item":
        writer.item()
    elif element.tag == "table":
        writer.open_table()
    elif element.tag == "row":
        writer.open_row()
    elif element.tag == "lb":
        writer.say("\n")
    elif element.tag in {"head", "p", "quote", "div"} or _is_code_block(element):
        writer.end()


def _close_html(writer: _Writer, element: Any) -> None:
    if element.tag == "list":
        writer.close_list()
    elif element.tag == "cell":
        writer.end_cell()
    elif element.tag == "row":
        writer.close_row()
    elif element.tag in {"head", "p", "quote", "div", "item"} or _is_code_block(element):
        writer.end(is_heading=element.tag == "head", is_code=element.tag == "code")


def _is_code_block(element: Any) -> bool:
    return element.tag == "code" and "\n" in "".join(element.itertext())


def _collapsed(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")


_RENDERERS: dict[str, Callable[[str], tuple[str, str, tuple[Span, ...]]]] = {
    TEXT: _plain,
    MARKDOWN: _markdown,
    HTML: _html,
}
