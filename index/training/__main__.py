"""Train the reader: python -m index.training OUT --hard FILE... --easy FILE... --written FOLDER

OUT/reader.safetensors is what `index/data` ships. Four stages: the first teaches the
embedding model to mark answers; the second goes on from there with near-misses of every
sort that a rule can make; the third with questions and near-misses that were written down
for articles of the kinds that people keep; the fourth, more slowly, with a part of these and
all near-misses that people wrote for Wikipedia. Each ends as the mean of its last checkpoints;
the second runs twice, each in an order of its own, and ends as the mean of both (Wortsman et
al. 2022, "Model soups").

Files are in the format of SQuAD, folders as ``index.training.written`` reads them.
``--hard`` ones are asked against whole articles, with negatives that retrieval finds;
``--easy`` ones within their passage. Goes on from the last checkpoint after an
interruption; a stage that is done is not done again.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from index.training.examples import FIRST, FOURTH, SECOND, THIRD, Mix, Mixes
from index.training.running import Run, merge, train


@dataclass(frozen=True, slots=True)
class Stage:
    """``rate`` is the highest learning rate, ``every`` how many steps lie between checkpoints,
    of which the last are averaged; ``frozen`` of the lowest layers stay as they are.
    """

    name: str
    mixes: Mixes
    steps: int
    rate: float
    every: int
    seeds: tuple[int, ...] = (7,)
    epochs: int = 2
    frozen: int = 0


STAGES = (
    Stage("first", FIRST, 3000, 2e-4, 400),
    Stage("second", SECOND, 1500, 1e-4, 100, seeds=(7, 8)),
    Stage("third", THIRD, 1200, 1e-4, 50, epochs=1, frozen=2),
    Stage("reader", FOURTH, 480, 6e-5, 40, epochs=1, frozen=2),
)
LEFT_OUT_OF = ("hard", "easy")
UNANSWERABLE = ("swapped", "opposed", "removed", "left_out", "far", "again")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m index.training", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hard", type=Path, nargs="+", required=True)
    parser.add_argument("--easy", type=Path, nargs="*", default=[])
    parser.add_argument("--written", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--steps", type=int, nargs=4, default=[s.steps for s in STAGES], help="of each stage"
    )
    parser.add_argument("--processes", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument(
        "--without",
        nargs="*",
        default=[],
        choices=UNANSWERABLE,
        help="leave these sorts of unanswerable questions out of the second stage",
    )
    options = parser.parse_args()
    begin: Path | None = None
    for stage, steps in zip(STAGES, options.steps, strict=True):
        mixes = stage.mixes
        if mixes is SECOND:
            kept = {name: without(getattr(SECOND, name), options.without) for name in LEFT_OUT_OF}
            mixes = replace(SECOND, **kept)
        runs = [
            Run(
                out=options.out / f"{stage.name}-{seed}",
                begin=begin,
                hard=tuple(options.hard),
                easy=tuple(options.easy),
                written=tuple(options.written),
                mixes=mixes,
                seed=seed,
                steps=steps,
                rate=stage.rate,
                every=stage.every,
                threads=options.threads,
                epochs=stage.epochs,
                frozen=stage.frozen,
            )
            for seed in stage.seeds
        ]
        begin = options.out / f"{stage.name}.safetensors"
        if not begin.exists():
            with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
                pool.map(train, runs, chunksize=1)
            merge([run.out for run in runs], begin)


def without(mix: Mix, names: Sequence[str]) -> Mix:
    kept = {f.name: getattr(mix, f.name) for f in fields(mix)}
    return Mix(**(kept | dict.fromkeys(names, 0)))


if __name__ == "__main__":
    main()
