"""Arrays read from files: small ones into memory, large ones mapped; and memory given back."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_PIECE = 16_384
MAPPED_FROM = 8_000_000
"""Bytes. A mapped file keeps a descriptor open, and a server's own library has ten files."""


def read_array(path: Path) -> npt.NDArray[Any]:
    """What ``np.save`` wrote; OSError or ValueError when it is something else."""
    # Windows renames and deletes no folder in which a file is mapped.
    mapped = os.name != "nt" and path.stat().st_size >= MAPPED_FROM
    found = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    plain: npt.NDArray[Any] = found.view(np.ndarray)  # each look at a memmap is slow
    return plain


def give_back() -> None:
    """Let memory that was freed return to the system: glibc keeps 75 MB after a hundred
    articles were indexed, and allocates anew beside it.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def write_to_be_mapped(file: FileIO, written: memoryview) -> None:
    """Write what is mapped afterwards, and looked at here and there.

    Linux caches a file in pieces as large as they were written, of up to two megabytes, and
    whoever looks at a byte of one has all of it in memory.
    """
    for begin in range(0, len(written), _PIECE):
        piece = written[begin : begin + _PIECE]
        if file.write(piece) != len(piece):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
