import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from bot.settings import Settings, SettingsError, read_settings
from index import IndexSettings

ROOT = Path(__file__).parents[2]
INDEX_FIELDS = list(IndexSettings.model_fields)
# The bot's own first, as whoever sets it up meets them.
FIELDS = [name for name in Settings.model_fields if name not in INDEX_FIELDS] + INDEX_FIELDS


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in FIELDS:
        monkeypatch.delenv(name.upper(), raising=False)


def default_of(name):
    """As it is written down; empty where there is none, or where it depends on the platform."""
    default = Settings.model_fields[name].default
    written = str(default).lower() if isinstance(default, bool) else str(default)
    return "" if default in {None, PydanticUndefined} else written


def test_every_setting_has_a_description():
    assert [name for name in FIELDS if not Settings.model_fields[name].description] == []


def test_env_example_lists_every_setting_with_its_description_and_default():
    blocks = [
        (
            "# Settings of article-bot. Copy this file to .env and remove the # before what you"
            " set.\n# The environment goes before .env; an empty value counts as unset."
        )
    ]
    blocks += [
        f"# {Settings.model_fields[name].description}\n#{name.upper()}={default_of(name)}"
        for name in FIELDS
    ]
    assert (ROOT / ".env.example").read_text("utf-8") == "\n\n".join(blocks) + "\n"


def test_the_readme_has_a_row_with_the_default_of_every_setting():
    rows = re.findall(
        r"^\| `([A-Z_]+)` \|(.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(name for name, _ in rows) == sorted(name.upper() for name in FIELDS)
    missing = {name for name, row in rows if f"`{default_of(name.lower())}`" not in row}
    assert missing == {name.upper() for name in FIELDS if not default_of(name)}


def test_without_environment_and_file_everything_has_its_default():
    settings = read_settings(None)
    assert settings.discord_token is None
    assert settings.article is None
    assert settings.model_fields_set == set()
    assert (settings.workers, settings.queue_limit) == (1, 256)
    assert (settings.answer_timeout_s, settings.user_cooldown_s) == (20, 3)


def test_the_environment_goes_before_the_file_and_other_variables_are_ignored(
    tmp_path, monkeypatch
):
    file = tmp_path / ".env"
    file.write_text("THRESHOLD=0.25\nWORKERS=2\nSOMEBODY_ELSES=1\n# QUEUE_LIMIT=5\n")
    monkeypatch.setenv("WORKERS", "3")
    monkeypatch.setenv("UNRELATED", "1")
    settings = read_settings(file)
    assert (settings.threshold, settings.workers, settings.queue_limit) == (0.25, 3, 256)


def test_no_file_is_read_unless_it_is_named(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("WORKERS=7\n")
    monkeypatch.chdir(tmp_path)
    assert read_settings(None).workers == 1
    assert Settings().workers == 1


def test_a_named_file_that_does_not_exist_is_as_good_as_an_empty_one(tmp_path):
    assert read_settings(tmp_path / ".env").model_fields_set == set()


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("SYNC_GUILD", "")
    monkeypatch.setenv("DISCORD_TOKEN", "")
    settings = read_settings(None)
    assert (settings.sync_guild, settings.discord_token) == (None, None)


def test_the_token_is_never_shown(monkeypatch):
    monkeypatch.setenv("DISCORD_TOKEN", "very.secret.token")
    settings = read_settings(None)
    assert "very.secret" not in f"{settings!r} {settings}"
    assert settings.discord_token.get_secret_value() == "very.secret.token"


def test_every_bad_value_gets_one_line_that_names_its_variable(monkeypatch):
    monkeypatch.setenv("THRESHOLD", "7")
    monkeypatch.setenv("WORKERS", "many")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("DISCORD_TOKEN", "very.secret.token")
    with pytest.raises(SettingsError) as caught:
        read_settings(None)
    assert str(caught.value).splitlines() == [
        "THRESHOLD: '7' does not fit: must be less than or equal to 1.",
        (
            "WORKERS: 'many' does not fit: must be a valid integer,"
            " unable to parse string as an integer."
        ),
        "LOG_LEVEL: 'LOUD' does not fit: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'.",
    ]


@pytest.mark.parametrize("value", ["nan", "-0.1", "1.1", ""])
def test_a_threshold_outside_0_to_1_is_refused_and_an_empty_one_unset(monkeypatch, value):
    monkeypatch.setenv("THRESHOLD", value)
    if value:
        with pytest.raises(SettingsError, match=r"^THRESHOLD: "):
            read_settings(None)
    else:
        assert read_settings(None).threshold == IndexSettings().threshold


def test_a_file_that_is_not_text_is_named(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(b"WORKERS=\xff\xfe")
    with pytest.raises(SettingsError, match=re.escape(str(file))):
        read_settings(file)


def test_the_log_level_may_be_written_in_any_case(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert read_settings(None).log_level == "DEBUG"


def test_a_tilde_in_the_data_folder_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "~/articles")
    assert read_settings(None).data_dir == Path.home() / "articles"


def test_settings_cannot_be_changed():
    settings = read_settings(None)
    with pytest.raises(ValidationError):
        settings.workers = 2


def test_the_token_may_stand_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("  secret.of.file\n")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(tmp_path / "token"))
    settings = read_settings(None)
    assert settings.discord_token.get_secret_value() == "secret.of.file"


def test_so_may_the_address_of_the_database(monkeypatch, tmp_path):
    (tmp_path / "url").write_text("postgres://me:hush@one,two/library\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    url = read_settings(None).database_url.get_secret_value()
    assert url == "postgresql://me:hush@one,two/library"
    (tmp_path / "url").write_text("mysql://me:hush@one/library")
    with pytest.raises(SettingsError, match="must begin with postgresql://") as refused:
        read_settings(None)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "DISCORD_TOKEN_FILE cannot be read"), (" \n", "names an empty file")],
)
def test_a_file_without_a_token_is_refused(monkeypatch, tmp_path, content, said):
    if content is not None:
        (tmp_path / "token").write_text(content)
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(SettingsError, match=said):
        read_settings(None)


def test_a_token_given_twice_is_refused_and_not_shown(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("secret.of.file")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("DISCORD_TOKEN", "another.secret")
    with pytest.raises(SettingsError, match="both set") as refused:
        read_settings(None)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:80", ("::1", 80)), ("bot:1", ("bot", 1))],
)
def test_an_address_is_a_host_and_a_port(monkeypatch, address, expected):
    monkeypatch.setenv("HTTP_ADDRESS", address)
    assert read_settings(None).http == expected


@pytest.mark.parametrize("address", ["8080", ":8080", "host:", "host:port", "host:65536"])
def test_an_address_that_is_none_is_refused(monkeypatch, address):
    monkeypatch.setenv("HTTP_ADDRESS", address)
    with pytest.raises(SettingsError, match=r"HTTP_ADDRESS: .* must be a host and a port"):
        read_settings(None)


@pytest.mark.parametrize(
    ("written", "numbers"),
    [("0-3", (0, 1, 2, 3)), ("5", (5,)), ("0, 2,5 - 6", (0, 2, 5, 6)), ("", None)],
)
def test_shards_are_numbers_and_ranges_of_numbers(monkeypatch, written, numbers):
    monkeypatch.setenv("SHARD_COUNT", "16")
    monkeypatch.setenv("SHARD_IDS", written)
    settings = read_settings(None)
    assert (settings.shard_count, settings.shards) == (16, numbers)


@pytest.mark.parametrize(
    ("count", "written", "said"),
    [
        ("16", "0-x", "SHARD_IDS: '0-x' does not fit: must be numbers of shards, as in 0-3"),
        ("16", "3-0", "SHARD_IDS: '3-0' does not fit: must be numbers of shards"),
        ("16", "1,", "SHARD_IDS: '1,' does not fit: must be numbers of shards"),
        ("16", "0-3,2", "SHARD_IDS: '0-3,2' does not fit: must name shard 2 once."),
        ("16", "12-16", "SHARD_IDS names shard 16; with SHARD_COUNT=16 they are 0 to 15."),
        ("", "0", "SHARD_IDS needs SHARD_COUNT, the shards of all processes together."),
        ("0", "", "SHARD_COUNT: '0' does not fit: must be greater than or equal to 1."),
    ],
)
def test_shards_that_do_not_fit_are_refused(monkeypatch, count, written, said):
    monkeypatch.setenv("SHARD_COUNT", count)
    monkeypatch.setenv("SHARD_IDS", written)
    with pytest.raises(SettingsError) as refused:
        read_settings(None)
    assert said in str(refused.value)


def test_workers_need_a_database(monkeypatch):
    monkeypatch.setenv("ANSWER_IN", "workers")
    with pytest.raises(SettingsError, match=r"^ANSWER_IN=workers needs DATABASE_URL\.$"):
        read_settings(None)
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/name")
    assert read_settings(None).answer_in == "workers"
