"""Whether a site wishes that programs leave a page alone (RFC 9309)."""

from __future__ import annotations

import threading
import time
from urllib.parse import urljoin, urlsplit

from protego import Protego

from index.errors import SourceError
from index.fetching import AGENT, Fetcher

KEPT_S = 3600.0
_MOST_KEPT = 256


class Robots:
    """The robots.txt of each site, kept for an hour. Thread-safe."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Protego]] = {}

    def check(self, url: str) -> None:
        """SourceError when the site asks that ``url`` is not fetched by programs.

        A site without rules, or whose rules cannot be read just now, does not ask.
        """
        if not self._rules(url).can_fetch(url, AGENT):
            raise SourceError(
                f"{url} is not for programs to read, says the robots.txt of"
                f" {urlsplit(url).hostname}. What is stored of it stays."
            )

    def _rules(self, url: str) -> Protego:
        site = urljoin(url, "/robots.txt")
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(site)
        if kept is not None and kept[0] > now:
            return kept[1]
        try:
            fetched = self._fetcher.fetch(site)
            rules = Protego.parse(fetched.data.decode("utf-8", "replace") if fetched else "")
        except SourceError:
            rules = Protego.parse("")
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[site] = (now + KEPT_S, rules)
        return rules
