"""Which language a text is in, by py3langid's tables.

A text looks at a few pages of their 70 MB. So they lie in a file, where the rest need not be
in memory; and as reading them takes twice as much for a moment, of which threads keep half,
another process does that: ``python -m index.languages``.
"""

from __future__ import annotations

import logging
import mmap
import pickle
import struct
import subprocess
import sys
import tempfile
from functools import cache
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from index.arrays import write_to_be_mapped

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

log = logging.getLogger(__name__)

_WITHIN_S = 60
_SIZES = struct.Struct("<6Q")
"""At the end of the file: of the tables, 0 for those that are not there, and of all else."""
_LOADING = Lock()


def classify(text: str) -> tuple[str, float]:
    """The likeliest language, as an ISO 639 code, and its probability, 0..1."""
    with _LOADING:  # by the first who needs it; classifying changes nothing in it
        identifier = _load()
    language, probability = identifier.classify(text)
    return language, float(probability)


@cache
def _load() -> LanguageIdentifier:
    # Whatever modules lie in the folder that the program was started in are not ours to run.
    ours = Path(__file__).resolve().parents[1]
    try:
        with tempfile.TemporaryFile(buffering=0) as file:
            subprocess.run(
                [sys.executable, "-m", "index.languages"],
                check=True,
                cwd=ours,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.DEVNULL,
                timeout=_WITHIN_S,
            )
            return _mapped(file)
    except Exception as error:  # noqa: BLE001 - no space, no processes: it can be done without
        log.warning("the tables of languages are kept in memory: %s", error)
        return _read()


def _read() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - slow to load

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _write(file: FileIO) -> None:
    identifier = _read()
    moves = identifier.tk_nextmove
    identifier.tk_nextmove = np.frombuffer(moves, dtype=moves.typecode)
    tables: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(identifier, protocol=5, buffer_callback=tables.append)
    parts = [*(table.raw() for table in tables), memoryview(rest)]
    for part in parts:
        write_to_be_mapped(file, part)
    sizes = [len(part) for part in parts]
    write_to_be_mapped(file, memoryview(_SIZES.pack(*[0] * (6 - len(sizes)), *sizes)))


def _mapped(file: BinaryIO) -> LanguageIdentifier:
    """What ``_write`` wrote, its tables in the file still."""
    whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    *sizes, rest = _SIZES.unpack(whole[-_SIZES.size :])
    ends = np.cumsum(sizes).tolist()
    tables = [whole[end - size : end] for size, end in zip(sizes, ends, strict=True) if size]
    identifier: LanguageIdentifier = pickle.loads(  # noqa: S301 - our own process wrote it
        whole[ends[-1] : ends[-1] + rest], buffers=tables
    )
    # Read by one number after the other, of which numpy would make objects of its own.
    identifier.tk_nextmove = memoryview(identifier.tk_nextmove)
    return identifier


if __name__ == "__main__":
    _write(FileIO(sys.stdout.fileno(), "wb", closefd=False))
