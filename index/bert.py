"""A BERT encoder (Devlin et al. 2019) on the CPU, run by OpenVINO, without torch.

Torch takes seconds to import and hundreds of megabytes to keep; a question needs
neither. The graph is built from the same weights that sentence-transformers reads, and
tests hold its output against that reference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice, takewhile
from queue import LifoQueue
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as op
from openvino.properties import hint, inference_num_threads, num_streams
from tokenizers import Encoding

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Weights = Mapping[str, npt.NDArray[Any]]
T = TypeVar("T", bound=np.generic)
Node: TypeAlias = Any  # an ov.Node; openvino ships no types

HEADS = 12
_EPSILON = 1e-12
_STEP = 8
"""Rows are padded to a multiple of so many tokens. OpenVINO makes kernels for each length that
it meets and keeps them: 40 MB after 300 questions.
"""
_FEW_AND_MANY = (8, 128)
"""Lengths for which it packs the weights: for many tokens half of them anew."""
MANY = 96
"""Tokens of a row from which it does so."""
_FAR_BELOW = -1e9
"""Added to what padding scores, so that no token attends to it."""


class Rows(NamedTuple):
    """A batch of token sequences, each array of shape (rows, tokens)."""

    ids: Integers
    types: Integers
    mask: Integers

    @classmethod
    def of(cls, encodings: Sequence[Encoding], padding: int = 0, most: int | None = None) -> Rows:
        """The batch of what a tokenizer made, padded here to the longest.

        Of one with more than ``most`` tokens the first are taken, and the special one at its end.
        """
        lengths = [min(len(encoding.ids), most or len(encoding.ids)) for encoding in encodings]
        rows = np.zeros((3, len(encodings), max(lengths)), dtype=np.int64)
        rows[0] = padding
        for row, (encoding, used) in enumerate(zip(encodings, lengths, strict=True)):
            for kind, values in enumerate((encoding.ids, encoding.type_ids)):
                rows[kind, row, :used] = [*values[: used - 1], values[-1]]
            rows[2, row, :used] = 1
        return cls(*rows)


class Bert:
    """``weights`` by the names of transformers' BertModel; ``head`` may add a linear layer.

    Thread-safe, and no more calls run at once than there are cores for; ``half`` computes in
    bfloat16, which the processor must have. Of ``layers`` the lowest so many are run, for an
    ``Upper``; None: all. Rows are padded to ``shortest`` tokens: with ``MANY`` the weights
    are packed but once, which spares memory where shorter ones are few.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        head: tuple[Floats, Floats] | None = None,
        threads: int = 1,
        half: bool = False,
        layers: int | None = None,
        shortest: int = 0,
    ) -> None:
        self._words = _float(weights["embeddings.word_embeddings.weight"])
        self._places = _float(weights["embeddings.position_embeddings.weight"])
        self._types = _float(weights["embeddings.token_type_embeddings.weight"])
        self._network = _Compiled(_graph(weights, head, layers), threads=threads, half=half)
        self._shortest = shortest
        # They pack the weights for this processor; ``weights`` are idle from here on.
        for tokens in _FEW_AND_MANY:
            self(Rows(*np.ones((3, 1, tokens), dtype=np.int64)))

    def __call__(self, rows: Rows) -> Floats:
        """Shape (rows, tokens, width): the last layer's states, or what the head makes of them."""
        tokens = rows.ids.shape[1]
        rows = Rows(*(_padded(part, self._shortest) for part in rows))
        # Looked up here, so that the words' vectors are not kept a second time.
        embedded = self._words[rows.ids] + self._places[: rows.ids.shape[1]]
        embedded += self._types[rows.types]
        return self._network(embedded, _unseen(rows.mask))[:, :tokens]


class Upper:
    """The layers of a BERT from ``first`` on, and a head: of states that another tells.

    Thread-safe, as ``Bert`` is. Rows are padded to ``MANY``.
    """

    def __init__(
        self,
        weights: Weights,
        first: int,
        head: tuple[Floats, Floats],
        *,
        threads: int = 1,
        half: bool = False,
    ) -> None:
        states = op.parameter([-1, -1, head[0].shape[1]], np.float32, name="states")
        unseen = op.parameter([-1, 1, 1, -1], np.float32, name="unseen")
        state = states
        for layer in _layers(weights, first):
            state = _layer(state, unseen, weights, layer)
        model = ov.Model([_affine(state, *head)], [states, unseen])
        self._network = _Compiled(model, threads=threads, half=half)
        self(np.zeros((1, MANY, head[0].shape[1]), np.float32), np.ones((1, MANY), np.int64))

    def __call__(self, states: Floats, mask: Integers) -> Floats:
        """States of shape (rows, tokens, width) -> what the head makes of the last layer's."""
        tokens = states.shape[1]
        states, mask = _padded(states, MANY), _padded(mask, MANY)
        return self._network(states, _unseen(mask))[:, :tokens]


class _Compiled:
    """A graph that the processor runs, for several threads at a time."""

    def __init__(self, model: Any, *, threads: int, half: bool) -> None:
        precision = ov.Type.bf16 if half else ov.Type.f32
        options = {
            hint.inference_precision: precision,
            hint.performance_mode: hint.PerformanceMode.LATENCY,
            inference_num_threads: threads,
            num_streams: 1,
            # Else every process binds its threads to the same first cores, and the others idle.
            hint.enable_cpu_pinning: False,
        }
        # OpenVINO gives the thread that compiles a stack for its signals, which is gone before the
        # thread lets go of it: the next signal would end the process. So the thread goes first.
        with ThreadPoolExecutor(1, "compiling") as aside:
            compile_model = ov.Core().compile_model
            self._compiled = aside.submit(compile_model, model, "CPU", options).result()
        # A request serves one call at a time, and has working memory of its own.
        self._idle: LifoQueue[Any] = LifoQueue()
        for _ in range(max(1, (os.cpu_count() or 1) // threads)):
            self._idle.put(self._compiled.create_infer_request())

    def __call__(self, *inputs: Floats) -> Floats:
        request = self._idle.get()
        try:
            return np.array(request.infer(list(inputs))[0], dtype=np.float32)
        finally:
            self._idle.put(request)


def fast_bfloat16() -> bool:
    """Whether this processor computes in bfloat16 faster than in float32."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _padded(values: npt.NDArray[T], shortest: int) -> npt.NDArray[T]:
    """Zeros behind the tokens, which are the second axis. (``np.pad`` takes four times as long.)"""
    tokens = values.shape[1]
    length = max(tokens + -tokens % _STEP, shortest)
    padded = np.zeros((len(values), length, *values.shape[2:]), values.dtype)
    padded[:, :tokens] = values
    return padded


def _unseen(mask: Integers) -> Floats:
    far_below = np.where(mask[:, None, None, :] > 0, 0.0, _FAR_BELOW)
    return far_below.astype(np.float32)


def _graph(weights: Weights, head: tuple[Floats, Floats] | None, layers: int | None) -> Any:
    width = weights["embeddings.word_embeddings.weight"].shape[1]
    embedded = op.parameter([-1, -1, width], np.float32, name="embedded")
    unseen = op.parameter([-1, 1, 1, -1], np.float32, name="unseen")
    state = _norm(embedded, weights, "embeddings.LayerNorm")
    for layer in islice(_layers(weights, 0), layers):
        state = _layer(state, unseen, weights, layer)
    if head is not None:
        state = _affine(state, *head)
    return ov.Model([state], [embedded, unseen])


def _layers(weights: Weights, first: int) -> Iterator[int]:
    return takewhile(
        lambda layer: f"encoder.layer.{layer}.output.dense.weight" in weights, count(first)
    )


def _layer(state: Node, unseen: Node, weights: Weights, layer: int) -> Node:
    name = f"encoder.layer.{layer}"
    attended = _attention(state, unseen, weights, f"{name}.attention.self")
    attended = _linear(attended, weights, f"{name}.attention.output.dense")
    state = _norm(op.add(attended, state), weights, f"{name}.attention.output.LayerNorm")
    inner = op.gelu(_linear(state, weights, f"{name}.intermediate.dense"), "erf")
    inner = _linear(inner, weights, f"{name}.output.dense")
    return _norm(op.add(inner, state), weights, f"{name}.output.LayerNorm")


def _attention(state: Node, unseen: Node, weights: Weights, name: str) -> Node:
    def heads(part: str) -> Node:
        flat = _linear(state, weights, f"{name}.{part}")
        width = weights[f"{name}.{part}.bias"].shape[0]
        split = op.reshape(flat, [0, 0, HEADS, width // HEADS], special_zero=True)
        return op.transpose(split, [0, 2, 1, 3])

    attended = op.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"), unseen)
    return op.reshape(op.transpose(attended, [0, 2, 1, 3]), [0, 0, -1], special_zero=True)


def _linear(state: Node, weights: Weights, name: str) -> Node:
    return _affine(state, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _affine(state: Node, weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> Node:
    product = op.matmul(state, _constant(weight), transpose_a=False, transpose_b=True)
    return op.add(product, _constant(bias))


def _norm(state: Node, weights: Weights, name: str) -> Node:
    normal = op.mvn(state, [-1], True, _EPSILON, "inside_sqrt")
    scaled = op.multiply(normal, _constant(weights[f"{name}.weight"]))
    return op.add(scaled, _constant(weights[f"{name}.bias"]))


def _float(weight: npt.NDArray[Any]) -> Floats:
    return np.ascontiguousarray(weight, dtype=np.float32)


def _constant(weight: npt.NDArray[Any]) -> Node:
    return op.constant(_float(weight), shared_memory=True)
