"""The gateway's side of the WebSocket: sessions, their events, and how they break."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
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


class Gateway:
    """One session at a time. What it dispatched is kept, and sent again after a RESUME."""

    def __init__(self, me: Payload, guilds: list[Payload]) -> None:
        self.me = me
        self.guilds = guilds
        self.url = ""
        self.identifies: list[Payload] = []
        self.resumes: list[Payload] = []
        self.compressions: list[str | None] = []
        self.heartbeats = 0
        self.handshakes = 0
        self.refusals = 0
        self.replays_too_much = False
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.line: Line | None = None
        self._session = ""
        self._events: list[tuple[str, Payload]] = []
        self._sending = asyncio.Lock()

    @property
    def intents(self) -> int:
        return self.identifies[-1]["intents"] if self.identifies else 0

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
        if self.line is line:
            self.line = None
        return socket

    async def _receive(self, line: Line, frame: Payload) -> None:
        match frame["op"]:
            case 1:
                self.heartbeats += 1
                await line.send(ACK, None)
            case 2:
                self.identifies.append(frame["d"])
                await self._begin(line)
            case 6:
                self.resumes.append(frame["d"])
                await self._resume(line, frame["d"])

    async def _begin(self, line: Line) -> None:
        async with self._sending:
            self._session, self._events, self.line = snowflake(), [], line
            ready = {
                "v": 10, "user": self.me, "session_id": self._session, "shard": [0, 1],
                "guilds": [{"id": guild["id"], "unavailable": True} for guild in self.guilds],
                "resume_gateway_url": self.url,
                "application": {"id": self.me["id"], "flags": 0},
            }  # fmt: skip
            await self._send("READY", ready)
            for guild in self.guilds:
                await self._send("GUILD_CREATE", guild)

    async def _resume(self, line: Line, asked: Payload) -> None:
        if asked["session_id"] != self._session:
            await line.send(INVALID, False)
            return
        async with self._sending:
            seen = asked["seq"] - self.replays_too_much
            self.replays_too_much = False
            for number, (name, data) in enumerate(self._events, 1):
                if number > seen:
                    await line.send(DISPATCH, data, number, name)
            self.line = line
            await self._send("RESUMED", {})

    async def _send(self, name: str, data: Payload) -> None:
        self._events.append((name, data))
        if self.line is not None:
            await self.line.send(DISPATCH, data, len(self._events), name)

    async def dispatch(self, name: str, data: Payload) -> None:
        """Send an event, or keep it for the RESUME while no connection is there."""
        async with self._sending:
            await self._send(name, data)

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

    # How it breaks

    async def ask_to_reconnect(self) -> None:
        """Op 7. The connection that is asked is no longer the session's."""
        async with self._sending:
            line, self.line = self.line, None
        assert line is not None
        await line.send(RECONNECT, None)

    async def invalidate(self, *, resumable: bool) -> None:
        """Op 9."""
        async with self._sending:
            line, self.line = self.line, None
        assert line is not None
        await line.send(INVALID, resumable)

    async def ask_for_heartbeat(self) -> None:
        """Op 1."""
        assert self.line is not None
        await self.line.send(HEARTBEAT, None)

    def tear_down(self) -> None:
        """Reset the TCP connection under the session."""
        line, self.line = self.line, None
        assert line is not None
        reset(line.request)

    def fall_silent(self) -> None:
        """Send nothing more and heed nothing, while the connection stays open."""
        assert self.line is not None
        self.line.silent = True
