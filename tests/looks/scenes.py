"""Every message that the bot can send, each brought about the way a server would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.errors import Overloaded, ShuttingDown, TookTooLong
from bot.policy import Cooldown
from index import (
    Added,
    Answer,
    Article,
    ArticleNotFound,
    Changes,
    Check,
    Examined,
    Feed,
    Golden,
    IndexPending,
    Kind,
    LibraryBusy,
    Published,
    Rehearsal,
    ReindexReport,
    Replayed,
    Scope,
    StorageError,
    Version,
)
from tests.discord_side.stand_in import buttons, runs_outside

from .stage import (
    HOSTILE,
    HOSTILE_TITLE,
    LONG,
    LONG_TITLE,
    MAYOR,
    Stage,
    as_sure_as,
    declined,
    narrowed,
)

CRACKDOWN = "How much value did the crackdown wipe off China's biggest tech companies?"


@dataclass(frozen=True, slots=True)
class Scene:
    """``play`` returns what was sent: a message or the result of a command.

    ``to_manager``: what only a manager who gave the command sees.
    """

    name: str
    play: Callable[[Stage], Awaitable[Any]]
    to_manager: bool = False


SCENES: list[Scene] = []


def scene(play: Callable[[Stage], Awaitable[Any]]) -> Callable[[Stage], Awaitable[Any]]:
    SCENES.append(Scene(play.__name__.replace("_", "-"), play))
    return play


def managed(play: Callable[[Stage], Awaitable[Any]]) -> Callable[[Stage], Awaitable[Any]]:
    SCENES.append(Scene(play.__name__.replace("_", "-"), play, to_manager=True))
    return play


@scene
async def report_unchanged(stage: Stage) -> Any:
    return await stage.reindexes()


@scene
async def answer_short(stage: Stage) -> Any:
    return await stage.asks(MAYOR, change=narrowed("Yin Yong", 0.96))


@scene
async def answer_short_to_a_mention(stage: Stage) -> Any:
    return await stage.mentions(CRACKDOWN, change=narrowed("$1.1 trillion"))


@scene
async def answer_sentence(stage: Stage) -> Any:
    return await stage.asks("When did Jack Ma criticise Beijing?")


@scene
async def answer_sentence_to_a_mention(stage: Stage) -> Any:
    return await stage.mentions("What did China's state planner praise?")


@scene
async def answer_to_a_slip(stage: Stage) -> Any:
    return await stage.mentions("who is the outgoign CEO of Alibaab?")


@scene
async def answer_sure(stage: Stage) -> Any:
    return await stage.asks("Who is the outgoing CEO of Alibaba?", change=narrowed("Daniel Zhang"))


@scene
async def answer_not_sure(stage: Stage) -> Any:
    return await stage.mentions("What does Qihoo 360 do?", change=as_sure_as(0.3))


@scene
async def answer_short_not_sure(stage: Stage) -> Any:
    return await stage.asks("What does Qihoo 360 do?", change=narrowed("cybersecurity", 0.3))


@scene
async def answer_of_several_quotes(stage: Stage) -> Any:
    def listed(answer: Answer) -> Answer:
        first = answer.quotes[0]
        second = replace(first, text=HOSTILE.split("\n\n")[1], article="The zoo", article_id=7)
        return replace(
            answer, kind=Kind.LIST, quotes=(first, second), text="Qihoo 360 and a giraffe"
        )

    return await stage.mentions("What does Qihoo 360 do?", change=listed)


@scene
async def answer_of_several_paragraphs(stage: Stage) -> Any:
    def listed(answer: Answer) -> Answer:
        first = answer.quotes[0]
        text = "The mayor told them that the private economy plays an important part."
        second = replace(first, text=text, paragraph=first.paragraph + 4)
        return replace(answer, kind=Kind.SENTENCES, quotes=(first, second), text="Two promises")

    return await stage.mentions("What did China's state planner praise?", change=listed)


@scene
async def in_short(stage: Stage) -> Any:
    return await stage.asks("What is this about?")


@scene
async def about_the_length(stage: Stage) -> Any:
    return await stage.asks("How long is the article?")


@scene
async def about_the_author_unknown(stage: Stage) -> Any:
    return await stage.mentions("Who wrote this?")


@scene
async def a_reason(stage: Stage) -> Any:
    return await stage.asks("Why did Jack Ma get into trouble?")


@scene
async def a_reason_below_the_sentence_before_it(stage: Stage) -> Any:
    def led_to(answer: Answer) -> Answer:
        own = answer.quotes[0]
        text = "The warm words do not mean that all is forgotten."
        before = replace(own, text=text, start=own.start - len(text), end=own.start)
        return replace(answer, quotes=(before, own))

    return await stage.asks("Why did Jack Ma get into trouble?", change=led_to)


@scene
async def a_procedure(stage: Stage) -> Any:
    def in_steps(answer: Answer) -> Answer:
        own = answer.quotes[0]
        steps = [
            "To mend the tap, do as follows:",
            "1. Close the valve in the cellar.",
            "2. Unscrew the cap with the large key.",
            "3. Pull the spindle out and look at the rubber at its end, which is worn where it is"
            " no longer smooth.",
            "4. Screw it in again, and open the valve slowly.",
        ]
        quotes = tuple(
            replace(own, text=text, paragraph=own.paragraph + n) for n, text in enumerate(steps)
        )
        return replace(answer, quotes=quotes, text=" ".join(steps), kind=Kind.SENTENCES)

    return await stage.asks("Why did Jack Ma get into trouble?", change=in_steps)


@scene
async def a_verdict(stage: Stage) -> Any:
    return await stage.asks("Is Daniel Zhang staying on as head of Alibaba?")


@scene
async def answer_of_a_web_page(stage: Stage) -> Any:
    def linked(answer: Answer) -> Answer:
        quote = replace(answer.quotes[0], source="https://example.org/tech?page=2")
        return replace(answer, quotes=(quote,))

    return await stage.mentions(MAYOR, change=linked)


@scene
async def more_passages(stage: Stage) -> Any:
    return await stage.presses("More passages")


@scene
async def nearest_passages(stage: Stage) -> Any:
    return await stage.presses("Nearest passages", "Who won the football world cup?")


@scene
async def context(stage: Stage) -> Any:
    return await stage.presses("Context")


@scene
async def rated(stage: Stage) -> Any:
    return await stage.presses("👍")


@scene
async def continued_in_a_thread(stage: Stage) -> Any:
    return await stage.presses("Continue in a thread")


@scene
async def elsewhere(stage: Stage) -> Any:
    stage.engine.journal.prefer(stage.scope, channels=[1])
    stage.bot.known.forget(stage.scope)
    result = await stage.asks(MAYOR)
    stage.engine.journal.prefer(stage.scope, channels=[])
    stage.bot.known.forget(stage.scope)
    return result


@scene
async def not_said(stage: Stage) -> Any:
    return await stage.asks("Who won the football world cup?")


@scene
async def not_said_by_a_hair(stage: Stage) -> Any:
    return await stage.mentions("Why is Lei Jun famous?", change=declined(0.48, threshold=0.5))


@scene
async def help_for_a_greeting(stage: Stage) -> Any:
    return await stage.mentions("hello!")


@scene
async def help_for_an_empty_mention(stage: Stage) -> Any:
    return await stage.mentions("")


@scene
async def help_in_private(stage: Stage) -> Any:
    return await stage.asks("   ")


@scene
async def too_long(stage: Stage) -> Any:
    return await stage.mentions("why " * 251)


@scene
async def cooldown(stage: Stage) -> Any:
    stage.bot.cooldown = Cooldown(7, burst=1)
    await stage.asks(MAYOR)
    result = await stage.asks(MAYOR)
    stage.bot.cooldown = Cooldown(0)
    return result


@scene
async def other_language(stage: Stage) -> Any:
    return await stage.mentions("Wie heißt der Bürgermeister von Peking und was hat er gesagt?")


@scene
async def no_words(stage: Stage) -> Any:
    return await stage.mentions("?!?")


@scene
async def overloaded(stage: Stage) -> Any:
    return await stage.asks(MAYOR, failure=Overloaded())


@scene
async def took_too_long(stage: Stage) -> Any:
    return await stage.mentions(MAYOR, failure=TookTooLong())


@scene
async def restarting(stage: Stage) -> Any:
    return await stage.mentions(MAYOR, failure=ShuttingDown())


@scene
async def articles_out_of_reach(stage: Stage) -> Any:
    return await stage.mentions(MAYOR, failure=StorageError("disk full"))


@scene
async def no_article(stage: Stage) -> Any:
    return await stage.mentions(MAYOR, failure=ArticleNotFound("none"))


@scene
async def unexpected_error(stage: Stage) -> Any:
    return await stage.asks(MAYOR, failure=RuntimeError("out of order on purpose"))


@scene
async def not_allowed(stage: Stage) -> Any:
    (command,) = [c for c in await stage.bot.tree.fetch_commands() if c.name == "reindex"]
    stage.guild.set_command_permissions(command, {stage.ann: True})
    return await stage.ann.slash(stage.channel, "reindex")


@scene
async def not_the_owner(stage: Stage) -> Any:
    stage.env.create_guild("Elsewhere")
    stage.bot.owner_id = stage.ann.id
    return await stage.reindexes()


@scene
async def library_busy(stage: Stage) -> Any:
    stage.bot.owner_id = stage.manager.id
    return await stage.reindexes(failure=LibraryBusy("another process"))


@scene
async def index_pending(stage: Stage) -> Any:
    stage.bot.owner_id = stage.manager.id
    return await stage.reindexes(failure=IndexPending("no worker"))


@scene
async def answer_in_a_long_sentence(stage: Stage) -> Any:
    for title, text in ((HOSTILE_TITLE, HOSTILE), (LONG_TITLE, LONG)):
        stage.engine.real.add(
            Scope.guild(stage.guild.id), text.encode(), media_type="text/plain", title=title
        )
    return await stage.asks("How much is the harbour fee?", change=narrowed("forty crowns"))


@scene
async def answer_is_a_long_sentence(stage: Stage) -> Any:
    return await stage.mentions("How much is the harbour fee?")


@scene
async def answer_begins_inside_a_sentence(stage: Stage) -> Any:
    return await stage.mentions("What does a class 12 vessel owe?")


@scene
async def not_said_by_several_articles(stage: Stage) -> Any:
    return await stage.mentions("Who won the football world cup at the zoo?")


@scene
async def hostile_question(stage: Stage) -> Any:
    return await stage.asks(
        f"@everyone {stage.manager.mention} **how** tall is [the](https://evil.example) ||giraffe||?"
        " \u202e# > `x` <t:0:R> :smile: \u200b\u0301\u0301\u0301\u0301\u0301\u0301\u0301"
        " https://evil.example/steal?x=1 -# small",
        change=narrowed("forty metres"),
    )


@scene
async def hostile_article(stage: Stage) -> Any:
    return await stage.mentions("How tall is the giraffe?")


@scene
async def hostile_right_to_left(stage: Stage) -> Any:
    return await stage.asks("What is the giraffe called in Hebrew?", change=as_sure_as(0.75))


@scene
async def hostile_right_to_left_answer(stage: Stage) -> Any:
    name = "\u05d3\u05d5\u05d3"
    return await stage.mentions("What is the giraffe called in Hebrew?", change=narrowed(name, 0.9))


@scene
async def hostile_accents(stage: Stage) -> Any:
    return await stage.mentions("How much does the zebra weigh?")


@scene
async def hostile_long_word(stage: Stage) -> Any:
    return await stage.mentions("What is the telegraph address of the zoo?")


@scene
async def report_with_changes(stage: Stage) -> Any:
    def changed(report: ReindexReport) -> ReindexReport:
        return replace(
            report,
            embedded=1204,
            added=("The zoo of Aldra", "Opening hours"),
            changed=(LONG_TITLE,),
            removed=("Old prices (2019)",),
        )

    return await stage.reindexes(change_report=changed)


@scene
async def report_with_failures(stage: Stage) -> Any:
    def failing(report: ReindexReport) -> ReindexReport:
        return replace(
            report,
            articles=1312,
            passages=48211,
            embedded=48000,
            seconds=1834.2,
            added=tuple(f"Minutes of meeting {n}" for n in range(1, 41)),
            changed=(HOSTILE_TITLE,),
            failed=(
                ("Tariffs", "cannot read '/srv/articles/tariffs.md': no such file"),
                ("Scan of 1862", "the PDF holds no text; run it through OCR first"),
            ),
        )

    return await stage.reindexes(change_report=failing)


NOW = datetime.now(UTC)


def shelved(number: int, title: str, source: str) -> Article:
    return Article(
        Scope.guild(1), number, 2, title, source, "text/html", "0", 4200, NOW - timedelta(days=number),
        author="Ann Keeper", published="2026-03-01",
    )  # fmt: skip


SHELF = (
    shelved(1, "Harbour regulations", "https://harbour.example/regulations"),
    shelved(2, "Fees from 2026 on", "upload:fees.pdf"),
    shelved(3, LONG_TITLE, "https://aldra.example/archive/1862/regulations?page=4"),
    shelved(4, HOSTILE_TITLE, "https://evil.example/"),
    *(shelved(n, f"Minutes of meeting {n}", f"https://aldra.example/{n}") for n in range(5, 23)),
)
CHECKS = {
    1: Check(NOW - timedelta(hours=3)),
    3: Check(
        NOW - timedelta(minutes=5), failing_since=NOW - timedelta(days=2), failures=4,
        reason="There is no page at https://aldra.example/archive/1862/regulations (404).",
    ),
    **{n: Check(NOW - timedelta(days=1)) for n in range(4, 23)},
}  # fmt: skip


@managed
async def library_list(stage: Stage) -> Any:
    return await stage.manages("library list", shelf=SHELF, stood_in={"checks": lambda _: CHECKS})


@managed
async def library_list_short(stage: Stage) -> Any:
    shelf, checks = SHELF[:4], {"checks": lambda _: CHECKS}
    return await stage.manages("library list", shelf=shelf, stood_in=checks)


@managed
async def library_empty(stage: Stage) -> Any:
    return await stage.manages("library list", is_shared_alone=True)


@managed
async def library_info(stage: Stage) -> Any:
    checks = {"checks": lambda _: CHECKS}
    given = {"article": LONG_TITLE}
    return await stage.manages("library info", given=given, shelf=SHELF, stood_in=checks)


@managed
async def library_added(stage: Stage) -> Any:
    added = Added(SHELF[:3], (("https://aldra.example/9", "There is no page there (404)."),))
    given = {"url": "https://aldra.example/feed.xml"}
    adding = {"add_page": lambda *_, **__: added}
    return await stage.manages("library add", given=given, shelf=SHELF, stood_in=adding)


@managed
async def library_added_feed(stage: Stage) -> Any:
    added = Added(SHELF[:1], (), "https://aldra.example/feed.xml")
    given = {"url": "https://aldra.example/feed.xml"}
    adding = {"add_page": lambda *_, **__: added}
    return await stage.manages("library add", given=given, shelf=SHELF, stood_in=adding)


@managed
async def library_bound(stage: Stage) -> Any:
    given = {"article": "Harbour regulations"}
    return await stage.manages("library bind", given=given, shelf=SHELF)


@managed
async def library_feeds(stage: Stage) -> Any:
    scope, failing = Scope.guild(stage.guild.id), CHECKS[3]
    watched = [
        Feed(scope, 1, "https://aldra.example/feed.xml", (), Check(NOW - timedelta(hours=2))),
        Feed(scope, 2, "https://harbour.example/news/atom?lang=en", (), failing),
        Feed(
            scope, 3, "https://evil.example/[x](http://y)", (),
            Check(NOW - timedelta(hours=1), reason="There is no page at /old (404)."),
        ),
    ]  # fmt: skip
    return await stage.manages("library feeds", stood_in={"feeds": lambda _: watched})


@managed
async def library_rollback(stage: Stage) -> Any:
    def published(age: int, articles: tuple[Article, ...], *, live: bool = False) -> Published:
        held = tuple((article.id, 1, article.title) for article in articles)
        return Published(f"0000000{age}-abcd", NOW - timedelta(days=age), live, held)

    kept = [published(0, SHELF, live=True), published(1, SHELF[:4]), published(6, SHELF[:1])]
    return await stage.manages("library rollback", stood_in={"generations": lambda _: kept})


GOLDEN = (
    Golden(1, "When does the harbour close?", "at dusk"),
    Golden(2, "what's the fee for a night", "fifty crowns"),
    Golden(4, HOSTILE_TITLE, HOSTILE_TITLE),
    Golden(5, "Who is the harbour master's brother?", None),
)


@managed
async def golden_added(stage: Stage) -> Any:
    return await stage.manages("golden add", given={"question": MAYOR})


@managed
async def golden_added_failing(stage: Stage) -> Any:
    given = {"question": MAYOR, "expected": "Ann Keeper"}
    return await stage.manages("golden add", given=given)


@managed
async def golden_list(stage: Stage) -> Any:
    kept = GoldenSetOf(GOLDEN * 4)
    return await stage.manages("golden list", stood_in={"golden": kept})


@managed
async def golden_checked(stage: Stage) -> Any:
    said = ("at dusk", "forty crowns a night", None, "Tom Ray")
    examined = [Examined(g, s, s == g.expected) for g, s in zip(GOLDEN, said, strict=True)]
    return await stage.manages("golden check", stood_in={"examine": lambda *_, **__: examined})


class GoldenSetOf:
    """Golden questions that are always the same."""

    def __init__(self, golden: tuple[Golden, ...]) -> None:
        self._golden = list(golden)

    def all(self, _: Scope) -> list[Golden]:
        return self._golden


@managed
async def library_refused(stage: Stage) -> Any:
    return await stage.manages("library add", given={"url": "http://169.254.169.254/latest/"})


@managed
async def library_removed(stage: Stage) -> Any:
    given = {"article": "Harbour regulations"}
    removing = {"remove": lambda *_: SHELF[0]}
    return await stage.manages("library remove", given=given, shelf=SHELF, stood_in=removing)


@managed
async def what_changed(stage: Stage) -> Any:
    found = Changes(
        added=("Dogs are welcome on the outer pier.",),
        removed=("The harbour closes at dusk.",),
        changed=(("The fee is forty crowns a night.", "The fee is fifty crowns a night."),),
        older=Version(1, "Harbour regulations", NOW - timedelta(days=90)),
        newer=Version(2, "Harbour regulations", NOW),
    )
    given = {"article": "Harbour regulations"}
    changing = {"changes": lambda *_: found}
    return await stage.manages("whatchanged", given=given, shelf=SHELF, stood_in=changing)


@scene
async def rehearsal_with_losses(stage: Stage) -> Any:
    found = Rehearsal(
        Scope.shared(), 7, (LONG_TITLE,), (), 41,
        better=(Replayed("Are dogs allowed on the pier?", None, "on the outer pier", golden=True),),
        lost=(Replayed("When does the harbour close?", "at dusk", None),),
        different=(
            Replayed("What is the fee for a night?", "forty crowns", "fifty crowns"),
            Replayed(HOSTILE_TITLE, HOSTILE_TITLE, HOSTILE_TITLE),
        ),
        documents=(), checks=(),
    )  # fmt: skip
    return await stage.reindexes(stood_in={"rehearse": lambda _: found})


@managed
async def rehearsal_in_detail(stage: Stage) -> Any:
    shown = await rehearsal_with_losses(stage)
    return await stage.manager.click(shown.response, custom_id=buttons(shown.response)["Show them"])


@scene
async def progress_embedding(stage: Stage) -> Any:
    runs_outside(stage.env, stage.bot.chores)
    stage.engine.gate.clear()
    result = await stage.reindexes()
    await stage.env.advance_time(60)
    return result


@scene
async def progress_waiting(stage: Stage) -> Any:
    return await stage.reindexes(is_shared_alone=True)


@scene
async def already_running(stage: Stage) -> Any:
    return await stage.reindexes()
