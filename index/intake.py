"""A source of any kind -> a document: a path, an upload, a web address, a folder, a feed.

What is fetched or parsed here comes from strangers: the fetcher reaches the public web
alone, and parsing happens in a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from index.errors import SourceError
from index.fetching import Fetched, Fetcher, target
from index.fetching.robots import Robots
from index.sources import FEED, READABLE_SUFFIXES, Loaded, can_read, kind_of, load, parse
from index.sources.sandbox import Sandbox
from index.types import Document

CONFIGURED = "configured:"
"""Marks the source of the article that the settings name, so that naming another replaces it."""
BUNDLED = f"{CONFIGURED}bundled"
MOST_IN_FOLDER = 1_000
MOST_IN_FEED = 50
_WEB = re.compile(r"[a-z][a-z0-9+.-]+:/|www\.", re.IGNORECASE)
_PAGE = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Taken:
    """A document, with what its server said by which to ask for changes the next time."""

    document: Document
    etag: str = ""
    last_modified: str = ""


def can_take_again(source: str) -> bool:
    """Whether a stored source can be read anew: a page or a file, but no upload."""
    bare = source.removeprefix(CONFIGURED)
    return source == BUNDLED or is_web(bare) or Path(bare).is_absolute()


def is_web(source: object) -> bool:
    """Whether a source is meant as a web address."""
    return isinstance(source, str) and bool(_WEB.match(source.strip()))


def web_key(source: str) -> str:
    """The one spelling under which a web address is stored; SourceError where it is none."""
    return str(target(_address(source)))


class Several(SourceError):
    """The source is a folder or a feed, and stands for ``sources``.

    ``feed`` is the address of a feed, "" for a folder; with what its server said by which
    to ask for changes.
    """

    def __init__(
        self,
        message: str,
        sources: Sequence[str],
        feed: str = "",
        etag: str = "",
        last_modified: str = "",
    ) -> None:
        super().__init__(message)
        self.sources = tuple(sources)
        self.feed = feed
        self.etag = etag
        self.last_modified = last_modified


class Intake:
    """Reads sources, none larger than ``max_bytes``. Thread-safe; ``close`` it."""

    def __init__(
        self, max_bytes: int, *, fetcher: Fetcher | None = None, sandbox: Sandbox | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._fetcher = fetcher or Fetcher(max_bytes=max_bytes)
        self._robots = Robots(self._fetcher)
        self._sandbox = sandbox or Sandbox()

    def close(self) -> None:
        self._sandbox.close()

    def take(
        self,
        source: str | Path | bytes,
        *,
        media_type: str | None = None,
        title: str | None = None,
        filename: str | None = None,
        unattended: bool = False,
    ) -> Taken:
        """Read one article; SourceError when that cannot be done, Several for more than one.

        ``unattended``: nobody asked for it now, so that a site may forbid it to programs.
        """
        if isinstance(source, str) and is_web(source):
            if unattended:
                self._robots.check(web_key(source))
            fetched = self._fetcher.fetch(_address(source), accepts=can_read)
            assert fetched is not None  # without a condition nothing is "unchanged"
            return self._read_page(web_key(source), fetched, media_type, title)
        if not isinstance(source, bytes) and str(source).strip() and Path(source).is_dir():
            raise _folder(Path(source))
        loaded = load(source, title=title, filename=filename, max_bytes=self._max_bytes)
        return Taken(self._sandbox.parse(loaded, media_type, title))

    def take_again(
        self, source: str, *, media_type: str, title: str, etag: str = "", last_modified: str = ""
    ) -> Taken | None:
        """Read a stored source anew; None when its server says that nothing changed.

        Nobody is waiting for it, so a site's wish to be left alone by programs is heeded.
        """
        if source == BUNDLED:
            return Taken(self.bundled())
        bare = source.removeprefix(CONFIGURED)
        if is_web(bare):
            self._robots.check(bare)
            fetched = self._fetcher.fetch(
                bare, accepts=can_read, etag=etag, last_modified=last_modified
            )
            if fetched is None:
                return None
            taken = self._read_page(bare, fetched, None, title)
        else:
            taken = self.take(bare, media_type=media_type, title=title)
        return replace(taken, document=replace(taken.document, source=source))

    def bundled(self) -> Document:
        """The article that comes with the program, which is known to be harmless."""
        with resources.as_file(resources.files("index") / "data" / "article.md") as path:
            return replace(parse(load(path, max_bytes=self._max_bytes)), source=BUNDLED)

    def _read_page(
        self, url: str, fetched: Fetched, media_type: str | None, title: str | None
    ) -> Taken:
        loaded = _loaded(url, fetched)
        if kind_of(loaded, media_type or fetched.media_type) == FEED:
            raise self._feed(url, loaded, fetched)
        document = self._sandbox.parse(loaded, media_type or fetched.media_type, title)
        document = replace(document, canonical=_canonical(document.canonical, fetched.url))
        return Taken(document, fetched.etag, fetched.last_modified)

    def _feed(self, url: str, loaded: Loaded, fetched: Fetched) -> SourceError:
        links = self._sandbox.parse(loaded, FEED).text.split("\n")
        pages = [link for link in dict.fromkeys(links) if _PAGE.match(link)][:MOST_IN_FEED]
        if not pages:
            return SourceError(f"The feed {url} names no page. Give the address of an article.")
        told = f"{url} is a feed of {len(pages)} pages and not an article itself."
        return Several(told, pages, url, fetched.etag, fetched.last_modified)


def _folder(folder: Path) -> SourceError:
    files = [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in READABLE_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    name = repr(str(folder))
    if not files:
        kinds = ", ".join(sorted(READABLE_SUFFIXES))
        return SourceError(f"The folder {name} holds no file that can be read: {kinds}.")
    if len(files) > MOST_IN_FOLDER:
        return SourceError(
            f"The folder {name} holds {len(files):,} files, and at most {MOST_IN_FOLDER:,} are"
            " added at once. Add its folders one by one."
        )
    return Several(f"{name} is a folder of {len(files):,} files and not an article itself.", files)


def _loaded(url: str, fetched: Fetched) -> Loaded:
    path = PurePosixPath(unquote(urlsplit(fetched.url).path))
    suffix = path.suffix.lower()
    stem = path.stem.replace("-", " ").replace("_", " ") or urlsplit(url).hostname or ""
    known = suffix if suffix in READABLE_SUFFIXES else ""
    return Loaded(name=url, data=fetched.data, source=url, suffix=known, stem=stem)


def _address(source: str) -> str:
    source = source.strip()
    return f"https://{source}" if source.lower().startswith("www.") else source


def _canonical(told: str, found: str) -> str:
    """The address that a page gives as its own, if it stands on the same host; else where it was.

    A page must not send readers of its quotes to whoever it likes.
    """
    try:
        own, here = target(told), target(found)
    except SourceError:
        return found
    same = own.host.removeprefix("www.") == here.host.removeprefix("www.")
    return str(own) if same and own.port == here.port else found
