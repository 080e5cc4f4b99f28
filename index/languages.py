"""Which language a text is in, by py3langid's tables.

A text looks at a few pages of their 70 MB. So they lie in a file, where the rest need not be
in memory; and as reading them takes twice as much for a moment, of which threads keep half,
another process does that: ``python -m index.languages FOLDER``.
"""

from __future__ import annotations

import mmap
import pickle
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from index.arrays import write_to_be_mapped

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_WITHIN_S = 60
_LOADING = Lock()


def classify(text: str) -> tuple[str, float]:
    """The likeliest language, as an ISO 639 code, and its probability, 0..1."""
    with _LOADING:  # by the first who needs it; classifying changes nothing in it
        identifier = _load()
    language, probability = identifier.classify(text)
    return language, float(probability)


@cache
def _load() -> LanguageIdentifier:
    program = [sys.executable, "-m", "index.languages"]
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            subprocess.run([*program, folder], check=True, capture_output=True, timeout=_WITHIN_S)
            return _mapped(Path(folder))
    except (OSError, subprocess.SubprocessError):  # no space, no processes: then in memory
        return _read()


def _read() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - slow to load

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _write(folder: Path) -> None:
    """Leave the tables in ``tables``, and all else in ``identifier``."""
    identifier = _read()
    moves = identifier.tk_nextmove
    identifier.tk_nextmove = np.frombuffer(moves, dtype=moves.typecode)
    tables: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(identifier, protocol=5, buffer_callback=tables.append)
    sizes = [table.raw().nbytes for table in tables]
    (folder / "identifier").write_bytes(pickle.dumps((rest, sizes)))
    with (folder / "tables").open("wb", buffering=0) as file:
        for table in tables:
            write_to_be_mapped(file, table.raw())


def _mapped(folder: Path) -> LanguageIdentifier:
    rest, sizes = pickle.loads((folder / "identifier").read_bytes())  # noqa: S301 - our own
    with (folder / "tables").open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    ends = np.cumsum(sizes).tolist()
    tables = [whole[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    identifier: LanguageIdentifier = pickle.loads(rest, buffers=tables)  # noqa: S301 - our own
    # Read by one number after the other, of which numpy would make objects of its own.
    identifier.tk_nextmove = memoryview(identifier.tk_nextmove)
    return identifier


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
