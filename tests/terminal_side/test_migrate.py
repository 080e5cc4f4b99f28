"""``article-bot migrate``: what it tells, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from bot.__main__ import main
from bot.exits import Exit
from bot.settings import Settings
from tests.conftest import WordEmbedder
from tests.postgres import execute

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program in this process: its exit code and what it wrote."""

    def run_one(*arguments: object) -> tuple[int, str, str]:
        code = main([str(a) for a in arguments], env_file=None, embedder=WordEmbedder())
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_one


@pytest.fixture
def url(run: Run, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The database that DATABASE_URL names, beside a folder with articles in two scopes."""
    (tmp_path / "tale.txt").write_text("The king has a ship. The queen has gold.")
    assert run("add", tmp_path / "tale.txt")[0] == Exit.OK
    assert run("add", "--scope", "guild:7", tmp_path / "tale.txt")[0] == Exit.OK
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    return postgres_url


def test_without_a_database_to_go_to_the_setting_is_named(run: Run) -> None:
    code, out, err = run("migrate")
    assert (code, out) == (Exit.USAGE, "")
    assert "set DATABASE_URL" in err


def test_what_was_copied_is_told_by_scope_and_what_to_do_next(
    run: Run, url: str, tmp_path: Path
) -> None:
    code, out, err = run("migrate")
    assert code == Exit.OK
    assert [line.split() for line in out.splitlines()] == [
        ["Scope", "Articles", "Versions", "Vectors", "Other", "rows"],
        ["guild:7", "1", "1", "2", "2", "copied"],
        ["local", "1", "1", "2", "2", "copied"],
    ]
    assert "Next: start the bot with this DATABASE_URL" in err
    assert str(tmp_path / "data") in err
    assert execute(url, "SELECT scope FROM live ORDER BY scope") == [("guild:7",), ("local",)]
    assert run("list", "--scope", "guild:7")[1].splitlines()[1].split()[:2] == ["1", "tale"]
    assert run("verify", "--scope", "guild:7")[0] == Exit.OK
    again = run("migrate")
    assert again[0] == Exit.OK
    assert [line.split()[-2:] for line in again[1].splitlines()[1:]] == [["was", "there"]] * 2


def test_beside_a_running_bot_it_does_nothing_and_says_so(
    run: Run, url: str, tmp_path: Path
) -> None:
    with FileLock(tmp_path / "data" / "bot.lock"):
        code, out, err = run("migrate")
    assert (code, out) == (Exit.TRY_AGAIN, "")
    assert "another article-bot answers on Discord from" in err
    assert "stop that one first" in err
    assert execute(url, "SELECT count(*) FROM articles") == [(0,)]


def test_a_database_that_holds_something_else_is_named_and_left_alone(
    run: Run, url: str, tmp_path: Path
) -> None:
    (tmp_path / "other.txt").write_text("The doctor has an apple.")
    run("add", tmp_path / "other.txt")
    code, out, err = run("migrate")
    assert (code, out) == (Exit.OPERATOR, "")
    assert "local (vectors, articles, checks, versions)." in err
    assert "Nothing was copied or overwritten." in err
    assert execute(url, "SELECT scope, source FROM articles") == [
        ("local", str(tmp_path / "other.txt"))
    ]


def test_a_folder_without_a_library_is_named(
    run: Run, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    code, _, err = run("migrate")
    assert code == Exit.OPERATOR
    assert "holds no library (catalogue.sqlite); set DATA_DIR" in err
    assert not (tmp_path / "data").exists()


def test_a_database_that_does_not_answer_may_be_tried_again(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/nothing")
    assert run("migrate")[0] == Exit.TRY_AGAIN


def test_help_says_to_stop_the_bot_first(run: Run) -> None:
    assert "Stop the bot" in run("migrate", "--help")[1]
    assert "migrate" in run("--help")[1]
