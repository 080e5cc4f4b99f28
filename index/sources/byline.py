"""Who wrote a text and when, where its first lines say so in so many words."""

from __future__ import annotations

import re

_LINES = 5
"""Lines with text at the top, of which one may be a byline."""
_PARTICLE = r"(?:de|van|von|der|den|la|le|al|bin|da|di|and|&)"
_NO_NAME = r"(?!(?:The|A|An|Popular|Land|Sea|Air|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b)"
_NAME = rf"{_NO_NAME}[A-Z][\w.'\u2019-]*(?: (?:{_PARTICLE} )*[A-Z][\w.'\u2019-]*){{1,5}}"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DATE = (
    rf"(?:\d{{4}}-\d\d-\d\d|\d{{1,2}}(?:st|nd|rd|th)? {_MONTH},? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_DAY = r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? )?"
_BYLINE = re.compile(
    rf"(?:(?i:by|written by|author:|authors:)) (?P<author>{_NAME})"
    rf"(?:\s*[,|·\u2013\u2014-]\s*{_DAY}(?P<published>{_DATE}))?\.?"
)
_DATELINE = re.compile(
    rf"(?:(?i:published|posted|first published|date)(?i: on)?:? )?{_DAY}(?P<published>{_DATE})\.?"
)


def byline(text: str) -> tuple[str, str]:
    """Author and date as they are written; "" for what is not there.

    Only a line that is nothing but a byline counts: "By then she had left" is a sentence.
    """
    author = published = ""
    lines = [line for line in text[:4000].splitlines() if line.strip()]
    for line in lines[:_LINES]:
        bare = line.strip().strip("*_")
        if match := _BYLINE.fullmatch(bare):
            author = author or match["author"]
            published = published or match["published"] or ""
        elif match := _DATELINE.fullmatch(bare):
            published = published or match["published"]
    return author, published


def is_byline(line: str) -> bool:
    """Whether a line says who wrote a text, or when, and nothing else."""
    bare = line.strip().strip("*_")
    return bool(_BYLINE.fullmatch(bare) or _DATELINE.fullmatch(bare))
