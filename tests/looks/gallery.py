"""Plays the scenes and takes their pictures, in every theme and width."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import simcord

from bot.client import ArticleBot, BotOptions
from index import Engine

from .browser import Box, Page
from .scenes import Scene
from .stage import Stage, StagedEngine

SCENES_A_PAGE = 20  # the preview shows fifty messages, and a mention is two
TALL = 1600
READY = "window.simcordPreview?.ready === true"


@dataclass(frozen=True, slots=True)
class Variant:
    """A theme and a width in CSS pixels; ``scale`` is device pixels to one of them."""

    name: str
    width: int
    scale: float
    theme: str


VARIANTS = (
    Variant("desktop-dark", 800, 1, "dark"),
    Variant("desktop-light", 800, 1, "light"),
    Variant("phone-dark", 390, 2, "dark"),
    Variant("phone-light", 390, 2, "light"),
)
README = Variant("readme", 696, 1.15, "dark")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on the stage, and the scene that brought it about."""

    scene: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture. ``overflowing`` names the parts of the message that are wider than it."""

    sent: Sent
    variant: Variant
    png: bytes
    overflowing: tuple[str, ...]


@contextlib.asynccontextmanager
async def staged(engine: Engine, data_dir: Path) -> AsyncIterator[Stage]:
    """The bot on ``engine`` in a simulated server."""
    acting = StagedEngine(engine)
    bot = ArticleBot(acting, BotOptions(data_dir, user_cooldown_s=0, progress_every_s=60))  # type: ignore[arg-type]
    async with simcord.run(bot, shard_count=1) as env:
        try:
            await env.bot.user.edit(username="article-bot")
            yield Stage(env, bot, acting)
        finally:
            acting.gate.set()
            await bot.close()


async def shots(
    stage: Stage, page: Page, scenes: Sequence[Scene], variants: Sequence[Variant] = VARIANTS
) -> AsyncIterator[Shot]:
    """Play the scenes in their order; of each a picture in every variant."""
    for to_manager, group in groupby(scenes, key=lambda scene: scene.to_manager):
        alike = list(group)
        for begin in range(0, len(alike), SCENES_A_PAGE):
            sent = [await _sent(stage, scene) for scene in alike[begin : begin + SCENES_A_PAGE]]
            async with shown(stage, page, stage.manager if to_manager else stage.ann):
                for variant in variants:
                    await dress(page, variant)
                    for one in sent:
                        yield await _shot(page, one, variant)


async def portrait(stage: Stage, page: Page) -> bytes:
    """The picture for the README: a question that the article answers, and one that it does not."""
    for question in ("When did Jack Ma criticise Beijing?", "Who won the football world cup?"):
        await stage.mentions(question)
    async with shown(stage, page):
        await dress(page, README)
        height = await page.run("document.getElementById('channel-message-list').scrollHeight")
        return await page.picture(Box(0, 0, README.width, height + 8))


async def _sent(stage: Stage, scene: Scene) -> Sent:
    outcome = await scene.play(stage)
    message = outcome.response if isinstance(outcome, simcord.InteractionResult) else outcome
    assert message is not None, scene.name
    return Sent(scene.name, message.id)


@contextlib.asynccontextmanager
async def shown(stage: Stage, page: Page, viewer: Any = None) -> AsyncIterator[None]:
    """The channel as a member sees it, in the browser's page."""
    seeing = [viewer or stage.ann]
    viewed = stage.env.preview(stage.channel, viewers=seeing, layout="channel", height=TALL)
    async with viewed as preview:
        await page.resize(800, TALL, scale=1)
        await page.goto("about:blank", "true")
        await page.goto(preview.url, READY)
        yield


async def dress(page: Page, variant: Variant, more_css: str = "") -> None:
    """Give the page the theme and the width."""
    style = _css("bare") + (_css("light") if variant.theme == "light" else "") + more_css
    await page.run(_DRESS % json.dumps(style))
    await page.resize(variant.width, TALL, scale=variant.scale)
    await page.until(
        f"{READY} && document.getElementById('preview-app').clientWidth === innerWidth"
    )


async def _shot(page: Page, sent: Sent, variant: Variant) -> Shot:
    await page.until(f"{_MESSAGE % sent.message_id} !== null")
    box = await page.run(_SHOW % (_MESSAGE % sent.message_id))
    png = await page.picture(Box(**box))
    return Shot(sent, variant, png, await overflowing(page, sent.message_id))


async def overflowing(page: Page, message_id: int) -> tuple[str, ...]:
    """The parts of a message whose content is wider than they are."""
    return tuple(await page.run(_WIDE % (_MESSAGE % message_id)))


def _css(name: str) -> str:
    return (resources.files(__package__) / f"{name}.css").read_text()


def written(path: Path, png: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    return path


_MESSAGE = "document.querySelector('#channel-message-list [data-message-id=\"%d\"]')"
_DRESS = """(() => {
    let style = document.getElementById('looks');
    if (!style) {
        style = document.createElement('style');
        style.id = 'looks';
        document.head.append(style);
    }
    style.textContent = %s;
})()"""
_SHOW = """(async () => {
    const message = %s;
    message.scrollIntoView({block: 'start', behavior: 'instant'});
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const box = message.getBoundingClientRect();
    return {x: 0, y: Math.max(0, box.y - 8), width: innerWidth, height: box.height + 16};
})()"""
_WIDE = """(() => {
    const message = %s;
    const parts = [message, ...message.querySelectorAll('*')];
    return parts.filter(part => part.clientWidth && part.scrollWidth > part.clientWidth + 1
        && getComputedStyle(part).overflowX !== 'hidden').map(part => part.className || part.tagName);
})()"""
