"""What Discord sends: users, servers, messages and interactions as JSON objects."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Payload = dict[str, Any]

EPOCH_MS = 1_420_070_400_000
EVERYTHING = str((1 << 50) - 1)
TALK = str((1 << 10) | (1 << 11) | (1 << 16) | (1 << 31) | (1 << 35) | (1 << 38))
"""View, send, history, commands, make threads, send in them: what a plain member may."""

JOINED_AT = "2024-05-01T12:00:00+00:00"

EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15

_counter = itertools.count()


def snowflake() -> str:
    """A new ID that tells the time, as discord.py reads the age of an interaction off it."""
    milliseconds = int(time.time() * 1000) - EPOCH_MS
    return str((milliseconds << 22) | (next(_counter) & 0x3FFFFF))


def now() -> str:
    return datetime.now(UTC).isoformat()


def user(name: str, *, bot: bool = False, id: str | None = None) -> Payload:  # noqa: A002 - Discord's word
    return {
        "id": id or snowflake(), "username": name, "discriminator": "0", "global_name": name,
        "avatar": None, "bot": bot, "system": False, "public_flags": 0, "flags": 0,
    }  # fmt: skip


def member(roles: tuple[str, ...] = ()) -> Payload:
    return {
        "roles": list(roles), "nick": None, "joined_at": JOINED_AT, "premium_since": None,
        "deaf": False, "mute": False, "pending": False, "flags": 0, "avatar": None,
        "communication_disabled_until": None,
    }  # fmt: skip


def role(id: str, name: str, permissions: str, *, managed: bool = False) -> Payload:  # noqa: A002
    return {
        "id": id, "name": name, "permissions": permissions, "position": 0, "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False, "managed": managed, "mentionable": False, "flags": 0, "icon": None,
        "unicode_emoji": None,
    }  # fmt: skip


def text_channel(id: str, guild_id: str) -> Payload:  # noqa: A002
    return {
        "id": id, "type": 0, "guild_id": guild_id, "name": "general", "position": 0,
        "permission_overwrites": [], "parent_id": None, "topic": None, "nsfw": False,
        "rate_limit_per_user": 0, "last_message_id": None, "flags": 0,
    }  # fmt: skip


def direct_channel(id: str, recipient: Payload) -> Payload:  # noqa: A002
    return {"id": id, "type": 1, "recipients": [recipient], "last_message_id": None, "flags": 0}


def thread(id: str, guild_id: str, parent_id: str, owner_id: str, name: str) -> Payload:  # noqa: A002
    return {
        "id": id, "type": 11, "guild_id": guild_id, "name": name, "parent_id": parent_id,
        "owner_id": owner_id, "last_message_id": None, "rate_limit_per_user": 0,
        "message_count": 0, "member_count": 1, "total_message_sent": 0, "flags": 0,
        "thread_metadata": {
            "archived": False, "auto_archive_duration": 1440, "archive_timestamp": now(),
            "locked": False, "create_timestamp": now(),
        },
    }  # fmt: skip


def guild(id: str, name: str, owner_id: str, me: Payload, channels: list[Payload]) -> Payload:  # noqa: A002
    """A server as GUILD_CREATE brings it, with the bot in it and the role made for the bot."""
    own_role = role(str(int(id) + 1), me["username"], EVERYTHING, managed=True)
    return {
        "id": id, "name": name, "owner_id": owner_id, "icon": None, "splash": None,
        "discovery_splash": None, "banner": None, "description": None, "afk_channel_id": None,
        "afk_timeout": 300, "verification_level": 0, "default_message_notifications": 0,
        "explicit_content_filter": 0, "mfa_level": 0, "premium_tier": 0,
        "premium_subscription_count": 0, "preferred_locale": "en-US", "system_channel_id": None,
        "system_channel_flags": 0, "rules_channel_id": None, "public_updates_channel_id": None,
        "vanity_url_code": None, "application_id": None, "nsfw_level": 0, "features": [],
        "emojis": [], "stickers": [], "roles": [role(id, "@everyone", TALK), own_role],
        "member_count": 3, "large": False, "unavailable": False, "joined_at": now(),
        "members": [member((own_role["id"],)) | {"user": me}], "channels": channels, "threads": [],
        "presences": [], "voice_states": [], "stage_instances": [], "guild_scheduled_events": [],
        "soundboard_sounds": [], "premium_progress_bar_enabled": False,
    }  # fmt: skip


def message(channel: Payload, author: Payload, **changes: Any) -> Payload:
    """A message as MESSAGE_CREATE and the answers to requests bring it."""
    made = {
        "id": snowflake(), "channel_id": channel["id"], "author": author, "content": "",
        "timestamp": now(), "edited_timestamp": None, "tts": False, "mention_everyone": False,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "components": [],
        "pinned": False, "type": 0, "flags": 0,
    }  # fmt: skip
    if "guild_id" in channel:
        made["guild_id"] = channel["guild_id"]
    return made | changes


def interaction(
    kind: int, user: Payload, channel: Payload, data: Payload, **changes: Any
) -> Payload:
    """An interaction of ``user`` in ``channel``; a server brings the member along."""
    made = {
        "id": snowflake(), "token": f"token-{snowflake()}", "type": kind, "version": 1,
        "channel": channel, "channel_id": channel["id"], "data": data, "locale": "en-US",
        "entitlements": [], "authorizing_integration_owners": {}, "attachment_size_limit": 10485760,
        "app_permissions": EVERYTHING,
    }  # fmt: skip
    if "guild_id" in channel:
        made |= {
            "context": 0, "guild_id": channel["guild_id"], "guild_locale": "en-US",
            "guild": {"id": channel["guild_id"], "locale": "en-US", "features": []},
            "member": member() | {"user": user, "permissions": changes.pop("permissions", TALK)},
            "authorizing_integration_owners": {"0": channel["guild_id"]},
        }  # fmt: skip
    else:
        made |= {"context": 1, "user": user, "authorizing_integration_owners": {"0": "0"}}
    return made | changes


def parts(components: list[Payload]) -> Iterator[Payload]:
    """Every component of a message, from top to bottom."""
    for component in components:
        yield component
        yield from parts(component.get("components", []))
        if "accessory" in component:
            yield from parts([component["accessory"]])
        if "component" in component:
            yield from parts([component["component"]])


def text(message: Payload) -> str:
    """All that a message says."""
    written = [part["content"] for part in parts(message["components"]) if part["type"] == 10]
    return "\n".join([message["content"], *written]).strip()
