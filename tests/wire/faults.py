"""What can go wrong with one request, and on which requests it shall."""

from __future__ import annotations

import json
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

RESET = 0
"""In place of a status: the connection is reset."""


@dataclass
class Fault:
    """Befalls the first ``times`` requests that fit ``method`` and the pattern ``path``.

    ``applied``: the request has taken effect, and only the reply is lost. ``body`` and
    ``headers`` None stand for what Discord sends with the status.
    """

    method: str
    path: str
    status: int
    times: int = 1
    applied: bool = False
    body: Any = None
    headers: dict[str, str] | None = None
    struck: int = field(default=0, init=False)

    def fits(self, method: str, path: str) -> bool:
        return (
            self.struck < self.times
            and method == self.method
            and re.search(self.path, path) is not None
        )

    def answer(self, request: web.Request) -> web.Response:
        self.struck += 1
        if self.status == RESET:
            reset(request)
            return web.Response()
        return web.Response(
            status=self.status,
            body=json.dumps(
                {"message": "out of order", "code": 0} if self.body is None else self.body
            ),
            headers={"Content-Type": "application/json", **(self.headers or {})},
        )


def rate_limit(method: str, path: str, retry_after: float, **more: Any) -> Fault:
    """Too many requests, as Discord says it: the time to wait stands in the body."""
    return Fault(
        method,
        path,
        429,
        body={
            "message": "You are being rate limited.",
            "retry_after": retry_after,
            "global": False,
        },
        headers={"Via": "1.1 google", "Retry-After": "1"},
        **more,
    )


def reset(request: web.Request) -> None:
    """Tear the connection down with RST, so that the client reads ECONNRESET."""
    transport = request.transport
    assert transport is not None
    line = transport.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
