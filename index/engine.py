"""The one orchestrator: it calls the stages in turn, and no stage calls another.

    source   -> articles: intake -> catalogue -> library -> building -> generation
    question -> question, intent, followup -> embedding -> generation
             -> answering (ranking, reader, composing, confidence), or overview (summarising)

Synchronous, and safe to use from several threads and processes at once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from index.answering import Reading, read
from index.candidates import Found, find
from index.catalogue import Catalogue
from index.chunking import paragraphs
from index.coverage import Coverage
from index.embedding import Embedder, Vectors
from index.errors import (
    ArticleNotFound,
    DatabaseAway,
    DeadlineExceeded,
)
from index.followup import leans, resolved
from index.gathering import Block, blocks, passages
from index.generation import Searched
from index.intake import (
    Intake,
)
from index.intent import Intent, Wish, intent
from index.lexical import tokens
from index.library import Library, store_of
from index.models import Models
from index.overview import overview
from index.question import Checked, chats, check, normalise
from index.ranking import WEIGHTS
from index.reader import Reader
from index.reader.picker import SentencePicker
from index.recent import Recent
from index.rehearsing import Rehearsals
from index.repeated import rests_on
from index.settings import PACKAGED_MODEL, IndexSettings
from index.spelling import corrected
from index.together import Together
from index.types import (
    Answer,
    Article,
    Hit,
    Kind,
    Passage,
    Quote,
    Scope,
    Turn,
)

if TYPE_CHECKING:
    from index.postgres.turns import Turns

T = TypeVar("T")

_ANSWERS_IN_MEMORY = 1024
"""A few kilobytes each."""
_CHARS_IN_MEMORY = 16_000_000
_SUMMARISES = re.compile(r"summ?[ae]r|tl;? ?dr|gist|in short|points|sum .*up", re.IGNORECASE)
_TELLS_ITSELF = 0.5
"""The confidence from which the text answers what the article does not tell as an object."""
_CLEARLY_SURER = 0.15
_SURER = 0.05
"""By how much an answer must be surer to a question whose slips were mended. On 320 development
questions with a slip, a third of them unanswerable, it costs no right quote, and one in six of the
answers to written unanswerable ones is spared."""
_OF_ARTICLES = {Wish.OBJECT, Wish.WHOLE}
_RETRIES_S = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Waits between tries, in all about as long as a standby takes to be found."""
_SHORTEST_REASON = 4
"""Words: a name alone is no reason, and no way to do something."""
_LONGEST_TURN_CHARS = 1000


@dataclass(frozen=True, slots=True)
class _Read:
    """What a question came to, and what it asks for; ``read_as`` is set where slips were mended."""

    wish: Wish
    outcome: Reading
    read_as: str | None = None

    @property
    def confidence(self) -> float:
        return self.outcome.confidence


class Engine(Rehearsals):
    """Articles in, answers out. Open it with ``Engine.open``; close it or use ``with``."""

    def __init__(
        self,
        settings: IndexSettings,
        catalogue: Catalogue,
        embedder: Embedder,
        reader: Reader,
        *,
        weights: Mapping[str, float] = WEIGHTS,
        intake: Intake | None = None,
    ) -> None:
        library = self._library_over(catalogue, embedder, settings.data_dir / "index")
        intake = intake or Intake(int(settings.max_article_mb * 1_000_000))
        super().__init__(settings, catalogue, library, intake, embedder)
        self._weights = weights
        self._reader = reader
        self._repeated: Recent[Answer] = Recent(_ANSWERS_IN_MEMORY)
        self._questions = Together(embedder)
        self._texts: Recent[str] = Recent(_CHARS_IN_MEMORY, len)

    @classmethod
    def open(
        cls,
        settings: IndexSettings,
        *,
        embedder: Embedder | None = None,
        reader: Reader | None = None,
        weights: Mapping[str, float] = WEIGHTS,
        intake: Intake | None = None,
    ) -> Self:
        """Open the library in ``settings.data_dir``; cheap, the models load when first needed.

        ``embedder`` and ``reader`` stand in for those of the settings; an embedder alone
        comes with the sentence-picker. ``weights`` are those of the ranking, and ``intake``
        is what reads sources.

        Raises:
            StorageError: the folder cannot be used.
            CatalogueError: the catalogue is damaged, or of a newer program.
        """
        secret = settings.database_url
        url = secret.get_secret_value() if secret else None
        catalogue = Catalogue.open(settings.data_dir, url)
        if embedder is not None:
            return cls(
                settings,
                catalogue,
                embedder,
                reader or SentencePicker(),
                weights=weights,
                intake=intake,
            )
        models = Models.of(settings)
        return cls(
            settings,
            catalogue,
            models.embedder,
            reader or models.reader,
            weights=weights,
            intake=intake,
        )

    def close(self) -> None:
        self._intake.close()
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Where articles are kept, as it may be told: a file, or a server without its secrets."""
        return self._catalogue.database.where

    @property
    def turns(self) -> Turns | None:
        """Whose turn it is among processes that share a database; None without one."""
        return self._catalogue.turns

    def warm(self, *scopes: Scope) -> None:
        """Load the model and the indexes of ``scopes`` now, so that no question waits for it."""
        with ThreadPoolExecutor(1, "loading-models") as beside:
            loading = beside.submit(Models(self._embedder, self._reader).warm)
            intent("Is it warm?")  # the wordings that it knows take a while to compile
            self._corrected("warm", ())
            for scope in scopes:
                self._library.generation(scope)
            loading.result()

    def _library_over(self, catalogue: Catalogue, embedder: Embedder, folder: Path) -> Library:
        return Library(catalogue, store_of(catalogue.database, folder), embedder)

    def _over(self, data_dir: Path, catalogue: Catalogue, embedder: Embedder) -> Engine:
        settings = self._settings.model_copy(update={"data_dir": data_dir})
        models = (embedder, self._reader)
        return Engine(settings, catalogue, *models, weights=self._weights, intake=self._intake)

    # Questions

    def ask(
        self,
        scope: Scope,
        question: str,
        *,
        history: Sequence[Turn] = (),
        threshold: float | None = None,
        deadline_s: float | None = None,
        only: Article | Collection[Article] | None = None,
    ) -> Answer:
        """Answer a question from the articles of ``scope`` and the shared ones.

        ``history`` holds earlier turns, oldest first; it counts only when the question
        leans on the last one. Below ``threshold`` (default: the setting's) the answer is
        that the article does not say; 0 never declines. ``only`` asks one article, or
        some, and no other.

        Raises:
            QuestionError: the question is empty, too long, without words, or in a
                language that the model does not know.
            ArticleNotFound: there is no article to ask.
            DeadlineExceeded: ``deadline_s`` seconds ran out.
            DatabaseAway: for seconds no database answered.
        """
        started = time.perf_counter()
        checked = check(
            question,
            max_chars=self._settings.max_question_chars,
            english_only=self._settings.model == PACKAGED_MODEL,
        )
        deadline = Deadline(deadline_s)
        chosen = [only] if isinstance(only, Article) else only
        limit = self._settings.threshold if threshold is None else threshold

        def attempt() -> Answer:
            searched = self._library.searched(scope, chosen)
            deadline.check("opening the index")
            key = rests_on(checked.text, history, limit, searched)
            answer = self._repeated.get(key)
            if answer is None:
                answer = self._answered(checked, history, searched, limit, deadline)
                self._repeated.keep(key, answer)
            return answer

        with self._catalogue.database.within(deadline.left_s):
            answer = patiently(attempt, deadline)
        return replace(answer, elapsed_ms=(time.perf_counter() - started) * 1000)

    def _answered(
        self,
        checked: Checked,
        history: Sequence[Turn],
        searched: Sequence[Searched],
        limit: float,
        deadline: Deadline,
    ) -> Answer:
        """The answer, with the time still to be filled in."""
        asked = checked.text
        # "Waht is this about?" is about the article all the same.
        meant = self._corrected(asked, ())
        text = meant if intent(meant).wish in _OF_ARTICLES else asked
        wanted = intent(text)
        untold: Answer | None = None
        if checked.kind is not Kind.CHAT and _is_of_articles(wanted, text, history):
            answer = self._overview(text, wanted, searched)
            if answer is not None:
                read_as = text if text != asked and answer.answered else None
                answer = replace(answer, question=asked, threshold=limit, read_as=read_as)
                if answer.answered:
                    return answer
            untold = answer
            # A part of the article in short, or something else that has a title or a date.
            wanted = Intent(Wish.REASON if wanted.wish is Wish.WHOLE else Wish.FACT)
        best = self._read(searched, _readings(asked, history), wanted.wish, deadline)
        chat = checked.kind is Kind.CHAT or (
            best.confidence < limit and chats(asked, best.outcome.signals.coverage)
        )
        if not chat:
            best = self._mended(searched, asked, history, best, deadline)
        # What the article does not tell as an object, its text may all but spell out.
        if untold is not None and best.confidence < max(limit, _TELLS_ITSELF):
            return untold
        return _answer(asked, best, limit, chat=chat)

    def _read(
        self, searched: Sequence[Searched], readings: Sequence[str], wish: Wish, deadline: Deadline
    ) -> _Read:
        """The reading with its history, unless the bare one finds a clearly surer answer."""
        reads = []
        for text, vector in zip(readings, self._questions.encode(readings), strict=True):
            deadline.check("searching")
            reads.append(_Read(wish, self._outcome(searched, text, vector, wish)))
        surer = reads[-1].confidence > reads[0].confidence + _CLEARLY_SURER
        return reads[-1] if surer else reads[0]

    def _mended(
        self,
        searched: Sequence[Searched],
        asked: str,
        history: Sequence[Turn],
        best: _Read,
        deadline: Deadline,
    ) -> _Read:
        """The question read without its slips, where that is surer than ``best``: what looks like a
        slip may be a name.
        """
        near = [hit.passage for hit in best.outcome.hits]
        text = self._corrected(asked, [words for hit in near for words in (hit.text, hit.article)])
        if text == asked:
            return best
        meant = intent(text).wish
        wish = best.wish if meant in _OF_ARTICLES else meant
        try:
            read = self._read(searched, _readings(text, history), wish, deadline)
        except DeadlineExceeded:  # there is an answer already
            return best
        if read.confidence <= best.confidence + _SURER:
            return best
        return replace(read, read_as=text)

    def _corrected(self, question: str, texts: Sequence[str]) -> str:
        # Slips are seen by words of the packaged model's language.
        english = self._settings.model == PACKAGED_MODEL
        return corrected(question, texts) if english else question

    def search(self, scope: Scope, query: str, *, limit: int = 5) -> list[Hit]:
        """The passages nearest to ``query``, best first, at most ``limit``.

        Raises:
            QuestionError, ArticleNotFound: as ``ask`` does.
        """
        text = check(query, max_chars=self._settings.max_question_chars, english_only=False).text
        vector = self._questions.encode([text])[0]

        def attempt() -> list[Hit]:
            searched = self._library.searched(scope)
            found = _found(searched, vector, tokens(text), self._weights)
            return list(passages(found, self._text, at_least=limit, most=limit))

        return patiently(attempt, Deadline(None))

    def paragraph(self, quote: Quote) -> Passage:
        """The paragraph that a quote stands in, as it was when the quote was taken.

        Raises:
            ArticleNotFound: that version of the article is no longer stored.
        """
        text = self._text(quote.scope, quote.article_id, quote.version)
        start, end = next(
            ((a, b) for a, b in paragraphs(text) if a <= quote.start < b),
            (quote.start, quote.end),
        )
        return Passage(
            scope=quote.scope,
            article_id=quote.article_id,
            version=quote.version,
            article=quote.article,
            start=start,
            end=end,
            text=text[start:end],
        )

    def _text(self, scope: Scope, article_id: int, version: int) -> str:
        # A stored version never changes, so its text may be kept as long as there is room.
        key = scope, article_id, version
        text = self._texts.get(key)
        return self._texts.keep(key, self._catalogue.text(*key)) if text is None else text

    def _outcome(
        self,
        searched: Sequence[Searched],
        question: str,
        vector: Vectors,
        wish: Wish = Wish.FACT,
    ) -> Reading:
        words = tokens(question)
        found = _found(searched, vector, words, self._weights)
        return read(found, question, words, self._reader, self._text, wish=wish)

    def read_for(self, question: str, scope: Scope) -> tuple[Block, ...]:
        """What a reader is given for a question, to train it and to measure it by."""
        words = tokens(question)
        vector = self._questions.encode([question])[0]
        found = _found(self._library.searched(scope), vector, words, self._weights)
        return blocks(found, self._text, Coverage(words))

    def _overview(
        self, question: str, wanted: Intent, searched: Sequence[Searched]
    ) -> Answer | None:
        vector = self._questions.encode([question])[0]
        hits = passages(_found(searched, vector, tokens(question), self._weights), self._text)
        # A server that has articles of its own means those, unless it names a shared one.
        for one in searched if wanted.named else searched[:1]:
            stored = self._catalogue.articles(one.generation.scope)
            answer = overview(question, wanted, one, stored, text_of=self._text, hits=hits)
            if answer is not None:
                return answer
        return None


def _found(
    searched: Sequence[Searched],
    query: Vectors,
    words: Sequence[str],
    weights: Mapping[str, float],
) -> Found:
    found = find(searched, query, words, weights)
    if not len(found):
        raise ArticleNotFound("there is no article to ask any more; add one first")
    return found


def patiently(attempt: Callable[[], T], deadline: Deadline) -> T:
    """Try again while the database is away: reading twice changes nothing."""
    for wait_s in _RETRIES_S:
        try:
            return attempt()
        except DatabaseAway:
            time.sleep(min(wait_s, deadline.left_s))
            deadline.check("the database answered")
    return attempt()


class Deadline:
    """Runs out ``seconds`` after it was made; a stage that computes is not cut short."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = inf if seconds is None else seconds
        self._ends = time.monotonic() + self._seconds

    @property
    def left_s(self) -> float:
        """Seconds, at least 0; ``inf`` where it never runs out."""
        return max(0.0, self._ends - time.monotonic())

    def check(self, stage: str) -> None:
        if not self.left_s:
            raise DeadlineExceeded(
                f"no answer within {self._seconds:g} s (before {stage}); try again in a moment"
            )


def _readings(text: str, history: Sequence[Turn]) -> list[str]:
    """The question as it stands; before that, when it leans on the last turn, resolved."""
    if not history or not leans(text):
        return [text]
    turns = [
        Turn(
            normalise(turn.question)[:_LONGEST_TURN_CHARS],
            normalise(turn.answer or "")[:_LONGEST_TURN_CHARS],
        )
        for turn in history
    ]
    return [resolved(text, turns), text]


def _is_of_articles(wanted: Intent, question: str, history: Sequence[Turn]) -> bool:
    """Whether a question asks about the articles themselves; "it" may be what was spoken of."""
    if wanted.wish not in _OF_ARTICLES:
        return False
    may_point = history and re.search(r"\b(?:it|that)\b", question.lower())
    return not may_point or bool(_SUMMARISES.search(question))


def _marked(wish: Wish, reading: Reading) -> tuple[int, int, str]:
    """The span that answers and its text: the very words, or all that is quoted."""
    if wish is Wish.VERDICT or reading.is_whole(wish):
        said = " ".join(quote.text for quote in reading.quotes)
        return reading.quotes[0].start, reading.quotes[-1].end, said
    quote = reading.quote
    said = quote.text[reading.start - quote.start : reading.end - quote.start]
    if wish in {Wish.REASON, Wish.MANNER} and len(said.split()) < _SHORTEST_REASON:
        return quote.start, quote.end, quote.text
    return reading.start, reading.end, said


def _kind(wish: Wish, reading: Reading) -> Kind:
    if wish is Wish.LIST and len(reading.quotes) > 1:
        return Kind.LIST
    return Kind.SENTENCES if wish in {Wish.REASON, Wish.MANNER, Wish.VERDICT} else Kind.SPAN


def _answer(asked: str, best: _Read, threshold: float, *, chat: bool) -> Answer:
    reading = best.outcome
    answer = Answer(
        question=asked,
        kind=Kind.CHAT if chat else Kind.NONE,
        confidence=0.0 if chat else reading.confidence,
        threshold=threshold,
        elapsed_ms=0.0,
        passages=reading.hits,
    )
    if chat or reading.confidence < threshold:
        return answer
    start, end, text = _marked(best.wish, reading)
    return replace(
        answer,
        kind=_kind(best.wish, reading),
        text=text,
        start=start,
        end=end,
        quotes=reading.quotes,
        read_as=best.read_as,
    )
