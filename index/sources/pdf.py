"""A PDF -> readable text in reading order, by way of pdfminer's lines.

A PDF knows where letters stand and nothing else. Lines are put into bands and columns
by the gaps between them, joined into paragraphs by indents, gaps and type sizes, and
what stands at the edge of page after page is left out.
"""

from __future__ import annotations

import io
import logging
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from index.errors import SourceError
from index.sources.blocks import Rendered, Span

MOST_PAGES = 2_000
_BULLET = re.compile(r"\s*(?:[•◦‣▪●○·\u2013\u2014-]|\(?\d{1,3}[.)])\s+\S")
_ENDS = re.compile(r"[.!?:;][\"'\u201d\u2019)\]]*$")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "\u00ad": "-"})
_JUNK_TITLE = re.compile(
    r"\(?(untitled|anonymous|unspecified)\)?|Microsoft Word|.*\.\w{2,4}$", re.IGNORECASE
)


@dataclass(slots=True)
class _Line:
    """A line of one column, in points from the bottom left of its page."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    size: float
    bold: bool

    @property
    def width(self) -> float:
        return self.x1 - self.x0


@dataclass(slots=True)
class _Block:
    page: int
    text: str
    is_heading: bool = False
    is_row: bool = False
    size: float = 0.0


def render(data: bytes) -> Rendered:
    """Title, text, headings and pages of a PDF with a text layer."""
    info, pages = _lines(data)
    _drop_edges(pages)
    lines = [line for page in pages for line in page.lines]
    if not lines:
        return Rendered("", "", ())
    body = _body_size(lines)
    vocabulary = Counter(word for line in lines for word in re.findall(r"[\w-]+", line.text))
    blocks: list[_Block] = []
    for page in pages:
        for column in _columns(page.lines, body):
            _paragraphs(column, body, vocabulary, blocks)
    text, headings, starts = _written(blocks, len(pages))
    return Rendered(
        _title(info, blocks, body),
        text,
        headings,
        author=_told(info, "Author"),
        published=_date(_told(info, "CreationDate")),
        pages=starts,
    )


@dataclass(slots=True)
class _Page:
    height: float
    lines: list[_Line]


def _lines(data: bytes) -> tuple[dict[str, Any], list[_Page]]:
    from pdfminer.high_level import extract_pages  # noqa: PLC0415 - only PDF needs it
    from pdfminer.layout import LAParams, LTTextBox, LTTextLine  # noqa: PLC0415
    from pdfminer.pdfdocument import PDFDocument, PDFPasswordIncorrect  # noqa: PLC0415
    from pdfminer.pdfparser import PDFParser  # noqa: PLC0415

    logging.getLogger("pdfminer").setLevel(logging.CRITICAL)
    try:
        document = PDFDocument(PDFParser(io.BytesIO(data)))
    except PDFPasswordIncorrect as error:
        raise SourceError("is locked with a password. Save it without one.") from error
    info = document.info[0] if document.info else {}
    pages = []
    layout = LAParams(boxes_flow=None)
    for number, page in enumerate(extract_pages(io.BytesIO(data), laparams=layout)):
        if number == MOST_PAGES:
            raise SourceError(f"has more than {MOST_PAGES:,} pages. Split it.")
        lines = [
            _line(number, line)
            for box in page
            if isinstance(box, LTTextBox)
            for line in box
            if isinstance(line, LTTextLine) and line.get_text().strip()
        ]
        pages.append(_Page(page.height, lines))
    return info, pages


def _line(page: int, line: Any) -> _Line:
    letters = [char for char in line if hasattr(char, "size")]
    size = statistics.median(char.size for char in letters) if letters else line.height
    bold = sum("bold" in char.fontname.lower() for char in letters) > len(letters) / 2
    text = re.sub(r"\s+", " ", line.get_text().translate(_LIGATURES)).strip()
    return _Line(page, line.x0, line.y0, line.x1, line.y1, text, round(size, 1), bold)


def _drop_edges(pages: Sequence[_Page]) -> None:
    """Leave out what stands in the same place at the top or bottom of page after page.

    Numbers count as alike, so that page numbers go too.
    """
    if len(pages) < 3:
        return
    seen: Counter[tuple[str, int]] = Counter()
    for page in pages:
        seen.update({_edge(line) for line in page.lines if _is_outside(line, page)})
    enough = max(3, len(pages) // 4)
    for page in pages:
        page.lines = [
            line
            for line in page.lines
            if not (_is_outside(line, page) and seen[_edge(line)] >= enough)
        ]


def _edge(line: _Line) -> tuple[str, int]:
    return re.sub(r"\d+|\b[ivxlc]+\b", "#", line.text.casefold()), round(line.y0 / 4)


def _is_outside(line: _Line, page: _Page) -> bool:
    return line.y0 > 0.88 * page.height or line.y1 < 0.12 * page.height


def _body_size(lines: Sequence[_Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0]


def _columns(lines: Sequence[_Line], body: float) -> Iterator[list[_Line]]:
    """The lines of a page in reading order, a column at a time, rows of cells joined."""
    if not lines:
        return
    gutter = _gutter(lines, body)
    if gutter is None:
        yield _rows(lines)
        return
    left, right = gutter
    band: list[_Line] = []
    for line in sorted(lines, key=lambda line: -line.y1):
        if line.x0 < left - body and line.x1 > right + body:  # it spans both columns
            yield from _halves(band, (left + right) / 2)
            band = []
            yield [line]
        else:
            band.append(line)
    yield from _halves(band, (left + right) / 2)


def _halves(band: Sequence[_Line], middle: float) -> Iterator[list[_Line]]:
    for side in (
        [line for line in band if (line.x0 + line.x1) / 2 < middle],
        [line for line in band if (line.x0 + line.x1) / 2 >= middle],
    ):
        if side:
            yield _rows(side)


def _gutter(lines: Sequence[_Line], body: float) -> tuple[float, float] | None:
    """The empty strip between two columns of running text; None when there is but one.

    Cells of a table stand in columns too, but do not fill them.
    """
    low, high = min(line.x0 for line in lines), max(line.x1 for line in lines)
    best: tuple[int, float, float] | None = None
    for edge in sorted({round(line.x0, 1) for line in lines}):
        if not low + 0.3 * (high - low) < edge < low + 0.7 * (high - low):
            continue
        rights = [line for line in lines if abs(line.x0 - edge) < body / 2]
        lefts = [line for line in lines if line.x1 < edge]
        crossing = sum(line.x0 < edge - body and line.x1 > edge + 1 for line in lines)
        if len(rights) < 4 or len(lefts) < 4 or crossing > 0.25 * len(lines):
            continue
        ends = max(line.x1 for line in lefts)
        if _is_filled(rights, high - edge) and _is_filled(lefts, ends - low):
            found = (len(rights), ends, edge)
            best = max(best, found) if best else found
    return best[1:] if best else None


def _is_filled(lines: Sequence[_Line], width: float) -> bool:
    return statistics.median(line.width for line in lines) > 0.7 * width


def _rows(lines: Sequence[_Line]) -> list[_Line]:
    """Lines from top to bottom; those that stand side by side become one, with bars."""
    rows: list[list[_Line]] = []
    for line in sorted(lines, key=lambda line: (-line.y1, line.x0)):
        middle = (line.y0 + line.y1) / 2
        if rows and any(cell.y0 < middle < cell.y1 for cell in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_row(cells) for cells in rows]


def _row(cells: list[_Line]) -> _Line:
    cells.sort(key=lambda cell: cell.x0)
    first = cells[0]
    if len(cells) == 1:
        return first
    apart = " " if _BULLET.match(f"{first.text} x") and len(first.text) < 4 else " | "
    text = apart.join(cell.text for cell in cells)
    low, high = min(cell.y0 for cell in cells), max(cell.y1 for cell in cells)
    return _Line(first.page, first.x0, low, cells[-1].x1, high, text, first.size, first.bold)


def _paragraphs(
    lines: Sequence[_Line], body: float, vocabulary: Counter[str], blocks: list[_Block]
) -> None:
    """Join a column's lines into blocks, the first of them to the block before where it goes on."""
    left, right = _margins(lines)
    before: _Line | None = None
    for line in lines:
        if before is None:
            goes_on = bool(blocks) and _goes_on(blocks[-1], line, body)
        else:
            goes_on = _belongs(before, line, left, right, body)
        if goes_on:
            blocks[-1].text = _joined(blocks[-1].text, line.text, vocabulary)
        else:
            is_row = " | " in line.text
            heading = not is_row and _is_heading(line, body)
            blocks.append(_Block(line.page, line.text, heading, is_row, line.size))
        before = line


def _margins(lines: Sequence[_Line]) -> tuple[float, float]:
    starts = Counter(round(line.x0) for line in lines)
    return float(starts.most_common(1)[0][0]), max(line.x1 for line in lines)


def _belongs(before: _Line, line: _Line, left: float, right: float, body: float) -> bool:
    """Whether a line goes on with the paragraph of the line above it."""
    if " | " in before.text or " | " in line.text or _BULLET.match(line.text):
        return False
    if abs(before.size - line.size) > 0.6 or before.bold != line.bold:
        return False
    if before.y0 - line.y1 > 0.6 * line.size:
        return False
    if _is_heading(line, body):
        return True
    indent = line.x0 - left
    if indent > 0.7 * body and line.x0 - before.x0 > 0.7 * body and not _BULLET.match(before.text):
        return False  # an indented first line
    ends_early = right - before.x1 > 2.5 * body
    return not (ends_early and _ENDS.search(before.text))


def _goes_on(block: _Block, line: _Line, body: float) -> bool:
    """Whether the first line of a column goes on with the last block of the one before."""
    if block.is_heading or block.is_row or abs(block.size - line.size) > 0.6:
        return False
    if _is_heading(line, body) or _BULLET.match(line.text) or " | " in line.text:
        return False
    return not _ENDS.search(block.text) and (line.text[:1].islower() or block.text.endswith("-"))


def _is_heading(line: _Line, body: float) -> bool:
    larger, short = line.size > 1.08 * body, len(line.text) <= 120
    return (
        short
        and (larger or (line.bold and line.size > 0.92 * body))
        and not line.text.endswith(".")
    )


def _joined(text: str, line: str, vocabulary: Counter[str]) -> str:
    """A line added to a paragraph; a word that was parted at its end is made whole."""
    parted = re.search(r"([\w-]*\w)-$", text)
    if parted and line[:1].islower():
        rest = re.match(r"[\w-]+", line)
        whole = rest[0] if rest else ""
        kept = vocabulary[f"{parted[1]}-{whole}"] > vocabulary[f"{parted[1]}{whole}"]
        return text + line if kept else text[:-1] + line
    if parted:  # a compound, or a range of numbers
        return text + line
    return f"{text} {line}"


def _written(blocks: Sequence[_Block], pages: int) -> tuple[str, tuple[Span, ...], tuple[int, ...]]:
    """The text, its headings, and the offset at which each page begins."""
    parts: list[str] = []
    headings: list[Span] = []
    starts: list[int] = []
    at = 0
    before: _Block | None = None
    for block in blocks:
        if before is not None:
            gap = "\n" if before.is_row and block.is_row else "\n\n"
            parts.append(gap)
            at += len(gap)
        # A page that holds nothing of its own begins where the next one does.
        starts += [at] * (block.page + 1 - len(starts))
        if block.is_heading:
            headings.append((at, at + len(block.text)))
        parts.append(block.text)
        at += len(block.text)
        before = block
    starts += [at] * (pages - len(starts))
    return "".join(parts), tuple(headings), tuple(starts)


def _title(info: dict[str, Any], blocks: Sequence[_Block], body: float) -> str:
    """The largest heading of the first page, else what the file says of itself."""
    first = [b for b in blocks if b.page == blocks[0].page and b.is_heading and b.size > 1.2 * body]
    if first:
        return max(first, key=lambda block: block.size).text
    told = _told(info, "Title")
    return "" if _JUNK_TITLE.match(told) else told


def _told(info: dict[str, Any], name: str) -> str:
    from pdfminer.utils import decode_text  # noqa: PLC0415 - only PDF needs it

    value = info.get(name)
    told = decode_text(value) if isinstance(value, bytes) else str(value or "")
    return "" if told.strip("() ").lower() in {"anonymous", "unspecified"} else told.strip()


def _date(value: str) -> str:
    """D:20240131120000Z -> 2024-01-31."""
    found = re.match(r"D:(\d{4})(\d\d)(\d\d)", value)
    return "-".join(found.groups()) if found else ""
