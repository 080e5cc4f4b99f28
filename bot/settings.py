"""What the bot can be told; read once, at the edge, from the environment and ``.env``."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import CannotRun
from index import IndexSettings


class SettingsError(CannotRun):
    """Settings that cannot be used; one line for each, naming the variable."""


class Settings(IndexSettings, BaseSettings):
    """Every setting of the program; a variable bears the upper-cased name of its field.

    The environment is read on construction, a ``.env`` file only when ``_env_file`` names
    one. An empty variable counts as unset, and variables of other programs are ignored.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    discord_token: SecretStr | None = Field(
        default=None,
        description="The bot's token. Without it `article-bot` opens the terminal chat.",
    )
    discord_token_file: Path | None = Field(
        default=None,
        description="File that holds the token instead, as container secrets are given.",
    )
    database_url_file: Path | None = Field(
        default=None,
        description="File that holds DATABASE_URL instead.",
    )
    article: str | None = Field(
        default=None,
        description="File or web address of the article that everybody may ask about."
        " Default: the bundled one.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Questions answered at the same time, by the bot or by each"
        " `article-bot work`.",
    )
    answer_in: Literal["process", "workers"] = Field(
        default="process",
        description="Where questions on Discord are answered: process, in the bot itself;"
        " workers, by `article-bot work` here or elsewhere, over DATABASE_URL.",
    )
    queue_limit: int = Field(
        default=256,
        ge=0,
        description="Questions that may wait; one more is told that the bot is busy.",
    )
    answer_timeout_s: float = Field(
        default=20,
        gt=0,
        le=600,
        description="Seconds after which a question on Discord is given up.",
    )
    user_cooldown_s: float = Field(
        default=3,
        ge=0,
        description="Seconds between questions of one user, after a burst of three. 0: no wait.",
    )
    refresh_hours: float = Field(
        default=24,
        ge=0,
        description="Hours after which the bot reads pages and feeds again. 0: never by itself.",
    )
    message_content: bool = Field(
        default=False,
        description="Read all messages, for watched channels. Enable Message Content Intent in"
        " the developer portal first.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO",
        description="How much is logged: DEBUG, INFO, WARNING or ERROR."
        " The terminal commands log warnings only, unless this is set.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="How lines are logged: text for people, json for machines.",
    )
    http_address: str | None = Field(
        default=None,
        description="Address, as in 127.0.0.1:8080, on which the Discord bot, or"
        " `article-bot work`, serves /livez, /readyz and /metrics. Default: none.",
    )
    sync_guild: int | None = Field(
        default=None,
        gt=0,
        description="ID of a server that gets the commands at once, for development.",
    )
    shard_count: int | None = Field(
        default=None,
        ge=1,
        description="Shards (connections to Discord) of all processes of this bot together."
        " Default: what Discord advises.",
    )
    shard_ids: str | None = Field(
        default=None,
        description="Which of them this process opens, as in 0-3 or 0,2,5. Default: all.",
    )
    discord_api_url: str | None = Field(
        default=None,
        description="Base of the Discord API, for a proxy or a test. Default: Discord's own.",
    )
    discord_gateway_url: str | None = Field(
        default=None,
        description="Address of the Discord gateway, for a proxy or a test."
        " Default: Discord's own.",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("http_address")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            _split(value)
        return value

    @field_validator("shard_ids")
    @classmethod
    def _shard_numbers(cls, value: str | None) -> str | None:
        if value is not None:
            _numbers(value)
        return value

    @model_validator(mode="after")
    def _shards_of_count(self) -> Self:
        if self.shards is None:
            return self
        if self.shard_count is None:
            raise PydanticCustomError(
                "shards", "SHARD_IDS needs SHARD_COUNT, the shards of all processes together"
            )
        if max(self.shards) >= self.shard_count:
            raise PydanticCustomError(
                "shards",
                "SHARD_IDS names shard {shard}; with SHARD_COUNT={count} they are 0 to {last}",
                {
                    "shard": max(self.shards),
                    "count": self.shard_count,
                    "last": self.shard_count - 1,
                },
            )
        return self

    @model_validator(mode="after")
    def _workers_share_a_database(self) -> Self:
        if self.answer_in == "workers" and self.database_url is None:
            raise PydanticCustomError("workers", "ANSWER_IN=workers needs DATABASE_URL")
        return self

    @property
    def shards(self) -> tuple[int, ...] | None:
        """The numbers of ``shard_ids``."""
        return None if self.shard_ids is None else _numbers(self.shard_ids)

    @model_validator(mode="before")
    @classmethod
    def _secrets_of_files(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return given | {
            name: _of_file(name, given)
            for name in ("discord_token", "database_url")
            if given.get(f"{name}_file")
        }

    @property
    def http(self) -> tuple[str, int] | None:
        """Host and port of ``http_address``."""
        return None if self.http_address is None else _split(self.http_address)

    @field_validator("discord_api_url")
    @classmethod
    def _https(cls, value: str | None) -> str | None:
        return value and _kept_private(value, "https", "http")

    @field_validator("discord_gateway_url")
    @classmethod
    def _wss(cls, value: str | None) -> str | None:
        return value and _kept_private(value, "wss", "ws")

    @field_validator("data_dir")
    @classmethod
    def _home_folder(cls, value: Path) -> Path:
        # No shell stands between a .env file and here to expand `~`.
        return value.expanduser()


def _of_file(name: str, given: dict[str, Any]) -> str:
    variable = f"{name}_file".upper()
    if given.get(name):
        raise PydanticCustomError(
            "secret_twice", f"{name.upper()} and {variable} are both set; keep one"
        )
    try:
        secret = Path(given[f"{name}_file"]).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PydanticCustomError(
            "secret_file", f"{variable} cannot be read: {{why}}", {"why": str(error)}
        ) from None
    if not secret:
        raise PydanticCustomError("secret_file", f"{variable} names an empty file")
    return secret


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")  # of an IPv6 address
    if not (colon and host and port.isascii() and port.isdigit() and 0 <= int(port) < 65536):
        raise PydanticCustomError("address", "must be a host and a port, as in 127.0.0.1:8080")
    return host, int(port)


def _numbers(written: str) -> tuple[int, ...]:
    """The numbers in, say, ``0-3,7``, as they are written down."""
    numbers: list[int] = []
    for part in written.split(","):
        first, last = _range(part.strip())
        numbers += range(first, last + 1)
    ((most, times),) = Counter(numbers).most_common(1)
    if times > 1:
        raise PydanticCustomError("shards", "must name shard {shard} once", {"shard": most})
    return tuple(numbers)


def _range(part: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?", part, re.ASCII)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if last < first:
        raise PydanticCustomError("shards", "must be numbers of shards, as in 0-3 or 0,2,5")
    return first, last


def _kept_private(url: str, encrypted: str, plain: str) -> str:
    """The address, less a slash at its end: the token that goes there must not be overheard."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port that is no number shows here
    except ValueError:
        host = None
    here = host is not None and _is_this_machine(host)
    bare = host is not None and not (parts.username or parts.query or parts.fragment)
    if bare and (parts.scheme == encrypted or (parts.scheme == plain and here)):
        return url.rstrip("/")
    raise PydanticCustomError(
        "discord_url",
        f"must be an address that begins with {encrypted}://,"
        f" or with {plain}:// on this machine (127.0.0.1)",
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(env_file: Path | None) -> Settings:
    """Read the environment, over ``env_file`` where there is one; SettingsError otherwise."""
    try:
        return Settings(_env_file=env_file)  # type: ignore[call-arg] # pydantic-settings' own
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error))) from None  # the cause would show values
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file} cannot be read: {error}") from error


def _lines(error: ValidationError) -> list[str]:
    return [_line(problem) for problem in error.errors(include_url=False)]


def _line(problem: ErrorDetails) -> str:
    if not problem["loc"]:  # several settings together
        return f"{problem['msg']}."
    name = str(problem["loc"][0])
    shown = "what it holds" if name in {"discord_token", "database_url"} else repr(problem["input"])
    wish = problem["msg"].replace("Input should be", "must be").rstrip(".")
    return f"{name.upper()}: {shown} does not fit: {wish}."
