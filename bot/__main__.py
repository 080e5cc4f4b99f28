"""The composition root: reads the settings, builds the session, ends with an exit code."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot import logs
from bot.alone import alone
from bot.commands import cli
from bot.commands.session import Session
from bot.errors import BotError
from bot.exits import Exit, exit_of
from bot.settings import Settings, read_settings
from bot.terminal import Screen
from index import EngineError

if TYPE_CHECKING:
    from index import Engine

log = logging.getLogger("bot")

_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""
ENV_FILE = Path(".env")
ASKED_AT_ONCE = 64
"""Of one bot's questions, by workers: here each of them is but a thread that waits."""
SENDING_S = 5.0
"""Until the last answer is out, once the engine is done with it."""


def main(
    arguments: Sequence[str] | None = None,
    *,
    env_file: Path | None = ENV_FILE,
    embedder: Any = None,
) -> int:
    """Run one command and return its exit code; no exception leaves it.

    ``env_file`` None reads no file; ``embedder`` replaces the model of the settings.
    """
    _share_arenas()
    for stream in (sys.stdout, sys.stderr):
        # A character the terminal lacks is worth a question mark, not a crash.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    screen = Screen.standard()
    session = Session(
        read_settings=lambda: _settings(env_file),
        screen=screen,
        stdin=sys.stdin.buffer,
        interactive=sys.stdin.isatty(),
        start_discord=_start_discord,
        embedder=embedder,
    )
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments), session)
    except BrokenPipeError as error:
        _silence_stdout()
        return exit_of(error)
    except (click.Abort, KeyboardInterrupt) as error:
        return exit_of(error)
    except click.ClickException as error:
        _explain_usage(screen, error)
        return exit_of(error)
    except (EngineError, BotError) as error:
        return _ended(screen, str(error), error)
    except Exception as error:
        log.exception("unexpected")
        return _ended(screen, f"{type(error).__name__}: {error}", error)


def _ended(screen: Screen, told: str, error: BaseException) -> int:
    code = exit_of(error)
    if logs.speaks_json():
        log.critical(told, extra={"fields": {"exit_code": int(code)}})
    else:
        screen.error(told)
    return code


def _run(arguments: list[str], session: Session) -> int:
    # Not cli.main(): it would print and exit by itself, and end a broken pipe with 1.
    try:
        with cli.make_context("article-bot", arguments, obj=session) as context:
            cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return Exit.OK


def _settings(env_file: Path | None) -> Settings:
    settings = read_settings(env_file)
    # A person at a terminal wants answers, not a log, unless they ask for one.
    chosen = settings.discord_token is not None or "log_level" in settings.model_fields_set
    level = settings.log_level if chosen else "WARNING"
    logs.configure(level, as_json=settings.log_format == "json")
    return settings


def _start_discord(engine: Engine, settings: Settings) -> None:
    # discord is heavy; the terminal goes without
    from bot.client import ArticleBot, BotOptions, reach, run  # noqa: PLC0415
    from bot.health import OnDiscord  # noqa: PLC0415
    from bot.operations import served  # noqa: PLC0415
    from bot.shards import LEAVING_S, Shards  # noqa: PLC0415

    assert settings.discord_token is not None
    options = BotOptions(
        data_dir=settings.data_dir,
        workers=settings.workers if settings.answer_in == "process" else ASKED_AT_ONCE,
        queue_limit=settings.queue_limit,
        answer_timeout_s=settings.answer_timeout_s,
        user_cooldown_s=settings.user_cooldown_s,
        max_question_chars=settings.max_question_chars,
        max_article_mb=settings.max_article_mb,
        refresh_hours=settings.refresh_hours,
        threshold=settings.threshold,
        sync_guild=settings.sync_guild,
        message_content=settings.message_content,
        # An accepted question is answered or given up before the bot goes.
        drain_s=settings.answer_timeout_s + SENDING_S,
        shard_count=settings.shard_count,
        shard_ids=settings.shards,
    )
    reach(api_url=settings.discord_api_url, gateway_url=settings.discord_gateway_url)
    token = settings.discord_token.get_secret_value()
    shards = None
    if engine.turns is not None:
        numbers = settings.shard_count, settings.shards
        patience_s = options.drain_s + LEAVING_S
        shards = Shards(engine, token, *numbers, patience_s=patience_s)
    present = OnDiscord()

    def make_bot() -> ArticleBot:
        present.bot = ArticleBot(engine, options)
        return present.bot

    async def serve() -> None:
        async with served(settings.http, present):
            await run(make_bot, token, shards)

    # Two would answer every question twice.
    with alone(settings.data_dir):
        log.info("article-bot %s answers from %s", version("article-bot"), settings.data_dir)
        asyncio.run(serve())
        log.info("article-bot has stopped")


def _share_arenas() -> None:
    """Have all threads allocate from two heaps: one for each thread would leave more holes with
    every question, 55 MB after 150 of them. Only glibc has so many.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _explain_usage(screen: Screen, error: click.ClickException) -> None:
    screen.error(error.format_message())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        screen.note(f"Try `{error.ctx.command_path} --help`.")


def _silence_stdout() -> None:
    """Let the interpreter flush at exit without finding the broken pipe again."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
