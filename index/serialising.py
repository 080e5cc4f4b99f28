"""An answer as JSON, and back: in the journal, and on its way from a worker."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from index.types import About, Answer, Fact, Hit, Kind, Passage, Quote, Scope

_FIELDS = {field.name for field in fields(Answer)}


def to_json(answer: Answer) -> str:
    return json.dumps(asdict(answer))


def from_json(text: str) -> Answer:
    raw = json.loads(text)
    # A newer program may have told more.
    known = {name: raw[name] for name in _FIELDS & raw.keys()}
    return Answer(
        **known
        | {
            "kind": Kind(raw["kind"]),
            "quotes": tuple(Quote(**_scoped(quote)) for quote in raw["quotes"]),
            "passages": tuple(
                Hit(Passage(**_scoped(hit["passage"])), hit["score"]) for hit in raw["passages"]
            ),
            # Both are missing from what the first version wrote.
            "fact": Fact(raw["fact"]) if raw.get("fact") else None,
            "about": tuple(About(**about) for about in raw.get("about", ())),
        }
    )


def _scoped(raw: dict[str, Any]) -> dict[str, Any]:
    return raw | {"scope": Scope(**raw["scope"])}
