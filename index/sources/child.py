"""The process that parses: one request after another from standard input, until it ends.

A frame is a length (four bytes, big-endian), as much JSON, and in a request the bytes of
the source. Nothing that is read here is ever run, nor unpickled on the other side.
"""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import asdict
from typing import BinaryIO

from index.errors import SourceError
from index.sources import Loaded, parse

LENGTH = struct.Struct(">I")


def main() -> None:
    _limit(int(sys.argv[1]) * 1_000_000)
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a parser prints is no reply
    while head := requests.read(LENGTH.size):
        request = json.loads(requests.read(LENGTH.unpack(head)[0]))
        data = requests.read(request["size"])
        loaded = Loaded(**request["loaded"], data=data)
        try:
            document = parse(loaded, request["media_type"], request["title"])
            _reply(replies, {"document": asdict(document)})
        except SourceError as error:
            _reply(replies, {"refused": str(error)})


def _reply(replies: BinaryIO, reply: object) -> None:
    encoded = json.dumps(reply).encode()
    replies.write(LENGTH.pack(len(encoded)) + encoded)
    replies.flush()


def _limit(memory: int) -> None:
    """Bound what this process may take, where the system can; it may write no file at all."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


if __name__ == "__main__":
    main()
