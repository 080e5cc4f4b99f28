"""Where the bot may look for Discord: nowhere that its token could be overheard on the way."""

from __future__ import annotations

import re

import pytest

from bot.settings import SettingsError, read_settings

API, GATEWAY = "DISCORD_API_URL", "DISCORD_GATEWAY_URL"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        (API, "https://proxy.example/api/v10/", "https://proxy.example/api/v10"),
        (API, "http://127.0.0.1:8080/api/v10", "http://127.0.0.1:8080/api/v10"),
        (API, "http://localhost:8080", "http://localhost:8080"),
        (API, "http://[::1]:8080", "http://[::1]:8080"),
        (GATEWAY, "wss://proxy.example", "wss://proxy.example"),
        (GATEWAY, "ws://127.0.0.2:8080/gateway", "ws://127.0.0.2:8080/gateway"),
    ],
)
def test_encrypted_addresses_and_those_of_this_machine_are_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, kept: str
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(read_settings(None), name.lower()) == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (API, "http://proxy.example/api/v10"),
        (API, "http://127.0.0.1.example/api"),
        (API, "http://127.0.0.1@proxy.example/api"),
        (API, "https://user@proxy.example/api"),
        (API, "https://proxy.example/api?v=10"),
        (API, "https://proxy.example:port/api"),
        (API, "https://"),
        (API, "wss://proxy.example"),
        (GATEWAY, "https://proxy.example"),
        (GATEWAY, "ws://proxy.example"),
        (GATEWAY, "127.0.0.1:8080"),
    ],
)
def test_any_other_address_is_refused_with_what_fits(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    secure, plain = ("https", "http") if name == API else ("wss", "ws")
    monkeypatch.setenv(name, value)
    wish = (
        f"{name}: {value!r} does not fit: must be an address that begins with {secure}://,"
        f" or with {plain}:// on this machine (127.0.0.1)."
    )
    with pytest.raises(SettingsError, match=f"^{re.escape(wish)}$"):
        read_settings(None)
