"""An RSS or Atom feed -> the addresses of its entries, newest first as it lists them."""

from __future__ import annotations

import re

from index.sources.blocks import Rendered

_ROOT = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*|<\?.*?\?>\s*)*<(?:rss|feed|rdf:RDF)\b", re.DOTALL
)


def is_feed(data: bytes) -> bool:
    """Whether the bytes begin as a feed does."""
    return bool(_ROOT.match(data.removeprefix(b"\xef\xbb\xbf")[:4096]))


def render(data: bytes) -> Rendered:
    """The feed's title, and as text the link of each entry, a line each."""
    import feedparser  # type: ignore[import-untyped]  # noqa: PLC0415 - only feeds need it

    found = feedparser.parse(data)
    links = [str(entry.get("link", "")).strip() for entry in found.entries]
    return Rendered(str(found.feed.get("title", "")), "\n".join(filter(None, links)), ())
