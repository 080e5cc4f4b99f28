"""The network of the span reader, and where its weights come from.

A BERT encoder with two scores for each token: an answer begins, or ends, there; at the
first token they stand for "not in this passage" (Devlin et al. 2019). The words'
vectors are those of the packaged embedding model, unchanged, so that only the layers
above them are shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForQuestionAnswering, AutoTokenizer
from transformers.utils import logging

from index.bert import Floats, Rows

_SHARED = "encoder.embeddings."


class SpanModel(nn.Module):
    """(input_ids, attention_mask, token_type_ids) -> scores of shape (rows, tokens), twice."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(width, 2)
        cast("nn.Module", encoder.embeddings).requires_grad_(requires_grad=False)

    @classmethod
    def from_embedding(cls, folder: Path, attention: str = "sdpa") -> Self:
        """A model that begins as the embedding model in ``folder``, with a head of chance."""
        # That the embedding model has a pooling layer too is no news.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        encoder = AutoModel.from_pretrained(
            folder,
            attn_implementation=attention,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            add_pooling_layer=False,
        )
        return cls(encoder, encoder.config.hidden_size)

    def forward(self, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        hidden = self.encoder(**inputs).last_hidden_state
        start, end = self.head(hidden).unbind(-1)
        return start, end

    def save(self, path: Path) -> None:
        """Write all but the shared words, in half precision."""
        state = {
            name: value.half().contiguous()
            for name, value in self.state_dict().items()
            if not name.startswith(_SHARED)
        }
        save_file(state, path)

    def load(self, path: Path) -> None:
        """Read what ``save`` wrote; RuntimeError when it does not fit."""
        found = self.load_state_dict(
            {name: value.float() for name, value in load_file(path).items()}, strict=False
        )
        missing = [name for name in found.missing_keys if not name.startswith(_SHARED)]
        if missing or found.unexpected_keys:
            raise RuntimeError(f"weights do not fit: {[*missing, *found.unexpected_keys][:3]}")


class TorchNetwork:
    """A torch module as the network of a reader: rows in, arrays out."""

    def __init__(self, module: nn.Module, inputs: Sequence[str] = ("token_type_ids",)) -> None:
        self._module = module.eval()
        self._inputs = inputs

    def __call__(self, rows: Rows) -> Floats:
        inputs = {"input_ids": rows.ids, "attention_mask": rows.mask}
        if "token_type_ids" in self._inputs:
            inputs["token_type_ids"] = rows.types
        with torch.inference_mode():
            found = self._module({name: torch.from_numpy(rows) for name, rows in inputs.items()})
        return cast("Floats", torch.stack(found, dim=-1).float().numpy())


def load_named(name: str, threads: int) -> tuple[TorchNetwork, Tokenizer, int]:
    """An extractive model and its tokenizer, by the name or folder that transformers knows."""
    torch.set_num_threads(threads)
    model = AutoModelForQuestionAnswering.from_pretrained(name)
    tokenizer = AutoTokenizer.from_pretrained(name)
    if not tokenizer.is_fast:
        raise ValueError("its tokenizer cannot tell where its tokens stand in the text")
    network = TorchNetwork(_Named(model), tokenizer.model_input_names)
    return network, tokenizer.backend_tokenizer, tokenizer.pad_token_id or 0


class _Named(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        found = self.model(**inputs)
        return found.start_logits, found.end_logits
