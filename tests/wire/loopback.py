"""A Discord on this machine: what the bot can reach, what people do, what they see."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from . import payloads
from .faults import Fault
from .gateway import Gateway
from .payloads import EPHEMERAL, LOADING, Payload

APPLICATION = "1100000000000000000"
HARBOUR, SLOW, SLOWER, FOREIGN = (
    f"11000000000000{number}000" for number in ("01", "02", "03", "04")
)
"""Three servers that the bot is in, and one that it is not in."""

ACKNOWLEDGE_WITHIN_S = 3.0

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
MESSAGE_REPLY, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, FORM = 4, 5, 6, 7, 8, 9


class Refused(Exception):
    """What Discord answers instead: a status and a code of its own."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


@dataclass(frozen=True)
class Request:
    """One request of the bot's, as it came in."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any
    authorized: bool
    known: bool


@dataclass
class Asked:
    """An interaction, and what became of it."""

    payload: Payload
    at: float = field(default_factory=time.monotonic)
    acknowledged: int | None = None
    acknowledged_after_s: float | None = None
    answered_after_s: float | None = None
    data: Payload = field(default_factory=dict)
    original: Payload | None = None
    followups: list[Payload] = field(default_factory=list)

    @property
    def shown(self) -> list[Payload]:
        """The messages that came of it and say something."""
        source = self.payload.get("message")
        made = [self.original] if self.original and self.original is not source else []
        return [m for m in (*made, *self.followups) if not m["flags"] & LOADING]


class Discord:
    """Serves REST and gateway; remembers every request; fails where it is told to.

    ``at_once``: so many shards may log in at the same time. ``registers_in_s``: what it takes
    to register commands.
    """

    def __init__(
        self, guilds: Sequence[str] = (HARBOUR, SLOW, SLOWER), *, at_once: int = 1
    ) -> None:
        self.at_once = at_once
        self.registers_in_s = 0.0
        self.me = payloads.user("article-bot", bot=True, id=APPLICATION)
        self.ann, self.bob, self.owner = (payloads.user(name) for name in ("ann", "bob", "olga"))
        self.channels = {
            guild: payloads.text_channel(str(int(guild) + 9), guild) for guild in guilds
        }
        self.channel = self.channels[guilds[0]]
        self.foreign = payloads.text_channel(str(int(FOREIGN) + 9), FOREIGN)
        self.direct = payloads.direct_channel(payloads.snowflake(), self.ann)
        self.gateway = Gateway(
            self.me,
            [
                payloads.guild(guild, "Harbour", self.owner["id"], self.me, [channel])
                for guild, channel in self.channels.items()
            ],
        )
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.messages: dict[str, Payload] = {}
        self.threads: dict[str, Payload] = {}
        self.interactions: dict[str, Asked] = {}
        self.commands: list[Payload] = []
        self._writable = {c["id"]: c for c in (*self.channels.values(), self.direct)}
        self._nonces: dict[tuple[str, str], Payload] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application(middlewares=[self._middleware])
        application.add_routes(self._routes())
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/api/v10"
        self.gateway.url = f"ws://{host}:{port}/gateway"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def _routes(self) -> list[web.RouteDef]:
        api, hook = "/api/v10", "/api/v10/webhooks/{application}/{token}"
        messages, one = f"{api}/channels/{{channel}}/messages", "/{message}"
        return [
            web.get("/gateway", self.gateway.handle),
            web.get(f"{api}/users/@me", self._reply(lambda *_: self.me)),
            web.get(f"{api}/oauth2/applications/@me", self._reply(self._application)),
            web.get(f"{api}/gateway/bot", self._reply(self._gateway_bot)),
            web.put(f"{api}/applications/{{application}}/commands", self._reply(self._register)),
            web.get(
                f"{api}/applications/{{application}}/commands",
                self._reply(lambda *_: self.commands),
            ),
            web.post(f"{api}/interactions/{{id}}/{{token}}/callback", self._reply(self._callback)),
            web.get(f"{hook}/messages/@original", self._reply(self._original)),
            web.patch(f"{hook}/messages/@original", self._reply(self._edit_original)),
            web.delete(f"{hook}/messages/@original", self._reply(self._delete_original)),
            web.patch(f"{hook}/messages{one}", self._reply(self._edit_followup)),
            web.delete(f"{hook}/messages{one}", self._reply(self._delete_followup)),
            web.post(hook, self._reply(self._follow_up)),
            web.post(messages, self._reply(self._post)),
            web.get(messages + one, self._reply(self._get)),
            web.patch(messages + one, self._reply(self._edit)),
            web.delete(messages + one, self._reply(self._delete)),
            web.post(messages + one + "/threads", self._reply(self._start_thread)),
            web.post(f"{api}/channels/{{channel}}/typing", self._reply(lambda *_: None)),
            web.put(f"{messages}{one}/reactions/{{emoji}}/@me", self._reply(lambda *_: None)),
            web.delete(f"{messages}{one}/reactions/{{emoji}}/@me", self._reply(lambda *_: None)),
        ]

    # Every request

    @web.middleware
    async def _middleware(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        if request.path == "/gateway":
            return await handler(request)
        self.requests.append(
            Request(
                request.method,
                request.path.removeprefix("/api/v10"),
                dict(request.query),
                request.headers.get("Content-Type", ""),
                await request.json() if request.body_exists else None,
                request.headers.get("Authorization") == "Bot token",
                request.match_info.http_exception is None,
            )
        )
        fault = next((f for f in self.faults if f.fits(request.method, request.path)), None)
        if fault is not None and not fault.applied:
            return fault.answer(request)
        response = await handler(request)
        return response if fault is None else fault.answer(request)

    def _reply(
        self, answer: Callable[[dict[str, str], Any], Any]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body = await request.json() if request.body_exists else None
            try:
                made = answer(dict(request.match_info), body)
                if isinstance(made, Awaitable):
                    made = await made
            except Refused as no:
                return _json({"message": str(no), "code": no.code}, no.status)
            return web.Response(status=204) if made is None else _json(made)

        return handle

    # What the bot reads and registers

    def _application(self, *_: Any) -> Payload:
        return {
            "id": APPLICATION, "name": "article-bot", "icon": None, "description": "",
            "summary": "", "bot_public": True, "bot_require_code_grant": False,
            "verify_key": "0", "owner": self.owner, "flags": 0, "team": None,
        }  # fmt: skip

    def _gateway_bot(self, *_: Any) -> Payload:
        limit = {
            "total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": self.at_once,
        }  # fmt: skip
        return {"url": self.gateway.url, "shards": 1, "session_start_limit": limit}

    async def _register(self, _: dict[str, str], body: list[Payload]) -> list[Payload]:
        await asyncio.sleep(self.registers_in_s)
        self.commands = [
            {
                "id": payloads.snowflake(), "application_id": APPLICATION, "version": "1",
                "type": 1, "description": "", "default_member_permissions": None, **command,
            }
            for command in body
        ]  # fmt: skip
        return self.commands

    # Messages in channels

    async def _post(self, where: dict[str, str], body: Payload) -> Payload:
        channel = self._writable.get(where["channel"])
        if channel is None:
            raise Refused(403, 50001)
        nonce = (channel["id"], str(body.get("nonce")))
        if body.get("enforce_nonce") and nonce in self._nonces:
            return self._nonces[nonce]
        made = self._write(channel, body)
        if body.get("enforce_nonce"):
            self._nonces[nonce] = made
        await self.gateway.dispatch_message("MESSAGE_CREATE", made)
        return made

    def _write(self, channel: Payload, body: Payload, **changes: Any) -> Payload:
        reference = body.get("message_reference")
        if reference:
            target = self.messages.get(str(reference["message_id"]))
            if target is None and reference.get("fail_if_not_exists", True):
                raise Refused(400, 50035)
            changes |= {"type": 19, "message_reference": reference, "referenced_message": target}
        made = payloads.message(channel, self.me, **_shown(body), **changes)
        self.messages[made["id"]] = made
        return made

    def _find(self, where: dict[str, str]) -> Payload:
        found = self.messages.get(where["message"])
        if found is None or found["channel_id"] != where["channel"] or found["flags"] & EPHEMERAL:
            raise Refused(404, 10008)
        return found

    def _get(self, where: dict[str, str], _: Any) -> Payload:
        return self._find(where)

    async def _edit(self, where: dict[str, str], body: Payload) -> Payload:
        found = self._find(where)
        found |= _shown(body) | {"edited_timestamp": payloads.now()}
        await self.gateway.dispatch_message("MESSAGE_UPDATE", found)
        return found

    async def _delete(self, where: dict[str, str], _: Any) -> None:
        await self.delete(self._find(where))

    async def _start_thread(self, where: dict[str, str], body: Payload) -> Payload:
        start = self._find(where)
        if start["id"] in self.threads:
            raise Refused(400, 160004)
        made = payloads.thread(
            start["id"], start["guild_id"], start["channel_id"], APPLICATION, body["name"]
        )
        self._writable[made["id"]] = self.threads[made["id"]] = made
        await self.gateway.dispatch("THREAD_CREATE", made | {"newly_created": True})
        return made

    # Interactions

    def _asked(self, where: dict[str, str]) -> Asked:
        asked = self.interactions.get(where["token"])
        if asked is None:
            raise Refused(404, 10015)
        return asked

    def _callback(self, where: dict[str, str], body: Payload) -> Payload:
        asked = self._asked(where)
        elapsed_s = time.monotonic() - asked.at
        if asked.acknowledged is not None:
            raise Refused(400, 40060)
        if elapsed_s > ACKNOWLEDGE_WITHIN_S:
            raise Refused(404, 10062)
        asked.acknowledged, asked.acknowledged_after_s = body["type"], elapsed_s
        asked.data = body.get("data") or {}
        self._show(asked)
        resource: Payload = {"type": body["type"]}
        if body["type"] in {MESSAGE_REPLY, UPDATE}:
            resource["message"] = asked.original
        about = {
            "id": asked.payload["id"], "type": asked.payload["type"],
            "response_message_id": asked.original and asked.original["id"],
            "response_message_loading": body["type"] == DEFERRED,
            "response_message_ephemeral": bool(asked.data.get("flags", 0) & EPHEMERAL),
        }  # fmt: skip
        return {"interaction": about, "resource": resource}

    def _show(self, asked: Asked) -> None:
        channel, source = asked.payload["channel"], asked.payload.get("message")
        match asked.acknowledged:
            case 4:
                asked.original = self._write(channel, asked.data)
                asked.answered_after_s = asked.acknowledged_after_s
            case 5:
                asked.original = self._write(
                    channel, {"flags": asked.data.get("flags", 0) | LOADING}
                )
            case 6:
                asked.original = source
            case 7:
                assert source is not None
                source |= _shown(asked.data)
                asked.original = source
                asked.answered_after_s = asked.acknowledged_after_s

    def _original(self, where: dict[str, str], _: Any) -> Payload:
        asked = self._asked(where)
        if asked.acknowledged is None:
            raise Refused(404, 10015)
        if asked.original is None:
            raise Refused(404, 10008)
        return asked.original

    def _edit_original(self, where: dict[str, str], body: Payload) -> Payload:
        original = self._original(where, body)
        kept = original["flags"] & ~LOADING
        original |= _shown(body)
        original["flags"] = kept | body.get("flags", 0)
        self._asked(where).answered_after_s = time.monotonic() - self._asked(where).at
        return original

    def _delete_original(self, where: dict[str, str], _: Any) -> None:
        gone = self._original(where, None)
        self._asked(where).original = None
        self.messages.pop(gone["id"], None)

    def _follow_up(self, where: dict[str, str], body: Payload) -> Payload:
        asked = self._asked(where)
        if asked.acknowledged is None:
            raise Refused(404, 10015)
        if asked.original is not None and asked.original["flags"] & LOADING:
            return self._edit_original(where, body)
        made = self._write(asked.payload["channel"], body)
        asked.followups.append(made)
        return made

    def _followup(self, where: dict[str, str]) -> Payload:
        asked = self._asked(where)
        mine = [m for m in (asked.original, *asked.followups) if m is not None]
        found = next((m for m in mine if m["id"] == where["message"]), None)
        if found is None:
            raise Refused(404, 10008)
        return found

    def _edit_followup(self, where: dict[str, str], body: Payload) -> Payload:
        found = self._followup(where)
        found |= _shown(body)
        return found

    def _delete_followup(self, where: dict[str, str], _: Any) -> None:
        gone = self._followup(where)
        asked = self._asked(where)
        asked.followups = [m for m in asked.followups if m is not gone]
        if asked.original is gone:
            asked.original = None
        self.messages.pop(gone["id"], None)

    # What people do

    async def say(
        self,
        content: str,
        *,
        author: Payload | None = None,
        channel: Payload | None = None,
        reply_to: Payload | None = None,
    ) -> Payload:
        """Write a message. A mention of the bot, or a reply to it with a ping, mentions it."""
        changes: Payload = {}
        pinged = reply_to is not None and reply_to["author"]["id"] == APPLICATION
        if pinged or f"<@{APPLICATION}>" in content:
            changes["mentions"] = [self.me]
        if reply_to is not None:
            changes["type"] = 19
            changes["message_reference"] = {
                "message_id": reply_to["id"], "channel_id": reply_to["channel_id"],
            }  # fmt: skip
            changes["referenced_message"] = reply_to
        author, channel = author or self.ann, channel or self.channel
        said = payloads.message(channel, author, content=content, **changes)
        if "guild_id" in channel:
            said["member"] = payloads.member()
        self.messages[said["id"]] = said
        await self.gateway.dispatch_message("MESSAGE_CREATE", said)
        return said

    async def edit(self, message: Payload, content: str) -> None:
        message |= {"content": content, "edited_timestamp": payloads.now()}
        await self.gateway.dispatch_message("MESSAGE_UPDATE", message)

    async def delete(self, message: Payload) -> None:
        del self.messages[message["id"]]
        gone = {key: message[key] for key in ("id", "channel_id", "guild_id") if key in message}
        await self.gateway.dispatch("MESSAGE_DELETE", gone)

    async def command(self, name: str, *, channel: Payload | None = None, **options: Any) -> Asked:
        """Use a slash command as ann, with its options."""
        return await self._interact(
            COMMAND, self._command_data(name, 1, options), channel or self.channel
        )

    async def command_as(
        self, user: Payload, name: str, *, channel: Payload | None = None, **options: Any
    ) -> Asked:
        data = self._command_data(name, 1, options)
        powers = payloads.EVERYTHING if user is self.owner else payloads.TALK
        return await self._interact(
            COMMAND, data, channel or self.channel, user=user, permissions=powers
        )

    async def command_in_german(self, name: str, **options: Any) -> Asked:
        data = self._command_data(name, 1, options)
        return await self._interact(COMMAND, data, self.channel, locale="de")

    async def command_by_install(self, name: str, **options: Any) -> Asked:
        """Use a command of an application installed by ann, in a server without the bot."""
        data = self._command_data(name, 1, options)
        return await self._interact(
            COMMAND,
            data,
            self.foreign,
            authorizing_integration_owners={"1": self.ann["id"]},
            app_permissions=payloads.TALK,
        )

    async def menu(self, target: Payload) -> Asked:
        """Use the bot's only entry in the menu of a message."""
        (name,) = (command["name"] for command in self.commands if command["type"] == 3)
        data = self._command_data(name, 3, {})
        data |= {"target_id": target["id"], "resolved": {"messages": {target["id"]: target}}}
        return await self._interact(COMMAND, data, self.channel)

    async def press(
        self, message: Payload, kind: str, user: Payload | None = None, **powers: str
    ) -> Asked:
        """Press the one button of this kind below a message, with ``permissions`` if given."""
        return await self.press_id(message, button(message, kind), user, **powers)

    async def rate(self, message: Payload, verdict: str) -> Asked:
        (custom_id,) = (each for each in buttons(message) if each.endswith(f":{verdict}"))
        return await self.press_id(message, custom_id)

    async def press_id(
        self, message: Payload, custom_id: str, user: Payload | None = None, **powers: str
    ) -> Asked:
        data = {"custom_id": custom_id, "component_type": 2, "id": 1}
        return await self._interact(
            COMPONENT, data, self.channel, user=user, message=message, **powers
        )

    async def type_title(self, name: str, option: str, typed: str) -> Asked:
        """Type into an option of a command that offers completions."""
        data = self._command_data(name, 1, {option: typed})
        data["options"][0]["focused"] = True
        return await self._interact(AUTOCOMPLETE, data, self.channel)

    async def submit(self, form: Asked, value: str) -> Asked:
        """Fill in the only field of a form that a press has opened, and send it."""
        (entry,) = (part for part in payloads.parts(form.data["components"]) if part["type"] == 4)
        field = {"type": 4, "id": 2, "custom_id": entry["custom_id"], "value": value}
        components = [{"type": 18, "id": 1, "component": field}]
        data = {"custom_id": form.data["custom_id"], "components": components}
        return await self._interact(MODAL, data, self.channel, message=form.payload["message"])

    async def _interact(
        self,
        kind: int,
        data: Payload,
        channel: Payload,
        *,
        user: Payload | None = None,
        **changes: Any,
    ) -> Asked:
        if channel is not self.direct and user is None:
            changes.setdefault("permissions", payloads.TALK)
        payload = payloads.interaction(kind, user or self.ann, channel, data, **changes)
        payload["application_id"] = APPLICATION
        asked = Asked(payload)
        self.interactions[payload["token"]] = asked
        await self.gateway.dispatch("INTERACTION_CREATE", payload)
        return asked

    def _command_data(self, name: str, kind: int, options: dict[str, Any]) -> Payload:
        known = {(command["name"], command["type"]): command for command in self.commands}
        command = known[name, kind]
        types = {option["name"]: option["type"] for option in command.get("options", [])}
        return {
            "id": command["id"], "name": name, "type": kind, "guild_id": None,
            "options": [{"name": n, "type": types[n], "value": v} for n, v in options.items()],
        }  # fmt: skip

    # What they see

    def replies(self, said: Payload) -> list[Payload]:
        """The bot's messages that refer to this one."""
        # From the newest back: a long run looks at tens of thousands a hundred times a second.
        since = itertools.takewhile(
            lambda m: m["id"] != said["id"], reversed(self.messages.values())
        )
        found = [
            m
            for m in since
            if m["author"]["id"] == APPLICATION
            and str(m.get("message_reference", {}).get("message_id")) == said["id"]
        ]
        return found[::-1]

    async def reply(self, said: Payload, within_s: float = 20) -> Payload:
        """The one reply to a message, once it is there."""
        await until(lambda: self.replies(said), within_s)
        (only,) = self.replies(said)
        return only

    def posts(self, channel: Payload) -> list[Payload]:
        """What the bot posted in a channel by itself, not by an interaction."""
        return [
            request.body
            for request in self.requests
            if (request.method, request.path) == ("POST", f"/channels/{channel['id']}/messages")
        ]

    def shown_for(self, asked: Asked) -> list[Payload]:
        """What came of an interaction, or was posted where it was acknowledged too late."""
        nonce = (asked.payload["channel"]["id"], asked.payload["id"])
        return [*asked.shown, *([self._nonces[nonce]] if nonce in self._nonces else [])]

    async def answer(self, asked: Asked, within_s: float = 20) -> Payload:
        """The one message that comes of an interaction, once it is there."""
        await until(lambda: asked.shown, within_s)
        (only,) = asked.shown
        return only


def button(message: Payload, kind: str) -> str:
    """The custom_id of the one button of its kind, such as ``more``."""
    (only,) = (each for each in buttons(message) if each.startswith(f"ab:{kind}:"))
    return only


def buttons(message: Payload) -> list[str]:
    """The custom_ids of a message's buttons."""
    return [
        part["custom_id"]
        for part in payloads.parts(message["components"])
        if part["type"] == 2 and "custom_id" in part
    ]


def _shown(body: Payload) -> Payload:
    """What a request says about a message's looks, as Discord stores it."""
    shown = {
        key: body[key] for key in ("content", "components", "flags") if body.get(key) is not None
    }
    for number, part in enumerate(payloads.parts(shown.get("components", [])), 1):
        part.setdefault("id", number)
    return shown


def _json(body: Any, status: int = 200) -> web.Response:
    # discord.py knows JSON by exactly this type, without a charset.
    return web.Response(
        body=json.dumps(body), status=status, headers={"Content-Type": "application/json"}
    )


async def until(condition: Callable[[], Any], within_s: float = 20) -> None:
    """Wait for what the bot's process brings about."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it has not come about within {within_s} s") from None
