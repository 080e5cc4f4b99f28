"""Which commands Discord was given last, so that equal ones are not sent again."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from index import Engine

log = logging.getLogger(__name__)

FILE_NAME = "discord-commands.json"
WAIT_S = 30.0
"""Until another process has sent them; then they are known, and need not be sent."""

Payload = list[dict[str, Any]]


class Record(Protocol):
    """A fingerprint of the commands registered at each place."""

    def alone(self) -> AbstractContextManager[None]:
        """While inside, no other process reads the record in order to send the commands."""

    def holds(self, place: str, payload: Payload) -> bool: ...

    def keep(self, place: str, payload: Payload) -> None: ...


def record_of(engine: Engine, folder: Path) -> Record:
    """In the database where processes share one, else in a small file."""
    return Registered(folder / FILE_NAME) if engine.turns is None else RegisteredByAll(engine)


@dataclass(frozen=True, slots=True)
class Registered:
    """Of one process, in a file."""

    path: Path

    def alone(self) -> AbstractContextManager[None]:
        return nullcontext()  # no two bots share a folder

    def holds(self, place: str, payload: Payload) -> bool:
        return self._read().get(place) == _digest(payload)

    def keep(self, place: str, payload: Payload) -> None:
        """Written aside and renamed. A folder that cannot be written only costs a sync."""
        aside = self.path.with_suffix(".new")
        try:
            aside.write_text(json.dumps({**self._read(), place: _digest(payload)}), "utf-8")
            aside.replace(self.path)
        except OSError as error:
            log.warning("cannot remember the registered commands: %s", error)

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


class RegisteredByAll:
    """Of all processes that share the engine's database."""

    def __init__(self, engine: Engine) -> None:
        assert engine.turns is not None
        self._turns = engine.turns

    def alone(self) -> AbstractContextManager[None]:
        return self._turns.alone("registering", WAIT_S)

    def holds(self, place: str, payload: Payload) -> bool:
        return self._turns.registered(place) == _digest(payload)

    def keep(self, place: str, payload: Payload) -> None:
        self._turns.register(place, _digest(payload))


def _digest(payload: Payload) -> str:
    ordered = sorted(payload, key=lambda command: (command["type"], command["name"]))
    return hashlib.sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()
