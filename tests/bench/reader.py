"""How fast the packaged reader is, and whether what runs it changes what it marks.

    python -m tests.bench.reader FILE... [--questions 1000]

FILEs are in the format of SQuAD. Each question is read in the passages that the engine
brings for it, by torch in float32, the reference, and by the runtime in float32 and in
bfloat16 where the processor has it. Then questions over five passages of a hundred words are
timed, in turns, so that all feel the same neighbours: all five are read, and what contends
is verified.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import accumulate
from pathlib import Path

import torch
from safetensors.torch import load_file

from index import Engine, IndexSettings, Scope
from index.reader import Candidate, ReadingPassage
from index.reader.model import SpanModel, TorchNetwork
from index.reader.spans import Model, SpanReader
from index.weights import packaged_model, packaged_tokenizer

PASSAGES, WORDS, SENTENCE, ROUNDS, QUESTIONS = 5, 100, 20, 10, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--questions", type=int, default=1000)
    options = parser.parse_args()
    readers = {"float32": SpanReader.packaged(half=False), "by default": SpanReader.packaged()}
    asked = list(gathered(options.files, options.questions))
    as_trained = reference()
    expected = [as_trained.read(*one) for one in asked]
    for name, reader in readers.items():
        same = same_passage = 0
        for one, span in zip(asked, expected, strict=True):
            found = reader.read(*one)
            same += (found.passage, found.start, found.end) == (span.passage, span.start, span.end)
            same_passage += found.passage == span.passage
        print(
            f"{name}: {same / len(asked):.4f} of {len(asked)} spans are the reference's,", end=" "
        )
        print(f"{same_passage / len(asked):.4f} stand in the same passage")
    timed(asked)


def reference(threads: int = 1) -> SpanReader:
    """The reader and its verifier as they were trained: torch, float32."""
    torch.set_num_threads(threads)
    reader, verifier = trained("reader"), trained("reader", "verifier")
    return SpanReader(lambda: Model(reader, packaged_tokenizer(), verifier=verifier))


def trained(*names: str) -> TorchNetwork:
    """The network of shipped weights; where two hold a layer, of the latter's."""
    data = Path(str(resources.files("index") / "data"))
    network = SpanModel.from_embedding(packaged_model())
    state = {
        layer: value.float()
        for name in names
        for layer, value in load_file(data / f"{name}.safetensors").items()
    }
    found = network.load_state_dict(state, strict=False)
    assert not found.unexpected_keys
    return TorchNetwork(network)


def gathered(files: Sequence[Path], most: int) -> Iterator[tuple[str, list[ReadingPassage]]]:
    """Questions drawn by chance, each with the passages that the engine would have it read in."""
    articles = [article for file in files for article in json.loads(file.read_bytes())["data"]]
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(IndexSettings(data_dir=Path(folder), reader="none")) as engine,
    ):
        drawn = []
        for number, article in enumerate(articles):
            text = "\n\n".join(p["context"] for p in article["paragraphs"])
            engine.add(Scope.guild(number), text.encode(), media_type="text/plain")
            drawn += [(number, q["question"]) for p in article["paragraphs"] for q in p["qas"]]
        for number, question in random.Random(5).sample(drawn, min(most, len(drawn))):
            in_blocks = engine.read_for(question, Scope.guild(number))
            yield question, [block.passage for block in in_blocks]


def timed(asked: Sequence[tuple[str, list[ReadingPassage]]]) -> None:
    words = [word for _, passages in asked for p in passages for word in p.text.split()]
    passages = []
    for number in range(PASSAGES):
        own = words[number * WORDS : (number + 1) * WORDS]
        sentences = [" ".join(own[at : at + SENTENCE]) for at in range(0, WORDS, SENTENCE)]
        starts = accumulate((len(one) + 1 for one in sentences), initial=0)
        spans = [(at, at + len(one)) for at, one in zip(starts, sentences, strict=False)]
        candidates = tuple(Candidate(*span, 1.0) for span in spans)
        passages.append(ReadingPassage(" ".join(sentences), candidates))
    for threads in (1, 2):
        readers = {
            "reference": reference(threads),
            "float32": SpanReader.packaged(threads=threads, half=False),
            "by default": SpanReader.packaged(threads=threads),
        }
        times: dict[str, list[float]] = {name: [] for name in readers}
        for question, _ in asked[:QUESTIONS] * ROUNDS:
            for name, reader in readers.items():
                begun = time.perf_counter()
                reader.read(question, passages)
                times[name].append((time.perf_counter() - begun) * 1000)
        for name, taken in times.items():
            print(f"{PASSAGES} x {WORDS} words, {threads} threads, {name}:", end=" ")
            print(f"median {statistics.median(taken):.1f} ms, best {min(taken):.1f} ms")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
