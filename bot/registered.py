"""Which commands Discord was given last, so that equal ones are not sent again."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FILE_NAME = "discord-commands.json"


@dataclass(frozen=True, slots=True)
class Registered:
    """Remembers, in one small file, a hash of the commands registered at each place."""

    path: Path

    def holds(self, place: str, payload: list[dict[str, Any]]) -> bool:
        return self._read().get(place) == _digest(payload)

    def keep(self, place: str, payload: list[dict[str, Any]]) -> None:
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


def _digest(payload: list[dict[str, Any]]) -> str:
    ordered = sorted(payload, key=lambda command: (command["type"], command["name"]))
    return hashlib.sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()
