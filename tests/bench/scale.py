"""How retrieval grows with the library, from a hundred passages to a million.

    python -m tests.bench.scale FOLDER [--sizes 100 1000 ... 1000000] [--json FILE] [--plot FILE]

A passage is a window: a sentence with its neighbours, with the vector, the sentence's
own vector and the words that the engine scores. Real ones come from the articles in
``data/written``; synthetic ones are made from them, their vectors turned away by chance
and half of their words drawn anew from a vocabulary of 200,000. Questions are the real
ones. What is found is held against the same recipe with nothing approximate: recall@10 is
the share of its best ten sentences.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.candidates import Found, find
from index.chunking import chunk
from index.embedding import PackagedEmbedder
from index.generation import (
    SENTENCE,
    Candidates,
    Contents,
    Generation,
    IndexedArticle,
    Searched,
)
from index.generation_files import GenerationFiles
from index.lexical import LexicalIndex, tokens
from index.ranking import fuse, scale
from index.types import Scope
from index.vectors import VectorIndex, build
from tests.bench.peers import WRITTEN, material, texts

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
QUESTIONS = 200
HELD_AGAINST = 60
"""Of them; at a million passages an exact answer takes seconds."""
TURNED = 0.6
"""Length of what is added to a vector of length 1: such a neighbour's cosine is about 0.86."""
VOCABULARY = 200_000
SENTENCES_A_CHUNK = 6
LIMIT = 256
NAMES = ("sentence_vectors", "window_vectors")
Floats = npt.NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--measure", type=int, help="one size, already made, in this process")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.measure:
        print(json.dumps(measure(options.folder, Real.kept(options.folder), options.measure)))
        return
    real = Real.of(options.folder)
    rows = []
    for size in options.sizes:
        if not (options.folder / str(size)).exists():
            publish(options.folder / str(size), real, size)
        # In a process of its own, so that its memory is its own.
        command = [sys.executable, "-m", "tests.bench.scale", options.folder]
        done = subprocess.run(
            [*command, "--measure", str(size)], check=True, stdout=subprocess.PIPE
        )
        rows.append(json.loads(done.stdout))
        print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), "utf-8")
    if options.plot:
        plot(rows, options.plot)


class Real:
    """Sentences of real articles, and questions on them."""

    def __init__(self, arrays: Any, asked: list[str], words: dict[str, list[list[str]]]) -> None:
        self.sentences: Floats = arrays["sentences"]
        self.windows: Floats = arrays["windows"]
        self.queries: Floats = arrays["queries"]
        self.asked = asked
        self.words = words

    @classmethod
    def kept(cls, folder: Path) -> Real:
        """The questions alone, as ``of`` left them in ``folder``."""
        return cls(
            np.load(folder / "real.npz"), json.loads((folder / "asked.json").read_bytes()), {}
        )

    @classmethod
    def of(cls, folder: Path) -> Real:
        """Embedded once, and kept in ``folder``."""
        articles, _, pairs = material(QUESTIONS)
        articles += texts(WRITTEN.with_name("train"))
        asked = [question for question, _ in pairs[:QUESTIONS]]
        embedder = PackagedEmbedder()
        sentences, windows = [], []
        for text in articles:
            cut = chunk(text, (), embedder.count_tokens, embedder.max_tokens)
            sentences += [text[s.start : s.end] for s in cut.sentences]
            windows += [text[a:b] for a, b in cut.windows]
        file = folder / "real.npz"
        if not file.exists():
            print(f"embedding {2 * len(sentences)} texts", flush=True)
            np.savez(
                file,
                sentences=embedder.encode(sentences),
                windows=embedder.encode(windows),
                queries=embedder.encode(asked),
            )
            (folder / "asked.json").write_text(json.dumps(asked), "utf-8")
        words = {
            "sentences": [tokens(text) for text in sentences],
            "windows": [tokens(text) for text in windows],
        }
        return cls(np.load(file), asked, words)


def measure(folder: Path, real: Real, size: int) -> dict[str, Any]:
    home = folder / str(size)
    store = GenerationFiles(home)
    scope = Scope.local()
    name = store.current(scope)
    assert name is not None
    begun = time.perf_counter()
    generation = store.load(scope, name, "bench")
    opened = time.perf_counter() - begun
    searched = [Searched(generation, None)]
    asked = [(query, tokens(text)) for query, text in zip(real.queries, real.asked, strict=True)]
    for query, words in asked[:20]:
        find(searched, query, words)
    times, found = [], []
    for query, words in asked:
        begun = time.perf_counter()
        found.append(find(searched, query, words))
        times.append((time.perf_counter() - begun) * 1000)
    resident = resident_mb()
    truth = [build(np.load(home / f"{name}.npy", mmap_mode="r"), flat_up_to=size) for name in NAMES]
    held = [
        len(set(best(one)) & set(best(exact(generation, truth, *question)))) / min(10, size)
        for one, question in list(zip(found, asked, strict=True))[:HELD_AGAINST]
    ]
    built = json.loads((home / "built.json").read_text("utf-8"))
    return {
        "passages": size,
        "p50_ms": statistics.median(times),
        "p95_ms": sorted(times)[int(0.95 * len(times))],
        "recall_at_10": statistics.mean(held),
        "open_s": opened,
        "rss_mb": resident,
        "disk_mb": sum(f.stat().st_size for f in store.folder(scope).rglob("*") if f.is_file())
        / 1e6,
        **built,
    }


def publish(home: Path, real: Real, size: int) -> None:
    """Make a generation of ``size`` passages, by the code that publishes all."""
    making = home.with_name(f"{home.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    chance = np.random.default_rng(size)
    origin = np.concatenate(
        [np.arange(len(real.sentences)), chance.integers(len(real.sentences), size=size)]
    )[:size]
    begun = time.perf_counter()
    contents = Contents(
        sentences=records(size),
        sentence_vectors=around(making, NAMES[0], real.sentences, origin, chance),
        window_vectors=around(making, NAMES[1], real.windows, origin, chance),
        sentence_words=LexicalIndex.build(worded(real.words["sentences"], origin)),
        window_words=LexicalIndex.build(worded(real.words["windows"], origin)),
        chunk_words=LexicalIndex.build(
            [word for words in run for word in words]
            for run in batched(worded(real.words["sentences"], origin), SENTENCES_A_CHUNK)
        ),
    )
    article = IndexedArticle(1, 1, "Synthetic", "bench", 1)
    GenerationFiles(making).publish(Scope.local(), 1, "bench", [article], contents)
    took = time.perf_counter() - begun
    (making / "built.json").write_text(json.dumps({"build_s": took}), "utf-8")
    making.rename(home)


def records(size: int) -> npt.NDArray[np.void]:
    rows = np.zeros(size, dtype=SENTENCE)
    rows["number"] = np.arange(size)
    rows["start"] = 100 * np.arange(size)
    rows["end"] = rows["start"] + 90
    rows["chunk"] = np.arange(size) // SENTENCES_A_CHUNK
    return rows


def around(folder: Path, name: str, real: Floats, origin: npt.NDArray[Any], chance: Any) -> Floats:
    """The real vectors, and beyond them others near to one each, mapped from a file."""
    size, width = len(origin), real.shape[1]
    vectors: Floats = np.lib.format.open_memmap(
        folder / f"{name}.npy", mode="w+", dtype=np.float32, shape=(size, width)
    )
    for begin in range(0, size, 16_384):
        some = origin[begin : begin + 16_384]
        block = real[some]
        turned = chance.normal(scale=TURNED / np.sqrt(width), size=block.shape)
        turned[np.arange(begin, begin + len(some)) < len(real)] = 0
        block = block + turned
        vectors[begin : begin + len(some)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def worded(real: Sequence[Sequence[str]], origin: npt.NDArray[Any]) -> Iterator[list[str]]:
    """The words of each origin; beyond the real ones half of them drawn anew."""
    chance = random.Random(1)
    drawn = (np.random.default_rng(1).zipf(1.2, size=1_000_000) % VOCABULARY).tolist()
    for row, number in enumerate(origin.tolist()):
        words = list(real[number])
        if row >= len(real):
            begin = chance.randrange(len(drawn) - len(words))
            words[::2] = [f"w{drawn[begin + i]}" for i in range(len(words[::2]))]
        yield words


def batched(texts: Iterator[list[str]], count: int) -> Iterator[list[list[str]]]:
    while run := [text for _, text in zip(range(count), texts, strict=False)]:
        yield run


def exact(
    generation: Generation, truth: Sequence[VectorIndex], query: Floats, words: Sequence[str]
) -> Found:
    """The recipe with every sentence's and every window's cosine worked out."""
    parts = replace(generation.parts, sentence_vectors=truth[0], window_vectors=truth[1])
    generation = Generation(generation.name, generation.manifest, parts)
    near = [index.search(query, LIMIT)[0] for index in truth]
    by_words = [index.scores(words) for index in (parts.sentence_words, parts.window_words)]
    near += [np.argsort(-scores, kind="stable")[:LIMIT] for scores in by_words]
    near[2:] = [rows[scores[rows] > 0] for rows, scores in zip(near[2:], by_words, strict=True)]
    rows = np.unique(np.concatenate(near))
    chunks = parts.chunk_words.scores(words)
    candidates = Candidates(
        rows,
        {
            "sentence_cosine": parts.sentence_vectors.scores(query, rows),
            "window_cosine": generation._best_window(query, rows),
            "sentence_bm25": by_words[0][rows],
            "window_bm25": by_words[1][rows],
            "chunk_bm25": chunks[parts.sentences["chunk"][rows]],
        },
    )
    return Found(
        generations=(generation,),
        generation_of=np.zeros(len(rows), np.int64),
        rows=rows,
        sentences=parts.sentences[rows],
        terms=candidates.terms,
        scaled=(scaled := scale(candidates.terms)),
        scores=fuse(scaled),
        query=query,
    )


def best(found: Found) -> list[int]:
    order = np.argsort(-found.scores, kind="stable")[:10]
    rows: list[int] = found.rows[order].tolist()
    return rows


def resident_mb() -> float:
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| passages | p50, ms | p95, ms | recall@10 | open, s | memory, MB | disk, MB | built in, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['passages']:,} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f}"
        f" | {row['recall_at_10']:.3f} | {row['open_s']:.2f} | {row['rss_mb']:.0f}"
        f" | {row['disk_mb']:.0f} | {row['build_s']:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    picture = Figure(figsize=(11, 3.4), layout="constrained")
    sizes = [row["passages"] for row in rows]
    time_axes, memory_axes, recall_axes = picture.subplots(1, 3)
    for key, label in (("p50_ms", "median"), ("p95_ms", "95 %")):
        time_axes.plot(sizes, [row[key] for row in rows], "o-", label=label)
    time_axes.set(title="Retrieval without the embedding, ms", xscale="log", ylim=(0, None))
    time_axes.legend(frameon=False)
    for key, label in (("rss_mb", "memory"), ("disk_mb", "disk")):
        memory_axes.plot(sizes, [row[key] for row in rows], "o-", label=label)
    memory_axes.set(title="Memory and disk, MB", xscale="log", yscale="log")
    memory_axes.legend(frameon=False)
    recall_axes.plot(sizes, [row["recall_at_10"] for row in rows], "o-")
    recall_axes.set(title="Recall@10 of the exact recipe", xscale="log", ylim=(0.9, 1.005))
    for axes in (time_axes, memory_axes, recall_axes):
        axes.set_xlabel("passages")
        axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(path)


if __name__ == "__main__":
    main()
