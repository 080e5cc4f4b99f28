"""``python -m tests.looks [FOLDER]``: a picture of every message that the bot can send."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import logging
import sys
import tempfile
from pathlib import Path

from index import Engine, IndexSettings, Scope

from . import browser
from .gallery import portrait, shots, staged, written
from .scenes import SCENES

PREVIEW = ("simcord", "linkify_it", "markdown_it", "PIL", "regex")


def missing() -> str | None:
    """Why no picture can be made here; None when all is there."""
    if browser.find() is None:
        return "no Chromium or Chrome is installed (Debian: apt install chromium)"
    if any(importlib.util.find_spec(name) is None for name in PREVIEW):
        return "simcord[preview] is not installed (pip install 'simcord[preview]==3.2.1')"
    return None


async def draw(folder: Path, engine: Engine, data_dir: Path) -> int:
    """Write every picture; how many messages are wider than the screen."""
    overflowing = 0
    path = browser.find()
    assert path is not None
    async with browser.opened(path) as page, staged(engine, data_dir) as stage:
        print(written(folder / "answer.png", await portrait(stage, page)))
        async for shot in shots(stage, page, SCENES):
            path = folder / shot.variant.name / f"{shot.sent.scene}.png"
            print(written(path, shot.png))
            if shot.overflowing:
                overflowing += 1
                print(f"  wider than the screen: {', '.join(shot.overflowing)}")
    return overflowing


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.looks", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="default: a new temporary one")
    folder = parser.parse_args().folder
    if reason := missing():
        print(f"skipped: {reason}", file=sys.stderr)
        return 0
    folder = folder or Path(tempfile.mkdtemp(prefix="looks-"))
    logging.disable(logging.ERROR)  # the staged failures are no news
    with (
        tempfile.TemporaryDirectory() as data,
        Engine.open(IndexSettings(data_dir=Path(data))) as engine,
    ):
        engine.publish_shared()
        engine.warm(Scope.shared())
        return 1 if asyncio.run(draw(folder, engine, Path(data))) else 0


if __name__ == "__main__":
    sys.exit(main())
