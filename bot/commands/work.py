"""``work``: answers questions for bots that run elsewhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from bot.commands.session import Session


@click.command()
@click.pass_obj
def work(session: Session) -> None:
    """Answer the questions of bots that run with ANSWER_IN=workers.

    WORKERS at once, over DATABASE_URL; start as many of it, on as many machines, as the
    questions want. On SIGTERM or Ctrl-C it answers what it has begun, and ends. HTTP_ADDRESS
    tells how it is.
    """
    settings = session.settings
    if settings.database_url is None:
        raise click.UsageError(
            "`article-bot work` takes questions from PostgreSQL: set DATABASE_URL."
        )
    # What tells of it by HTTP is heavy; help goes without.
    from bot.at_work import AtWork  # noqa: PLC0415
    from bot.operations import served_beside  # noqa: PLC0415

    with _told_to_stop() as stop:
        present = AtWork(stop)
        with served_beside(settings.http, present), session.asked(()) as engine:
            present.engine = engine
            from index import answer_queued  # noqa: PLC0415 - its driver is seldom installed

            session.screen.note(
                f"Answering questions, {settings.workers} at once. Ctrl-C or SIGTERM ends it."
            )
            answer_queued(engine, settings, threads=settings.workers, stop=stop, told=present.told)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set by SIGTERM and SIGINT."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
