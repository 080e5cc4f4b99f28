"""The values that flow through the engine.

Frozen, slotted, and built from the standard library alone, so that every other
module may import them and none of them can be changed behind a reader's back.

All offsets count Unicode code points of an article's text *as stored*, half open:
``article_text[start:end]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

Progress = Callable[[str, int, int], None]
"""Told of work under way: the stage, how much of it is done, of how much."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose articles: the first, required argument of every read and write.

    One server's articles can never answer in another, because no call can leave
    the scope out. A question reads its own scope and the shared one.
    """

    key: str

    @classmethod
    def guild(cls, guild_id: int) -> Self:
        return cls(f"guild:{int(guild_id)}")

    @classmethod
    def direct(cls, user_id: int) -> Self:
        return cls(f"direct:{int(user_id)}")

    @classmethod
    def local(cls) -> Self:
        """The terminal's own articles."""
        return cls("local")

    @classmethod
    def shared(cls) -> Self:
        """The operator's articles, readable everywhere."""
        return cls("shared")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``local``, ``shared``, ``guild:ID`` or ``direct:ID``; ValueError otherwise."""
        kind, _, number = text.partition(":")
        if text in {"local", "shared"}:
            return cls(text)
        # No ID of Discord's has more digits than 64 bits hold.
        is_number = number.isascii() and number.isdigit() and len(number) <= 20
        if kind in {"guild", "direct"} and is_number:
            return cls(f"{kind}:{int(number)}")
        msg = f"{text!r} is no scope: write local, shared, guild:ID or direct:ID"
        raise ValueError(msg)

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class Document:
    """What a source holds, before it is in any library.

    ``headings`` are the spans of titles and section headings in ``text``: they give
    context, but a heading is no sentence and never the quote. ``author`` and
    ``published`` (a date, as ISO 8601 where it can be read) are "" where unknown.
    ``pages`` are the offsets at which the pages begin, () where it has none. ``canonical``
    is the address that a page itself gives as its own.
    """

    title: str
    text: str
    source: str
    media_type: str
    headings: tuple[tuple[int, int], ...] = ()
    author: str = ""
    published: str = ""
    pages: tuple[int, ...] = ()
    canonical: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """One stored article; ``version`` rises with every change of its text.

    ``author``, ``published`` and ``canonical``, the address that a page gives as its own,
    are as the source gives them, "" where it does not.
    """

    scope: Scope
    id: int
    version: int
    title: str
    source: str
    media_type: str
    content_hash: str
    characters: int
    added_at: datetime
    author: str = ""
    published: str = ""
    canonical: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """When a source was last read, and what came of it.

    ``etag`` and ``last_modified`` are what its server said, by which to ask for changes.
    While it cannot be read, ``failing_since``, ``failures`` in a row and the last
    ``reason`` say so; its stored text stays meanwhile.
    """

    checked_at: datetime
    etag: str = ""
    last_modified: str = ""
    failing_since: datetime | None = None
    failures: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed whose new pages are added. ``seen`` are the pages that it has named so far."""

    scope: Scope
    id: int
    source: str
    seen: tuple[str, ...]
    check: Check


@dataclass(frozen=True, slots=True)
class Version:
    """One stored version of an article's text, and when it was read."""

    number: int
    title: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """How one version of an article differs from an earlier one, by sentences.

    ``changed`` holds (before, after). ``older`` and ``newer`` are the two versions, None
    where there is but one.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    older: Version | None = None
    newer: Version | None = None

    @property
    def any(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a source that may stand for several: ``failed`` holds (source, reason).

    ``feed`` is the address of the feed that is watched from now on, "" where it was none.
    """

    articles: tuple[Article, ...]
    failed: tuple[tuple[str, str], ...] = ()
    feed: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or a heading, of one article; ``paragraph`` counts from 0."""

    start: int
    end: int
    paragraph: int
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of sentences as it is shown: ``text == article_text[start:end]``."""

    scope: Scope
    article_id: int
    version: int
    article: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. ``score`` is the fused score, 0..1, higher is better."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of an article, byte for byte, and where it stands.

    ``paragraph`` counts from 1, ``paragraphs`` is how many the article has. ``page``
    counts from 1 too, None where there are no pages; ``section`` is the heading above.
    """

    scope: Scope
    article_id: int
    version: int
    article: str
    source: str
    start: int
    end: int
    text: str
    paragraph: int
    paragraphs: int
    page: int | None = None
    section: str = ""


class Kind(StrEnum):
    """What sort of answer it is; only SPAN promises one sentence with the answer inside it."""

    SPAN = "span"
    SENTENCES = "sentences"
    LIST = "list"
    SUMMARY = "summary"
    ABOUT = "about"
    CHAT = "chat"
    NONE = "none"


class Fact(StrEnum):
    """What can be asked of an article as an object."""

    TITLE = "title"
    AUTHOR = "author"
    PUBLISHED = "published"
    SOURCE = "source"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class About:
    """An article as an object, with nothing of the machine in it.

    ``source`` is an address, the name of a file, "upload:", or "" for the bundled article;
    ``author`` and ``published`` are "" where it does not tell.
    """

    title: str
    source: str
    words: int
    author: str = ""
    published: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the same conversation and what was answered."""

    question: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one question.

    ``text``, ``start`` and ``end`` are the answer and its place in the article of the
    first quote, and are None when the article does not say. ``confidence`` is the
    calibrated probability (0..1) that the quote answers the question; it stays when
    the bot declines. ``passages`` are the nearest ones, best first. For ABOUT, ``fact`` is
    what was asked of the articles in ``about``, and ``text`` its bare value, None where
    none of them tells. ``read_as`` is the question with its slips mended, where it was answered
    so.
    """

    question: str
    kind: Kind
    confidence: float
    threshold: float
    elapsed_ms: float
    text: str | None = None
    start: int | None = None
    end: int | None = None
    quotes: tuple[Quote, ...] = ()
    passages: tuple[Hit, ...] = ()
    fact: Fact | None = None
    about: tuple[About, ...] = ()
    read_as: str | None = None

    @property
    def answered(self) -> bool:
        return self.text is not None

    @property
    def quote(self) -> Quote | None:
        """The one that the answer begins in: the sentence before it may stand first. The first
        where no place is told.
        """
        at = -1 if self.start is None else self.start
        found = (one for one in self.quotes if one.start <= at < one.end)
        return next(found, self.quotes[0] if self.quotes else None)

    def without_question(self) -> Answer:
        """As it may be kept where the question may not."""
        return replace(self, question="", read_as=None)


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What one re-index did.

    ``embedded`` counts the texts that went to the model, ``reused`` those in the cache.
    """

    scope: Scope
    generation: str
    articles: int
    passages: int
    embedded: int
    reused: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Golden:
    """A question with the words that its answer must hold; None: the articles must not say."""

    id: int
    question: str
    expected: str | None


@dataclass(frozen=True, slots=True)
class Examined:
    """A golden question, what is answered to it now, None where declined, and whether it passes."""

    golden: Golden
    said: str | None
    passes: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """A question, and its answers before and after; None where it was declined.

    ``golden`` ones are judged by the words that they must hold, kept ones by any difference.
    """

    question: str
    before: str | None
    after: str | None
    golden: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a re-index would do to the answers, found out beside the live index.

    ``unchanged`` counts the questions that are answered alike; ``better`` were declined
    before, ``lost`` would be declined after, ``different`` get other words. A golden question
    is lost when its answer would no longer hold what it must.
    ``documents`` are the texts that changed, to be stored when it is promoted, if the
    scope is still at ``revision``.
    """

    scope: Scope
    revision: int
    changed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    unchanged: int
    better: tuple[Replayed, ...]
    lost: tuple[Replayed, ...]
    different: tuple[Replayed, ...]
    documents: tuple[Document, ...]
    checks: tuple[tuple[Article, Check], ...]

    @property
    def is_safe(self) -> bool:
        """Whether it loses nothing, and may be published without anybody looking."""
        return not self.lost and not self.different


@dataclass(frozen=True, slots=True)
class Published:
    """A generation that is still kept: what it holds, and whether it answers now."""

    name: str
    at: datetime
    live: bool
    articles: tuple[tuple[int, int, str], ...]
    """The id, the version and the title of each."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check of one scope found; ``problems`` is empty when all is well."""

    scope: Scope
    articles: int
    generation: str | None
    problems: tuple[str, ...]
