"""What the bot raises, and the one place where any error becomes words for people.

BotError
├── TryLater             nothing is wrong with the request; a later try may succeed
│   ├── Overloaded           too many questions are waiting already
│   ├── TookTooLong          no answer within the time allowed
│   └── ShuttingDown         the bot is on its way out
├── NotAllowed           the asker lacks the right; the message says who has it
├── AlreadyRunning       the same work is under way in the same scope
└── CannotRun            whoever runs the bot must act; the message holds the cure
    ├── BadToken             Discord refuses the token
    ├── IntentsRefused       the application may not have an intent it asks for
    └── ConnectionLost       the session with Discord ended and cannot be resumed

This module knows no discord: the client maps discord's errors to these at its seam.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterable
from dataclasses import dataclass

from index import (
    ArticleNotFound,
    BadInput,
    EngineError,
    LibraryBusy,
    TryAgain,
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


class NotAllowed(BotError):
    """The person may not do this. The message is shown to them as it stands."""


class AlreadyRunning(BotError):
    """The scope is being worked on. The message is shown as it stands."""


class CannotRun(BotError):
    """The bot cannot serve until its operator acts. The message is one line, with the cure."""


class BadToken(CannotRun):
    """Discord does not accept the token."""


class IntentsRefused(CannotRun):
    """The application lacks an intent that was requested."""


class ConnectionLost(CannotRun):
    """The session ended in a way that only a new process can mend."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Words for the person, and whether the log needs the trace."""

    text: str
    unexpected: bool = False


# The first row that fits wins; None lets the error speak for itself.
_WORDS: tuple[tuple[type[Exception], str | None], ...] = (
    (NotAllowed, None),
    (AlreadyRunning, None),
    (Overloaded, "I have more questions than I can handle right now. Please ask again soon."),
    (ShuttingDown, "I am restarting. Please try again in a minute."),
    (LibraryBusy, "The articles are being changed right now. Please try again in a moment."),
    (TryLater, "That took too long, so I gave up. Please try again in a moment."),
    (TryAgain, "That took too long, so I gave up. Please try again in a moment."),
    (ArticleNotFound, "There is no article to answer from yet."),
    (BadInput, None),
)
OUT_OF_ORDER = "I cannot reach my articles right now; my operator has to look into it"
UNEXPECTED = "Something went wrong on my side"


def explain(error: BaseException, error_id: str) -> Explanation:
    """Turn any error into words. The first rule that fits wins:

    1. what the bot itself refuses (`NotAllowed`, `AlreadyRunning`): its own message;
    2. what passes by itself (`TryLater`, `TryAgain`): to try again, and when;
    3. what the asker can mend (`BadInput`): the engine's message, which says how;
    4. what the operator must mend (any other `EngineError`): no detail but an id;
    5. anything else: nothing but an id.

    The last two are unexpected: the log holds their trace under the id.
    """
    for kind, text in _WORDS:
        if isinstance(error, kind):
            return Explanation(text or str(error))
    text = OUT_OF_ORDER if isinstance(error, EngineError) else UNEXPECTED
    return Explanation(f"{text} (error {error_id}).", unexpected=True)


def words_for(error: BaseException, *, private: Iterable[str] = ()) -> str:
    """The words for a person; an unexpected error also goes to the log under its id.

    ``private`` are texts, such as the question, that must not reach the log even
    where an exception repeats them.
    """
    error_id = secrets.token_hex(4)
    explanation = explain(error, error_id)
    if explanation.unexpected:
        log.error("error %s\n%s", error_id, _trace(error, private))
    return explanation.text


def _trace(error: BaseException, private: Iterable[str]) -> str:
    trace = "".join(traceback.format_exception(error)).rstrip()
    for text in sorted(filter(None, private), key=len, reverse=True):
        for form in (text, repr(text), repr(text)[1:-1]):
            trace = trace.replace(form, "[withheld]")
    return trace
