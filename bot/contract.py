"""The JSON that other programs may rely on; offsets count code points of the stored text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from index import Answer, Hit, Quote


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as one object; what is not answered has null where the answer would be."""
    # The first, as programs were told, though the answer may begin in the next one.
    quote = answer.quotes[0] if answer.answered and answer.quotes else None
    return {
        "question": answer.question,
        "read_as": answer.read_as,
        "kind": answer.kind.value,
        "answered": answer.answered,
        "answer": answer.text,
        "quote": quote.text if quote else None,
        "article": quote.article if quote else None,
        "start": answer.start if answer.answered else None,
        "end": answer.end if answer.answered else None,
        "confidence": answer.confidence,
        "elapsed_ms": round(answer.elapsed_ms, 3),
        "quotes": [_quote(quote) for quote in answer.quotes] if answer.answered else [],
        "passages": [_hit(hit) for hit in answer.passages],
    }


def error_json(question: str, error: str) -> dict[str, Any]:
    return {"question": question, "error": error}


def search_json(question: str, hits: list[Hit]) -> dict[str, Any]:
    return {"question": question, "passages": [_hit(hit) for hit in hits]}


def as_line(content: Mapping[str, Any]) -> str:
    """One line of ASCII: no encoding breaks it, and nothing in it can steer a terminal."""
    return json.dumps(content, ensure_ascii=True, allow_nan=False)


def _quote(quote: Quote) -> dict[str, Any]:
    return {
        "text": quote.text,
        "article": quote.article,
        "start": quote.start,
        "end": quote.end,
        "section": quote.section or None,
        "page": quote.page,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "text": passage.text,
        "article": passage.article,
        "start": passage.start,
        "end": passage.end,
        "score": hit.score,
    }
