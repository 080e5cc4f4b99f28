"""What a re-index says while it runs and when it is done, in every language."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.card import NO_BREAK
from bot.i18n import LANGUAGES
from bot.panels.reindex import duration, progress_panel, report_panel
from bot.remaining import Pace
from index import Scope

from .stand_in import TITLE, lines, report_of


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_shows_the_step_a_bar_the_counts_and_the_time_left() -> None:
    assert lines(progress_panel(None, "embedding", 600, 1200, left_s=31.0)) == [
        "## Re-indexing",
        "Step 4 of 5: embedding new text\n`██████░░░░░░` 600\u00a0of\u00a01,200",
        "-# About 40 seconds left in this step.\n"
        "-# Keep asking: I answer from the old index until the new one is ready.",
    ]
    assert lines(progress_panel("de", "embedding", 600, 1200))[1] == (
        "Schritt 4 von 5: neuen Text einbetten\n`██████░░░░░░` 600\u00a0von\u00a01.200"
    )


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (("reading", 0, 1), "Step 1 of 5: reading the articles"),
        (("chunking", 0, 0), "Step 3 of 5: finding the sentences"),
        (
            ("embedding", 600, 1200),
            "Step 4 of 5: embedding new text\n`██████░░░░░░` 600 of 1,200",
        ),
        (("embedding", 9, 3), "Step 4 of 5: embedding new text\n`████████████` 9 of 3"),
        (("publishing", 1, 1), "Step 5 of 5: switching over"),
        (("waiting", 0, 0), "Waiting for my turn …"),
    ],
)
def test_progress_shows_the_step_and_a_bar_where_there_is_something_to_count(
    seen: tuple[str, int, int], line: str
) -> None:
    shown = lines(progress_panel(None, *seen))
    assert shown[0] == "## Re-indexing"
    assert shown[1].replace(NO_BREAK, " ") == line


@pytest.mark.parametrize(
    ("left_s", "words"),
    [
        (0.2, "About 10 seconds left in this step."),
        (50.0, "About 50 seconds left in this step."),
        (51.0, "About a minute left in this step."),
        (61.0, "About 2 minutes left in this step."),
        (3600.0, "About 60 minutes left in this step."),
    ],
)
def test_the_time_left_is_rounded_up_and_the_coarser_the_longer(left_s: float, words: str) -> None:
    assert lines(progress_panel(None, "embedding", 1, 9, left_s=left_s))[-1].startswith(
        f"-# {words}\n"
    )


def test_the_time_left_follows_the_pace_of_the_stage_and_is_not_guessed() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.follow("reading", 0, 10)
    clock.now = 60.0
    pace.follow("embedding", 200, 1000)  # 200 were there already
    assert pace.left_s is None
    clock.now = 62.0
    pace.follow("embedding", 300, 1000)
    assert pace.left_s is None  # too short to tell
    clock.now = 70.0
    pace.follow("embedding", 600, 1000)
    assert pace.left_s == 10.0
    pace.follow("embedding", 1000, 1000)
    assert pace.left_s is None
    pace.follow("publishing", 0, 1)
    clock.now = 80.0
    assert pace.left_s is None  # nothing of it is done yet


def test_a_report_tells_what_changed_how_long_it_took_and_the_generation() -> None:
    report = report_of(Scope.guild(1), added=("A", "B"), failed=(("c_d.md", "no *text*"),))
    assert lines(report_panel(None, report, shared=False)) == [
        "## Re-indexed this server's articles",
        "1 article, 3 passages.",
        "**Could not be read** (1); old text stays\n- c\\_d.md: no \\*text\\*",
        "**Added** (2)\n- A\n- B",
        f"**Changed** (1)\n- {TITLE}",
        "-# 1\u00a0embedded · 2\u00a0reused · 0.2\u00a0s\n-# Generation g7",
    ]


def test_a_report_on_nothing_new_says_so() -> None:
    report = report_of(Scope.shared(), changed=())
    assert lines(report_panel(None, report, shared=True))[:2] == [
        "## Re-indexed the shared articles",
        "1 article, 3 passages; nothing had changed.",
    ]
    assert lines(report_panel("de", report, shared=True))[1] == (
        "1 Artikel, 3 Textstellen; nichts hatte sich geändert."
    )


def test_of_many_titles_it_names_the_first_and_counts_the_rest() -> None:
    report = report_of(Scope.shared(), changed=(), added=tuple("abcdefgh"))
    assert "**Added** (8)\n- a\n- b\n- c\n- d\n- e\n- and 3 more" in lines(
        report_panel(None, report, shared=True)
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (61.0, "1 min 1 s"), (3723.0, "1 h 2 min")],
)
def test_a_duration_is_told_in_fitting_units(seconds: float, words: str) -> None:
    assert duration(None, seconds) == words


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_keep_discords_limits(language: str) -> None:
    evil = "@everyone [x](https://evil.example) ``` \u202e" * 40
    names, pairs = (evil,) * 30, ((evil, evil),) * 30
    report = report_of(
        Scope.shared(), generation=evil, added=names, changed=names, removed=names, failed=pairs
    )
    for panel in (
        report_panel(language, report, shared=False),
        progress_panel(language, evil, 10**9, 10**9, left_s=10.0**9),
    ):
        text = "\n".join(lines(panel))
        assert panel.content_length() <= 4000
        assert "](" not in text.replace("\\](", "")
        assert "@everyone" not in text.replace("\\@everyone", "")
        assert "```" not in text
        assert "\u202e" not in text
