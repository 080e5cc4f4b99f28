"""Parsing in a process of its own: a hostile file can hang or bloat that, and not the bot.

The process has bounded memory and time, cannot write a file, and knows none of our
settings, the token least of all. It is kept for the next file, and replaced when it
had to be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any

from index.errors import SourceError
from index.sources import TEXT, Loaded, kind_of, parse
from index.sources.child import LENGTH
from index.types import Document

_PASSED_ON = frozenset(
    "PATH PYTHONPATH PYTHONHOME VIRTUAL_ENV SYSTEMROOT LANG LC_ALL LC_CTYPE".split()  # noqa: SIM905
)
_LARGEST_REPLY = 256_000_000


class Sandbox:
    """Parses what was loaded, one file at a time. Thread-safe; ``close`` ends its process."""

    def __init__(
        self, *, timeout_s: float = 120.0, memory_mb: int = 1_500, idle_s: float = 30.0
    ) -> None:
        self._timeout_s = timeout_s
        self._memory_mb = memory_mb
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._idle: threading.Timer | None = None

    def parse(
        self, loaded: Loaded, media_type: str | None = None, title: str | None = None
    ) -> Document:
        """As ``index.sources.parse``; SourceError too when the file takes too much to read."""
        if kind_of(loaded, media_type) == TEXT:
            return parse(loaded, media_type, title)  # there is nothing to parse in it
        request = {
            "size": len(loaded.data),
            "loaded": {
                "name": loaded.name,
                "source": loaded.source,
                "suffix": loaded.suffix,
                "stem": loaded.stem,
            },
            "media_type": media_type,
            "title": title,
        }
        with self._lock:
            reply = self._ask(json.dumps(request).encode(), loaded.data)
        if reply is None:
            raise SourceError(
                f"{loaded.name} takes too much to read: more than {self._timeout_s:g} s or"
                f" {self._memory_mb:,} MB. Split it, or save it as plain text and add that."
            )
        if "refused" in reply:
            raise SourceError(reply["refused"])
        found = reply["document"]
        return Document(
            **{
                **found,
                "headings": tuple((start, end) for start, end in found["headings"]),
                "pages": tuple(found["pages"]),
            }
        )

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, request: bytes, data: bytes) -> dict[str, Any] | None:
        """The reply, or None from a process that died over it or had to be killed."""
        if self._idle is not None:
            self._idle.cancel()
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        alarm = threading.Timer(self._timeout_s, process.kill)
        alarm.start()
        try:
            process.stdin.write(LENGTH.pack(len(request)) + request + data)
            process.stdin.flush()
            head = process.stdout.read(LENGTH.size)
            size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else 0
            body = process.stdout.read(size) if 0 < size <= _LARGEST_REPLY else b""
            if body and len(body) == size:
                self._idle = threading.Timer(self._idle_s, self.close)
                self._idle.daemon = True
                self._idle.start()
                reply: dict[str, Any] = json.loads(body)
                return reply
        except OSError:
            pass  # it died while it was spoken to
        finally:
            alarm.cancel()
        self._end()
        return None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "index.sources.child", str(self._memory_mb)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if name in _PASSED_ON},
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()
