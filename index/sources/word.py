"""A Word document (.docx) -> readable text, by way of mammoth's HTML."""

from __future__ import annotations

import io
import logging
import re

from index.errors import SourceError
from index.sources.archive import Archive, core_text
from index.sources.blocks import Rendered, Writer, first_heading
from index.sources.webpage import parse_html, write_html

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"


def render(data: bytes) -> Rendered:
    """Title, text and headings of a .docx; text that was deleted in it stays out."""
    import mammoth  # type: ignore[import-untyped]  # noqa: PLC0415 - only Word needs it

    archive = Archive(data)
    if archive.read("word/document.xml") is None:
        raise SourceError("holds no Word document. Save it again as .docx.")
    logging.getLogger("mammoth").setLevel(logging.CRITICAL)
    page = mammoth.convert_to_html(
        io.BytesIO(data),
        style_map=_STYLES,
        convert_image=mammoth.images.img_element(lambda _: {}),
    ).value
    # The arrows that lead back from a footnote.
    page = re.sub(r'\s*<a href="#(?:foot|end)note-ref[^"]*">[^<]*</a>', "", page)
    page = re.sub(r'<sup><a href="#(?:foot|end)note-[^>]*>\[?\d+\]?</a></sup>', "", page)
    writer = Writer()
    write_html(writer, parse_html(f"<body>{page}</body>").find("body"))
    text, headings = writer.finish()
    core = archive.xml("docProps/core.xml")
    created = core_text(core, "dcterms:created") or core_text(core, "dcterms:modified")
    return Rendered(
        first_heading(text, headings) or core_text(core, "dc:title"),
        text,
        headings,
        author=core_text(core, "dc:creator"),
        published=created[:10],
    )
