import contextlib
import io
import json
import os
import pty
import select
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest

from bot import __main__ as program
from bot.__main__ import main
from bot.commands.chat import SAMPLES, SAMPLES_FOR_ANY
from bot.errors import (
    BadToken,
    BotError,
    CannotRun,
    ConnectionLost,
    IntentsRefused,
    Overloaded,
    ShardTaken,
)
from bot.exits import MEANINGS, Exit, exit_of
from bot.settings import Settings, SettingsError
from index import (
    CatalogueError,
    DeadlineExceeded,
    Engine,
    EngineError,
    LanguageError,
    LibraryBusy,
    ModelError,
    QueuedEngine,
    Scope,
    SourceError,
)
from tests.conftest import WordEmbedder

ROOT = Path(__file__).parents[2]
KEYS = [
    "question",
    "read_as",
    "kind",
    "answered",
    "answer",
    "quote",
    "article",
    "start",
    "end",
    "confidence",
    "elapsed_ms",
    "quotes",
    "passages",
]
COMMANDS = [
    *("chat", "ask", "search", "add", "list", "remove", "reindex", "verify", "evaluate"),
    "work",
]

ISLAND = (
    "The island had a king. He was called Olaf the Tall.\n\n"
    "A storm sank the ship in 1804. The gold was never found again.\n"
)
ORCHARD = "The doctor ate an apple. It was picked in the old orchard.\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No setting but the data folder, and the shared article is a small one."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ARTICLE", str(a_file(tmp_path, "island.txt", ISLAND)))
    monkeypatch.chdir(tmp_path)


def a_file(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def json(self):
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the program in this process, with nothing on standard input unless given."""

    def run_one(*arguments, stdin=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        code = main([str(a) for a in arguments], env_file=None, embedder=WordEmbedder())
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_one


class TestAsk:
    def test_a_person_gets_the_answer_first_and_then_where_it_stands(self, run):
        ran = run("ask", "--threshold", 0, "Who", "sank", "the", "ship", "in", "the", "storm?")
        assert ran.code == 0
        assert ran.lines[0] == "A storm sank the ship in 1804."
        assert ran.lines[1].startswith("island · paragraph 2 of 2 · ")
        assert ran.lines[2] == "--passages shows the nearest passages."
        assert ran.err == ""

    def test_passages_are_shown_on_request(self, run):
        ran = run("ask", "--threshold", 1, "--passages", "Who is the king?")
        assert ran.lines[0] == "The article does not say."
        assert "Nearest passages" in ran.lines

    def test_json_is_one_object_on_one_line_with_the_promised_keys(self, run):
        ran = run("ask", "--json", "--threshold", 0, "Who sank the ship in the storm?")
        (answer,) = ran.json
        assert list(answer) == KEYS
        assert (answer["kind"], answer["answered"]) == ("span", True)
        assert answer["quote"] == "A storm sank the ship in 1804."
        assert answer["article"] == "island"
        for piece in [*answer["quotes"], *answer["passages"]]:
            assert ISLAND[piece["start"] : piece["end"]] == piece["text"]
        assert ISLAND[answer["start"] : answer["end"]] == answer["answer"]
        quote = answer["quotes"][0]
        assert quote["text"] == answer["quote"]
        assert quote["start"] <= answer["start"] < answer["end"] <= quote["end"]
        assert 0 <= answer["confidence"] <= 1
        assert answer["elapsed_ms"] > 0
        assert all(0 <= passage["score"] <= 1 for passage in answer["passages"])

    def test_below_the_threshold_the_answer_is_null_and_the_passages_stay(self, run):
        (answer,) = run("ask", "--json", "--threshold", 1, "Who sank the ship?").json
        assert list(answer) == KEYS
        assert (answer["kind"], answer["answered"], answer["quotes"]) == ("none", False, [])
        nulls = [key for key, value in answer.items() if value is None]
        assert nulls == ["read_as", "answer", "quote", "article", "start", "end"]
        assert answer["passages"] != []

    def test_a_greeting_is_chat_and_not_answered_even_at_threshold_0(self, run):
        (answer,) = run("ask", "--json", "--threshold", 0, "Hello!").json
        assert (answer["kind"], answer["answered"], answer["answer"]) == ("chat", False, None)

    def test_each_line_of_a_file_is_answered_in_order_and_bad_ones_say_why(self, run, tmp_path):
        lines = [
            b"Who is the king?",
            b"",
            b'{"question": "When?", "history": 3}',
            b"\xff?",
            b"?!...",
            b'{"question": "Was the gold found?", "history": [], "id": 9}',
        ]
        file = a_file(tmp_path, "questions.txt", b"\n".join(lines) + b"\n")
        ran = run("ask", "--json", "--threshold", 0, "--questions", file)
        assert ran.code == 0
        assert [list(line) for line in ran.json] == [
            KEYS, *[["question", "error"]] * 4, KEYS,
        ]  # fmt: skip
        assert [line["question"] for line in ran.json] == [
            "Who is the king?",
            "",
            '{"question": "When?", "history": 3}',
            "\ufffd?",
            "?!...",
            "Was the gold found?",
        ]

    def test_questions_may_come_from_standard_input(self, run):
        ran = run("ask", "--json", "--questions", "-", stdin=b"Who is the king?\r\n")
        assert [line["question"] for line in ran.json] == ["Who is the king?"]

    def test_a_person_sees_each_question_above_its_answer_and_errors_apart(self, run):
        ran = run("ask", "--threshold", 0, "--questions", "-", stdin=b"Who is the king?\n...\n")
        assert ran.code == 0
        assert ran.lines[:2] == ["> Who is the king?", "The island had a king."]
        assert ran.lines[-1] == "> ..."
        assert ran.err.startswith("Error: ")

    def test_lines_are_independent_and_history_counts_only_where_it_is_given(self, run):
        turns = [{"question": "Who is the king?", "answer": "The island had a king."}]
        leaning = {"question": "What was he called?", "history": turns}
        alone = b'{"question": "What was he called?"}\n'
        text = b"Who is the king?\n" + alone + json.dumps(leaning).encode() + b"\n" + alone
        _, first, with_history, second = (
            untimed(line) for line in run("ask", "--json", "--questions", "-", stdin=text).json
        )
        assert first == second
        assert first != with_history

    def test_articles_that_are_named_are_asked_alone_and_nothing_is_stored(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        (answer,) = run(
            "ask", "--json", "--threshold", 0, "--article", orchard, "Who ate the apple?"
        ).json
        assert answer["quote"] == "The doctor ate an apple."
        assert {passage["article"] for passage in answer["passages"]} == {"orchard"}
        assert not (tmp_path / "data").exists()

    def test_several_articles_may_be_named(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        arguments = ("--article", orchard, "--article", tmp_path / "island.txt")
        ran = run("ask", "--json", "--threshold", 0, *arguments, "--questions", "-",
                  stdin=b"Who ate the apple?\nWho is the king?\n")  # fmt: skip
        assert [answer["article"] for answer in ran.json] == ["orchard", "island"]

    @pytest.mark.parametrize("question", ["", "?!", "x" * 10_000, "bad\udcff"])
    def test_a_question_that_cannot_be_asked_ends_with_3_and_says_why_in_both_places(
        self, run, question
    ):
        ran = run("ask", "--json", question)
        assert ran.code == Exit.BAD_INPUT
        (line,) = ran.json
        assert list(line) == ["question", "error"]
        assert ran.err == f"Error: {line['error']}\n"

    def test_text_that_would_steer_the_terminal_does_not(self, run, tmp_path):
        hostile = a_file(tmp_path, "hostile.txt", "The king \x1b[2J\x9b1m owns a ship there.\n")
        ran = run("ask", "--threshold", 0, "--article", hostile, "--passages", "Which ship?\x1b[A")
        assert ran.code == 0
        assert "king \ufffd[2J\ufffd1m owns" in ran.out
        assert {c for c in ran.out + ran.err if ord(c) < 32 or 127 <= ord(c) < 160} == {"\n"}


def untimed(line):
    return {key: value for key, value in line.items() if key not in {"elapsed_ms", "question"}}


class TestSearch:
    def test_gives_the_nearest_passages_with_their_place(self, run):
        (found,) = run("search", "--json", "--limit", 1, "storm ship").json
        assert list(found) == ["question", "passages"]
        (passage,) = found["passages"]
        assert list(passage) == ["text", "article", "start", "end", "score"]
        assert ISLAND[passage["start"] : passage["end"]] == passage["text"]
        assert "storm sank the ship" in passage["text"]
        assert run("search", "storm").lines[0].startswith("1. ")

    def test_the_threshold_is_the_least_score(self, run):
        everything = run("search", "--json", "--threshold", 0, "storm ship").json[0]["passages"]
        least = everything[0]["score"]
        some = run("search", "--json", "--threshold", least, "storm ship").json[0]["passages"]
        assert some == [passage for passage in everything if passage["score"] >= least]

    def test_queries_may_come_from_a_file(self, run):
        ran = run("search", "--json", "--questions", "-", stdin=b"storm\n\nking\n")
        assert [list(line) for line in ran.json] == [
            ["question", "passages"],
            ["question", "error"],
            ["question", "passages"],
        ]


class TestLibrary:
    def test_articles_are_added_listed_and_removed_by_their_id(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        added = run("add", orchard, "--title", "Apples")
        assert (added.code, added.err) == (0, "")
        number = added.out.split()[1].rstrip(":")
        assert added.out == f"Added {number}: Apples ({len(ORCHARD)} characters).\n"
        header, row = run("list").lines
        assert header.split() == ["ID", "Title", "Characters", "Added", "State", "Source"]
        assert row.split()[:3] == [number, "Apples", str(len(ORCHARD))]
        assert run("ask", "--json", "--threshold", 0, "Who ate an apple?").json[0]["article"] == (
            "Apples"
        )
        assert run("remove", number).out.startswith(f"Removed {number}: ")
        gone = run("list")
        assert (gone.code, gone.out, gone.err) == (0, "", "No article is stored in local.\n")

    def test_a_removed_article_can_be_restored(self, run, tmp_path):
        run("add", a_file(tmp_path, "orchard.txt", ORCHARD))
        run("remove", 1)
        assert run("undelete", 1).out.startswith("Brought back 1: orchard")
        assert "orchard" in run("list").out
        assert run("undelete", 1).code == 3

    def test_a_backup_is_restored_and_what_was_there_is_kept(self, run, tmp_path):
        run("add", a_file(tmp_path, "orchard.txt", ORCHARD))
        asked = ("ask", "--json", "--threshold", 0, "Who ate an apple?")
        before = run(*asked).json[0]
        assert "Backed up to" in run("backup", tmp_path / "copy.sqlite").out
        run("remove", 1)
        restored = run("restore", tmp_path / "copy.sqlite")
        assert "before-restore-" in restored.err
        assert {**run(*asked).json[0], "elapsed_ms": 0} == {**before, "elapsed_ms": 0}
        live = tmp_path / "data" / "catalogue.sqlite"
        assert "choose another place" in run("backup", live).err
        newer = tmp_path / "newer.sqlite"
        shutil.copyfile(tmp_path / "copy.sqlite", newer)
        with closing(sqlite3.connect(newer)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.commit()
        assert "written by a newer" in run("restore", newer).err
        a_file(tmp_path, "junk.sqlite", "no backup at all")
        assert run("restore", tmp_path / "junk.sqlite").code == Exit.OPERATOR
        assert run("restore", tmp_path / "nothing.sqlite").code == Exit.BAD_INPUT
        assert "orchard" in run("list").out

    def test_no_folder_is_restored_while_postgresql_is_used(self, run, tmp_path, monkeypatch):
        assert "Backed up to" in run("backup", tmp_path / "copy.sqlite").out
        monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/else")
        refused = run("restore", tmp_path / "copy.sqlite")
        assert refused.code == Exit.OPERATOR
        assert "pg_restore" in refused.err
        assert not list((tmp_path / "data").glob("before-restore-*"))

    def test_a_copied_data_folder_is_a_backup_too_with_what_stands_in_its_log(self, run, tmp_path):
        run("add", a_file(tmp_path, "orchard.txt", ORCHARD))
        with closing(sqlite3.connect(tmp_path / "data" / "catalogue.sqlite")) as held:
            held.execute("SELECT count(*) FROM articles").fetchone()  # so that the log stays
            run("add", a_file(tmp_path, "second.txt", "The queen has gold."))
            shutil.copytree(tmp_path / "data", tmp_path / "copied")
        assert (tmp_path / "copied" / "catalogue.sqlite-wal").stat().st_size > 0
        run("remove", 1, 2)
        assert run("restore", tmp_path / "copied" / "catalogue.sqlite").code == 0
        assert len(run("list").lines) == 3

    def test_golden_questions_are_kept_checked_and_removed(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        run("add", orchard)
        kept = run("golden", "add", "Who ate an apple?", "--expect", "Apple")
        assert (kept.code, kept.err) == (0, "")
        assert "must hold \u201cApple\u201d" in kept.out
        wrong = run("golden", "add", "Who planted it?", "--expect", "nobody at all")
        assert "The answer is another just now" in wrong.err
        assert len(run("golden", "list").lines) == 3
        checked = run("golden", "check")
        assert (checked.code, checked.out) == (3, "1 of 2 as they must be.\n")
        assert "2: Who planted it?" in checked.err
        assert run("golden", "remove", 2).code == 0
        assert run("golden", "remove", 2).code == 2
        assert run("golden", "check").out == "1 of 1 as they must be.\n"
        both = run("golden", "add", "Who?", "--expect", "a", "--unanswerable")
        assert both.code == 2

    def test_no_feed_is_watched_at_first(self, run):
        assert "watches no feed" in run("feeds").err
        assert run("unwatch", 1).code == 2

    def test_an_earlier_generation_is_rolled_back_to(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        run("add", orchard)
        a_file(tmp_path, "orchard.txt", "The queen cut it down.")
        run("reindex")
        _, live, then = run("rollback").lines
        assert live.endswith("live")
        assert run("rollback", then.split()[0]).out == "local has 1 article as of then.\n"
        assert run("ask", "--json", "--threshold", 0, "Who ate an apple?").json[0]["answered"]
        assert run("rollback", "nothing").code == Exit.BAD_INPUT

    def test_a_folder_is_added_and_what_cannot_be_read_is_named(self, run, tmp_path):
        folder = tmp_path / "articles"
        folder.mkdir()
        a_file(folder, "orchard.txt", ORCHARD)
        a_file(folder, "broken.pdf", "no PDF")
        added = run("add", folder)
        assert added.out.startswith("Added 1: orchard")
        assert "broken.pdf" in added.err
        assert added.code == 3

    def test_what_changed_is_shown_sentence_by_sentence(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        run("add", orchard)
        assert "Nothing has changed" in run("changes", 1).err
        a_file(tmp_path, "orchard.txt", ORCHARD + "\nThe queen planted it.\n")
        run("reindex")
        assert run("changes", 1).lines == ["+ The queen planted it."]
        assert run("changes", 7).code == 2

    def test_a_scope_has_its_own_articles(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        run("add", "--scope", "guild:5", orchard)
        assert run("list", "--scope", "guild:6").out == ""
        assert run("list").out == ""
        assert "orchard" in run("list", "--scope", "guild:5").out

    def test_what_was_added_to_the_shared_scope_by_hand_stays(self, run, tmp_path):
        run("ask", "Who is the king?")
        run("add", "--scope", "shared", a_file(tmp_path, "orchard.txt", ORCHARD))
        run("ask", "Who is the king?")
        rows = run("list", "--scope", "shared").lines[1:]
        assert [row.split()[1] for row in rows] == ["island", "orchard"]

    def test_a_second_reindex_embeds_nothing(self, run, tmp_path):
        run("add", a_file(tmp_path, "orchard.txt", ORCHARD))
        ran = run("reindex")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith("local: 1 article, ")
        assert " 0 embedded, " in ran.out

    def test_reindex_reads_a_changed_file_again_and_names_it(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        run("add", orchard)
        a_file(tmp_path, "orchard.txt", ORCHARD + "\nThe queen planted it.\n")
        assert "  changed: orchard" in run("reindex").lines

    def test_reindex_names_a_source_that_is_gone_and_ends_with_3(self, run, tmp_path):
        orchard = a_file(tmp_path, "orchard.txt", ORCHARD)
        run("add", orchard)
        orchard.unlink()
        ran = run("reindex")
        assert ran.code == Exit.BAD_INPUT
        assert ran.err.startswith("Error: orchard")
        assert ran.out.startswith("local: 1 article, ")

    def test_verify_finds_nothing_wrong_with_a_whole_library(self, run, tmp_path):
        run("add", a_file(tmp_path, "orchard.txt", ORCHARD))
        ran = run("verify")
        assert (ran.code, ran.out) == (0, "local: 1 article, no problem found.\n")

    def test_verify_names_what_is_damaged_and_ends_with_5(self, run, tmp_path):
        run("add", a_file(tmp_path, "orchard.txt", ORCHARD))
        for file in sorted((tmp_path / "data" / "index").rglob("*")):
            if file.is_file() and file.suffix == ".npy":
                file.write_bytes(file.read_bytes()[:-1])
        ran = run("verify")
        assert (ran.code, ran.out) == (Exit.OPERATOR, "")
        assert ran.err.startswith("Error: ")
        assert "article-bot rebuild" in ran.err
        assert run("rebuild").code == 0
        assert run("verify").code == 0

    @pytest.mark.parametrize(
        "arguments",
        [("add", "nothing.txt"), ("add", "empty"), ("remove", "99"), ("add", "binary")],
    )
    def test_what_cannot_be_used_ends_with_3_in_one_line(
        self, run, tmp_path, monkeypatch, arguments
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        a_file(tmp_path, "binary", bytes(range(256)))
        ran = run(*arguments)
        assert (ran.code, ran.out) == (Exit.BAD_INPUT, "")
        assert ran.err.startswith("Error: ")
        assert ran.err.count("\n") == 1

    def test_one_title_names_one_article(self, run, tmp_path):
        assert run("add", "a.txt", "b.txt", "--title", "T").code == Exit.USAGE


class TestChat:
    def test_answers_each_line_of_standard_input(self, run):
        ran = run("chat", "--threshold", 0, stdin=b"Who is the king?\n\nWho sank the ship?\n")
        assert ran.code == 0
        assert [line for line in ran.lines if line.startswith("> ")] == [
            "> Who is the king?",
            "> ",
            "> Who sank the ship?",
        ]
        assert ran.lines[1] == "The island had a king."
        assert ran.err.startswith("Error: ")

    def test_remembers_what_was_asked_before(self, run):
        turns = [{"question": "Who is the king?", "answer": "The island had a king."}]
        leaning = {"question": "What was he called?", "history": turns}
        text = b"Who is the king?\nWhat was he called?\n"
        chatted = run("chat", "--json", "--threshold", 0, stdin=text).json[1]
        asked = run("ask", "--json", "--threshold", 0, "--questions", "-",
                    stdin=json.dumps(leaning).encode()).json[0]  # fmt: skip
        assert untimed(chatted) == untimed(asked)

    def test_ends_at_quit(self, run):
        ran = run("chat", "--json", stdin=b"Who is the king?\n/quit\nWho sank the ship?\n")
        assert [line["question"] for line in ran.json] == ["Who is the king?"]

    def test_shows_passages_of_the_last_answer_when_asked_to(self, run):
        ran = run("chat", "--threshold", 1, stdin=b"/passages\nWho is the king?\n/passages\n")
        assert ran.err == "Ask a question first.\n"
        assert ran.lines[1] == "The article does not say."
        assert any(line.startswith("1. ") for line in ran.lines)

    def test_without_any_input_three_sample_questions_are_answered(self, run, monkeypatch):
        ran = run("chat", "--json")
        assert ran.code == 0
        assert tuple(line["question"] for line in ran.json) == SAMPLES_FOR_ANY
        monkeypatch.delenv("ARTICLE")
        assert tuple(line["question"] for line in run("chat", "--json").json) == SAMPLES

    def test_is_what_the_program_does_alone_without_a_token_and_says_how_to_connect(self, run):
        ran = run()
        assert ran.code == 0
        assert ran.err.count("DISCORD_TOKEN") == 2
        assert ran.err.count("\n") == 1
        assert [line for line in ran.lines if line.startswith("> ")] == [
            f"> {sample}" for sample in SAMPLES_FOR_ANY
        ]

    def test_takes_questions_from_a_file(self, run, tmp_path):
        file = a_file(tmp_path, "questions.txt", "Who is the king?\n")
        ran = run("chat", "--json", "--questions", file, stdin=b"Who sank the ship?\n")
        assert [line["question"] for line in ran.json] == ["Who is the king?"]


PROGRAM = (
    "import sys; from bot.__main__ import main; from tests.conftest import WordEmbedder;"
    "sys.exit(main(env_file=None, embedder=WordEmbedder()))"
)
PATIENCE_S = 60


class Terminal:
    """The program in a process of its own, at a terminal of 60 columns."""

    # By itself: code of ours between fork and exec may hang where there are threads.
    TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"

    def __init__(self, *arguments, **environment):
        self.screen, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{self.TAKE_TERMINAL};{PROGRAM}", *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "60"}
            | environment,
            start_new_session=True,
        )
        os.close(inner)
        self.seen, self.place = "", 0

    def until(self, text):
        """Read on until ``text`` shows up, and return what there is up to its end."""
        while text not in self.seen[self.place :]:
            assert self._read(), f"no {text!r} after {self.seen!r}"
        start, self.place = self.place, self.seen.index(text, self.place) + len(text)
        return self.seen[start : self.place]

    def type(self, text):
        os.write(self.screen, text.encode())

    def interrupt(self):
        """Press Ctrl-C, as often as it takes: Python may miss one just before it waits."""
        for _ in range(PATIENCE_S):
            self.type("\x03")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
                return

    def end(self):
        """The exit code; whatever is still written is read, so that nothing blocks."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def _read(self):
        """Whether there was more to read, within reason."""
        if not select.select([self.screen], [], [], PATIENCE_S)[0]:
            return False
        try:
            chunk = os.read(self.screen, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.seen += chunk.decode(errors="replace")
        return bool(chunk)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.screen)


@pytest.fixture
def terminal():
    opened = []

    def open_one(*arguments, **environment):
        opened.append(Terminal(*arguments, **environment))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


class TestAtATerminal:
    @pytest.mark.parametrize("ending", ["/quit", "Ctrl-D", "Ctrl-C"])
    def test_the_chat_greets_answers_in_bold_and_ends_well(self, terminal, ending):
        shell = terminal("chat", "--threshold", "0")
        greeting = shell.until("> ")
        assert "Ask about “island”." in greeting
        shell.type("Who is the king?\n")
        assert "\x1b[1mThe island had a king.\x1b[0m" in shell.until("/passages")
        shell.until("> ")
        shell.type("\n")
        shell.until("> ")
        if ending == "Ctrl-C":
            shell.interrupt()
        else:
            shell.type({"/quit": "/quit\n", "Ctrl-D": "\x04"}[ending])
        assert shell.end() == 0
        assert "Traceback" not in shell.seen
        assert "Error" not in shell.seen

    def test_no_color_is_respected(self, terminal):
        shell = terminal("ask", "--threshold", "0", "Who is the king?", NO_COLOR="1")
        assert shell.end() == 0
        assert "\x1b[1mThe island had a king.\x1b[0m" in shell.seen
        assert "\x1b[3" not in shell.seen.replace("\x1b[39", "")

    def test_ctrl_c_ends_other_commands_with_130(self, terminal):
        shell = terminal("ask", "--json", "--questions", "-")
        shell.type("Who is the king?\n")
        shell.until('"answered"')
        shell.interrupt()
        assert shell.end() == Exit.INTERRUPTED
        assert "Traceback" not in shell.seen


class TestEvaluate:
    @pytest.fixture
    def squad(self, tmp_path):
        answer = {"text": "king", "answer_start": ISLAND.index("king")}
        qas = [
            {"question": "Who had the island?", "answers": [answer]},
            {"question": "Who built the ship?", "is_impossible": True},
        ]
        content = {"data": [{"title": "Island", "paragraphs": [{"context": ISLAND, "qas": qas}]}]}
        return a_file(tmp_path, "set.json", json.dumps(content))

    def test_prints_a_table_without_touching_the_library(self, run, squad, tmp_path):
        ran = run("evaluate", squad, "--threshold", 0)
        assert (ran.code, ran.err) == (0, "")
        cells = {line[: line.rindex("  ")].strip(): line.split("  ")[-1] for line in ran.lines[2:]
                 if line.strip()}  # fmt: skip
        assert cells["a quote holds a gold answer"].strip() == "100.0 %"
        assert cells["unanswerable: answered all the same"].strip() == "100.0 %"
        assert cells["off-topic: answered all the same"].strip() == "-"
        assert not (tmp_path / "data").exists()

    def test_prints_one_json_object_on_request(self, run, squad):
        (figures,) = run("evaluate", squad, "--json").json
        assert figures["files"][0]["name"] == str(squad)
        assert figures["pooled"]["figures"]["quote_hit"]["value"] == 1.0

    def test_draws_on_request(self, run, squad, tmp_path):
        pytest.importorskip("matplotlib")
        assert run("evaluate", squad, "--plot", tmp_path / "plot.svg").code == 0
        assert (tmp_path / "plot.svg").read_bytes().startswith(b"<?xml")

    def test_a_malformed_file_is_named_and_ends_with_3(self, run, tmp_path):
        ran = run("evaluate", a_file(tmp_path, "bad.json", "{}"))
        assert (ran.code, ran.out) == (Exit.BAD_INPUT, "")
        assert ran.err.startswith(f"Error: {tmp_path / 'bad.json'}: data is missing")


class TestTheProgram:
    def test_with_a_token_it_runs_the_discord_bot_with_the_shared_article_ready(
        self, run, monkeypatch
    ):
        started = []

        def start(engine, settings):
            titles = [article.title for article in engine.articles(Scope.shared())]
            started.append((titles, settings.discord_token.get_secret_value()))

        monkeypatch.setattr(program, "_start_discord", start)
        monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
        ran = run()
        assert (ran.code, ran.out) == (0, "")
        assert started == [(["island"], "a.b.c")]
        assert isinstance(Engine, type)

    def test_a_command_stays_at_the_terminal_even_with_a_token(self, run, monkeypatch):
        monkeypatch.setattr(program, "_start_discord", lambda *_: pytest.fail("started"))
        monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
        assert run("ask", "Who is the king?").code == 0

    def test_bad_settings_are_named_and_help_needs_none(self, run, monkeypatch):
        monkeypatch.setenv("THRESHOLD", "seven")
        monkeypatch.setenv("WORKERS", "0")
        ran = run("ask", "Who?")
        assert (ran.code, ran.out) == (Exit.OPERATOR, "")
        assert ran.err.splitlines()[0].startswith("Error: THRESHOLD: 'seven'")
        assert ran.err.splitlines()[1].startswith("WORKERS: '0'")
        assert run("--help").code == 0

    def test_with_workers_it_opens_an_engine_that_they_answer_for(
        self, run, monkeypatch, postgres_url
    ):
        started = []
        monkeypatch.setattr(program, "_start_discord", lambda *given: started.append(given))
        monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
        monkeypatch.setenv("DATABASE_URL", postgres_url)
        monkeypatch.setenv("ANSWER_IN", "workers")
        assert run().code == 0
        ((engine, _),) = started
        assert isinstance(engine, QueuedEngine)

    def test_a_worker_needs_a_database(self, run):
        ran = run("work")
        assert (ran.code, ran.out) == (Exit.USAGE, "")
        assert ran.err.startswith("Error: `article-bot work` takes questions from PostgreSQL")

    def test_help_teaches_every_command_and_every_exit_code(self, run):
        text = run("--help").out
        for command in COMMANDS:
            assert f"\n  {command} " in text
            assert run(command, "--help").code == 0
        for code, meaning in MEANINGS.items():
            assert f"{code.value}  {meaning}" in text

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nonsense",),
            ("ask",),
            ("ask", "--threshold", "2", "Who?"),
            ("ask", "--threshold", "nan", "Who?"),
            ("ask", "--questions", "-", "Who?"),
            ("ask", "--questions", "no-such-file"),
            ("list", "--scope", "everywhere"),
            ("list", "--scope", "direct:5"),
            ("evaluate",),
        ],
    )
    def test_wrong_usage_ends_with_2_and_points_to_help(self, run, arguments):
        ran = run(*arguments)
        assert (ran.code, ran.out) == (Exit.USAGE, "")
        assert ran.err.startswith("Error: ")
        assert "--help" in ran.err

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (SourceError("x"), 3),
            (LanguageError("x"), 3),
            (LibraryBusy("x"), 4),
            (DeadlineExceeded("x"), 4),
            (Overloaded("x"), 4),
            (ConnectionLost("x"), 4),
            (ShardTaken("x"), 4),
            (ModelError("x"), 5),
            (CatalogueError("x"), 5),
            (SettingsError("x"), 5),
            (CannotRun("x"), 5),
            (BadToken("x"), 6),
            (IntentsRefused("x"), 6),
            (click.UsageError("x"), 2),
            (KeyboardInterrupt(), 130),
            (BrokenPipeError(), 0),
            (BotError("x"), 1),
            (EngineError("x"), 1),
            (ZeroDivisionError(), 1),
        ],
    )
    def test_each_error_has_its_exit_code(self, error, code):
        assert exit_of(error) == code

    def test_every_exit_code_is_documented(self):
        assert set(MEANINGS) == set(Exit)

    def test_an_unforeseen_error_ends_with_1_and_its_name(self, run, monkeypatch):
        def start(_engine, _settings):
            raise ZeroDivisionError("by zero")

        monkeypatch.setattr(program, "_start_discord", start)
        monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
        ran = run()
        assert ran.code == Exit.UNEXPECTED
        assert ran.err.splitlines()[-1] == "Error: ZeroDivisionError: by zero"

    def test_a_reader_that_has_had_enough_ends_it_quietly(self, tmp_path):
        questions = a_file(tmp_path, "many.txt", "Who is the king?\n" * 2000)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "ask", "--json", "--questions", questions],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert b'"answered"' in process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        process.stderr.close()
        assert (process.wait(60), error) == (0, b"")

    @pytest.mark.parametrize(
        "start",
        [
            "import index",
            "from bot.__main__ import main; main(['--help'])",
            "from bot.__main__ import main; main(['evaluate', '--help'])",
        ],
    )
    def test_importing_and_helping_load_nothing_heavy(self, start):
        heavy = "{'torch', 'openvino', 'sentence_transformers', 'faiss', 'discord', 'sqlalchemy'}"
        code = f"{start}\nimport sys; sys.exit(str({heavy} & set(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.stderr == "set()\n"


def test_nothing_is_told_to_whom_openvino_tells_of_its_imports(tmp_path):
    code = "import index.bert, sys; sys.exit(str(sys.modules['openvino_telemetry']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )
    assert done.stderr == "None\n"
    assert not (tmp_path / "intel").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
def test_root_is_kept_from_writing_into_the_folder_of_another_user(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DATA_DIR", str(data))
        assert main(["list"], env_file=None) == Exit.OPERATOR
    assert "belongs to" in capsys.readouterr().err
    assert list(data.iterdir()) == []
