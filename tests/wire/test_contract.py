"""The check against Discord's description of its API can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .contract import Contract
from .loopback import Discord, Request

GOOD = Request(
    method="POST",
    path="/channels/1100000000000000001/messages",
    query={},
    content_type="application/json",
    body={
        "components": [{"type": 17, "components": [{"type": 10, "content": "Hello"}]}],
        "flags": 1 << 15,
        "message_reference": {"message_id": 1100000000000000002, "fail_if_not_exists": False},
        "nonce": "1100000000000000002",
        "enforce_nonce": True,
    },
    authorized=True,
    known=True,
)


def test_a_request_as_discord_describes_it_passes(described: Contract) -> None:
    assert described.problems(GOOD) == []


@pytest.mark.parametrize(
    "broken",
    [
        replace(GOOD, path="/channels/1100000000000000001/messages/now"),
        replace(GOOD, method="PUT"),
        replace(GOOD, query={"loudly": "1"}),
        replace(GOOD, content_type="text/plain"),
        replace(GOOD, body=None),
        replace(GOOD, body=GOOD.body | {"flags": "many"}),
        replace(GOOD, body=GOOD.body | {"components": [{"type": 10, "contents": "Hello"}]}),
        replace(GOOD, body=GOOD.body | {"message_reference": {"message_id": "the last"}}),
    ],
    ids=["path", "method", "query", "content type", "body", "type", "component", "snowflake"],
)
def test_a_broken_request_is_found(described: Contract, broken: Request) -> None:
    assert described.problems(broken) != []


async def test_every_command_is_registered_as_discord_describes_it(
    discord: Discord, described: Contract
) -> None:
    (registration,) = (r for r in discord.requests if r.method == "PUT")
    assert described.problems(registration) == []
    assert {"ask", "reindex"} <= {command["name"] for command in registration.body}


async def test_the_token_goes_where_it_is_needed_and_nowhere_else(discord: Discord) -> None:
    by_token = ("/webhooks/", "/interactions/")
    assert [r for r in discord.requests if r.authorized == r.path.startswith(by_token)] == []
