"""Every message can be brought about, and none is wider than a phone's screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index import Engine, IndexSettings, Scope
from index.embedding import PackagedEmbedder

from . import browser
from .__main__ import missing
from .gallery import Variant, dress, overflowing, shots, shown, staged
from .scenes import SCENES

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

PHONE = Variant("phone", 360, 1, "dark")


@pytest.fixture
def engine(tmp_path: Path, minilm: PackagedEmbedder) -> Iterator[Engine]:
    with Engine.open(IndexSettings(data_dir=tmp_path), embedder=minilm) as engine:
        engine.publish_shared()
        engine.warm(Scope.shared())
        yield engine


async def test_no_message_is_wider_than_a_phones_screen(engine: Engine, tmp_path: Path) -> None:
    async with browser.opened(str(browser.find())) as page, staged(engine, tmp_path) as stage:
        seen = [shot async for shot in shots(stage, page, SCENES, [PHONE])]
    assert [shot.sent.scene for shot in seen] == [scene.name for scene in SCENES]
    assert {shot.sent.scene: shot.overflowing for shot in seen if shot.overflowing} == {}


async def test_what_is_wider_is_seen(engine: Engine, tmp_path: Path) -> None:
    async with browser.opened(str(browser.find())) as page, staged(engine, tmp_path) as stage:
        reply = await stage.mentions("Who won the football world cup?")
        async with shown(stage, page):
            await dress(page, PHONE, ".text-display { white-space: nowrap; }")
            assert "text-display" in await overflowing(page, reply.id)
