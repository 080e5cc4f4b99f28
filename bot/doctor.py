"""What could keep the bot from working, found before it does: each with its cause and cure."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import machine
from bot.settings import Settings
from index import EngineError, Scope

if TYPE_CHECKING:
    import aiohttp

    from index import Engine

PORTAL = "https://discord.com/developers/applications"
API = "https://discord.com/api/v10"
ASKS_WITHIN_S = 10.0
CLOCK_OFF_S = 30.0
GUILDS_A_PAGE = 200
GUILDS_AT_MOST = 1_000
"""Whose permissions are looked at: Discord gives out a page in a fifth of a second."""
SCOPES_AT_MOST = 50
"""Whose indexes are looked at."""
DISK_MB, DISK_SOON_MB = 100, 1_000
MEMORY_MB = 600

PERMISSIONS = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Create Public Threads": 1 << 35,
    "Send Messages in Threads": 1 << 38,
    "Read Message History": 1 << 16,
}
_ADMINISTRATOR = 1 << 3
_READS_MESSAGES = (1 << 18) | (1 << 19)  # for all bots, and for those in few servers
INVITE = (
    "https://discord.com/oauth2/authorize?client_id={}&scope=bot+applications.commands"
    f"&permissions={sum(PERMISSIONS.values())}"
)


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """``told`` is what was found, with its cause; ``cure`` what to do, "" where nothing."""

    name: str
    state: State
    told: str
    cure: str = ""


def ok(name: str, told: str) -> Finding:
    return Finding(name, State.OK, told)


def warning(name: str, told: str, cure: str) -> Finding:
    return Finding(name, State.WARNING, told, cure)


def problem(name: str, told: str, cure: str) -> Finding:
    return Finding(name, State.PROBLEM, told, cure)


def of_article(settings: Settings) -> Iterator[Finding]:
    """Whether the shared article is a file that can be read; an address is not fetched."""
    if settings.article is None or "://" in settings.article:
        return
    path = Path(settings.article).expanduser()
    if path.is_file() and os.access(path, os.R_OK):
        yield ok("article", f"{path} can be read")
    else:
        yield problem(
            "article",
            f"ARTICLE {path} is no file that this user can read.",
            "Give the path of a file, and this user the right to read it, or unset ARTICLE.",
        )


def of_machine(settings: Settings) -> Iterator[Finding]:
    """Disk, memory, cores, and the address for HTTP."""
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"article-bot")
        probe.unlink()
    except OSError as error:
        yield problem(
            "disk",
            f"{folder} cannot be written: {error.strerror or error}.",
            "Set DATA_DIR to a folder that this user may write, or give it to this user (chown).",
        )
    else:
        yield _space(folder)
    if (free := machine.free_mb()) is not None:
        yield _memory(free, machine.allowed_mb())
    yield _cores(settings)
    if settings.http is not None:
        yield _address(*settings.http)


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free // 1_000_000
    told = f"{free:,} MB free in {folder}"
    if free < DISK_MB:
        return problem("disk", f"Only {told}.", "Make space, or set DATA_DIR to another disk.")
    if free < DISK_SOON_MB:
        return warning("disk", f"Only {told}.", "Make space soon: an index is written anew whole.")
    return ok("disk", told)


def _memory(free_mb: int, allowed_mb: int | None) -> Finding:
    """What is taken of ``allowed_mb`` does not count: the bot itself may run beside this."""
    if allowed_mb is not None and allowed_mb < free_mb:
        if allowed_mb < MEMORY_MB:
            return warning(
                "memory",
                f"This container or service may take {allowed_mb:,} MB; the bot takes about 400.",
                "Let it take 1 GB (Compose: memory; Kubernetes: limits; systemd: MemoryMax).",
            )
        return ok("memory", f"{allowed_mb:,} MB for this container or service")
    if free_mb < MEMORY_MB:
        return warning(
            "memory",
            f"{free_mb:,} MB are free; the bot takes about 400.",
            "End other programs, or take a machine with 1 GB.",
        )
    return ok("memory", f"{free_mb:,} MB free")


def _cores(settings: Settings) -> Finding:
    cores = machine.cores()
    used = settings.threads * settings.workers
    told = f"{cores:g} cores, WORKERS {settings.workers} x THREADS {settings.threads}"
    if used > max(cores, 1):
        return warning(
            "cores", f"{told}: threads will wait for each other.", "Lower WORKERS or THREADS."
        )
    return ok("cores", told)


def _address(host: str, port: int) -> Finding:
    try:
        with socket.create_server((host, port), family=_family(host)):
            return ok("http", f"{host}:{port} is free")
    except OSError as error:
        if _is_ours(host, port):
            return ok("http", f"article-bot serves {host}:{port} already")
        return problem(
            "http",
            f"HTTP_ADDRESS {host}:{port} cannot be used: {error.strerror or error}.",
            "Give another port, or end what listens there.",
        )


def _is_ours(host: str, port: int) -> bool:
    """Whether the bot itself answers there."""
    line = http.client.HTTPConnection("127.0.0.1" if host == "0.0.0.0" else host, port, timeout=2)  # noqa: S104
    try:
        line.request("GET", "/livez")
        return line.getresponse().read() == b"ok\n"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def of_library(
    library: Callable[[], AbstractContextManager[Engine]], *, indexed: bool = True
) -> Iterator[Finding]:
    """The database, and, unless no model says what fits, indexes against it: those of all
    scopes, or, of many, of some.
    """
    try:
        with library() as engine:
            scopes = engine.scopes()
            looked_at = _drawn(scopes)
            few = len(looked_at) == len(scopes)
            articles = sum(len(engine.articles(scope)) for scope in looked_at)
            counted = f"articles: {articles:,}; " if few else ""
            yield ok("database", f"{engine.place}: {counted}servers and others: {len(scopes):,}")
            broken = [
                (scope.key, said)
                for number, scope in enumerate(looked_at if indexed else ())
                for said in engine.verify(scope, catalogue=not number).problems
            ]
            if not indexed:
                yield warning("index", "Not checked.", "First mend the model.")
            elif broken:
                more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
                yield problem(
                    "index",
                    f"{broken[0][1]}{more}.",
                    f"`article-bot rebuild --scope {broken[0][0]}` builds the index anew from the"
                    " stored articles; a damaged catalogue is put back by `article-bot restore`.",
                )
            else:
                which = (
                    "every one"
                    if few
                    else f"{len(looked_at)} of {len(scopes):,}, drawn by chance, and each of them"
                )
                yield ok("index", f"{which} is as it was written, and up to date")
    except EngineError as error:
        said, _, cure = str(error).partition("; ")
        yield problem("database", f"{said}.", cure or "Restore a backup: `article-bot restore`.")


def _drawn(scopes: list[Scope]) -> list[Scope]:
    """All, or, of many, the shared one, which everybody asks, and others by chance."""
    if len(scopes) <= SCOPES_AT_MOST:
        return scopes
    first = [scope for scope in scopes if scope == Scope.shared()]
    others = [scope for scope in scopes if scope != Scope.shared()]
    return first + random.sample(others, SCOPES_AT_MOST - len(first))


def of_model(settings: Settings) -> Finding:
    """Whether both networks load and compute."""
    from index import Models  # noqa: PLC0415 - seconds of imports; help goes without

    begun = time.perf_counter()
    try:
        Models.of(settings).warm()
    except EngineError as error:
        said, _, cure = str(error).rpartition("; ")
        return problem("model", f"{said or error}.", cure or "Install article-bot again.")
    return ok("model", f"{settings.model} and the reader, in {time.perf_counter() - begun:.1f} s")


async def of_discord(settings: Settings) -> AsyncIterator[Finding]:
    """The token, and by it the intents, the servers and their permissions, and the clock."""
    import aiohttp  # noqa: PLC0415 - a tenth of a second that only this needs

    if settings.discord_token is None:
        yield warning(
            "token",
            "DISCORD_TOKEN is not set, so article-bot opens the terminal chat.",
            f"Copy the token from {PORTAL} (your application, Bot, Reset Token) to DISCORD_TOKEN.",
        )
        return
    token = settings.discord_token.get_secret_value()
    headers = {"Authorization": f"Bot {token}", "User-Agent": "DiscordBot (article-bot, doctor)"}
    base = settings.discord_api_url or API
    try:
        async with (
            asyncio.timeout(ASKS_WITHIN_S),
            aiohttp.ClientSession(base.rstrip("/") + "/", headers=headers) as session,
        ):
            async with session.get("applications/@me") as reply:
                date = reply.headers.get("Date")
                if reply.status == 401:
                    yield problem(
                        "token",
                        "Discord refuses the token.",
                        f"Copy it again from {PORTAL} (your application, Bot, Reset Token): the"
                        " whole of it, without quotes, and of the bot, not the client secret.",
                    )
                    return
                reply.raise_for_status()
                application = await reply.json()
            yield ok("token", f"of {application.get('name', 'an application')}")
            yield _intents(settings, application)
            yield _permissions(application, await _guilds(session))
            yield _clock(date)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        yield problem(
            "discord",
            f"{base} cannot be reached: {str(error) or 'no answer in time'}.",
            "Check the network, its DNS and its firewall (443 outwards), and DISCORD_API_URL.",
        )


async def _guilds(session: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """Those that the bot is in, or the first of them."""
    guilds: list[dict[str, Any]] = []
    while len(guilds) % GUILDS_A_PAGE == 0 and len(guilds) < GUILDS_AT_MOST:
        after = {"after": guilds[-1]["id"]} if guilds else {}
        async with session.get("users/@me/guilds", params=after) as reply:
            reply.raise_for_status()
            page = await reply.json()
        if not page:
            break
        guilds += page
    return guilds


def _intents(settings: Settings, application: dict[str, Any]) -> Finding:
    if not settings.message_content:
        return ok("intents", "no privileged one is asked for")
    if application.get("flags", 0) & _READS_MESSAGES:
        return ok("intents", "Message Content Intent is on")
    return problem(
        "intents",
        "MESSAGE_CONTENT is set, but the application may not read messages.",
        f"Turn on Message Content Intent at {PORTAL} (your application, Bot), or unset"
        " MESSAGE_CONTENT.",
    )


def _permissions(application: dict[str, Any], guilds: list[dict[str, Any]]) -> Finding:
    invite = INVITE.format(application.get("id", "APPLICATION_ID"))
    if not guilds:
        return warning("permissions", "The bot is in no server.", f"Invite it: {invite}")
    lacking = [
        f"{guild['name']} ({', '.join(missing)})"
        for guild in guilds
        if (missing := _missing(int(guild["permissions"])))
    ]
    if lacking:
        more = f" and {len(lacking) - 3} more servers" if len(lacking) > 3 else ""
        return warning(
            "permissions",
            f"Missing in {'; '.join(lacking[:3])}{more}.",
            f"Give them to the bot's role, or invite it anew: {invite}",
        )
    first = "the first " if len(guilds) >= GUILDS_AT_MOST else ""
    return ok("permissions", f"all that is needed, in {first}{len(guilds):,} servers")


def _missing(permissions: int) -> list[str]:
    if permissions & _ADMINISTRATOR:
        return []
    return [name for name, bit in PERMISSIONS.items() if not permissions & bit]


def _clock(date: str | None) -> Finding:
    if date is None:
        return ok("clock", "Discord does not tell the time")
    off = time.time() - parsedate_to_datetime(date).timestamp()
    if abs(off) > CLOCK_OFF_S:
        return problem(
            "clock",
            f"This machine's clock is {abs(off):,.0f} s {'ahead' if off > 0 else 'behind'}.",
            "Let it be set by the network (timedatectl set-ntp true): buttons and threads go by"
            " the time.",
        )
    return ok("clock", f"right to {max(1, round(abs(off)))} s")
