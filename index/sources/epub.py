"""An EPUB book -> readable text: its chapters in the order of the spine."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

from index.errors import SourceError
from index.sources.archive import Archive, core_text
from index.sources.blocks import Rendered, Writer, first_heading
from index.sources.decoding import decode
from index.sources.webpage import parse_html, write_html

_CONTAINER = "urn:oasis:names:tc:opendocument:xmlns:container"
_PACKAGE = {"opf": "http://www.idpf.org/2007/opf"}
_CHAPTERS = frozenset({"application/xhtml+xml", "text/html"})


def render(data: bytes) -> Rendered:
    """Title, text and headings of an EPUB; contents, and what is apart from its spine, stay out."""
    archive = Archive(data)
    container = archive.xml("META-INF/container.xml")
    roots = [] if container is None else container.findall(f".//{{{_CONTAINER}}}rootfile")
    path = str(roots[0].get("full-path", "")) if roots else ""
    package = archive.xml(path)
    if package is None:
        raise SourceError("names no list of its chapters. Save it again as EPUB.")
    writer = Writer()
    items = {
        item.get("id"): item for item in package.iterfind(".//opf:manifest/opf:item", _PACKAGE)
    }
    read: set[str] = set()
    for reference in package.iterfind(".//opf:spine/opf:itemref", _PACKAGE):
        item = items.get(reference.get("idref"))
        if item is None or reference.get("linear") == "no":
            continue
        is_contents = "nav" in str(item.get("properties", "")).split()
        if reference.get("idref") in read:
            continue
        read.add(reference.get("idref"))
        if is_contents or item.get("media-type") not in _CHAPTERS:
            continue
        chapter = archive.read(
            posixpath.normpath(
                posixpath.join(posixpath.dirname(path), unquote(item.get("href", "")))
            )
        )
        if chapter:
            page = decode(chapter, None, "it", is_html=True)
            body = parse_html(page.partition("?>")[2] or page).find("body")
            _tame_notes(body)
            write_html(writer, body)
    text, headings = writer.finish()
    if not text and archive.read("META-INF/encryption.xml") is not None:
        raise SourceError("is locked by its seller (DRM), and cannot be read.")
    return Rendered(
        core_text(package, "dc:title") or first_heading(text, headings),
        text,
        headings,
        author=core_text(package, "dc:creator"),
        published=core_text(package, "dc:date")[:10],
    )


def _tame_notes(body: Any) -> None:
    """Notes are text of the book; the numbers that point at them are not."""
    for note in body.iter("aside"):
        note.tag = "div"
    for link in body.xpath(".//a[contains(@*[name()='epub:type'], 'noteref')]"):
        mark = link.getparent() if link.getparent().tag == "sup" else link
        mark.drop_tree()
