"""HTML -> the text of the article on a page."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from index.sources.blocks import Rendered, Span, Writer, first_heading

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]


class TooMuch(Exception):
    """A page is beyond the parser's limits, so that part of it would be lost."""


def render(raw: str) -> Rendered:
    """Title, text and headings of the article on a page."""
    # Imported here, since only HTML needs them and they take a while to load.
    from trafilatura import bare_extraction  # noqa: PLC0415
    from trafilatura.metadata import extract_metadata, extract_title  # noqa: PLC0415

    # It logs what it cannot extract; here that becomes an error with words of ours.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    tree = _parse_html(raw)
    title = str(tree.xpath("string(//meta[@property='og:title']/@content)")) or extract_title(tree)
    author = extract_metadata(tree, extensive=False).author or ""
    published = _published(tree)
    found: Any = None
    if not _is_bare(tree):
        found = bare_extraction(tree, include_comments=False, include_tables=True)
    text, headings = _write_html(found.body if found else tree.find("body"))
    return Rendered(title or first_heading(text, headings), text, headings, author, published)


def _published(tree: HtmlElement) -> str:
    """The date that a page declares, as YYYY-MM-DD; "" where it would have to be guessed."""
    declared = tree.xpath(
        "//meta[@property='article:published_time' or @itemprop='datePublished' or @name='date'"
        " or @name='pubdate' or @name='publish-date' or @name='dc.date' or @name='DC.date.issued'"
        " or @name='dcterms.created']/@content"
        " | //time[@pubdate or @itemprop='datePublished']/@datetime"
    )
    declared += re.findall(r'"datePublished"\s*:\s*"([^"]+)"', "".join(_scripts(tree)))
    return next((d[:10] for d in map(str, declared) if re.match(r"\d{4}-\d\d-\d\d", d)), "")


def _scripts(tree: HtmlElement) -> list[str]:
    return [str(text) for text in tree.xpath("//script[@type='application/ld+json']/text()")]


def _is_bare(tree: HtmlElement) -> bool:
    """Whether a page is an article alone. An extractor would only take lists from it."""
    if (
        next(tree.iter("nav", "header", "footer", "aside", "form", "article", "main"), None)
        is not None
    ):
        return False
    linked = sum(len(link.text_content()) for link in tree.iter("a"))
    return linked < 0.2 * len(tree.text_content())


# HTML's own elements, and those of trafilatura's tree (list, item, quote, row, cell, lb).


def fragment_text(fragment: str) -> str:
    """The words of a block of HTML within Markdown, a line for each block in it."""
    text, _ = _write_html(_parse_html(f"<div>{fragment}</div>").find("body"))
    return re.sub(r"\n\n+", "\n", text)


def _parse_html(page: str) -> HtmlElement:
    """The tree of a page, mended as a browser would, or TooMuch if a part would be lost."""
    from lxml import etree, html  # type: ignore[import-untyped]  # noqa: PLC0415 - only HTML does

    parser = html.HTMLParser(
        recover=True, no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    try:
        tree = html.document_fromstring(page.encode(), parser=parser)
    except etree.LxmlError:  # a page of comments, say
        tree = html.document_fromstring(b"<html><body></body></html>")
    if any(error.level >= etree.ErrorLevels.FATAL for error in parser.error_log):
        raise TooMuch
    if tree.find("body") is None:  # a page of scripts, or of frames
        tree.append(tree.makeelement("body"))
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


# HTML's own elements, and those of trafilatura's tree (list, item, quote, row, cell, lb).
_LISTS = frozenset(("list", "ul", "ol", "dl", "menu"))
_ITEMS = frozenset(("item", "li", "dt", "dd"))
_HEADINGS = frozenset(("head", "h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = frozenset(
    [
        *("address", "blockquote", "body", "caption", "center", "dd", "details", "div", "dt"),
        *("fieldset", "figcaption", "figure", "header", "hr", "legend", "main", "article", "p"),
        *("quote", "section", "summary"),
    ]
)
_UNREAD = frozenset(
    [
        *("script", "style", "template", "noscript", "svg", "iframe", "object", "select"),
        *("button", "textarea", "nav", "footer", "aside", "form"),
    ]
)


def _write_html(body: Any) -> tuple[str, tuple[Span, ...]]:
    """Render the body of a page, or what trafilatura makes of it."""
    from lxml import etree  # noqa: PLC0415 - only HTML needs it

    writer = Writer()
    walk = etree.iterwalk(body, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            _close_html(writer, element)
            writer.say(_collapsed(element.tail))
        elif element.tag in _UNREAD:
            walk.skip_subtree()
        else:
            _open_html(writer, element)
            if element.tag in {"code", "pre"}:
                writer.say("".join(element.itertext()))
                walk.skip_subtree()
            else:
                writer.say(_collapsed(element.text))
    return writer.finish()


def _open_html(writer: Writer, element: Any) -> None:
    tag = element.tag
    if tag in _LISTS:
        writer.open_list(1 if "ol" in {tag, element.get("rend")} else None)
    elif tag in _ITEMS:
        writer.item()
    elif tag == "table":
        writer.open_table()
    elif tag in {"row", "tr"}:
        writer.open_row()
    elif tag in {"lb", "br"}:
        writer.say("\n")
    elif tag in _HEADINGS or _is_code_block(element) or tag in _BLOCKS:
        writer.end()


def _close_html(writer: Writer, element: Any) -> None:
    tag = element.tag
    if tag in _LISTS:
        writer.close_list()
    elif tag in {"cell", "td", "th"}:
        writer.end_cell()
    elif tag in {"row", "tr"}:
        writer.close_row()
    elif tag in _HEADINGS or tag in _ITEMS or _is_code_block(element) or tag in _BLOCKS:
        writer.end(is_heading=tag in _HEADINGS, is_code=_is_code_block(element))


def _is_code_block(element: Any) -> bool:
    return element.tag == "pre" or (element.tag == "code" and "\n" in "".join(element.itertext()))


def _collapsed(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")
