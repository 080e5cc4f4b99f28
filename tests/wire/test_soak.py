"""The bot under questions, re-indexes and faults for a while: twenty seconds, or ``SOAK_S`` seconds.

Each question is answered once, or it is said why not; every quote stands in the article;
memory and open files stay what they were; nothing is logged that nobody foresaw.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from .faults import RESET, Fault
from .loopback import Discord, until
from .payloads import Payload, text
from .process import BotProcess
from .test_asking import MENTION
from .test_operations import a_free_port, counted, fetched

SOAK_S = float(os.environ.get("SOAK_S", "20"))
ASKERS = 4
REINDEX_EVERY_S = 8.0
FAULT_EVERY_S = 3.0
WARM_S = 5.0
WITHIN_S = 60.0
REFUSED_AT_MOST = 0.01
GROWS_AT_MOST_MB = 40.0
FILES_AT_MOST = 20.0
EXCUSES = ("try again", "took too long", "more questions than I can handle", "restarting")

ARTICLE = (resources.files("index") / "data" / "article.md").read_text("utf-8")
STATUSES = (500, 503, 520, RESET)


def letters(written: str) -> str:
    return "".join(re.findall(r"[^\W_]", written)).casefold()


IN_ARTICLE = letters(ARTICLE)


@dataclass
class Tally:
    """What came of all questions."""

    asked: int = 0
    refused: int = 0
    quotes: int = 0
    reindexed: int = 0
    wrong: list[str] = field(default_factory=list)

    def take(self, question: str, answers: list[Payload]) -> None:
        self.asked += 1
        if len(answers) != 1:
            self.wrong.append(f"{len(answers)} answers: {question}")
            return
        said = text(answers[0])
        lines = [line.removeprefix("> ") for line in said.splitlines() if line.startswith("> ")]
        if not lines and any(excuse in said for excuse in EXCUSES):
            self.refused += 1
        self.quotes += len(lines)
        for pieces in (line.split("…") for line in lines):
            self.wrong += [
                f"not in the article: {piece}"
                for piece in pieces
                if letters(piece) not in IN_ARTICLE
            ]


def questions() -> Iterator[str]:
    """Without end, and none like another: on three words that stand together."""
    chance = random.Random(11)
    words = re.findall(r"[A-Za-z][\w'-]+", ARTICLE)
    for number in itertools.count():
        begin = chance.randrange(len(words) - 3)
        about = " ".join(words[begin : begin + 3])
        yield chance.choice(
            (
                f"What is said about {about}?",
                f"why {about}",
                f"Who or what is {about} (number {number})?",
                f"When was it that {about}?",
            )
        )


async def asks(discord: Discord, asked: Iterator[str], tally: Tally, ends: float) -> None:
    while time.monotonic() < ends:
        question = next(asked)
        if tally.asked % 2:
            said = await discord.say(f"{MENTION} {question}")
            await settled(lambda said=said: discord.replies(said))
            tally.take(question, discord.replies(said))
        else:
            used = await discord.command("ask", question=question)
            await settled(lambda used=used: discord.shown_for(used))
            tally.take(question, discord.shown_for(used))


async def settled(shown: Callable[[], object]) -> None:
    with suppress(AssertionError):
        await until(shown, WITHIN_S)
    await asyncio.sleep(0.05)  # a second answer would come now


async def reindexes(discord: Discord, tally: Tally, ends: float) -> None:
    while time.monotonic() < ends - REINDEX_EVERY_S:
        await asyncio.sleep(REINDEX_EVERY_S)
        report = await discord.command_as(discord.owner, "reindex")
        await settled(lambda report=report: "Re-indexed" in "".join(map(text, report.shown)))
        done = "Re-indexed" in "".join(map(text, report.shown))
        tally.reindexed += done
        if not done:
            tally.wrong.append(f"re-index: {[text(one) for one in report.shown]}")


async def breaks(discord: Discord, ends: float) -> None:
    chance = random.Random(12)
    where = [
        ("POST", r"/channels/\d+/messages$"),
        ("PATCH", r"/messages/@original$"),
        ("POST", r"/callback$"),
        ("POST", r"/typing$"),
    ]
    while time.monotonic() < ends:
        await asyncio.sleep(chance.uniform(0.5, 1.5) * FAULT_EVERY_S)
        kind = chance.random()
        if kind < 0.7:
            applied = chance.random() < 0.5
            fault = Fault(*chance.choice(where), chance.choice(STATUSES), applied=applied)
            discord.faults = [*(f for f in discord.faults if f.struck < f.times), fault]
        elif discord.gateway.line is not None and kind < 0.85:
            await discord.gateway.ask_to_reconnect()
        elif discord.gateway.line is not None:
            discord.gateway.tear_down()


async def test_questions_reindexes_and_faults_for_a_while(
    data_folder: Callable[[], Path],
) -> None:
    port = a_free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    tally = Tally()
    async with (
        Discord() as discord,
        BotProcess(
            discord, data_folder(), http_address=f"127.0.0.1:{port}", log_format="json"
        ) as process,
    ):
        await process.start()
        asked = questions()
        warm = time.monotonic() + WARM_S
        await asyncio.gather(*(asks(discord, asked, tally, warm) for _ in range(ASKERS)))
        ends = time.monotonic() + SOAK_S

        async def half_way() -> str:
            """By then caches are full and every kind of work was done."""
            await asyncio.sleep(SOAK_S / 2)
            return (await fetched(url))[1]

        before, *_ = await asyncio.gather(
            half_way(),
            *(asks(discord, asked, tally, ends) for _ in range(ASKERS)),
            reindexes(discord, tally, ends),
            breaks(discord, ends),
        )
        discord.faults = []
        _, after = await fetched(url)
        assert process.is_running
        process.terminate()
        assert await process.ended() == 0
        lines = [json.loads(line) for line in process.log.splitlines()]
    grown = {
        name: counted(after, name) - counted(before, name)
        for name in ("process_resident_memory_bytes", "process_open_fds")
    }
    print(
        f"{tally.asked} questions, {tally.quotes} quotes, {tally.refused} refused, {tally.reindexed} re-indexes;"
        f" memory {counted(after, 'process_resident_memory_bytes') / 1e6:.0f} MB, grown by"
        f" {grown['process_resident_memory_bytes'] / 1e6:.0f} MB; files grown by"
        f" {grown['process_open_fds']:.0f}"
    )
    assert tally.wrong == []
    assert tally.asked >= SOAK_S
    assert tally.quotes >= tally.asked / 4
    assert tally.reindexed >= 1
    assert tally.refused <= max(1, REFUSED_AT_MOST * tally.asked)
    assert grown["process_resident_memory_bytes"] <= GROWS_AT_MOST_MB * 1e6
    assert grown["process_open_fds"] <= FILES_AT_MOST
    unforeseen = [line for line in lines if "exception" in line or line["level"] == "ERROR"]
    assert unforeseen == []
