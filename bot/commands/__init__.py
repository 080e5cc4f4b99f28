"""The commands of ``article-bot``, as click sees them."""

from __future__ import annotations

import click

from bot.commands.ask import ask, search
from bot.commands.chat import chat, open_chat
from bot.commands.doctor import doctor
from bot.commands.evaluate import evaluate
from bot.commands.golden import golden
from bot.commands.library import (
    add,
    backup,
    changes,
    feeds,
    list_,
    rebuild,
    reindex,
    remove,
    restore,
    rollback,
    undelete,
    unwatch,
    verify,
)
from bot.commands.migrate import migrate
from bot.commands.session import Session
from bot.commands.work import work
from bot.exits import epilog

HOW_TO_CONNECT = (
    "No DISCORD_TOKEN, so this is the terminal chat. To answer on Discord, set DISCORD_TOKEN"
    " in the environment or in .env (the README says where to get one)."
)


@click.group(
    invoke_without_command=True,
    epilog=epilog(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="article-bot", prog_name="article-bot")
@click.pass_context
def cli(context: click.Context) -> None:
    """Answers questions about an article with the article's own words.

    Without a command it runs the Discord bot; without DISCORD_TOKEN it opens a chat in
    the terminal. Settings are read from the environment and from .env in this folder.

    \b
    Try:
      article-bot ask "Why did the economy slow down?"
      article-bot ask --article report.md "Who wrote it?"
      article-bot chat --article report.md
    """
    if context.invoked_subcommand is not None:
        return
    session: Session = context.obj
    if session.settings.discord_token is not None:
        session.run_discord()
        return
    session.screen.note(HOW_TO_CONNECT)
    open_chat(session)


for command in (
    chat,
    ask,
    search,
    add,
    list_,
    remove,
    undelete,
    reindex,
    changes,
    verify,
    rebuild,
    rollback,
    feeds,
    unwatch,
    golden,
    backup,
    restore,
    migrate,
    evaluate,
    doctor,
    work,
):
    cli.add_command(command)
