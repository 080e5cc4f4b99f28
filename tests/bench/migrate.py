"""Are questions answered alike after `article-bot migrate`?

    python -m tests.bench.migrate FOLDER [--sentences 30000] [--questions 500] [--scopes 5]

The articles in ``data/written``, and as many of them once more as it takes, are dealt out to
scopes in FOLDER and embedded by the packaged model, which takes minutes the first time. Then a
PostgreSQL is started, everything is migrated to it, and both are asked the same questions.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index import Answer, Engine, IndexSettings, Migration, Scope
from index.library import silent
from tests.postgres import execute, server

WRITTEN = Path(__file__).parents[2] / "data" / "written"
SEED = 7
CLOSE = 0.01
"""Of a confidence before and after."""


@dataclass(frozen=True, slots=True)
class Written:
    name: str
    title: str
    text: str
    questions: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sentences", type=int, default=30_000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--scopes", type=int, default=5)
    options = parser.parse_args()
    articles = list(written())
    folder = options.folder / "data"
    settings = IndexSettings(data_dir=folder, threads=2)
    with Engine.open(settings) as engine:
        if not engine.scopes():
            fill(engine, articles, options.scopes, options.sentences, options.folder)
        asked = questions(articles, options.scopes, options.questions)
        before = [engine.ask(scope, question) for scope, question in asked]
    with server() as postgres:
        url = postgres.url()
        begun = time.perf_counter()
        with Migration.open(folder, url) as migration:
            migrated = migration.run(silent)
        copied = time.perf_counter()
        settings = IndexSettings(data_dir=options.folder / "fleet", database_url=url, threads=2)
        with Engine.open(settings) as engine:
            for one in migrated:
                engine.catch_up(one.scope)
            built = time.perf_counter()
            after = [engine.ask(scope, question) for scope, question in asked]
        ((vectors,),) = execute(url, "SELECT count(*) FROM vectors")
    rows = sum(sum(one.rows.values()) for one in migrated)
    cached = sum(one.rows.get("vectors", 0) for one in migrated)
    print(f"{rows:,} rows of {len(migrated)} scopes copied and compared: {copied - begun:.1f} s")
    print(f"indexes built: {built - copied:.1f} s; newly embedded: {int(str(vectors)) - cached:,}")
    report([question for _, question in asked], before, after)


def written() -> Iterator[Written]:
    """Every article with its questions, those that it leaves open too."""
    for path in sorted(WRITTEN.glob("*/*.txt")):
        head, rest = path.read_text("utf-8").split("\n---\n", 1)
        text, asked = rest.rsplit("\n===\n", 1)
        title = dict(line.split(": ", 1) for line in head.splitlines())["title"]
        lines = [line[3:] for line in asked.splitlines() if line.startswith(("Q: ", "N: "))]
        yield Written(path.stem, title, text, tuple(lines))


def fill(
    engine: Engine, articles: list[Written], scopes: int, sentences: int, folder: Path
) -> None:
    """Add all articles, and then some of them once more, under another name."""
    total, times = 0, 0
    while total < sentences:
        for number in range(scopes):
            if total >= sentences:
                break
            files = folder / f"files-{times}-{number}"
            files.mkdir(parents=True)
            for article in articles[number::scopes]:
                text = f"# {article.title}\n\n{article.text}"
                (files / f"{article.name}.md").write_text(text, "utf-8")
            begun = time.perf_counter()
            engine.add_all(Scope.guild(number), files)
            total = sum(passages(engine, n) for n in range(scopes))
            print(f"{total:,} sentences; {time.perf_counter() - begun:.0f} s", flush=True)
        times += 1


def passages(engine: Engine, number: int) -> int:
    generation = engine._library.generation(Scope.guild(number))
    return 0 if generation is None else len(generation)


def questions(articles: list[Written], scopes: int, count: int) -> list[tuple[Scope, str]]:
    """Questions by chance, each to be asked where its article is."""
    everything = [
        (Scope.guild(number % scopes), question)
        for number, article in enumerate(articles)
        for question in article.questions
    ]
    return random.Random(SEED).sample(everything, count)


def report(asked: list[str], before: list[Answer], after: list[Answer]) -> None:
    alike = 0
    apart = [abs(a.confidence - b.confidence) for a, b in zip(before, after, strict=True)]
    for question, a, b, difference in zip(asked, before, after, apart, strict=True):
        same = (a.answered, a.text, a.start, a.end) == (b.answered, b.text, b.start, b.end)
        alike += same
        if not same or difference > CLOSE:
            print(f"differs: {question}")
            for answer in (a, b):
                place = f"{answer.start}-{answer.end} {answer.confidence:.4f}"
                print(f"    {answer.kind} {place} {answer.text!r}")
    answered = sum(answer.answered for answer in before)
    print(f"{alike} of {len(asked)} answered alike ({answered} answered, the others declined)")
    print(f"confidence: at most {max(apart):.4f} apart, {sum(d > CLOSE for d in apart)} by more"
          f" than {CLOSE}")  # fmt: skip
    for name, answers in (("files", before), ("PostgreSQL", after)):
        print(f"{name}: p50 {statistics.median(a.elapsed_ms for a in answers):.0f} ms")


if __name__ == "__main__":
    main()
