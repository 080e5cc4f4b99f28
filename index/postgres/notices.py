"""What PostgreSQL tells those who listen: a hint that it is worth looking again.

Notices are lost while the connection is, so nobody may depend on them: whoever waits for one
also looks by itself from time to time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Self

from index.errors import EngineError
from index.postgres.database import PostgresDatabase

log = logging.getLogger(__name__)

_LOOK_S = 0.5
"""Between looks at whether to go on listening."""
_RETRY_S = 1.0


class Notices:
    """Calls ``heard`` with each notice on ``channel``, from a thread of its own.

    After every connect it calls it with None: whatever was told meanwhile is lost.
    """

    def __init__(
        self, database: PostgresDatabase, channel: str, heard: Callable[[str | None], None]
    ) -> None:
        self._database = database
        self._channel = channel
        self._heard = heard
        self._closed = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"notices {channel}", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def connected(self, timeout_s: float) -> bool:
        """Whether it listens, or does so within ``timeout_s``."""
        return self._listening.wait(timeout_s)

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _listen(self) -> None:
        away = False
        while not self._closed.is_set():
            try:
                with self._database.listening(self._channel) as connection:
                    if away:
                        log.warning("the database answers again")
                    away = False
                    self._listening.set()
                    self._heard(None)
                    while not self._closed.is_set():
                        for notice in connection.notifies(timeout=_LOOK_S):
                            self._heard(notice.payload)
            except EngineError as error:
                self._listening.clear()
                if not away:  # once, and not each second
                    log.warning("no notices until the database answers: %s", error)
                away = True
                self._closed.wait(_RETRY_S)


class Bell:
    """Lets as many waiting threads go on as it was rung, ``most`` at once. Thread-safe.

    Rings that nobody waits for are kept for whoever waits next, ``most`` of them.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._rung = 0
        self._condition = threading.Condition()

    def ring(self, times: int = 1) -> None:
        with self._condition:
            self._rung = min(self._rung + times, self._most)
            self._condition.notify(times)

    def wait(self, timeout_s: float) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._rung, timeout_s)
            self._rung = max(0, self._rung - 1)
