"""Lines for people and for machines."""

from __future__ import annotations

import json
import logging

import pytest

from bot import logs
from index import Scope

GUILD = Scope.guild(1100000000000001000)


@pytest.fixture
def record() -> logging.LogRecord:
    return logging.LogRecord("bot.test", logging.INFO, __file__, 1, "kept %d\nof them", (3,), None)


def test_a_line_for_machines_is_one_object(record: logging.LogRecord) -> None:
    line = logs.JsonFormatter().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "INFO", "logger": "bot.test", "message": "kept 3\nof them"}


def test_lines_of_a_request_tell_its_number_server_and_shard(record: logging.LogRecord) -> None:
    with logs.request(GUILD, 16) as number:
        found = json.loads(logs.JsonFormatter().format(record))
        told = logs._TextFormatter("%(message)s").format(record)
    assert found["request"] == number
    assert (found["guild"], found["shard"]) == ("1100000000000001000", (GUILD_ID >> 22) % 16)
    assert f"request={number}" in told
    assert "request" not in json.loads(logs.JsonFormatter().format(record))


GUILD_ID = 1100000000000001000


def test_a_person_is_not_told(record: logging.LogRecord) -> None:
    with logs.request(Scope.direct(4711), 1):
        line = logs.JsonFormatter().format(record)
    assert "4711" not in line
    assert json.loads(line)["scope"] == "direct"


def test_an_exception_is_part_of_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("bot", logging.ERROR, __file__, 1, "broke", (), info)
    assert "ValueError: no" in json.loads(logs.JsonFormatter().format(record))["exception"]
