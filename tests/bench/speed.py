"""Where a question's time goes, what more reading buys, and what stays in memory.

    python -m tests.bench.speed [--parts embedding building answering sweep memory]
        [--asked 10000] [--plot FILE]

Each part runs in a process of its own, so that none counts what another has loaded. All on
the articles in ``data/written/dev``: the embedding, and the building of a library, against
sentence-transformers in float32, on one thread; one article of fifty passages asked on one and
on two threads, stage by stage; the number of passages that are read against how many quotes
then hold an answer; and the memory after a hundred, a thousand and ten thousand questions.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import index.gathering
from bot.__main__ import _share_arenas
from index import Engine, IndexSettings, Models, Scope
from index.answering import read
from index.candidates import find
from index.chunking import chunk
from index.coverage import Coverage
from index.embedding import PackagedEmbedder, SentenceTransformerEmbedder
from index.gathering import blocks, passages
from index.lexical import tokens
from tests.bench.peers import material
from tests.bench.scale import resident_mb

PARTS = ("embedding", "building", "answering", "sweep", "memory")
PASSAGES = 50
MOST_READ = 8
MOST_BUILT = 40
LOCAL = Scope.local()
Asked = Sequence[tuple[str, Sequence[str]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--asked", type=int, default=10_000)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if len(options.parts) > 1:
        others = ["--asked", str(options.asked)]
        others += ["--plot", str(options.plot)] if options.plot else []
        for part in options.parts:
            command = [sys.executable, "-m", "tests.bench.speed", "--parts", part, *others]
            subprocess.run(command, check=True)
        return
    _share_arenas()  # as the program does
    articles, contexts, asked = material(10_000)
    match options.parts[0]:
        case "embedding":
            embedding(contexts)
        case "building":
            building(articles[:MOST_BUILT])
        case "answering":
            few = "\n\n".join(contexts[:PASSAGES])
            about_few = [pair for pair in asked if any(answer in few for answer in pair[1])]
            for threads in (1, 2):
                with library([few], threads) as engine:
                    answering(engine, about_few[:200], threads)
                    if threads == 1:
                        stages(engine, about_few[:100])
        case "sweep":
            with library(articles) as engine:
                swept = sweep(engine, asked[:400])
            if options.plot:
                plot(swept, options.plot)
        case _:
            memory(articles, asked, options.asked)


@contextmanager
def library(
    texts: Sequence[str], threads: int = 1, embedder: PackagedEmbedder | None = None
) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "sources"
        write(texts, sources)
        settings = IndexSettings(data_dir=Path(folder) / "data", threads=threads)
        models = Models.of(settings)
        embedder = embedder or PackagedEmbedder(threads=threads)
        with Engine.open(settings, embedder=embedder, reader=models.reader) as engine:
            engine.add_all(LOCAL, sources)
            engine.warm(LOCAL)
            yield engine


def write(texts: Sequence[str], folder: Path) -> None:
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number:04}.txt").write_text(text, "utf-8")


def embedding(texts: Sequence[str]) -> None:
    """Texts of about a hundred words, forty at a time."""
    ours, reference = PackagedEmbedder(), SentenceTransformerEmbedder()
    used: dict[str, list[float]] = {"ours": [], "sentence-transformers": []}
    for begin in range(0, 200, 40):
        for name, embedder in (("ours", ours), ("sentence-transformers", reference)):
            begun = time.process_time()
            vectors = embedder.encode(texts[begin : begin + 40])
            used[name].append(time.process_time() - begun)
            if name == "ours":
                mine = vectors
        least = float((mine * vectors).sum(axis=1).min())
    speed = {name: 40 / statistics.median(times[1:]) for name, times in used.items()}
    print(
        f"embedding, passages a CPU second: {speed['ours']:.1f}, sentence-transformers"
        f" {speed['sentence-transformers']:.1f}, ratio"
        f" {speed['ours'] / speed['sentence-transformers']:.2f}; least cosine {least:.6f}",
        flush=True,
    )


def building(articles: Sequence[str]) -> None:
    """A library's index, against the reference's time for the same passages as texts: alone,
    and with a vector for each sentence and for each sentence with its neighbours.
    """
    ours, reference = PackagedEmbedder(), SentenceTransformerEmbedder()
    for embedder in (ours, reference):
        embedder.encode(["Loaded."])
    cut = [(text, chunk(text, [], ours.count_tokens, ours.max_tokens)) for text in articles]
    passages_of = [text[a:b] for text, one in cut for a, b in one.chunks]
    others = [text[s.start : s.end] for text, one in cut for s in one.sentences]
    others += [text[a:b] for text, one in cut for a, b in one.windows]

    def spent(work: Callable[[], object]) -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    def build() -> None:
        with library(articles, embedder=ours):
            pass

    took_s = spent(build)
    alone_s = spent(lambda: reference.encode(passages_of))
    all_s = alone_s + spent(lambda: reference.encode(others))
    print(
        f"building, passages a CPU second: {len(passages_of) / took_s:.1f} ({len(passages_of)},"
        f" parsing, words and publishing included); sentence-transformers"
        f" {len(passages_of) / alone_s:.1f} for the passages alone, ratio {alone_s / took_s:.2f},"
        f" {len(passages_of) / all_s:.1f} with their sentences, ratio {all_s / took_s:.2f}",
        flush=True,
    )


def answering(engine: Engine, asked: Asked, threads: int) -> None:
    times = []
    for question, _ in asked:
        begun = time.perf_counter()
        engine.ask(LOCAL, question, threshold=0)
        times.append((time.perf_counter() - begun) * 1000)
    print(
        f"an answer from an article of {PASSAGES} passages, {threads} threads:"
        f" p50 {statistics.median(times):.0f} ms, p95 {np.percentile(times, 95):.0f} ms"
        f" ({len(times)} questions)",
        flush=True,
    )


def stages(engine: Engine, asked: Asked) -> None:
    """Medians of each stage, in milliseconds; the reader's is what is left of reading."""
    times: dict[str, list[float]] = {}

    @contextmanager
    def lap(name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        times.setdefault(name, []).append((time.perf_counter() - begun) * 1000)

    for question, _ in asked:
        words = tokens(question)
        with lap("embedding the question"):
            vector = engine._questions.encode([question])[0]
        with lap("searching"):
            found = find(engine._library.searched(LOCAL), vector, words)
        with lap("gathering what is read"):
            blocks(found, engine._text, Coverage(words))
        with lap("gathering what is shown"):
            passages(found, engine._text)
        with lap("all of reading"):
            read(found, question, words, engine._reader, engine._text)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    medians["the reader"] = medians.pop("all of reading") - sum(
        medians[name] for name in ("gathering what is read", "gathering what is shown")
    )
    print("; ".join(f"{name} {taken:.1f} ms" for name, taken in medians.items()), flush=True)


def sweep(engine: Engine, asked: Asked) -> list[tuple[int, float, float]]:
    """For each number of passages that may be read: quotes that hold an answer, and the time."""
    found = []
    before = index.gathering.BLOCKS
    for most in range(1, MOST_READ + 1):
        index.gathering.BLOCKS = most
        engine._repeated._values.clear()
        held, times = 0, []
        for question, answers in asked:
            begun = time.perf_counter()
            quotes = engine.ask(LOCAL, question, threshold=0).quotes
            times.append((time.perf_counter() - begun) * 1000)
            held += any(answer in quote.text for quote in quotes for answer in answers)
        found.append((most, held / len(asked), statistics.median(times)))
        print(
            f"{most} passages: {found[-1][1]:.1%} of quotes hold it, {found[-1][2]:.0f} ms",
            flush=True,
        )
    index.gathering.BLOCKS = before
    return found


def memory(articles: Sequence[str], asked: Asked, most: int) -> None:
    """Of a process that asks what another has indexed. The answers are worked out anew each
    time: the cache is emptied.
    """
    with tempfile.TemporaryDirectory() as folder:
        write(articles, Path(folder) / "sources")
        settings = IndexSettings(data_dir=Path(folder) / "data")
        subprocess.run(
            [sys.executable, "-m", "bot", "add", str(Path(folder) / "sources")],
            env={**os.environ, "DATA_DIR": str(settings.data_dir), "DATABASE_URL": ""},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        with Engine.open(settings) as engine:
            for number in range(1, most + 1):
                if number % len(asked) == 0:
                    engine._repeated._values.clear()
                engine.ask(LOCAL, asked[number % len(asked)][0], threshold=0)
                if number in {100, 1_000, 3_000, most}:
                    print(f"memory after {number} questions: {resident_mb():.0f} MB", flush=True)


def plot(swept: Sequence[tuple[int, float, float]], path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    picture = Figure(figsize=(7, 3.2), layout="constrained")
    read_passages, held, took = zip(*swept, strict=True)
    quality, cost = picture.subplots(1, 2)
    quality.plot(read_passages, [100 * share for share in held], "o-")
    quality.set(title="Quotes that hold an answer, %", ylim=(min(held) * 100 - 2, None))
    cost.plot(read_passages, took, "o-")
    cost.set(title="An answer, median, ms (one thread)", ylim=(0, None))
    for axes in (quality, cost):
        axes.set_xlabel("passages that may be read")
        axes.axvline(index.gathering.BLOCKS, linestyle=":", color="grey")
        axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(path)


if __name__ == "__main__":
    main()
