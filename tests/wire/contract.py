"""Requests against Discord's own description of its API, an OpenAPI 3.1 file."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from .loopback import Request

SMALLEST_SNOWFLAKE = 1 << 40
"""No number that the bot sends means anything else and is as large."""

_PLACE = "urn:discord"


class Contract:
    """The description, read once. What it says nothing about is a problem too."""

    def __init__(self, file: Path) -> None:
        self._described = json.loads(file.read_text("utf-8"))
        self._registry = jsonschema_rs.Registry([(_PLACE, self._described)])
        self._paths = sorted(self._described["paths"], key=lambda path: path.count("{"))
        self._schema = cache(self._compiled)

    def problems(self, request: Request) -> list[str]:
        """Everything about a request that Discord does not describe."""
        path = self._path_of(request.path)
        operation = self._described["paths"].get(path, {}).get(request.method.lower())
        if operation is None:
            return [f"{request.method} {request.path} is not described"]
        return [
            f"{request.method} {path}: {problem}"
            for problem in (*self._query(request, operation), *self._body(request, path, operation))
        ]

    def _path_of(self, path: str) -> str | None:
        """The described path that fits, with the fewest blanks."""
        return next((p for p in self._paths if _pattern(p).fullmatch(path)), None)

    def _query(self, request: Request, operation: dict[str, Any]) -> list[str]:
        known = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
        return [f"the query knows no {name}" for name in request.query if name not in known]

    def _body(self, request: Request, path: str | None, operation: dict[str, Any]) -> list[str]:
        content = operation.get("requestBody", {}).get("content", {})
        if request.body is None:
            return (
                ["the body is missing"] if operation.get("requestBody", {}).get("required") else []
            )
        if request.content_type not in content:
            return [f"the content is {request.content_type!r}"]
        checked = self._schema(path, request.method.lower(), request.content_type)
        return [
            f"{error.message[:500]} at {error.instance_path}"
            for error in checked.iter_errors(with_snowflakes(request.body))
        ]

    def _compiled(self, *steps: str) -> jsonschema_rs.Draft202012Validator:
        path, method, content_type = map(_escaped, steps)
        place = f"{_PLACE}#/paths/{path}/{method}/requestBody/content/{content_type}/schema"
        return jsonschema_rs.Draft202012Validator({"$ref": place}, registry=self._registry)


def with_snowflakes(value: Any) -> Any:
    """Large numbers as text: discord.py sends IDs as numbers, which Discord takes as well."""
    match value:
        case bool():
            return value
        case int():
            return str(value) if value >= SMALLEST_SNOWFLAKE else value
        case dict():
            return {key: with_snowflakes(inner) for key, inner in value.items()}
        case list():
            return [with_snowflakes(inner) for inner in value]
        case _:
            return value


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(path)))


def _escaped(step: str) -> str:
    """One step of a JSON pointer in a URL."""
    pointer = step.replace("~", "~0").replace("/", "~1")
    return pointer.replace("{", "%7B").replace("}", "%7D")
