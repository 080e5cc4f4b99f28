"""Logs: lines for people, or one JSON object a line for machines.

Never a question's or an article's text: each line that belongs to a question tells the
server, the shard and a number drawn for the request, by which its lines are found.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from index import Scope

_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_request: ContextVar[dict[str, object] | None] = ContextVar("request", default=None)


@contextmanager
def request(scope: Scope, shards: int | None = None) -> Iterator[str]:
    """Lines that are logged inside belong to a request; gives its number."""
    number = secrets.token_hex(4)
    fields: dict[str, object] = {"request": number, "scope": scope.key.partition(":")[0]}
    if scope.key.startswith("guild:"):  # a person's number is nobody's business
        guild = int(scope.key.partition(":")[2])
        fields |= {"guild": str(guild), "shard": (guild >> 22) % (shards or 1)}
    token = _request.set(fields)
    try:
        yield number
    finally:
        _request.reset(token)


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message; of a request, what `request` tells."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **(_request.get() or {}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = (_request.get() or {}) | getattr(record, "fields", {})
        told = " ".join(f"{name}={value}" for name, value in fields.items() if name != "scope")
        return f"{super().format(record)} [{told}]" if told else super().format(record)


def speaks_json() -> bool:
    """Whether machines read standard error, so that nothing else may be written there."""
    return any(isinstance(one.formatter, JsonFormatter) for one in logging.getLogger().handlers)


def configure(level: str, *, as_json: bool) -> None:
    """Log to standard error, at ``level`` and above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)  # some libraries set a level of their own, past the root's
    handler.setFormatter(JsonFormatter() if as_json else _TextFormatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
    for name in ("faiss.loader", "alembic"):  # they tell of every try, and of every step
        logging.getLogger(name).setLevel(logging.WARNING)
    # Below that, discord.py writes out messages and tokens.
    logging.getLogger("discord").setLevel(logging.INFO)
