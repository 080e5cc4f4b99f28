"""Where in the article the evidence lies: a strip with words beside it, and a link. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import quote as percent_encoded
from urllib.parse import urlsplit

from index import Quote

CELLS = 12
LONGEST_LINK = 500
_EDGE_WORDS = 5


class Where(StrEnum):
    """The part of the article, as the messages call it."""

    BEGINNING = "at the beginning"
    EARLY = "near the beginning"
    MIDDLE = "in the middle"
    LATE = "near the end"
    END = "at the end"
    SPREAD = "in several places"


def strip(quotes: Sequence[Quote]) -> str:
    """One cell for a stretch of the article, raised where a quote stands: ``▁▁▁█▁▁``.

    Empty where there is nothing to tell: an article of one paragraph, or several articles.
    """
    if not _is_one_article(quotes) or quotes[0].paragraphs < 2:
        return ""
    cells = min(CELLS, quotes[0].paragraphs)
    raised = {(quote.paragraph - 1) * cells // quote.paragraphs for quote in quotes}
    return "".join("█" if cell in raised else "▁" for cell in range(cells))


def where(quotes: Sequence[Quote]) -> Where:
    """The same in a word. Of several quotes it is the part that all are in."""
    parts = {_where(quote) for quote in quotes}
    return parts.pop() if len(parts) == 1 else Where.SPREAD


def are_adjacent(quotes: Sequence[Quote]) -> bool:
    """Whether all stand in one paragraph of an article, or in some one behind the other."""
    paragraphs = {quote.paragraph for quote in quotes}
    return _is_one_article(quotes) and max(paragraphs) - min(paragraphs) < len(paragraphs)


def _where(quote: Quote) -> Where:
    if quote.paragraph == 1:
        return Where.BEGINNING
    if quote.paragraph == quote.paragraphs:
        return Where.END
    share = (quote.paragraph - 0.5) / quote.paragraphs
    if share < 0.35:
        return Where.EARLY
    return Where.MIDDLE if share <= 0.65 else Where.LATE


def _is_one_article(quotes: Sequence[Quote]) -> bool:
    return len({(quote.scope, quote.article_id) for quote in quotes}) == 1


def link(quote: Quote) -> str | None:
    """An address that opens the source at the sentence, or None where it has no address.

    A text fragment, https://wicg.github.io/scroll-to-text-fragment/: the sentence, or of a
    longer one its first and last words. Safe inside Markdown's brackets.
    """
    try:
        parts = urlsplit(quote.source)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    page, _, anchor = quote.source.partition("#")
    page = percent_encoded(page, safe="/:?&=%@+,;!$'*~")
    anchor = percent_encoded(anchor.partition(":~:")[0], safe="/?=%&")
    address = f"{page}#{anchor}:~:text={_fragment(quote.text)}"
    return next((text for text in (address, page) if len(text) <= LONGEST_LINK), None)


def _fragment(text: str) -> str:
    words = text.split()
    if len(words) <= 2 * _EDGE_WORDS:
        return _encoded(" ".join(words))
    return ",".join(
        _encoded(" ".join(edge)) for edge in (words[:_EDGE_WORDS], words[-_EDGE_WORDS:])
    )


def _encoded(text: str) -> str:
    # A dash would mean a prefix or a suffix here, and `quote` leaves it as it is.
    return percent_encoded(text, safe="").replace("-", "%2D")
