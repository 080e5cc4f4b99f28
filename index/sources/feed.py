"""An RSS or Atom feed -> the addresses of its entries, newest first as it lists them."""

from __future__ import annotations

import re

from index.sources.blocks import Rendered

_ROOT = re.compile(rb"<(?:rss|feed|rdf:RDF)\b")
_BEFORE_ROOT = ((b"<!--", b"-->"), (b"<?", b"?>"))
_LONGEST_PROLOGUE = 4096


def is_feed(data: bytes) -> bool:
    """Whether the bytes begin as a feed does, comments and instructions aside."""
    rest = data[:_LONGEST_PROLOGUE].removeprefix(b"\xef\xbb\xbf").lstrip()
    while skipped := next((end for start, end in _BEFORE_ROOT if rest.startswith(start)), None):
        rest = rest.partition(skipped)[2].lstrip()
    return bool(_ROOT.match(rest))


def render(data: bytes) -> Rendered:
    """The feed's title, and as text the link of each entry, a line each."""
    import feedparser  # type: ignore[import-untyped]  # noqa: PLC0415 - only feeds need it

    found = feedparser.parse(data)
    links = [str(entry.get("link", "")).strip() for entry in found.entries]
    return Rendered(str(found.feed.get("title", "")), "\n".join(filter(None, links)), ())
