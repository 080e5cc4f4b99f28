"""Which servers the bot is in, across restarts: in one small file."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

FILE_NAME = "discord-servers.json"


@dataclass(slots=True)
class Servers:
    """What joined and left while the bot was down shows when the two lists are compared."""

    path: Path
    known: set[int] = field(default_factory=set)

    def load(self) -> None:
        """A file that is missing or damaged counts as no server."""
        try:
            content = json.loads(self.path.read_text("utf-8"))
            self.known = {int(each) for each in content}
        except (OSError, ValueError, TypeError):
            self.known = set()

    def save(self, known: frozenset[int]) -> None:
        """Written aside and renamed. A folder that cannot be written is worth a warning.

        ``known`` is a copy, since this may happen on another thread.
        """
        aside = self.path.with_suffix(".new")
        try:
            aside.write_text(json.dumps(sorted(known)), "utf-8")
            aside.replace(self.path)
        except OSError as error:
            log.warning("cannot remember which servers I am in: %s", error)
