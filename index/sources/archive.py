"""A file that is a ZIP of XML: opened, bounded, and its XML read without traps."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from index.errors import SourceError

MOST_FILES = 5_000
MOST_BYTES = 200_000_000
"""Of all its files, unpacked."""

CORE = {"dc": "http://purl.org/dc/elements/1.1/", "dcterms": "http://purl.org/dc/terms/"}


class Archive:
    """The files in a ZIP; SourceError when it is damaged, locked, or would unpack to too much.

    The messages go on from the name of the source.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise SourceError(f"is damaged ({error}). Save it again.") from error
        infos = self._zip.infolist()
        if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
            raise SourceError(
                f"would unpack to more than {MOST_BYTES / 1e6:,.0f} MB or {MOST_FILES:,} files."
                " Save it as plain text and add that."
            )
        if any(info.flag_bits & 1 for info in infos):
            raise SourceError("is locked with a password. Save it without one.")

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None when there is none of that name."""
        try:
            return self._zip.read(path)
        except KeyError:
            return None
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError) as error:
            raise SourceError(f"is damaged in {path!r:.60} ({error}). Save it again.") from error

    def xml(self, path: str) -> Any:
        """The root of an XML file; None when there is none of that name, or it is no XML."""
        data = self.read(path)
        if data is None:
            return None
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        try:
            return etree.fromstring(data, parser)
        except etree.XMLSyntaxError:
            return None


def core_text(tree: Any, name: str) -> str:
    """The first Dublin Core element of that name, "" where there is none."""
    if tree is None:
        return ""
    return str(tree.xpath(f"string(//{name})", namespaces=CORE)).strip()
