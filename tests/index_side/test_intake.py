"""Sources of every kind, and what becomes of them over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from index import (
    Article,
    ArticleNotFound,
    Check,
    Engine,
    IndexSettings,
    LibraryFull,
    Scope,
    SourceError,
)
from index.intake import Intake
from index.refreshing import due
from tests.conftest import WordEmbedder
from tests.index_side.web import fetcher_of, serving

LOCAL = Scope.local()
PAGE = """<html><head><title>{title}</title>
<link rel="canonical" href="{canonical}"></head><body><p>{text}</p></body></html>"""
HTML = {"Content-Type": "text/html; charset=utf-8"}


def page(text: str = "The king has a ship.", title: str = "A tale", canonical: str = "") -> bytes:
    return PAGE.format(title=title, text=text, canonical=canonical).encode()


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as server:
        yield server


@pytest.fixture
def web_engine(
    server: Any, tmp_path: Path, embedder: WordEmbedder
) -> Iterator[Callable[..., Engine]]:
    opened = []

    def open_one(**options: Any) -> Engine:
        intake = Intake(1_000_000, fetcher=fetcher_of(server, **options))
        settings = IndexSettings(data_dir=tmp_path / "data", threshold=0)
        opened.append(Engine.open(settings, embedder=embedder, intake=intake))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


def test_a_page_is_read_and_quoted_with_its_own_address(server, web_engine) -> None:
    server.answers["/tale?from=chat"] = (
        200, HTML, page(canonical="http://www.news.example/tale")
    )  # fmt: skip
    engine = web_engine()
    article = engine.add(LOCAL, "http://news.example/tale?from=chat")
    assert (article.title, article.source) == ("A tale", "http://news.example/tale?from=chat")
    answer = engine.ask(LOCAL, "Who has a ship?")
    assert answer.quote is not None
    assert answer.quote.source == "http://www.news.example/tale"


@pytest.mark.parametrize(
    "canonical",
    [
        "http://evil.example/",
        "javascript:alert(1)",
        "http://news.example:8080/",
        "/tale",
        "",
        "//x",
    ],
)
def test_a_page_cannot_send_readers_elsewhere(server, web_engine, canonical: str) -> None:
    server.answers["/tale"] = (200, HTML, page(canonical=canonical))
    article = web_engine().add(LOCAL, "http://news.example/tale")
    assert article.canonical == "http://news.example/tale"


def test_an_address_without_its_scheme_is_understood(server, web_engine) -> None:
    def secure(_: str) -> list[str]:
        raise OSError

    with pytest.raises(SourceError, match=r"'www\.news\.example' is not known"):
        web_engine(look_up=secure).add(LOCAL, "www.news.example/tale")


def test_a_changed_page_is_a_new_version_and_an_unchanged_one_is_not_sent_again(
    server, web_engine
) -> None:
    engine = web_engine()
    server.answers["/tale"] = (200, {**HTML, "ETag": '"1"'}, page())
    first = engine.add(LOCAL, "http://news.example/tale")
    server.answers["/tale"] = (304, {})
    report = engine.reindex(LOCAL)
    assert (report.changed, report.failed) == ((), ())
    assert server.requests[-1][1]["If-None-Match"] == '"1"'
    server.answers["/tale"] = (200, {**HTML, "ETag": '"2"'}, page("The queen has gold."))
    report = engine.reindex(LOCAL)
    assert report.changed == ("A tale",)
    assert engine.articles(LOCAL)[0].version == first.version + 1
    assert engine.checks(LOCAL)[first.id].etag == '"2"'


def test_a_page_that_fails_keeps_its_text_and_says_since_when_and_why(server, web_engine) -> None:
    engine = web_engine()
    server.answers["/tale"] = (200, HTML, page())
    article = engine.add(LOCAL, "http://news.example/tale")
    server.answers["/tale"] = (503, {})
    for failures in (1, 2):
        report = engine.reindex(LOCAL)
        assert [title for title, _ in report.failed] == ["A tale"]
        check = engine.checks(LOCAL)[article.id]
        assert (check.failures, "later" in check.reason) == (failures, True)
        if failures == 1:
            since = check.failing_since
    assert check.failing_since == since
    assert engine.ask(LOCAL, "Who has a ship?").text == "The king has a ship."
    server.answers["/tale"] = (200, HTML, page())
    engine.reindex(LOCAL)
    assert engine.checks(LOCAL)[article.id].failing_since is None


def test_a_refresh_heeds_robots_txt_and_adding_by_hand_does_not(server, web_engine) -> None:
    engine = web_engine()
    server.answers["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /private/\n")
    for path in ("/private/tale", "/open"):
        server.answers[path] = (200, HTML, page(title=path))
        engine.add(LOCAL, f"http://news.example{path}")
    report = engine.reindex(LOCAL)
    assert [title for title, _ in report.failed] == ["/private/tale"]
    assert "robots.txt of news.example" in report.failed[0][1]
    assert [path for path, _ in server.requests].count("/robots.txt") == 1


FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>One</title><link>http://news.example/1</link></item>
<item><title>Two</title><link>http://news.example/2</link></item>
<item><title>Two again</title><link>http://news.example/2</link></item>
<item><title>Inside</title><link>http://127.0.0.1/secret</link></item>
<item><title>File</title><link>file:///etc/passwd</link></item>
</channel></rss>"""
ATOM = b"""<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">
<title>News</title><entry><title>One</title><link href="http://news.example/1"/></entry></feed>"""


def test_a_feed_brings_its_pages(server, web_engine) -> None:
    def look_up(host: str) -> list[str]:
        return ["127.0.0.1"] if host == "127.0.0.1" else ["93.184.215.14"]

    server.answers["/feed"] = (200, {"Content-Type": "application/rss+xml"}, FEED)
    server.answers["/1"] = (200, HTML, page(title="One"))
    server.answers["/2"] = (200, HTML, page("The queen has gold.", title="Two"))
    engine = web_engine(look_up=look_up)
    added = engine.add_all(LOCAL, "http://news.example/feed")
    assert [article.title for article in added.articles] == ["One", "Two"]
    assert [source for source, _ in added.failed] == ["http://127.0.0.1/secret"]
    server.answers["/atom"] = (200, {"Content-Type": "text/xml"}, ATOM)
    again = engine.add_all(LOCAL, "http://news.example/atom")
    assert [article.id for article in again.articles] == [added.articles[0].id]
    with pytest.raises(SourceError, match="is a feed of 1 pages"):
        engine.add(LOCAL, "http://news.example/atom")


def feed_of(*paths: str) -> bytes:
    links = "".join(f"<item><link>http://news.example{path}</link></item>" for path in paths)
    return f"<?xml version='1.0'?><rss version='2.0'><channel>{links}</channel></rss>".encode()


RSS = {"Content-Type": "application/rss+xml"}


def test_a_watched_feed_brings_what_it_names_later(server, web_engine) -> None:
    engine = web_engine()
    for number in range(1, 5):
        server.answers[f"/{number}"] = (200, HTML, page(title=f"Page {number}"))
    server.answers["/feed"] = (200, {**RSS, "ETag": '"1"'}, feed_of("/2", "/1"))
    added = engine.add_all(LOCAL, "http://news.example/feed")
    (feed,) = engine.feeds(LOCAL)
    assert (feed.source, feed.check.etag) == ("http://news.example/feed", '"1"')
    engine.remove(LOCAL, added.articles[0].id)
    every, later = timedelta(days=1), datetime.now(UTC) + timedelta(days=2)
    server.answers["/feed"] = (304, {})
    engine.refresh_due(every, later)
    assert server.requests[-1][0] == "/feed"
    server.answers["/feed"] = (200, {**RSS, "ETag": '"2"'}, feed_of("/4", "/3", "/2", "/1"))
    assert engine.reindex(LOCAL).added == ("Page 3", "Page 4")
    titles = [article.title for article in engine.articles(LOCAL)]
    assert titles == ["Page 1", "Page 3", "Page 4"]  # what was removed stays away
    assert engine.feeds(LOCAL)[0].check.etag == '"2"'
    assert engine.unwatch(LOCAL, feed.id)
    assert not engine.unwatch(LOCAL, feed.id)
    server.answers["/feed"] = (200, RSS, feed_of("/5", "/4"))
    assert engine.reindex(LOCAL).added == ()


def test_a_watched_feed_that_fails_says_so_and_is_tried_again(server, web_engine) -> None:
    engine = web_engine()
    server.answers["/1"] = (200, HTML, page(title="Page 1"))
    server.answers["/feed"] = (200, {**RSS, "ETag": '"1"'}, feed_of("/1"))
    engine.add_all(LOCAL, "http://news.example/feed")
    server.answers["/feed"] = (503, {})
    assert [source for source, _ in engine.reindex(LOCAL).failed] == ["http://news.example/feed"]
    assert engine.feeds(LOCAL)[0].check.failures == 1
    # A page that fails is asked for again, though the feed itself did not change.
    server.answers["/feed"] = (200, {**RSS, "ETag": '"2"'}, feed_of("/2", "/1"))
    server.answers["/2"] = (503, {})
    assert [source for source, _ in engine.reindex(LOCAL).failed] == ["http://news.example/2"]
    server.answers["/2"] = (200, HTML, page(title="Page 2"))
    assert engine.reindex(LOCAL).added == ("Page 2",)
    assert "If-None-Match" not in server.requests[-2][1]
    assert engine.feeds(LOCAL)[0].check.failing_since is None


def test_what_is_wrong_in_one_feed_keeps_nothing_else_from_being_read(server, web_engine) -> None:
    engine = web_engine()
    one, two = Scope.guild(1), Scope.guild(2)
    server.answers["/1"] = (200, HTML, page(title="Page 1"))
    server.answers["/feed"] = (200, RSS, feed_of("/1"))
    engine.add_all(one, "http://news.example/feed")
    engine.add(two, "http://news.example/1")
    server.answers["/2"] = (200, HTML, page(title="Page 2"))
    dead = [f"/dead/{number}" for number in range(25)]
    links = feed_of("/2", *dead, "/1").replace(
        b"<item>", b"<item><link>http://[oops/</link></item><item>", 1
    )
    server.answers["/feed"] = (200, RSS, links)
    for path in dead:
        server.answers[path] = (404, {})
    server.answers["/1"] = (200, HTML, page("The queen has gold.", title="Page 1"))
    assert engine.refresh_due(timedelta(days=1), datetime.now(UTC) + timedelta(days=2)) == 3
    assert [article.title for article in engine.articles(one)] == ["Page 1", "Page 2"]
    assert engine.checks(one).keys() == {1, 2}
    (feed,) = engine.feeds(one)
    assert (feed.check.failures, bool(feed.check.reason)) == (0, True)
    assert engine.articles(two)[0].version == 2


def test_what_a_feed_has_named_is_remembered_when_it_is_added_again(server, web_engine) -> None:
    engine = web_engine()
    for number in (1, 2):
        server.answers[f"/{number}"] = (200, HTML, page(title=f"Page {number}"))
    server.answers["/feed"] = (200, RSS, feed_of("/1"))
    first = engine.add_all(LOCAL, "http://news.example/feed")
    assert first.feed == "http://news.example/feed"
    engine.remove(LOCAL, first.articles[0].id)
    server.answers["/feed"] = (200, RSS, feed_of("/2"))
    engine.add_all(LOCAL, "http://news.example/feed")
    server.answers["/feed"] = (200, RSS, feed_of("/2", "/1"))
    assert engine.reindex(LOCAL).added == ()
    assert len(engine.feeds(LOCAL)) == 1


def test_a_server_watches_only_so_many_feeds(server, web_engine, monkeypatch) -> None:
    monkeypatch.setattr("index.articles.MOST_FEEDS", 1)
    engine, guild = web_engine(), Scope.guild(1)
    server.answers["/1"] = (200, HTML, page(title="Page 1"))
    server.answers["/feed"] = server.answers["/other"] = (200, RSS, feed_of("/1"))
    engine.add_page(guild, "http://news.example/feed")
    engine.add_page(guild, "http://news.example/feed")
    with pytest.raises(LibraryFull, match="At most 1 feeds"):
        engine.add_page(guild, "http://news.example/other")
    old = engine.feeds(guild)[0].id
    assert engine.unwatch(guild, old)
    assert not engine.unwatch(guild, 10**20)
    engine.add_page(guild, "http://news.example/other")
    assert engine.feeds(guild)[0].id != old


def test_a_watched_feed_heeds_robots_txt_and_the_limit(server, tmp_path, embedder) -> None:
    scope = Scope.guild(1)
    settings = IndexSettings(data_dir=tmp_path, threshold=0, max_articles=2)
    intake = Intake(1_000_000, fetcher=fetcher_of(server))
    with Engine.open(settings, embedder=embedder, intake=intake) as engine:
        server.answers["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /private")
        for path in ("/1", "/2", "/3", "/private"):
            server.answers[path] = (200, HTML, page(title=path))
        server.answers["/feed"] = (200, RSS, feed_of("/1"))
        engine.add_page(scope, "http://news.example/feed")
        server.answers["/feed"] = (200, RSS, feed_of("/3", "/2", "/private", "/1"))
        report = engine.reindex(scope)
        assert report.added == ("/2",)
        assert [Path(source).name for source, _ in report.failed] == ["private", "3"]
        assert "as many articles as are kept" in report.failed[1][1]


def test_a_folder_brings_its_files(web_engine, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "a.txt").write_text("The king has a ship.")
    (folder / "deep" / "b.md").write_text("# Gold\n\nThe queen has gold.")
    (folder / "broken.pdf").write_text("no PDF at all")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / ".hidden" / "c.txt").write_text("Not this one.")
    engine = web_engine()
    added = engine.add_all(LOCAL, folder)
    assert [article.title for article in added.articles] == ["a", "Gold"]
    assert [Path(source).name for source, _ in added.failed] == ["broken.pdf"]
    with pytest.raises(SourceError, match="is a folder of 3 files"):
        engine.add(LOCAL, folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no file that can be read"):
        engine.add_all(LOCAL, tmp_path / "empty")


def test_an_upload_is_read_by_its_name(web_engine) -> None:
    engine = web_engine()
    article = engine.add(LOCAL, b"# Gold\n\nThe queen has gold.", filename="notes.md")
    assert (article.title, article.media_type) == ("Gold", "text/markdown")
    assert article.source == "upload:notes.md"
    assert engine.checks(LOCAL) == {}


def test_the_operators_page_stays_when_it_cannot_be_read_at_the_start(server, web_engine) -> None:
    engine = web_engine()
    server.answers["/tale"] = (200, HTML, page())
    first = engine.publish_shared("http://news.example/tale")
    server.answers["/tale"] = (503, {})
    assert engine.publish_shared("http://news.example/tale") == first
    with pytest.raises(SourceError, match="later"):
        engine.publish_shared("http://other.example/tale")


def test_a_removal_can_be_taken_back(web_engine) -> None:
    engine = web_engine()
    article = engine.add(LOCAL, b"The king has a ship.", title="A tale")
    engine.remove(LOCAL, article.id)
    assert engine.articles(LOCAL) == []
    assert engine.undelete(LOCAL, article.id) == article
    assert engine.ask(LOCAL, "Who has a ship?").text == "The king has a ship."
    with pytest.raises(ArticleNotFound, match="cannot be brought back"):
        engine.undelete(LOCAL, article.id)


def test_pages_are_read_again_when_they_are_due(server, web_engine) -> None:
    engine = web_engine()
    server.answers["/tale"] = (200, {**HTML, "ETag": '"1"'}, page())
    article = engine.add(LOCAL, "http://news.example/tale")
    engine.add(LOCAL, b"The queen has gold.", title="An upload")
    every, now = timedelta(hours=24), datetime.now(UTC)
    before = len(server.requests)
    assert engine.refresh_due(every, now + timedelta(hours=23)) == 0
    assert len(server.requests) == before
    server.answers["/tale"] = (200, HTML, page("The king has a storm."))
    assert engine.refresh_due(every, now + timedelta(hours=27)) == 1
    assert engine.ask(LOCAL, "What has the king?").text == "The king has a storm."
    assert engine.articles(LOCAL)[0].version == article.version + 1
    generation = engine.verify(LOCAL).generation
    assert engine.refresh_due(every, now + timedelta(hours=54)) == 1
    assert engine.verify(LOCAL).generation == generation  # nothing changed, nothing was built


def test_a_source_is_due_sooner_and_then_less_often_while_it_fails() -> None:
    now, day = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
    article = Article(LOCAL, 1, 1, "A", "http://a.example/", "text/html", "0", 1, now)
    waits = [
        (due(article, Check(now, failures=count, failing_since=now), day) - now)
        / timedelta(minutes=1)
        for count in (0, 1, 2, 3, 30)
    ]
    jitter = waits[0] / 1440
    assert 1 <= jitter <= 1.1
    assert [wait / jitter for wait in waits] == pytest.approx([1440, 10, 20, 40, 1440])


def test_two_servers_with_the_same_address_and_other_articles_never_mix(server, web_engine) -> None:
    engine = web_engine()
    one, two = Scope.guild(1), Scope.guild(2)
    server.answers["/rules"] = (200, HTML, page("The king has a ship.", "Rules of one"))
    engine.add(one, "http://news.example/rules")
    server.answers["/rules"] = (200, HTML, page("The queen has gold.", "Rules of two"))
    engine.add(two, "http://news.example/rules")
    for scope, own in ((one, "The king has a ship."), (two, "The queen has gold.")):
        for question in ("Who has a ship?", "Who has gold?", "the king queen ship gold"):
            answer = engine.ask(scope, question)
            assert {quote.text for quote in answer.quotes} == {own}
            assert {hit.passage.scope for hit in answer.passages} == {scope}
            assert {hit.passage.text for hit in answer.passages} == {own}


def test_nothing_answers_from_a_removed_article_from_the_next_question_on(web_engine) -> None:
    engine = web_engine()
    kept = engine.add(LOCAL, b"The queen has gold.", title="Kept")
    gone = engine.add(LOCAL, b"The king has a ship.", title="Gone")
    engine.remove(LOCAL, gone.id)
    answer = engine.ask(LOCAL, "Who has a ship?")
    assert {hit.passage.article_id for hit in answer.passages} == {kept.id}
    assert {quote.article_id for quote in answer.quotes} == {kept.id}


@pytest.mark.parametrize("tag", ["\xe9", "x" * 999, "a\tb"])
def test_a_tag_that_cannot_be_sent_back_is_not_kept(server, web_engine, tag: str) -> None:
    engine = web_engine()
    server.answers["/tale"] = (200, {**HTML, "ETag": tag}, page())
    article = engine.add(LOCAL, "http://news.example/tale")
    assert engine.checks(LOCAL)[article.id].etag == ""
    assert engine.reindex(LOCAL).failed == ()


def test_a_page_that_claims_to_be_unchanged_without_being_asked_is_refused(
    server, web_engine
) -> None:
    server.answers["/tale"] = (304, {})
    with pytest.raises(SourceError, match="answered 304 instead of a page"):
        web_engine().add(LOCAL, "http://news.example/tale")


def test_the_operators_page_is_known_by_any_spelling_of_its_address(server, web_engine) -> None:
    engine = web_engine()
    server.answers["/"] = (200, HTML, page())
    first = engine.publish_shared("http://news.example")
    server.answers["/"] = (503, {})
    assert engine.publish_shared("http://news.example") == first


def test_a_server_has_only_so_many_articles(server, tmp_path, embedder) -> None:
    settings = IndexSettings(data_dir=tmp_path / "few", max_articles=2)
    with Engine.open(settings, embedder=embedder) as engine:
        for number in (1, 2):
            engine.add(Scope.guild(1), b"The king has a ship.", title=f"A {number}")
        with pytest.raises(LibraryFull, match="at most 2 are kept for one server"):
            engine.add(Scope.guild(1), b"The king has gold.", title="A 3")
        engine.add(Scope.guild(1), b"The king has gold.", title="A 2")  # a new version of it
        for number in range(4):
            engine.add(LOCAL, b"The king has a ship.", title=f"B {number}")


def test_a_refresh_stops_when_it_is_told_to(server, web_engine) -> None:
    engine = web_engine()
    for path in ("/1", "/2", "/3"):
        server.answers[path] = (200, HTML, page(title=path))
        engine.add(LOCAL, f"http://news.example{path}")
    later, asked = datetime.now(UTC) + timedelta(days=3), []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    before = len([path for path, _ in server.requests if path != "/robots.txt"])
    engine.refresh_due(timedelta(days=1), later, stop=stop)
    assert len([p for p, _ in server.requests if p != "/robots.txt"]) == before + 2


def test_some_articles_are_asked_and_no_other(web_engine) -> None:
    engine = web_engine()
    texts = (b"The king has a ship.", b"The queen has gold.", b"The island has a storm.")
    articles = [engine.add(LOCAL, text, title=f"T {n}") for n, text in enumerate(texts)]
    answer = engine.ask(LOCAL, "king ship queen gold island storm", only=articles[1:])
    assert {hit.passage.article_id for hit in answer.passages} == {a.id for a in articles[1:]}
