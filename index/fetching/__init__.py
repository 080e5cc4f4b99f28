"""A web address -> the bytes that stand there.

Whoever may add an article may make this machine ask any server for a page, so a request
reaches the public web and nothing else: each host is resolved once, every address that
it has is checked, and the connection goes to the very address that was checked, at
each redirect anew. Size, time and redirects are bounded. Nothing but SourceError is raised.
"""

from __future__ import annotations

import re
import ssl
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

import httpcore2
import idna

from index.errors import SourceError
from index.fetching.addresses import Resolve, public_addresses, resolve

AGENT = "article-bot"
PORTS = frozenset({80, 443, 8080, 8443})
MOST_REDIRECTS = 5
MOST_ADDRESSES = 3
"""Of one host that are tried in turn."""
_LONGEST_URL = 2_000
_STEP_S = 10.0
"""The longest wait for a connection, or for the next bytes."""
_CONDITIONS = ("If-None-Match", "If-Modified-Since")
_NAMES = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered. ``url`` is where it was found, after all redirects."""

    url: str
    data: bytes
    media_type: str
    """As the server gave it, with its charset."""
    etag: str = ""
    last_modified: str = ""


class Target(NamedTuple):
    """A web address taken apart once, so that no two parsers can read it differently."""

    scheme: str
    host: str
    port: int | None
    path: str

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{self.host}{port}{self.path}"


def target(url: str) -> Target:
    """Read a web address; SourceError says why one cannot be fetched."""
    url = url.strip()
    shown = repr(url[:120])
    if len(url) > _LONGEST_URL:
        raise SourceError(f"The web address {shown}… is too long. Give a shorter one.")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise SourceError(f"{shown} is no web address: it holds a space or a backslash.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise SourceError(f"{shown} is no web address ({error}). Check its spelling.") from error
    if parts.scheme not in {"http", "https"}:
        raise SourceError(f"{shown} does not begin with http:// or https://. Only pages are read.")
    if "@" in parts.netloc:
        raise SourceError(f"{shown} holds a user name or a password. Give it without.")
    if port is not None and port not in PORTS:
        allowed = ", ".join(map(str, sorted(PORTS)))
        raise SourceError(f"{shown} names port {port}; only {allowed} are fetched from.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    return Target(parts.scheme, _host(host, shown), port, path + query)


def _host(host: str, shown: str) -> str:
    """The host in ASCII, an IPv6 address in brackets."""
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise SourceError(f"{shown} has a host that cannot be: {error}.") from error
    if not _NAMES.fullmatch(host):
        raise SourceError(f"{shown} has no proper host. Check its spelling.")
    return host


class Fetcher:
    """Fetches pages. ``resolve`` and ``backend`` stand in for the network in tests.

    ``max_bytes`` bounds a page both as sent and unpacked; ``timeout_s`` bounds all of one
    fetch, redirects included, but for the time that the system's resolver takes.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float = 30.0,
        resolve: Resolve = resolve,
        backend: httpcore2.NetworkBackend | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._backend = backend or httpcore2.SyncBackend()
        self._context = context

    def fetch(
        self,
        url: str,
        *,
        accepts: Callable[[str], bool] = lambda _: True,
        etag: str = "",
        last_modified: str = "",
    ) -> Fetched | None:
        """The page at ``url``; None when it has not changed since the tags were given.

        ``accepts`` says whether a media type is worth reading on. Raises SourceError.
        """
        deadline = time.monotonic() + self._timeout_s
        backend = _Guarded(self._backend, self._resolve, deadline)
        headers = {
            "User-Agent": AGENT,
            "Accept": "text/html,application/xhtml+xml,text/markdown,text/plain,*/*;q=0.5",
            # What is sent packed could unpack to anything.
            "Accept-Encoding": "identity",
            **({"If-None-Match": etag} if etag else {}),
            **({"If-Modified-Since": last_modified} if last_modified else {}),
        }
        at = target(url)
        self._context = self._context or httpcore2.default_ssl_context()
        with httpcore2.ConnectionPool(self._context, network_backend=backend) as pool:
            for _ in range(MOST_REDIRECTS + 1):
                found = self._get(pool, at, headers, accepts)
                if not isinstance(found, str):
                    return found
                at = target(found)
        raise SourceError(f"{url!r} leads from page to page without an end. Give the page itself.")

    def _get(
        self,
        pool: httpcore2.ConnectionPool,
        at: Target,
        headers: dict[str, str],
        accepts: Callable[[str], bool],
    ) -> Fetched | str | None:
        """A page, the address that it redirects to, or None: unchanged."""
        host = at.host if at.port is None else f"{at.host}:{at.port}"
        address = httpcore2.URL(
            scheme=at.scheme, host=at.host.strip("[]"), port=at.port, target=at.path
        )
        waits = dict.fromkeys(("connect", "read", "write", "pool"), _STEP_S)
        try:
            with pool.stream(
                "GET",
                address,
                headers=[("Host", host), *headers.items()],
                extensions={"timeout": waits},
            ) as response:
                told = {
                    name.decode("latin-1").lower(): value.decode("latin-1").strip()
                    for name, value in response.headers
                }
                if response.status == 304 and not {*headers}.isdisjoint(_CONDITIONS):
                    return None
                if response.status in {301, 302, 303, 307, 308}:
                    return urljoin(str(at), told.get("location", ""))
                _refuse_status(response.status, at)
                media_type = told.get("content-type", "")
                if media_type and not accepts(media_type):
                    raise SourceError(f"{at} is of type {media_type[:60]!r}, which cannot be read.")
                data = self._body(response.iter_stream(), told, at)
        except httpcore2.TimeoutException as error:
            raise SourceError(f"{at.host} took too long to answer. Try again later.") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError, ValueError) as error:
            raise SourceError(
                f"{at} cannot be fetched ({error or type(error).__name__})."
            ) from error
        etag, last_modified = _tag(told.get("etag", "")), _tag(told.get("last-modified", ""))
        return Fetched(str(at), data, media_type, etag, last_modified)

    def _body(self, stream: Iterable[bytes], told: dict[str, str], at: Target) -> bytes:
        packed = told.get("content-encoding", "identity").lower()
        if packed not in {"identity", "", "gzip", "x-gzip", "deflate"}:
            raise SourceError(
                f"{at.host} sends the page packed in a way ({packed[:20]!r})"
                " that was not asked for."
            )
        length = told.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise SourceError(self._too_large(at))
        unpack = zlib.decompressobj(wbits=47) if "gzip" in packed or packed == "deflate" else None
        received, parts, size = 0, [], 0
        for sent in stream:
            received += len(sent)
            if unpack is None:
                part = sent
            else:
                # One byte more than is allowed is enough to know.
                try:
                    part = unpack.decompress(
                        unpack.unconsumed_tail + sent, self._max_bytes + 1 - size
                    )
                except zlib.error as error:
                    raise SourceError(f"{at} arrived damaged. Try again later.") from error
            parts.append(part)
            size += len(part)
            if max(received, size) > self._max_bytes:
                raise SourceError(self._too_large(at))
        if unpack is not None and not unpack.eof:
            raise SourceError(f"{at} arrived incomplete. Try again later.")
        return b"".join(parts)

    def _too_large(self, at: Target) -> str:
        return (
            f"{at} is larger than the {self._max_bytes / 1e6:,.1f} MB that are read."
            " Give a smaller page, or let the operator raise MAX_ARTICLE_MB."
        )


def _tag(value: str) -> str:
    """What can be sent back as it came; nothing otherwise."""
    return value if value.isascii() and value.isprintable() and len(value) <= 256 else ""


def _refuse_status(status: int, at: Target) -> None:
    if status == 200:
        return
    if status in {404, 410}:
        raise SourceError(f"There is no page at {at} ({status}). Check the address.")
    if status in {401, 402, 403, 407, 451}:
        raise SourceError(
            f"{at} is not open to everybody ({status}). Save the page as a file and add the file."
        )
    if status == 429 or status >= 500:
        raise SourceError(f"{at.host} cannot answer just now ({status}). Try again later.")
    raise SourceError(f"{at.host} answered {status} instead of a page. Check the address.")


class _Guarded(httpcore2.NetworkBackend):
    """Connects to public addresses alone, and lets nothing run past the deadline."""

    def __init__(self, inner: httpcore2.NetworkBackend, resolve: Resolve, deadline: float) -> None:
        self._inner = inner
        self._resolve = resolve
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception | None = None
        for address in public_addresses(host, self._resolve)[:MOST_ADDRESSES]:
            try:
                stream = self._inner.connect_tcp(
                    address, port, _left(timeout, self._deadline), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Timed(stream, self._deadline)
        assert failure is not None
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - the interface's
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        raise SourceError(f"{path!r} is no web address.")


class _Timed(httpcore2.NetworkStream):
    """A stream whose every step ends by the deadline: a server that drips cannot hold us."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, self._deadline))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self._inner.start_tls(ssl_context, server_hostname, _left(timeout, self._deadline))
        return _Timed(stream, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the fetch as a whole took too long")
    return min(left, timeout if timeout is not None else left)
