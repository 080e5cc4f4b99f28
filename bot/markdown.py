"""Text of strangers made safe and short for Discord, counted as Discord counts it.

Whatever an article or a question holds, it comes out as plain visible text: no
formatting, heading, list, link, mention, emoji or timestamp of Discord's, nothing
invisible, nothing that turns the writing direction, no tower of accents.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_CUT = f"\u00a0{ELLIPSIS}"  # never alone on a line
_MOST_ACCENTS = 4
_BLANK_LETTERS = dict.fromkeys(map(ord, "\u115f\u1160\u2800\u3164\uffa0"), " ")
_TAGS = "\U000e0000"  # from here on Unicode holds tags, selectors and private letters alone
_JOINERS = "\u200c\u200d"  # letters of Persian and Hindi, and joined emoji, need them
_FORMATTING = re.compile(r"([\\`*_~|<>\[\]@#])")
_LEADING = re.compile(r"^([-+]|\d+(?=[.)]))")
_SENTENCE_END = re.compile(r"[.!?…][\"'\u201d\u2019)\]]*(?=\s)")


def visible(text: str) -> str:
    """The text on one line, without what cannot be seen or would disturb its surroundings."""
    kept: list[str] = []
    accents = 0
    for character in text.translate(_BLANK_LETTERS):
        category = unicodedata.category(character)
        accents = accents + 1 if category in {"Mn", "Me"} else 0
        if category in {"Cc", "Zl", "Zp", "Zs"}:
            kept.append(" ")
        elif (category in {"Cf", "Cs", "Co"} or character >= _TAGS) and character not in _JOINERS:
            continue
        elif accents <= _MOST_ACCENTS:
            kept.append(character)
    return " ".join("".join(kept).split())


def plain(text: str) -> str:
    """One line of Markdown that shows ``visible(text)`` and nothing else.

    Discord takes a backslash off any punctuation; addresses lose their link through one
    after the scheme.
    """
    escaped = _FORMATTING.sub(r"\\\1", visible(text)).replace("://", "\\://")
    return _LEADING.sub(lambda match: _escape_leading(match[1]), escaped)


def _escape_leading(mark: str) -> str:
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def size(markdown: str) -> int:
    """UTF-16 units: never less than any count of characters that Discord may use."""
    return len(markdown.encode("utf-16-le", "surrogatepass")) // 2


def fit(text: str, budget: int) -> str:
    """``plain(text)`` within ``budget``, cut after a sentence, else after a word.

    A single word longer than the budget is the only thing cut inside.
    """
    text = visible(text)
    if size(plain(text)) <= budget:
        return plain(text)
    head = text[:budget]
    while head and size(plain(head)) > budget - 2:
        head = head[: len(head) - max(1, (size(plain(head)) - budget + 2) // 2)]
    return _ellipsed(head, text)


def _ellipsed(head: str, text: str) -> str:
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if match.end() <= len(head)]
    if ends and ends[-1] >= len(head) // 2:
        return f"{plain(head[: ends[-1]])}{_CUT}"
    if not text[len(head) :].startswith(" ") and " " in head:
        head = head[: head.rindex(" ")]
    return f"{plain(head.rstrip())}{_CUT}" if head.strip() else ELLIPSIS


def fit_tail(text: str, budget: int) -> str:
    """Like `fit`, but keeps the end of the text, whole words only."""
    text = visible(text)
    if size(plain(text)) <= budget:
        return plain(text)
    words, left = text.split(" "), budget - 2
    first = len(words)
    while first and (left := left - size(plain(words[first - 1])) - 1) >= 0:
        first -= 1
    return f"{ELLIPSIS}\u00a0{plain(' '.join(words[first:]))}".rstrip()


def marked(text: str, start: int, end: int, budget: int) -> str:
    """``plain(text)`` with ``text[start:end]`` in bold, within ``budget``.

    Where all of it does not fit, the bold part stays and its surroundings give way.
    """
    reach = 4 * budget  # more than can be shown: a paragraph may be a whole book
    before, answer = text[max(0, start - reach) : start], text[start:end]
    after = text[end : end + reach]
    bold = f"**{fit(answer, max(budget * 2 // 3, 8))}**" if visible(answer) else ""
    left = budget - size(bold) - 2
    room = max(left // 2, left - size(plain(after)), 0)
    lead = fit_tail(before, room) if visible(before) else ""
    gap = " " if before[-1:].isspace() else ""
    left -= size(lead)
    follow = " " if after[:1].isspace() else ""
    tail = fit(after, max(left, 0)) if visible(after) and left > 2 else ""
    return f"{lead}{gap}{bold}{follow}{tail}".strip()
