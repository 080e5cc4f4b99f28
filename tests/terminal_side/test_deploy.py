"""What is deployed says what the program understands."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bot import at_work, health, metrics, operations
from bot.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = {name.upper() for name in Settings.model_fields}
OTHERS = {"PATH", "HF_HUB_OFFLINE", "PYTHONUNBUFFERED", "POSTGRES_USER", "POSTGRES_PASSWORD_FILE"}


def test_every_variable_that_is_set_is_a_setting() -> None:
    docker = (ROOT / "Dockerfile").read_text("utf-8")
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", docker, re.MULTILINE)
    unit = (ROOT / "deploy" / "article-bot.service").read_text("utf-8")
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    compose += (ROOT / "deploy" / "fleet.yaml").read_text("utf-8")
    named = {
        *re.findall(r"(\w+)=", block),
        *re.findall(r"^Environment=(\w+)=", unit, re.MULTILINE),
        *re.findall(r"^      ([A-Z_]+):", compose, re.MULTILINE),
    }
    assert named - SETTINGS - OTHERS == set()
    assert {"DATA_DIR", "HTTP_ADDRESS", "DISCORD_TOKEN_FILE", "DATABASE_URL_FILE"} <= named


def test_the_dashboard_asks_for_metrics_that_are_told() -> None:
    text = (ROOT / "deploy" / "grafana.json").read_text("utf-8")
    json.loads(text)
    asked = set(re.findall(r"articlebot_[a-z_]+", text))
    modules = (metrics, health, at_work, operations)
    sources = [Path(module.__file__).read_text("utf-8") for module in modules]
    told = {name for source in sources for name in re.findall(r'"(articlebot_[a-z_]+)"', source)}
    assert {re.sub("_(?:total|bucket)$", "", name) for name in asked} - told == set()
    queue = {"articlebot_jobs_waiting", "articlebot_jobs_oldest_seconds"}
    assert queue | {"articlebot_jobs_total", "articlebot_job_seconds_bucket"} <= asked
    outcomes = set(re.findall(r"[a-z]+", "|".join(re.findall(r'outcome=~?\\"([a-z|]+)', text))))
    assert outcomes <= set(metrics.OUTCOMES)


def test_every_service_of_ours_is_asked_whether_it_lives() -> None:
    """By the image's own check, which asks at HTTP_ADDRESS; the bot and the workers serve it."""
    assert "/livez" in (ROOT / "Dockerfile").read_text("utf-8")
    for name in ("compose.yaml", "deploy/fleet.yaml"):
        assert "disable:" not in (ROOT / name).read_text("utf-8")
