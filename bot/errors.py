"""What the bot raises, and the one place where any error becomes words for people.

BotError
├── TryLater             nothing is wrong with the request; a later try may succeed
│   ├── Overloaded           too many questions are waiting already
│   ├── TookTooLong          no answer within the time allowed
│   └── ShuttingDown         the bot is on its way out
├── Refused              the bot says no, in words of its own
│   ├── NotAllowed           the asker lacks the right; the words say who has it
│   ├── AlreadyRunning       the same work is under way in the same scope
│   ├── Gone                 what a button or a name stood for is no longer there
│   └── BadNumber            what was typed is not the number that was asked for
└── CannotRun            whoever runs the bot must act; the message holds the cure
    ├── BadToken             Discord refuses the token
    ├── IntentsRefused       the application may not have an intent it asks for
    ├── ConnectionLost       the session with Discord ended and cannot be resumed
    └── ShardTaken           another process has a shard that this one opens

This module knows no discord: the client maps discord's errors to these at its seam.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterable
from dataclasses import dataclass

from bot.i18n import ENGLISH, language_of, say
from index import (
    ArticleNotFound,
    BadInput,
    EngineError,
    IndexPending,
    LanguageError,
    LibraryBusy,
    QuestionError,
    TryAgain,
    WorkersBusy,
)

log = logging.getLogger(__name__)


class BotError(Exception):
    """Root of all that the bot raises on purpose."""


class TryLater(BotError):
    """The same request may succeed in a moment."""


class Overloaded(TryLater):
    """The queue of waiting work is full."""


class TookTooLong(TryLater):
    """The work was not done when its time was up."""


class ShuttingDown(TryLater):
    """No new work is taken, because the bot is closing."""


class Refused(BotError):
    """The bot says no, in the words of ``key`` with its values."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(say(ENGLISH, key, **values))
        self.key = key
        self.values = values


class NotAllowed(Refused):
    """The person may not do this."""


class AlreadyRunning(Refused):
    """The scope is being worked on."""


class Gone(Refused):
    """What a button or a name stood for is no longer there."""


class BadNumber(Refused):
    """What was typed is not the number that was asked for."""


class CannotRun(BotError):
    """The bot cannot serve until its operator acts. The message is one line, with the cure."""


class BadToken(CannotRun):
    """Discord does not accept the token."""


class IntentsRefused(CannotRun):
    """The application lacks an intent that was requested."""


class ConnectionLost(CannotRun):
    """The session ended in a way that only a new process can mend."""


class ShardTaken(CannotRun):
    """A shard is open in another process, and stays so."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Words for the person, and whether the log needs the trace."""

    text: str
    unexpected: bool = False


# The first row that fits wins.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (Overloaded, "error.overloaded"),
    (WorkersBusy, "error.overloaded"),
    (ShuttingDown, "error.restarting"),
    (IndexPending, "error.index_pending"),
    (LibraryBusy, "error.library_busy"),
    (TryLater, "error.too_slow"),
    (TryAgain, "error.too_slow"),
    (ArticleNotFound, "error.no_article"),
    (LanguageError, "error.language"),
)


def explain(error: BaseException, error_id: str, locale: object = None) -> Explanation:
    """Turn any error into words. The first rule that fits wins:

    1. what the bot itself refuses (`Refused`): the words it was raised with;
    2. what passes by itself (`TryLater`, `TryAgain`): to try again, and when;
    3. what the asker can mend (`BadInput`): how, by the engine's own message in English;
    4. what the operator must mend (any other `EngineError`): no detail but an id;
    5. anything else: nothing but an id.

    The last two are unexpected: the log holds their trace under the id.
    """
    if isinstance(error, Refused):
        return Explanation(say(locale, error.key, **error.values))
    for kind, key in _WORDS:
        if isinstance(error, kind):
            return Explanation(say(locale, key))
    if isinstance(error, BadInput):
        return Explanation(_mendable(error, locale))
    key = "error.out_of_order" if isinstance(error, EngineError) else "error.unexpected"
    return Explanation(say(locale, key, id=error_id), unexpected=True)


def _mendable(error: BadInput, locale: object) -> str:
    """The engine speaks English; elsewhere, what it comes to."""
    if language_of(locale) == ENGLISH:
        return str(error)
    if isinstance(error, QuestionError):
        return say(locale, "error.question")
    return say(locale, "error.input", detail=error)


def words_for(error: BaseException, *, locale: object = None, private: Iterable[str] = ()) -> str:
    """The words for a person; an unexpected error also goes to the log under its id.

    ``private`` are texts, such as the question, that must not reach the log even
    where an exception repeats them.
    """
    error_id = secrets.token_hex(4)
    explanation = explain(error, error_id, locale)
    if explanation.unexpected:
        log.error("error %s\n%s", error_id, _trace(error, private))
    return explanation.text


def _trace(error: BaseException, private: Iterable[str]) -> str:
    trace = "".join(traceback.format_exception(error)).rstrip()
    for text in sorted(filter(None, private), key=len, reverse=True):
        for form in (text, repr(text), repr(text)[1:-1]):
            trace = trace.replace(form, "[withheld]")
    return trace
