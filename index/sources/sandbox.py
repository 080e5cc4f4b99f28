"""Parsing in a process of its own: a hostile file can hang or bloat that, and not the bot.

The process has bounded time, is given none of our environment, the token least of all,
and, where the system can (not on Windows), has bounded memory and cannot write a file. It
is kept for the next file, and replaced when it had to be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from index.errors import SourceError
from index.sources import TEXT, Loaded, kind_of, parse
from index.sources.child import LENGTH
from index.types import Document

_PASSED_ON = frozenset(
    "PATH PYTHONPATH PYTHONHOME VIRTUAL_ENV SYSTEMROOT LANG LC_ALL LC_CTYPE".split()  # noqa: SIM905
)
_LARGEST_REPLY = 64_000_000
_HERE = Path(__file__).resolve().parent


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
        self._closed = self._timed_out = False

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
            reused = self._process is not None
            reply = self._ask(json.dumps(request).encode(), loaded.data)
            if reply is None and reused and not self._timed_out:
                # It may have died of what it did before: this file gets a fresh one.
                reply = self._ask(json.dumps(request).encode(), loaded.data)
        if reply is None and self._closed:
            raise SourceError(f"{loaded.name} was not read: the program is ending.")
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
        """End the process at once, also in the middle of a file; none is started again."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        self._retire()

    def _retire(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, request: bytes, data: bytes) -> dict[str, Any] | None:
        """The reply, or None from a process that died over it or had to be killed."""
        if self._idle is not None:
            self._idle.cancel()
        if self._closed:
            return None
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        self._timed_out = False
        alarm = threading.Timer(self._timeout_s, self._ring, (process,))
        alarm.start()
        try:
            process.stdin.write(LENGTH.pack(len(request)) + request + data)
            process.stdin.flush()
            head = process.stdout.read(LENGTH.size)
            size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else 0
            body = process.stdout.read(size) if 0 < size <= _LARGEST_REPLY else b""
            if body and len(body) == size:
                self._idle = threading.Timer(self._idle_s, self._retire)
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

    def _ring(self, process: subprocess.Popen[bytes]) -> None:
        self._timed_out = True
        process.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            environment = {n: value for n, value in os.environ.items() if n in _PASSED_ON}
            # Found wherever it runs, and it runs where no .env lies: not in our folder.
            found = (str(_HERE.parent.parent), environment.get("PYTHONPATH", ""))
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, found))
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "index.sources.child", str(self._memory_mb)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=_HERE,
                    env=environment,
                )
            except OSError as error:
                raise SourceError(f"No file can be parsed just now ({error}).") from error
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
