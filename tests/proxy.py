"""A proxy on loopback that makes the trouble of a network between a program and its server."""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, cast

CAN_SWALLOW = sys.platform == "linux"
_ATTACH_FILTER, _DETACH_FILTER = 26, 27
_KEEPALIVE = (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3))


class Proxy:
    """Passes on what comes, until one of its methods makes trouble and ``heal`` ends it.

    What comes while ``delay_s`` is set is passed on so much later, in both directions.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay_s = 0.0
        self.hangs = False
        self.sides: set[_Side] = set()
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="proxy")
        self._thread.start()
        self._listener = self._do(self._listening())
        self.port = self._listener.sockets[0].getsockname()[1]

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def cut(self) -> None:
        """Reset all connections and refuse new ones."""
        self._do(self._cut())

    def hang(self) -> None:
        """Take what is sent and new connections too, as a stopped server does, and say nothing."""
        self._do(self._hang())

    def swallow(self) -> None:
        """Lose each packet that comes: none is acknowledged, nothing is closed. Linux only."""
        self._do(self._filter(_lose_all))

    def heal(self) -> None:
        self._do(self._heal())

    def close(self) -> None:
        self._do(self._cut())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def _listening(self) -> asyncio.Server:
        return await self.loop.create_server(lambda: _Side(self), "127.0.0.1", self.port)

    async def _cut(self) -> None:
        self._listener.close()
        for side in tuple(self.sides):
            side.reset()
        await asyncio.sleep(0)  # it is then that they are

    async def _hang(self) -> None:
        self.hangs = True
        for side in self.sides:
            side.transport.pause_reading()

    async def _filter(self, change: Callable[[socket.socket], None]) -> None:
        listening = [cast("socket.socket", one) for one in self._listener.sockets]
        for one in [*listening, *(side.socket for side in self.sides)]:
            change(one)

    async def _heal(self) -> None:
        if not self._listener.is_serving():
            self._listener = await self._listening()
        if CAN_SWALLOW:
            await self._filter(_lose_none)
        self.hangs = False
        for side in self.sides:
            side.resume()


class _Side(asyncio.Protocol):
    """One of the two connections that make one through a proxy."""

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy, other: _Side | None = None) -> None:
        self._proxy = proxy
        self._other = other  # None until the server has taken the connection
        self._late: deque[bytes] = deque()
        self._opening: asyncio.Task[Any] | None = None

    @property
    def socket(self) -> socket.socket:
        return cast("socket.socket", self.transport.get_extra_info("socket"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._proxy.sides.add(self)
        # As the servers and programs themselves find out that nobody is there any more.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                self.socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if self._other is None:
            self.transport.pause_reading()
            self._opening = self._proxy.loop.create_task(self._open())
        elif self._other.transport.is_closing():
            self.reset()
        else:
            self._other._other = self
            self._other.resume()

    async def _open(self) -> None:
        """Connect to the server."""
        try:
            await self._proxy.loop.create_connection(
                lambda: _Side(self._proxy, self), "127.0.0.1", self._proxy.target
            )
        except OSError:
            self.reset()

    def resume(self) -> None:
        if self._other is not None and not self._proxy.hangs:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._late.append(data)
        if self._proxy.delay_s:
            self._proxy.loop.call_later(self._proxy.delay_s, self._pass)
        else:
            self._pass()

    def _pass(self) -> None:
        data = self._late.popleft()
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.write(data)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._proxy.sides.discard(self)
        if self._other is not None:
            self._other.transport.close()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _lose_all(one: socket.socket) -> None:
    code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # keep no byte
    program = _Program(1, ctypes.addressof(code))
    one.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, bytes(program))


def _lose_none(one: socket.socket) -> None:
    try:
        one.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
    except FileNotFoundError:  # it has none
        return


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """A proxy before the server at that port."""
    one = Proxy(target)
    try:
        yield one
    finally:
        one.close()
