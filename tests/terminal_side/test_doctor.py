"""Ten broken set-ups: each is found, with its cause and its cure."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import bot.doctor as examining
from bot.__main__ import main
from bot.doctor import PERMISSIONS
from bot.exits import Exit
from bot.settings import Settings
from index import Engine, IndexSettings, Scope
from tests.postgres import Server, free_port

TOKEN = "MTEwMDAwMDAwMDAwMDAwMDAwMA.GhIjKl.a-token-of-a-test"


class Portal:
    """As much of Discord as the doctor asks, on this machine."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.flags = 0
        self.guilds = [{"name": "Harbour", "permissions": str(sum(PERMISSIONS.values()))}]
        self.ahead_s = 0.0
        self.pages = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)

    def stop(self) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/api/v10/applications/@me", self._application)
        app.router.add_get("/api/v10/users/@me/guilds", self._guilds)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/api/v10"

    async def _application(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bot {self.token}":
            return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)
        headers = {"Date": formatdate(time.time() + self.ahead_s, usegmt=True)}
        found = {"id": "1100000000000000000", "name": "article-bot", "flags": self.flags}
        return web.json_response(found, headers=headers)

    async def _guilds(self, request: web.Request) -> web.Response:
        self.pages += 1
        after = int(request.query.get("after", "0"))
        numbered = [{"id": str(1 + number), **guild} for number, guild in enumerate(self.guilds)]
        return web.json_response(numbered[after : after + 200])


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, portal: Portal
) -> pytest.MonkeyPatch:
    """A set-up that is well; each test breaks one thing."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("DISCORD_API_URL", portal.url)
    monkeypatch.setattr(examining, "of_model", lambda _: examining.ok("model", "loads"))
    return monkeypatch


def examined(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["doctor", "--json"], env_file=None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {line["check"]: line for line in lines}


def broken(capsys: pytest.CaptureFixture[str], check: str, *, state: str = "problem") -> str:
    """What is told of the one thing that is broken, and how it is mended; all else is well."""
    code, found = examined(capsys)
    assert code == (Exit.OPERATOR if state == "problem" else Exit.OK)
    others = {name for name, line in found.items() if line["state"] == "problem"} - {check}
    assert others == set()
    assert found[check]["state"] == state
    assert found[check]["cure"]
    return f"{found[check]['told']} -> {found[check]['cure']}"


@pytest.mark.usefixtures("environment")
def test_a_set_up_that_is_well_has_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = examined(capsys)
    assert code == Exit.OK
    assert {line["state"] for line in found.values()} <= {"ok", "warning"}
    assert {"settings", "token", "intents", "permissions", "clock", "disk"} <= found.keys()
    assert {"model", "database", "index"} <= found.keys()
    assert found["token"]["told"] == "of article-bot"


def test_settings_that_do_not_fit(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("WORKERS", "many")
    assert "WORKERS: 'many' does not fit" in broken(capsys, "settings")


def test_a_token_that_discord_refuses(
    portal: Portal, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    portal.token = "another"
    said = broken(capsys, "token")
    assert "refuses the token" in said
    assert "Reset Token" in said
    assert TOKEN not in said


def test_no_token(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.delenv("DISCORD_TOKEN")
    assert "terminal chat" in broken(capsys, "token", state="warning")


def test_a_token_in_a_file_that_is_not_there(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("DISCORD_TOKEN")
    environment.setenv("DISCORD_TOKEN_FILE", "/no/such/file")
    assert "DISCORD_TOKEN_FILE cannot be read" in broken(capsys, "settings")


def test_an_article_that_is_not_there(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("ARTICLE", "/no/such/article.md")
    assert "ARTICLE /no/such/article.md" in broken(capsys, "article")


def test_discord_out_of_reach(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    environment.setenv("DISCORD_API_URL", f"http://127.0.0.1:{port}")
    said = broken(capsys, "discord")
    assert "cannot be reached" in said
    assert "firewall" in said


def test_an_intent_that_the_portal_does_not_give(
    portal: Portal, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("MESSAGE_CONTENT", "true")
    assert "Turn on Message Content Intent" in broken(capsys, "intents")
    portal.flags = 1 << 19
    assert examined(capsys)[0] == Exit.OK


@pytest.mark.usefixtures("environment")
def test_permissions_that_are_missing_are_named_with_their_server(
    portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    held = sum(PERMISSIONS.values()) & ~PERMISSIONS["Create Public Threads"]
    portal.guilds = [
        {"name": "Harbour", "permissions": str(held)},
        {"name": "Everything", "permissions": str(1 << 3)},
    ]
    said = broken(capsys, "permissions", state="warning")
    assert "Harbour (Create Public Threads)" in said
    assert "Everything" not in said
    assert "client_id=1100000000000000000" in said


@pytest.mark.usefixtures("environment")
def test_every_server_is_looked_at(portal: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    portal.guilds = [*portal.guilds * 450, {"name": "The last", "permissions": "0"}]
    assert "The last (" in broken(capsys, "permissions", state="warning")


@pytest.mark.usefixtures("environment")
def test_of_very_many_servers_the_first_are_looked_at(
    portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    portal.guilds = [*portal.guilds * 1_450, {"name": "The last", "permissions": "0"}]
    assert examined(capsys)[1]["permissions"]["told"] == (
        "all that is needed, in the first 1,000 servers"
    )
    assert portal.pages == 5


@pytest.mark.usefixtures("environment")
def test_a_clock_that_is_wrong(portal: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    portal.ahead_s = 3_600
    said = broken(capsys, "clock")
    assert "behind" in said
    assert "set-ntp" in said


def test_a_folder_that_cannot_be_written(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    environment.setenv("DATA_DIR", str(tmp_path / "file"))
    code, found = examined(capsys)
    assert code == Exit.OPERATOR
    assert "cannot be written" in found["disk"]["told"]
    assert "DATA_DIR" in found["disk"]["cure"]


def test_a_disk_that_is_full(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(".")._replace(free=5_000_000)
    environment.setattr(shutil, "disk_usage", lambda _: usage)
    said = broken(capsys, "disk")
    assert "Only 5 MB free" in said
    assert "Make space" in said


def test_an_address_that_is_taken(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment.setenv("HTTP_ADDRESS", f"127.0.0.1:{taken.getsockname()[1]}")
        assert "cannot be used" in broken(capsys, "http")


@pytest.mark.usefixtures("environment")
def test_a_damaged_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "catalogue.sqlite").write_bytes(b"rubbish" * 1_000)
    said = broken(capsys, "database")
    assert "damaged" in said
    assert "backup" in said


def test_a_database_server_that_is_not_there(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("DATABASE_URL", f"postgresql://me:hushhush@127.0.0.1:{free_port()}/library")
    said = broken(capsys, "database")
    assert "/library does not answer" in said
    assert "see whether it runs and DATABASE_URL is right" in said
    assert "hushhush" not in said


def test_a_database_that_was_not_created(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], postgres: Server
) -> None:
    environment.setenv("DATABASE_URL", postgres.url(database="nowhere"))
    said = broken(capsys, "database")
    assert "does not exist" in said
    assert "createdb -O USER NAME" in said


def test_a_database_that_is_well(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], postgres_url: str
) -> None:
    environment.setenv("DATABASE_URL", postgres_url)
    code, found = examined(capsys)
    assert code == Exit.OK
    assert found["database"]["state"] == "ok"


@pytest.mark.usefixtures("environment")
def test_a_damaged_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Engine.open(IndexSettings(data_dir=tmp_path / "data")) as engine:
        engine.add(Scope.local(), b"The ship sank in May.", media_type="text/plain")
    (vectors,) = (tmp_path / "data" / "index").rglob("windows.faiss")
    vectors.write_bytes(b"rubbish")
    said = broken(capsys, "index")
    assert "altered" in said or "cannot" in said
    assert "article-bot rebuild --scope local" in said


@pytest.mark.usefixtures("environment")
def test_an_index_for_each_of_few_servers_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, Scope.shared(), Scope.guild(7))
    _, found = examined(capsys)
    assert found["index"]["told"] == "every one is as it was written, and up to date"
    assert "articles: 2; servers and others: 2" in found["database"]["told"]


def test_of_many_servers_some_are_looked_at_and_what_all_share_always(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, *map(Scope.guild, range(1, 6)), Scope.shared())
    environment.setattr(examining, "SCOPES_AT_MOST", 3)
    looked_at = []
    verify = Engine.verify
    environment.setattr(
        Engine,
        "verify",
        lambda self, scope, **also: looked_at.append(scope) or verify(self, scope, **also),
    )
    _, found = examined(capsys)
    assert found["index"]["told"] == (
        "3 of 6, drawn by chance, and each of them is as it was written, and up to date"
    )
    assert found["database"]["told"].endswith("catalogue.sqlite: servers and others: 6")
    assert len(set(looked_at)) == len(looked_at) == 3
    assert looked_at[0] == Scope.shared()


def stored(tmp_path: Path, *scopes: Scope) -> None:
    with Engine.open(IndexSettings(data_dir=tmp_path / "data")) as engine:
        for scope in scopes:
            engine.add(scope, b"The ship sank in May.", media_type="text/plain")


def test_a_model_that_is_damaged(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.undo()
    environment.setenv("DATA_DIR", str(tmp_path / "data"))
    environment.setenv("MODEL", str(tmp_path / "no-model"))
    said = broken(capsys, "model")
    assert "cannot be loaded" in said
    assert "set MODEL" in said


@pytest.mark.usefixtures("environment")
def test_a_person_reads_causes_and_cures(
    portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    portal.guilds = []
    assert main(["doctor"], env_file=None) == Exit.OK
    out = capsys.readouterr().out
    assert "warning  permissions  The bot is in no server." in out
    assert "→ Invite it: https://discord.com/oauth2/authorize" in out
