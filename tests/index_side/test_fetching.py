"""Fetching a page reaches the public web and nothing else, and is bounded in every way.

The network is stood in for at its two ends: names are resolved from a table, and what
would be dialled is written down and led to a server on loopback.
"""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpcore2
import pytest

from index import SourceError
from index.fetching import Fetched, Fetcher, target
from index.fetching.addresses import is_public, resolve
from tests.index_side.web import PUBLIC, Dialler, Handler, serving

PAGE = b"<html><body><p>The tower was built in 1881.</p></body></html>"
LIMIT = 100_000


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as server:
        server.answers["/"] = (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
        yield server


@pytest.fixture
def dialler(server: Any) -> Dialler:
    return Dialler(server.server_port)


def fetcher(dialler: Dialler, names: dict[str, Any] | None = None, **options: Any) -> Fetcher:
    def look_up(host: str) -> list[str]:
        if host in (names or {}):
            found = names[host]
            return found() if callable(found) else found
        try:
            return resolve(host) if _is_numeric(host) else [PUBLIC]
        except OSError:
            return []

    return Fetcher(max_bytes=LIMIT, resolve=look_up, backend=dialler, **options)


def _is_numeric(host: str) -> bool:
    """Spelt in any way that the system's resolver takes for an address, or for this machine."""
    return ":" in host or host[:1].isdigit() or host.startswith("localhost")


def test_a_page_is_fetched_from_the_address_that_was_checked(server, dialler) -> None:
    server.answers["/a%20b?q=1"] = server.answers["/"]
    found = fetcher(dialler).fetch("http://news.example/a%20b?q=1")
    assert isinstance(found, Fetched)
    assert (found.data, found.media_type) == (PAGE, "text/html; charset=utf-8")
    assert dialler.dialled == [(PUBLIC, 80)]
    path, headers = server.requests[0]
    assert path == "/a%20b?q=1"
    assert headers["Host"] == "news.example"
    assert headers["Accept-Encoding"] == "identity"


FORBIDDEN_HOSTS = [
    # this machine, in all spellings
    *("127.0.0.1", "127.1", "127.0.1", "127.8.8.8", "0", "0.0.0.0", "2130706433", "0x7f000001"),
    *("0x7f.1", "0177.0.0.1", "017700000001", "0x7F.0x0.0x0.0x1", "127.0.0.1.", "localhost"),
    *("localhost.", "LOCALHOST", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[::127.0.0.1]", "１２７.0.0.1", "①27.0.0.1"),
    # private networks
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "0xc0a80001"),
    *("3232235521", "100.64.0.1", "198.18.0.1", "192.0.0.8", "[fc00::1]", "[fd12:3456::1]"),
    *("[::ffff:10.0.0.1]", "[::ffff:192.168.1.1]", "[fec0::1]"),
    # link-local, and what clouds tell their machines
    *("169.254.169.254", "169.254.0.1", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376"),
    *("[fe80::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "168.63.129.16"),
    *("100.100.100.200", "192.0.0.192", "[fd20:ce::254]"),
    # IPv4 inside IPv6
    *("[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:c0a8:1::]", "[64:ff9b::7f00:1]"),
    *("[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]"),
    # multicast, broadcast, reserved, documentation
    *("224.0.0.1", "239.255.255.250", "[ff02::1]", "255.255.255.255", "240.0.0.1", "192.0.2.1"),
    *("198.51.100.1", "203.0.113.1", "[2001:db8::1]", "[100::1]", "192.88.99.1", "[3fff::1]"),
    *("[2001:2::1]", "[2001:20::1]", "[5f00::1]", "192.0.0.170"),
]  # fmt: skip


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
@pytest.mark.parametrize("by", ["the address itself", "a redirect", "a name"])
def test_no_forbidden_address_is_reached(server, dialler, host: str, by: str) -> None:
    names: dict[str, Any] = {}
    url = f"http://{host}/latest/meta-data/"
    if by == "a redirect":
        # As a header carries it: the bytes of UTF-8.
        server.answers["/go"] = (302, {"Location": url.encode().decode("latin-1")})
        url = "http://news.example/go"
    elif by == "a name":
        try:
            numbers = resolve(host.strip("[]"))
        except (OSError, UnicodeError):
            pytest.skip("this spelling is no address to this machine's resolver")
        names["inside.example"] = numbers
        url = "http://inside.example/"
    with pytest.raises(SourceError):
        fetcher(dialler, names).fetch(url)
    assert {address for address, _ in dialler.dialled} <= {PUBLIC}
    assert [path for path, _ in server.requests] == (["/go"] if by == "a redirect" else [])


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://news.example/", "gopher://news.example/", "data:text/html,a"),
        *("dict://news.example:11211/", "javascript:alert(1)", "ldap://news.example/", "//a.example"),
        *("http://user@news.example/", "http://user:word@news.example/", "http://@news.example/"),
        *("http://news.example@127.0.0.1/", "http://127.0.0.1@news.example/", "http:///etc/passwd"),
        *("http://news.example:22/", "http://news.example:6379/", "http://news.example:25/"),
        *("http://news.example:0/", "http://news.example:99999/", "http://news.example:80a/"),
        *("http://news.example\\@127.0.0.1/", "http://127.0.0.1\t.news.example/", "http:// /"),
        *("http://news.example/\r\nHost: 127.0.0.1", "http://[::1/", "http://[fe80::1%25eth0]/"),
        *("http://127.0.0.1%2f.news.example/", "http://a_b<>.example/", "http://", "http://?q"),
        *("http://news.example/" + "a" * 3000, "http://xn--a.example\u3002\u3002/", ""),
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused_before_anything_is_looked_up(
    server, dialler, url: str
) -> None:
    def look_up(host: str) -> list[str]:
        raise AssertionError(host)

    with pytest.raises(SourceError):
        Fetcher(max_bytes=LIMIT, resolve=look_up, backend=dialler).fetch(url)
    assert dialler.dialled == []


def test_one_forbidden_address_among_a_names_refuses_it(server, dialler) -> None:
    names = {"both.example": [PUBLIC, "10.0.0.7"]}
    with pytest.raises(SourceError, match="inside a network"):
        fetcher(dialler, names).fetch("http://both.example/")
    assert dialler.dialled == []


def test_a_name_that_changes_after_the_check_is_not_followed(server, dialler) -> None:
    """Rebinding: the address that was checked is the one that is dialled, and no second lookup."""
    asked = []

    def turns() -> list[str]:
        asked.append(1)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    found = fetcher(dialler, {"turns.example": turns}).fetch("http://turns.example/")
    assert found is not None
    assert (len(asked), dialler.dialled) == (1, [(PUBLIC, 80)])
    server.answers["/again"] = (302, {"Location": "http://turns.example/"})
    asked.clear()
    with pytest.raises(SourceError, match="inside a network"):
        fetcher(dialler, {"turns.example": turns}).fetch("http://turns.example/again")


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc/passwd", "http://news.example:22/", "http://user@news.example/"),
        *("http://127.0.0.1:8080/", "//169.254.169.254/latest", "http:\\\\127.0.0.1/", "http://[::1]/"),
    ],
)  # fmt: skip
def test_redirects_are_judged_like_any_address(server, dialler, location: str) -> None:
    server.answers["/go"] = (301, {"Location": location})
    with pytest.raises(SourceError):
        fetcher(dialler).fetch("http://news.example/go")
    assert dialler.dialled == [(PUBLIC, 80)]


def test_redirects_are_followed_and_counted(server, dialler) -> None:
    server.answers["/old"] = (301, {"Location": "/new?x=1"})
    server.answers["/new?x=1"] = server.answers["/"]
    found = fetcher(dialler).fetch("http://news.example/old")
    assert found is not None
    assert found.url == "http://news.example/new?x=1"
    server.answers["/loop"] = (302, {"Location": "/loop"})
    with pytest.raises(SourceError, match="without an end"):
        fetcher(dialler).fetch("http://news.example/loop")
    server.answers["/nowhere"] = (302, {})
    with pytest.raises(SourceError, match="without an end"):
        fetcher(dialler).fetch("http://news.example/nowhere")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "no page"), (410, "no page"), (401, "not open"), (403, "not open"), (429, "later"),
        (500, "later"), (503, "later"), (204, "instead of a page"), (206, "instead of a page"),
    ],
)  # fmt: skip
def test_what_a_server_answers_instead_is_told(server, dialler, status: int, words: str) -> None:
    server.answers["/"] = (status, {})
    with pytest.raises(SourceError, match=words):
        fetcher(dialler).fetch("http://news.example/")


def test_an_unchanged_page_is_not_sent_again(server, dialler) -> None:
    server.answers["/"] = (200, {"ETag": '"7"', "Last-Modified": "Tue, 24 Nov 2026"}, PAGE)
    first = fetcher(dialler).fetch("http://news.example/")
    assert first is not None
    server.answers["/"] = (304, {"ETag": '"7"'})
    again = fetcher(dialler).fetch(
        "http://news.example/", etag=first.etag, last_modified=first.last_modified
    )
    assert again is None
    headers = server.requests[-1][1]
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"7"', "Tue, 24 Nov 2026")


def test_a_type_that_cannot_be_read_is_not_read_on(server, dialler) -> None:
    server.answers["/"] = (200, {"Content-Type": "video/mp4", "Content-Length": "99"})
    with pytest.raises(SourceError, match="video/mp4"):
        fetcher(dialler).fetch("http://news.example/", accepts=lambda kind: "text" in kind)


# --- Sizes and times.


def chunked(handler: Handler, chunks: Iterator[bytes] | list[bytes], pause: float = 0) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    try:
        for chunk in chunks:
            handler.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            time.sleep(pause)
        handler.wfile.write(b"0\r\n\r\n")
    except OSError:
        handler.close_connection = True


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Length": str(LIMIT + 1)}, b"x"),
        (200, {}, b"x" * (LIMIT + 1)),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 50_000_000)),
        (200, {"Content-Encoding": "deflate"}, zlib.compress(b"x" * 50_000_000)),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(gzip.compress(b"x" * LIMIT * 2) * 9999)),
        lambda handler: chunked(handler, [b"x" * 60_000] * 50),
    ],
)
def test_a_page_too_large_is_given_up_early(server, dialler, answer: Any) -> None:
    server.answers["/"] = answer
    with pytest.raises(SourceError, match="larger than"):
        fetcher(dialler).fetch("http://news.example/")


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
def test_a_packed_page_within_bounds_is_unpacked(server, dialler, packed: str) -> None:
    body = gzip.compress(b"x" * LIMIT) if packed == "gzip" else zlib.compress(b"x" * LIMIT)
    server.answers["/"] = (200, {"Content-Encoding": packed}, body)
    found = fetcher(dialler).fetch("http://news.example/")
    assert found is not None
    assert found.data == b"x" * LIMIT


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({"Content-Encoding": "gzip"}, b"no gzip at all", "damaged"),
        ({"Content-Encoding": "gzip"}, gzip.compress(PAGE * 9)[:-12], "incomplete"),
        ({"Content-Encoding": "br"}, b"...", "not asked for"),
        ({"Content-Encoding": "gzip, gzip"}, b"...", "not asked for"),
    ],
)
def test_a_page_that_cannot_be_unpacked_is_told(server, dialler, headers, body, words) -> None:
    server.answers["/"] = (200, headers, body)
    with pytest.raises(SourceError, match=words):
        fetcher(dialler).fetch("http://news.example/")


def _drip_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        for number in range(200):
            handler.wfile.write(f"X-{number}: y\r\n".encode())
            time.sleep(0.05)
    except OSError:
        pass
    handler.close_connection = True


@pytest.mark.parametrize(
    "answer",
    [
        lambda handler: time.sleep(2),
        lambda handler: chunked(handler, [b"x"] * 200, pause=0.05),
        _drip_headers,
    ],
)
def test_a_server_that_drips_is_given_up_in_time(server, dialler, answer: Any) -> None:
    server.answers["/"] = answer
    begun = time.monotonic()
    with pytest.raises(SourceError, match="too long"):
        fetcher(dialler, timeout_s=0.5).fetch("http://news.example/")
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize(
    "said",
    [
        *(b"", b"\x00" * 99, b"HTTP/9.9 what\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n"),
        *(b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"),
        *(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 500_000),
    ],
)  # fmt: skip
def test_a_server_that_speaks_no_http_is_told(server, dialler, said: bytes) -> None:
    def answer(handler: Handler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(said)
        handler.close_connection = True

    server.answers["/"] = answer
    with pytest.raises(SourceError, match=r"cannot be fetched|took too long"):
        fetcher(dialler, timeout_s=3).fetch("http://news.example/")


def test_a_second_address_is_tried_where_the_first_does_not_answer(server, dialler) -> None:
    class OneDown(Dialler):
        def connect_tcp(self, host, port, *arguments):
            if host == PUBLIC:
                self.dialled.append((host, port))
                raise httpcore2.ConnectError("refused")
            return super().connect_tcp(host, port, *arguments)

    half_down = OneDown(server.server_port)
    names = {"two.example": [PUBLIC, "93.184.215.15"]}
    assert fetcher(half_down, names).fetch("http://two.example/") is not None
    assert [address for address, _ in half_down.dialled] == [PUBLIC, "93.184.215.15"]


def test_a_server_without_tls_is_told(server, dialler) -> None:
    with pytest.raises(SourceError, match=r"cannot be fetched|took too long"):
        fetcher(dialler, timeout_s=3).fetch("https://news.example/")
    assert dialler.dialled == [(PUBLIC, 443)]


def test_a_name_without_an_address_is_told(server, dialler) -> None:
    def unknown() -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(SourceError, match="not known here"):
        fetcher(dialler, {"typo.example": unknown}).fetch("http://typo.example/")


@pytest.mark.parametrize("text", [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_ordinary_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_an_address_is_taken_apart_once() -> None:
    assert str(target("HTTPS://Straße.example:8443/ä?ö=ü#part")) == (
        "https://xn--strae-oqa.example:8443/%C3%A4?%C3%B6=%C3%BC"
    )
