"""The gateway's side of the WebSocket: sessions, their events, and how they break."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from .faults import reset
from .payloads import Payload, snowflake

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11

GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 9, 1 << 12, 1 << 15


class Line:
    """One connection: compressed as one stream where the client asked for that."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, *, compressed: bool
    ) -> None:
        self.request = request
        self.socket = socket
        self.silent = False
        self.compressed = compressed
        self._stream = zlib.compressobj()

    async def send(self, op: int, d: Any, s: int | None = None, t: str | None = None) -> None:
        if self.silent or self.socket.closed:
            return
        frame = json.dumps({"op": op, "d": d, "s": s, "t": t})
        with contextlib.suppress(ConnectionError):
            if self.compressed:
                packed = self._stream.compress(frame.encode())
                await self.socket.send_bytes(packed + self._stream.flush(zlib.Z_SYNC_FLUSH))
            else:
                await self.socket.send_str(frame)


@dataclass
class Session:
    """What a shard's login began. What was dispatched is kept, and sent again after a RESUME."""

    shard: int
    line: Line | None
    id: str = field(default_factory=snowflake)
    events: list[tuple[str, Payload]] = field(default_factory=list)

    async def send(self, name: str, data: Payload) -> None:
        self.events.append((name, data))
        if self.line is not None:
            await self.line.send(DISPATCH, data, len(self.events), name)


@dataclass(frozen=True)
class Login:
    """An IDENTIFY: of which shard, and when by the monotonic clock."""

    shard: int
    at: float


class Gateway:
    """One session for each shard. An event goes to the shard that its server belongs to."""

    def __init__(self, me: Payload, guilds: list[Payload]) -> None:
        self.me = me
        self.guilds = guilds
        self.url = ""
        self.identifies: list[Payload] = []
        self.logins: list[Login] = []
        self.resumes: list[Payload] = []
        self.compressions: list[str | None] = []
        self.heartbeats = 0
        self.handshakes = 0
        self.refusals = 0
        self.replays_too_much = False
        self.is_open = asyncio.Event()
        self.is_open.set()
        self._shards = 1
        self._sessions: dict[int, Session] = {}
        self._sending = asyncio.Lock()

    @property
    def intents(self) -> int:
        return self.identifies[-1]["intents"] if self.identifies else 0

    @property
    def line(self) -> Line | None:
        """The connection of the first shard, of a bot with one the only connection."""
        return self._sessions[0].line if 0 in self._sessions else None

    def shard_of(self, guild_id: str) -> int:
        return (int(guild_id) >> 22) % self._shards

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.handshakes += 1
        await self.is_open.wait()
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        compression = request.query.get("compress")
        self.compressions.append(compression)
        line = Line(request, socket, compressed=compression == "zlib-stream")
        await line.send(HELLO, {"heartbeat_interval": 41250})
        async for frame in socket:
            if frame.type is WSMsgType.TEXT and not line.silent:
                await self._receive(line, json.loads(frame.data))
        for session in self._sessions.values():
            if session.line is line:
                session.line = None
        return socket

    async def _receive(self, line: Line, frame: Payload) -> None:
        match frame["op"]:
            case 1:
                self.heartbeats += 1
                await line.send(ACK, None)
            case 2:
                self.identifies.append(frame["d"])
                await self._begin(line, *frame["d"].get("shard", (0, 1)))
            case 6:
                self.resumes.append(frame["d"])
                await self._resume(line, frame["d"])

    async def _begin(self, line: Line, shard: int, shards: int) -> None:
        self.logins.append(Login(shard, time.monotonic()))
        async with self._sending:
            self._shards = shards
            self._sessions[shard] = session = Session(shard, line)
            guilds = [guild for guild in self.guilds if self.shard_of(guild["id"]) == shard]
            ready = {
                "v": 10, "user": self.me, "session_id": session.id, "shard": [shard, shards],
                "guilds": [{"id": guild["id"], "unavailable": True} for guild in guilds],
                "resume_gateway_url": self.url,
                "application": {"id": self.me["id"], "flags": 0},
            }  # fmt: skip
            await session.send("READY", ready)
            for guild in guilds:
                await session.send("GUILD_CREATE", guild)

    async def _resume(self, line: Line, asked: Payload) -> None:
        known = (one for one in self._sessions.values() if one.id == asked["session_id"])
        session = next(known, None)
        if session is None:
            await line.send(INVALID, False)
            return
        async with self._sending:
            seen = asked["seq"] - self.replays_too_much
            self.replays_too_much = False
            for number, (name, data) in enumerate(session.events, 1):
                if number > seen:
                    await line.send(DISPATCH, data, number, name)
            session.line = line
            await session.send("RESUMED", {})

    async def dispatch(self, name: str, data: Payload) -> None:
        """Send an event, or keep it for the RESUME while no connection is there.

        What belongs to no server, such as a direct message, goes to the first shard.
        """
        async with self._sending:
            shard = self.shard_of(data["guild_id"]) if "guild_id" in data else 0
            if shard in self._sessions:
                await self._sessions[shard].send(name, data)

    async def dispatch_message(self, name: str, message: Payload) -> None:
        """A message, as far as the session's intents let it through."""
        wanted = GUILD_MESSAGES if "guild_id" in message else DIRECT_MESSAGES
        if self.intents & wanted:
            await self.dispatch(name, self._as_seen(message))

    def _as_seen(self, message: Payload) -> Payload:
        own = message["author"]["id"] == self.me["id"]
        mentioned = any(user["id"] == self.me["id"] for user in message["mentions"])
        direct = "guild_id" not in message
        if own or mentioned or direct or self.intents & MESSAGE_CONTENT:
            return message
        return message | {"content": "", "components": [], "embeds": [], "attachments": []}

    # How it breaks, for the first shard

    def _taken_from_session(self) -> Line:
        line, self._sessions[0].line = self._sessions[0].line, None
        assert line is not None
        return line

    async def ask_to_reconnect(self) -> None:
        """Op 7. The connection that is asked is no longer the session's."""
        async with self._sending:
            line = self._taken_from_session()
        await line.send(RECONNECT, None)

    async def invalidate(self, *, resumable: bool) -> None:
        """Op 9."""
        async with self._sending:
            line = self._taken_from_session()
        await line.send(INVALID, resumable)

    async def ask_for_heartbeat(self) -> None:
        """Op 1."""
        assert self.line is not None
        await self.line.send(HEARTBEAT, None)

    def tear_down(self) -> None:
        """Reset the TCP connection under the session."""
        reset(self._taken_from_session().request)

    def fall_silent(self) -> None:
        """Send nothing more and heed nothing, while the connection stays open."""
        assert self.line is not None
        self.line.silent = True
