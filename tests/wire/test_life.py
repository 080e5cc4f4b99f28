"""From start to end and start again, over the wire, in processes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bot.exits import Exit

from .conftest import Unlucky, check, held
from .contract import Contract
from .loopback import SLOW, SLOWER, Discord, until
from .payloads import text
from .process import BotProcess
from .test_asking import HIS_NAME, MAYOR, MENTION

PAINTER = "Who painted the lighthouse of Aldra?"
HER_KEEPER = "Anselm"
A_MOMENT_S = 0.5
LONGER_THAN_AN_INTERACTION_WAITS_S = 3.5
BUSY = "more questions than I can handle"


async def test_an_answer_under_way_is_finished_before_the_bot_goes_and_buttons_outlive_it(
    data_folder: Callable[[], Path], contract: Contract | None
) -> None:
    async with (
        Discord() as discord,
        BotProcess(discord, data_folder(), queue_limit=2) as process,
    ):
        await process.start()
        answer = await discord.answer(await discord.command("ask", question=MAYOR))
        await a_signal_during_an_answer(process)
        assert await process.ended() == Exit.OK

        await process.start()
        assert HIS_NAME in text(await discord.answer(await discord.press(answer, "context")))
        report = await discord.command_as(discord.owner, "reindex")
        await until(lambda: report.shown and "Re-indexed" in text(report.shown[0]))
        assert HIS_NAME in text(await discord.answer(await discord.press(answer, "context")))
        assert HIS_NAME in text(await discord.answer(await discord.press(answer, "more")))

        await more_questions_than_it_can_handle(process)
        process.terminate()
        assert await process.ended() == Exit.OK
        check(discord, contract)


async def a_signal_during_an_answer(process: BotProcess) -> None:
    """The answer comes all the same; a question that comes later is told why it gets none."""
    discord = process.discord
    with held(process.data):
        slow = await discord.command("ask", channel=discord.channels[SLOW], question=PAINTER)
        await until(lambda: slow.acknowledged)
        process.terminate()
        await asyncio.sleep(A_MOMENT_S)
        late = await discord.command("ask", question=MAYOR)
        assert "restarting" in text(await discord.answer(late))
        assert slow.shown == []
    assert HER_KEEPER in text(await discord.answer(slow))


async def more_questions_than_it_can_handle(process: BotProcess) -> None:
    """One worker that takes more than three seconds, and room for two that wait: each of six
    is acknowledged in time, and answered once or told that the bot is busy.
    """
    discord = process.discord
    slow = discord.channels[SLOWER]
    with held(process.data):
        asked = [await discord.command("ask", channel=slow, question=PAINTER) for _ in range(5)]
        said = await discord.say(f"{MENTION} {PAINTER}", channel=slow)
        await asyncio.sleep(LONGER_THAN_AN_INTERACTION_WAITS_S)
        told = [m for each in asked for m in each.shown] + discord.replies(said)
        assert [BUSY in text(message) for message in told] == [True] * 3
    shown = await asyncio.gather(*(discord.answer(each) for each in asked), discord.reply(said))
    assert sum(HER_KEEPER in text(message) for message in shown) == 3
    assert max(each.acknowledged_after_s for each in asked) < 1


async def test_down_at_first_then_silent_for_a_minute(
    unlucky: Unlucky, contract: Contract | None
) -> None:
    """A bot that starts while neither API nor gateway answer gets its session once they do;
    a connection over which nothing comes any more is given up, and what was missed answered.
    """
    process, discord = unlucky.process, unlucky.process.discord
    said, missed = await unlucky.questions
    assert HIS_NAME in text(await discord.reply(missed, within_s=90))
    assert HIS_NAME in text(await discord.reply(said))
    assert [fault.struck for fault in discord.faults] == [2, 1]
    assert (discord.gateway.refusals, len(discord.gateway.resumes)) == (0, 1)
    process.terminate()
    assert await process.ended() == Exit.OK
    check(discord, contract)
