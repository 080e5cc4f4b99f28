"""Which message of the bot answers which question, so that both can change together. Pure,
but for the small file that carries it over a restart.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path

log = logging.getLogger(__name__)

FILE_NAME = "discord-answers.json"
MOST = 2_000
LIVES_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A question's answer. ``digest`` tells whether the question's words have changed;
    ``at`` is in seconds since 1970.
    """

    channel: int
    message: int
    digest: str
    at: float


def digest(question: str) -> str:
    """Tells two questions apart without keeping their words."""
    return hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class AnsweredQuestions:
    """By the id of the question's message; bounded, and each forgotten after ``lives_s``."""

    def __init__(self, *, most: int = MOST, lives_s: float = LIVES_S) -> None:
        self._most = most
        self._lives_s = lives_s
        self._answers: OrderedDict[int, Answered] = OrderedDict()

    def keep(self, question: int, answered: Answered) -> None:
        self._answers[question] = answered
        self._answers.move_to_end(question)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def find(self, question: int, now: float) -> Answered | None:
        found = self._answers.get(question)
        return found if found and now - found.at < self._lives_s else None

    def drop(self, question: int, now: float) -> Answered | None:
        """Forget a question and return what ``find`` would have."""
        found = self.find(question, now)
        self._answers.pop(question, None)
        return found

    def save(self, path: Path, now: float) -> None:
        """Written aside and renamed. A folder that cannot be written only costs the memory."""
        aside = path.with_suffix(".new")
        content = {question: asdict(answered) for question, answered in self._fresh(now).items()}
        try:
            aside.write_text(json.dumps(content), "utf-8")
            aside.replace(path)
        except OSError as error:
            log.warning("cannot remember which answer belongs to which question: %s", error)

    def load(self, path: Path) -> None:
        """Read what ``save`` wrote; a file that is missing or damaged is no loss worth words."""
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            content = json.loads(path.read_text("utf-8"))
            kept = {int(question): Answered(**fields) for question, fields in content.items()}
            self._answers.update(kept)

    def _fresh(self, now: float) -> dict[int, Answered]:
        return {
            question: answered
            for question, answered in self._answers.items()
            if now - answered.at < self._lives_s
        }
