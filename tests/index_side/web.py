"""A web of one server on loopback, in the place of the real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore2

from index.fetching import Fetcher

PUBLIC = "93.184.215.14"
"""What every name resolves to, unless a test says otherwise."""


class Handler(BaseHTTPRequestHandler):
    """Answers by path from ``server.answers``: (status, headers, body), or a function."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        answer = self.server.answers.get(self.path, (404, {}))
        if callable(answer):
            answer(self)
        else:
            self.reply(*answer)

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Dialler(httpcore2.SyncBackend):
    """Writes down what is dialled, and connects to the test's own server."""

    def __init__(self, port: int) -> None:
        self.dialled: list[tuple[str, int]] = []
        self._port = port

    def connect_tcp(self, host, port, *arguments):
        self.dialled.append((host, port))
        return super().connect_tcp("127.0.0.1", self._port, *arguments)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is what some tests are about."""


@contextmanager
def serving() -> Iterator[Any]:
    server: Any = _Server(("127.0.0.1", 0), Handler)
    server.answers, server.requests = {}, []
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetcher_of(
    server: Any, look_up: Callable[[str], list[str]] = lambda _: [PUBLIC], **options: Any
) -> Fetcher:
    options = {"max_bytes": 1_000_000, **options}
    return Fetcher(resolve=look_up, backend=Dialler(server.server_port), **options)
