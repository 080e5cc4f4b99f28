"""A page's tree -> the part of it that is the article, without what surrounds it.

What says of itself that it is no article goes first: navigation, dialogs, what is hidden,
and what the usual class names call so. Then the smallest part that holds nearly all of
the running text is the article (after Kohlschütter et al. 2010: length of text and share
of links tell it from the rest), and lists of links inside it go too. Nothing that holds
much of the running text is ever dropped.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

_WORDS = tomllib.loads((resources.files("index") / "data" / "noise.toml").read_text("utf-8"))
_DROPPED_TAGS, _DROPPED_ROLES, _NOISE = (
    frozenset(_WORDS[kind].split()) for kind in ("tags", "roles", "names")
)
_CALLS, _TAILS = (re.compile("|".join(_WORDS[kind]), re.IGNORECASE) for kind in ("calls", "tails"))
_BLOCKS = frozenset(
    ("p", "li", "td", "th", "dd", "dt", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6")
) | {"figcaption", "summary", "caption"}
_PARTS = ("header", "ul", "ol", "dl", "div", "section", "table", "aside", "center", *_BLOCKS)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_MUCH = 0.3
"""The share of the running text that nothing that is dropped may hold."""
_NEARLY_ALL = 0.85
_SHORTEST_RUN = 10
_SHORTEST_ARTICLE = 60
"""Words of running text below which a page is read whole: lengths tell nothing there."""
_MOST_LINKED = 0.35
_LONGEST_CALL = 25
_LONGEST_CALL_BOX = 45
_LONGEST_LABEL = 6
_LONGEST_BYLINE = 16
_LONGEST_CARD = 60
_BYLINE = re.compile(
    r"(?:(?:Written|Words|Posted|Published|Reviewed) by|By)(?: [A-Z][\w.\u2019'-]+){2,4}"
)


def article_of(body: Any, title: str, author: str = "") -> Any:
    """Prune ``body`` in place and return the element that holds the article.

    ``author``, where the page declares one, tells who is spoken of in the card beside it.
    """
    total = _running(body)
    for element in list(body.iter()):
        if isinstance(element.tag, str) and _is_noise(element) and element.getparent() is not None:
            _drop(element, body, total)
    total = _running(body)
    root = _root(body, total, title)
    total = _running(root)
    inside = list(
        root.iter("ul", "ol", "dl", "div", "section", "table", "aside", "center", *_BLOCKS)
    )
    for element in dict.fromkeys(inside):
        if element is root:
            continue
        if _is_links(element) or _is_call(element):
            _drop(element, root, total)
        elif _ends_article(element, author):
            below = [element, *_below(element)]
            if sum(map(_running, below)) <= _MUCH * total:
                for each in below:
                    _drop(each, root, total)
        elif _is_of_author(element, author):
            around = element.getparent()  # with the date, and what else stands beside the name
            _drop(around if _is_small_print(around) else element, root, total)
    return root


def _ends_article(element: Any, author: str) -> bool:
    """Whether what stands below speaks about the article, or goes on to others."""
    said = " ".join(element.text_content().split())
    if element.tag in _HEADINGS:
        return bool(_TAILS.search(said)) or said == author != ""
    # What looks like a heading may be any block without others in it.
    is_plain = element.tag in {"div", "p"} and not len(element)
    return is_plain and len(said.split()) <= _LONGEST_LABEL and bool(_TAILS.search(said))


def _is_small_print(element: Any) -> bool:
    has_heading = any(True for _ in element.iter(*_HEADINGS))
    return _words(element) <= _LONGEST_CALL and not _running(element) and not has_heading


def _is_of_author(element: Any, author: str) -> bool:
    """A line that names who wrote it and when, or a word or two on who that is."""
    if element.tag not in {"div", "p"} or any(e.tag in _BLOCKS for e in element.iterdescendants()):
        return False
    said = " ".join(element.text_content().split())
    if author and len(said.split()) <= _LONGEST_CARD:
        name = re.escape(author)
        if re.match(rf"{name} (?:is|was|has|writes|covers|reports|works)\b", said):
            return True
        return len(said.split()) <= _LONGEST_BYLINE and bool(
            re.search(rf"\bby {name}", said, re.IGNORECASE)
        )
    return bool(_BYLINE.fullmatch(said))


def _below(heading: Any) -> Iterator[Any]:
    """What stands beside a heading and below it, up to the next of its level or above."""
    for element in heading.itersiblings():
        if element.tag in _HEADINGS and element.tag <= heading.tag:
            return
        yield element


def _drop(element: Any, within: Any, total: int) -> None:
    if element is within or _running(element) > _MUCH * total:
        return
    if not any(above is within for above in element.iterancestors()):
        return  # gone already, with what it stood in
    element.drop_tree()  # what follows it stays


def _is_noise(element: Any) -> bool:
    if element.tag in _DROPPED_TAGS or element.get("role") in _DROPPED_ROLES:
        return True
    if element.tag in {"html", "body", "article", "main"}:
        return False
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return bool(element.tag != "span")
    style = re.sub(r"\s", "", element.get("style", "").lower())
    if "display:none" in style or "visibility:hidden" in style:
        return True
    if element.tag in {"p", "h1", "h2", "h3", "td", "tr", "tbody"}:
        return False
    named = f"{element.get('class', '')} {element.get('id', '')}"
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", named).lower())
    return not _NOISE.isdisjoint(words)


def _running(element: Any) -> int:
    """How many words of running text it holds: blocks of some length, few of them links."""
    count = 0
    for block in element.iter():
        if block.tag in _BLOCKS or (block.tag in {"div", "td", "font"} and _says_itself(block)):
            said = _words(block) if block.tag in _BLOCKS else len((block.text or "").split())
            if block.tag in {"td", "li"} and any(b.tag in _BLOCKS for b in block.iterdescendants()):
                continue
            if said >= _SHORTEST_RUN and _linked(block) < _MOST_LINKED:
                count += said
    return count


def _says_itself(element: Any) -> bool:
    return len((element.text or "").split()) >= _SHORTEST_RUN


def _root(body: Any, total: int, title: str) -> Any:
    """The part that holds nearly all of the running text, and the headline where it has one."""
    if total < _SHORTEST_ARTICLE:
        return body
    return _common(body, [_whole(body, total), *_headline(body, title)])


def _whole(body: Any, total: int) -> Any:
    articles = [each for each in body.iter("article") if _running(each) > 0.1 * total]
    told = _common(body, articles) if articles else body
    mains = body.xpath(".//main | .//*[@role='main' or @itemprop='articleBody']")
    for root in (told, *mains):
        if root is not body and _running(root) > 0.5 * total:
            return root
    root = body
    while True:
        enough = _NEARLY_ALL * _running(root)
        inner = [child for child in root if _running(child) > enough]
        if not inner or inner[0].tag in _BLOCKS - {"td"}:
            return root
        root = inner[0]


def _headline(body: Any, title: str) -> list[Any]:
    """The heading that says what the page's title says, but for the site's name."""
    for heading in body.iter("h1", "h2"):
        words = _letters(heading.text_content())
        if words and words in _letters(title):
            return [heading]
    return []


def _letters(text: str) -> str:
    """Its words alone: quotation marks and dashes are typed in many ways."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _common(body: Any, elements: list[Any]) -> Any:
    """The innermost element that all of them stand in, or are."""
    lines = [[*reversed(list(each.iterancestors())), each] for each in elements]
    root = body
    for level in zip(*lines, strict=False):
        if any(each is not level[0] for each in level):
            break
        root = level[0]
    return root


def _is_links(element: Any) -> bool:
    """Whether a block is but a way elsewhere: nearly all of it is links, and nothing is said."""
    words = _words(element)
    if not words or element.tag == "p":
        return bool(words) and _linked(element) > 0.9 and words < _SHORTEST_RUN
    links = sum(1 for _ in element.iter("a"))
    return links >= 1 and _linked(element) > 0.7 and words / links < 12


def _is_call(element: Any) -> bool:
    said = " ".join(element.text_content().split())
    longest = _LONGEST_CALL if element.tag in _BLOCKS else _LONGEST_CALL_BOX
    return len(said.split()) <= longest and bool(_CALLS.search(said))


def _linked(element: Any) -> float:
    words = _words(element)
    return sum(_words(link) for link in element.iter("a")) / words if words else 0.0


def _words(element: Any) -> int:
    return len(element.text_content().split())
