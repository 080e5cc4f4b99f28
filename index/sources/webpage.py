"""HTML -> the text of the article on a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from index.sources.blocks import Rendered, Writer, first_heading
from index.sources.pruning import article_of

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]


class TooMuch(Exception):
    """A page is beyond the parser's limits, so that part of it would be lost."""


def render(raw: str) -> Rendered:
    """Title, text and headings of the article on a page."""
    tree = parse_html(raw)
    title, author, published = _title(tree), _author(tree), _published(tree)
    canonical = str(tree.xpath("string(//link[@rel='canonical']/@href)")).strip()
    writer = Writer()
    write_html(writer, article_of(tree.find("body"), title, author))
    text, headings = writer.finish()
    return Rendered(
        title or first_heading(text, headings),
        text,
        headings,
        author,
        published,
        canonical=canonical,
    )


_AUTHORS = (
    "author",
    "article:author",
    "dc.creator",
    "dcterms.creator",
    "parsely-author",
    "citation_author",
)
_DATES = (
    *("article:published_time", "datepublished", "date", "pubdate", "publish-date", "dc.date"),
    *("dc.date.issued", "dcterms.issued", "dcterms.created"),
)
_BESIDE_TITLE = re.compile(r"\s+[|\u00b7\u2013\u2014:-]\s+")


def _title(tree: HtmlElement) -> str:
    """What the page declares, or its title without the site's name around it."""
    declared = next(iter(_declared(tree, ("og:title",))), "")
    title = declared or _line(str(tree.xpath("string(//head/title)")))
    headline = next((_line(h.text_content()) for h in tree.iter("h1")), "")
    if headline and headline in title:
        return headline
    if declared or not title:
        return declared or headline
    parts = _BESIDE_TITLE.split(title)  # the site's name follows, or, rarely, leads
    return parts[0] if len(parts[0].split()) > 1 else max(parts, key=len)


def _author(tree: HtmlElement) -> str:
    """Who the page says has written it; a name, and no address of a profile."""
    told = _declared(tree, _AUTHORS)
    for script in _scripts(tree):
        told += re.findall(r'"author"\s*:\s*\[?\s*\{[^{}]*?"name"\s*:\s*"([^"]+)"', script)
    return next((name for name in told if "://" not in name), "")


def _published(tree: HtmlElement) -> str:
    """The date that a page declares, as YYYY-MM-DD; "" where it would have to be guessed."""
    told = _declared(tree, _DATES)
    told += map(str, tree.xpath("//time[@pubdate or @itemprop='datePublished']/@datetime"))
    told += re.findall(r'"datePublished"\s*:\s*"([^"]+)"', "".join(_scripts(tree)))
    return next((date[:10] for date in told if re.match(r"\d{4}-\d\d-\d\d", date)), "")


def _declared(tree: HtmlElement, names: Sequence[str]) -> list[str]:
    """The contents of the page's meta elements of these names, in the order of the names."""
    found: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or ""
        found.setdefault(name.lower(), []).append(_line(meta.get("content", "")))
    return [told for name in names for told in found.get(name, []) if told]


def _line(text: str) -> str:
    return " ".join(text.split())


def _scripts(tree: HtmlElement) -> list[str]:
    return [str(text) for text in tree.xpath("//script[@type='application/ld+json']/text()")]


# HTML's own elements.


def fragment_text(fragment: str) -> str:
    """The words of a block of HTML within Markdown, a line for each block in it."""
    writer = Writer()
    write_html(writer, parse_html(f"<div>{fragment}</div>").find("body"))
    return re.sub(r"\n\n+", "\n", writer.finish()[0])


def parse_html(page: str) -> HtmlElement:
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
    """HTML forbids control characters; a soft hyphen only says where a line could end."""
    forbidden = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\xad\ufffe\uffff]")
    for element in tree.iter():
        if element.text and forbidden.search(element.text):
            element.text = forbidden.sub("", element.text)
        if element.tail and forbidden.search(element.tail):
            element.tail = forbidden.sub("", element.tail)


# HTML's own elements.
_LISTS = frozenset(("ul", "ol", "dl", "menu"))
_ITEMS = frozenset(("li", "dt", "dd"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = frozenset(
    [
        *("address", "blockquote", "body", "caption", "center", "dd", "details", "div", "dt"),
        *("fieldset", "figcaption", "figure", "header", "hr", "legend", "main", "article", "p"),
        *("section", "summary"),
    ]
)
_UNREAD = frozenset(
    [
        *("script", "style", "template", "noscript", "svg", "iframe", "object", "select"),
        *("button", "textarea", "nav", "footer", "aside", "form"),
    ]
)


def write_html(writer: Writer, body: Any) -> None:
    """Render the body of a page."""
    from lxml import etree  # noqa: PLC0415 - only HTML needs it

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
                writer.say(_code(element))
                walk.skip_subtree()
            else:
                writer.say(_collapsed(element.text))
    writer.end()


def _open_html(writer: Writer, element: Any) -> None:
    tag = element.tag
    if tag in _LISTS:
        writer.open_list(1 if tag == "ol" else None)
    elif tag in _ITEMS:
        writer.item()
    elif tag == "table":
        writer.open_table()
    elif tag == "tr":
        writer.open_row()
    elif tag == "br":
        writer.say("\n")
    elif tag in _HEADINGS or _is_code_block(element) or tag in _BLOCKS:
        writer.end()


def _close_html(writer: Writer, element: Any) -> None:
    tag = element.tag
    if tag in _LISTS:
        writer.close_list()
    elif tag in {"td", "th"}:
        writer.end_cell()
    elif tag == "tr":
        writer.close_row()
    elif tag in _HEADINGS or tag in _ITEMS or _is_code_block(element) or tag in _BLOCKS:
        writer.end(is_heading=tag in _HEADINGS, is_code=_is_code_block(element))


def _is_code_block(element: Any) -> bool:
    return element.tag == "pre" or (element.tag == "code" and "\n" in _code(element))


def _code(element: Any) -> str:
    """Its text with the line breaks that it holds, as characters or as elements."""
    for br in element.iter("br"):
        br.tail = f"\n{br.tail or ''}"
    text = "".join(element.itertext())
    for br in element.iter("br"):
        br.tail = br.tail[1:]
    return text


def _collapsed(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")
