"""Arrays read from files: small ones into memory, large ones mapped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAPPED_FROM = 8_000_000
"""Bytes. A mapped file keeps a descriptor open, and a server's own library has ten files."""


def read_array(path: Path) -> npt.NDArray[Any]:
    """What ``np.save`` wrote; OSError or ValueError when it is something else."""
    # Windows renames and deletes no folder in which a file is mapped.
    mapped = os.name != "nt" and path.stat().st_size >= MAPPED_FROM
    found = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    plain: npt.NDArray[Any] = found.view(np.ndarray)  # each look at a memmap is slow
    return plain
