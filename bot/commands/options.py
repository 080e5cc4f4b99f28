"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from index import Scope

Command = TypeVar("Command", bound=Callable[..., Any])


class Share(click.FloatRange):
    """A number from 0 to 1; ``nan`` is none, although no comparison refuses it."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range 0<=x<=1.", param, ctx)
        return number


class ScopeName(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """``local``, ``shared`` or ``guild:ID``."""

    name = "scope"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Scope:
        if isinstance(value, Scope):
            return value
        try:
            scope = Scope.parse(value)
        except ValueError:
            scope = None
        if scope is None or scope.key.startswith("direct:"):
            self.fail(f"{value!r} is no scope: write local, shared or guild:ID.", param, ctx)
        return scope


def asking_options(command: Command) -> Command:
    """``--article``, ``--questions``, ``--threshold`` and ``--json``."""
    for option in reversed(_ASKING):
        command = option(command)
    return command


scope_option = click.option(
    "--scope",
    type=ScopeName(),
    default="local",
    metavar="local|shared|guild:ID",
    help="Whose articles: the terminal's (the default), everybody's, or one server's.",
)

passages_option = click.option(
    "--passages", is_flag=True, help="Also show the nearest passages of the article."
)

threshold_option = click.option(
    "--threshold",
    type=Share(),
    metavar="T",
    help="Confidence (0 to 1) below which the article does not say. 0 never declines."
    " Default: THRESHOLD.",
)

_ASKING = (
    click.option(
        "--article",
        "articles",
        multiple=True,
        metavar="PATH_OR_URL",
        help="Ask this article alone, without touching the stored ones. Repeatable.",
    ),
    click.option(
        "--questions",
        "questions_file",
        type=click.File("rb"),
        metavar="FILE",
        help="Read the questions from FILE (- for standard input), one a line. A line may be"
        ' JSON: {"question": ..., "history": [{"question": ..., "answer": ...}]}.',
    ),
    threshold_option,
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line."),
)
