"""A re-index: how far it has come, and what it did."""

from __future__ import annotations

from collections.abc import Sequence

from discord import ui

from bot.card import (
    FRIENDLY,
    GOOD,
    MOST_NAMES,
    NAME_CHARS,
    NO_BREAK,
    WARNING,
    card,
    facts,
    listed,
    rule,
    small,
)
from bot.i18n import say
from bot.markdown import fit
from index import ReindexReport

REASON_CHARS = 200
BAR_CELLS = 12
STAGES = ("reading", "rehearsing", "chunking", "embedding", "publishing")
"""The engine's, in their order."""


def progress_panel(
    locale: object,
    stage: str,
    done: int,
    total: int,
    *,
    left_s: float | None = None,
    heading: str = "reindex.running",
) -> ui.LayoutView:
    """The step, and where it has parts to count a bar and how long it still takes."""
    return card(
        say(locale, heading),
        "\n".join([_step(locale, stage), *_bar(locale, done, total)]),
        small(_left(locale, left_s), say(locale, "reindex.keep_asking")),
        colour=FRIENDLY,
    )


def _step(locale: object, stage: str) -> str:
    if stage not in STAGES:
        return say(locale, "reindex.waiting")
    name = say(locale, f"reindex.stage.{stage}")
    number = STAGES.index(stage) + 1
    return say(locale, "reindex.step", number=number, total=len(STAGES), name=name)


def _bar(locale: object, done: int, total: int) -> list[str]:
    if total < 2:
        return []
    filled = min(BAR_CELLS, done * BAR_CELLS // total)
    counts = say(locale, "reindex.counts", done=done, total=total).replace(" ", NO_BREAK)
    return [f"`{'█' * filled}{'░' * (BAR_CELLS - filled)}` {counts}"]


def _left(locale: object, left_s: float | None) -> str:
    """Rounded up, and the coarser the longer: a pace is no promise."""
    if left_s is None:
        return ""
    if left_s <= 50:
        return say(locale, "reindex.left.seconds", count=max(10, -(-int(left_s) // 10) * 10))
    return say(locale, "reindex.left.minutes", count=-(-int(left_s) // 60))


def report_panel(locale: object, report: ReindexReport, *, shared: bool) -> ui.LayoutView:
    """What a re-index did. ``shared`` says that it was the articles every server reads."""
    failed = [
        f"{fit(name, NAME_CHARS)}: {fit(reason, REASON_CHARS)}" for name, reason in report.failed
    ]
    return card(
        say(locale, "reindex.done.shared" if shared else "reindex.done.server"),
        _size(locale, report),
        *_group(locale, "failed", failed),
        *_group(locale, "added", [fit(name, NAME_CHARS) for name in report.added]),
        *_group(locale, "changed", [fit(name, NAME_CHARS) for name in report.changed]),
        *_group(locale, "removed", [fit(name, NAME_CHARS) for name in report.removed]),
        rule(),
        small(
            facts(
                say(locale, "reindex.embedded", count=report.embedded),
                say(locale, "reindex.reused", count=report.reused),
                duration(locale, report.seconds),
            ),
            say(locale, "reindex.generation", name=fit(report.generation, 60)),
        ),
        colour=WARNING if report.failed else GOOD,
    )


def _size(locale: object, report: ReindexReport) -> str:
    changed = report.added or report.changed or report.removed or report.failed
    return say(
        locale,
        "reindex.size" if changed else "reindex.size.unchanged",
        articles=say(locale, "count.articles", count=report.articles),
        passages=say(locale, "count.passages", count=report.passages),
    )


def _group(locale: object, kind: str, lines: Sequence[str]) -> list[str]:
    """A list under its label, or nothing."""
    if not lines:
        return []
    label = say(locale, f"reindex.{kind}", count=len(lines))
    more = say(locale, "list.more", count=max(0, len(lines) - MOST_NAMES))
    return [f"{label}\n{listed(lines, more)}"]


def duration(locale: object, seconds: float) -> str:
    if seconds < 60:
        return say(locale, "duration.seconds", seconds=float(seconds))
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return say(locale, "duration.hours", hours=hours, minutes=minutes)
    return say(locale, "duration.minutes", minutes=minutes, seconds=rest)
