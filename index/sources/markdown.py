"""Markdown -> readable text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from markdown_it import MarkdownIt

from index.sources.blocks import Rendered, Writer, first_heading
from index.sources.webpage import fragment_text

# Between two lines of dashes, nothing but fields: prose between two rules is no front matter.
_FRONT_MATTER = re.compile(
    r"---[ \t]*\n"
    r"(?P<fields>[A-Za-z_][\w-]*:.*\n(?:(?:[A-Za-z_][\w-]*:|[ \t]|-[ \t]|#).*\n|\n)*)"
    r"(?:---|\.\.\.)[ \t]*(?:\n|$)"
)


def render(raw: str) -> Rendered:
    """Title, text and headings of Markdown. Tags are stripped if HTML knows them."""
    raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    front = _FRONT_MATTER.match(raw)
    fields = front["fields"] if front else ""
    body = raw[front.end() :] if front else raw
    # Beyond its own limit the parser drops text without a word; Python's raises an error.
    parser = MarkdownIt("commonmark", {"maxNesting": 1_000_000}).enable(["table", "strikethrough"])
    writer = Writer()
    for token in parser.parse(body):
        _write_markdown(writer, token)
    text, headings = writer.finish()
    return Rendered(
        _field(fields, "title") or first_heading(text, headings),
        text,
        headings,
        author=_field(fields, "authors?"),
        published=_field(fields, "(?:date|published)"),
    )


def _field(fields: str, name: str) -> str:
    """A field of the front matter on one line; lists and blocks of YAML are left alone."""
    found = re.search(rf"^{name}:[ \t]*([^\s\[{{|>#].*)$", fields, re.MULTILINE)
    return found[1].strip().strip("\"'") if found else ""


def _write_markdown(writer: Writer, token: Any) -> None:
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
        writer.say(fragment_text(token.content))
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
