"""Pages are read again while the bot runs, and a failure does not end that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.client import BotOptions
from index import StorageError

from .stand_in import StandInEngine, World

pytestmark = pytest.mark.simcord(shard_count=1)


async def test_pages_that_are_due_are_read_every_few_minutes(
    world: World, engine: StandInEngine
) -> None:
    await world.env.advance_time(301)
    first = len(engine.looked)
    engine.failure = StorageError("the disk is full")
    await world.env.advance_time(301)
    engine.failure = None
    await world.env.advance_time(301)
    assert first >= 1
    assert len(engine.looked) > first + 1
    assert set(engine.looked) == {timedelta(hours=24)}


class TestNever:
    @pytest.fixture
    def options(self, tmp_path: Path) -> BotOptions:
        return BotOptions(data_dir=tmp_path, refresh_hours=0)

    async def test_nothing_is_read_where_the_operator_wants_none(
        self, world: World, engine: StandInEngine
    ) -> None:
        await world.env.advance_time(3600)
        assert engine.looked == []
