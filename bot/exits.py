"""The exit codes: one table, and the one place that maps errors to it."""

from __future__ import annotations

from enum import IntEnum

import click

from bot.errors import BadToken, CannotRun, ConnectionLost, IntentsRefused, ShardTaken, TryLater
from index import BadInput, OperatorError, TryAgain


class Exit(IntEnum):
    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    BAD_INPUT = 3
    TRY_AGAIN = 4
    OPERATOR = 5
    REFUSED = 6
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done; `the article does not say` is an answer too",
    Exit.UNEXPECTED: "an error nobody foresaw: please report it",
    Exit.USAGE: "a command or an option that does not exist or fit",
    Exit.BAD_INPUT: "an article, a question or a file that cannot be used",
    Exit.TRY_AGAIN: "busy, or cut off: the same command may succeed later",
    Exit.OPERATOR: "the installation needs a hand: setting, model, disk or index",
    Exit.REFUSED: "Discord refused the token, or an intent of the bot",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}

# The first match wins: the special cases of CannotRun stand before it.
_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (BadInput, Exit.BAD_INPUT),
    (TryAgain, Exit.TRY_AGAIN),
    (TryLater, Exit.TRY_AGAIN),
    (ConnectionLost, Exit.TRY_AGAIN),
    (ShardTaken, Exit.TRY_AGAIN),
    (BadToken, Exit.REFUSED),
    (IntentsRefused, Exit.REFUSED),
    (CannotRun, Exit.OPERATOR),
    (OperatorError, Exit.OPERATOR),
    (click.ClickException, Exit.USAGE),
    (click.Abort, Exit.INTERRUPTED),
    (KeyboardInterrupt, Exit.INTERRUPTED),
    (BrokenPipeError, Exit.OK),  # whoever read the output has had enough
)


def exit_of(error: BaseException) -> Exit:
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.UNEXPECTED)


def epilog() -> str:
    r"""The table as the help shows it; ``\b`` keeps click from filling the lines."""
    rows = [f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()]
    return "\n".join(["\b", "Exit codes:", *rows])
