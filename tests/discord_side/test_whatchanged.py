"""`/whatchanged`: what is new in an article, for everybody who may read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.panels.changes import changes_panel
from index import Changes, Scope, Version

from .stand_in import StandInEngine, World, article_of, lines, texts

pytestmark = pytest.mark.simcord(shard_count=1)

THEN = datetime(2026, 1, 1, tzinfo=UTC)
OLDER, NEWER = Version(1, "Rules", THEN), Version(2, "Rules", THEN)


async def test_everybody_sees_what_changed(world: World, engine: StandInEngine) -> None:
    engine.gives_articles_to(world.scope)
    engine.changed = Changes(
        added=("Cats are not.",), changed=(("A fee.", "No fee."),), older=OLDER, newer=NEWER
    )
    result = await world.ann.slash(world.channel, "whatchanged")
    assert texts(result.response) == [
        "## What changed in Rules",
        "**Changed** (1)\n- A fee.\n  → No fee.",
        "**New** (1)\n- Cats are not.",
        "-# Version 1 of <t:1767225600:D> → version 2 of <t:1767225600:D>",
    ]


async def test_one_version_and_no_change_are_told(world: World, engine: StandInEngine) -> None:
    engine.gives_articles_to(world.scope)
    result = await world.ann.slash(world.channel, "whatchanged", article="rules")
    assert texts(result.response)[1] == "I know only one version of it."
    engine.changed = Changes(older=OLDER, newer=NEWER)
    result = await world.ann.slash(world.channel, "whatchanged")
    assert texts(result.response)[1] == "No sentence changed."


@pytest.mark.parametrize("language", [None, "de"])
def test_it_fits_a_message(language: str | None) -> None:
    evil = "@everyone **x** [a](http://b.example) `" * 50
    many = Changes((evil,) * 30, (evil,) * 30, ((evil, evil),) * 30, OLDER, NEWER)
    panel = changes_panel(language, article_of(Scope.shared(), 1, evil), many)
    assert panel.content_length() <= 4000
    assert "](http://" not in "".join(lines(panel))
